r"""OpenInference: ``llm.output_messages.N.message.*`` on LLM spans.

Source: https://github.com/Arize-ai/openinference/blob/main/spec/semantic_conventions.md::

    llm.output_messages.0.message.role                                         "assistant"
    llm.output_messages.0.message.content                                      "The capital of France is Paris."
    llm.output_messages.0.message.contents.0.message_content.type              "text"
    llm.output_messages.0.message.contents.0.message_content.text              "The capital of France is Paris."
    llm.output_messages.0.message.tool_calls.0.tool_call.id                    "call_1"
    llm.output_messages.0.message.tool_calls.0.tool_call.function.name         "get_weather"
    llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments    '{"city": "Paris"}'

Contents of type ``reasoning`` are left out.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from ..completion import Message, ToolCall, from_messages
from ._convention import Attributes, Convention, Event

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..completion import Completion

_PREFIX = "llm.output_messages"
_FIRST = f"{_PREFIX}.0.message."
_NAME = "tool_call.function.name"
_ARGUMENTS = "tool_call.function.arguments"
_ID = "tool_call.id"


def read(attributes: Attributes, _events: Sequence[Event], _scope: str) -> Completion | None:
    """Return the output messages."""
    return from_messages(_messages(attributes), f"{_PREFIX}.*")


def _messages(attributes: Attributes) -> Iterator[Message]:
    for index in count():
        message = f"{_PREFIX}.{index}.message."
        role = attributes.get(f"{message}role")
        content = attributes.get(f"{message}content")
        if not isinstance(content, str):
            content = _contents(attributes, f"{message}contents.")
        calls = tuple(_tool_calls(attributes, f"{message}tool_calls."))
        if role is None and content is None and not calls:
            return
        yield Message(str(role or "assistant"), content, calls)


def _contents(attributes: Attributes, prefix: str) -> str | None:
    texts: list[str] = []
    for index in count():
        content = f"{prefix}{index}.message_content."
        kind, text = attributes.get(f"{content}type"), attributes.get(f"{content}text")
        if kind is None and text is None:
            break
        if isinstance(text, str) and kind in (None, "text"):
            texts.append(text)
    return "".join(texts) if texts else None


def _tool_calls(attributes: Attributes, prefix: str) -> Iterator[ToolCall]:
    for index in count():
        call = f"{prefix}{index}."
        name, arguments = attributes.get(call + _NAME), attributes.get(call + _ARGUMENTS)
        if name is None and arguments is None:
            return
        identifier = attributes.get(call + _ID)
        yield ToolCall(str(name or ""), str(arguments or "{}"), None if identifier is None else str(identifier))


CONVENTION = Convention(
    "OpenInference messages",
    read,
    keys=frozenset({
        _FIRST + key
        for key in (
            "role", "content", "contents.0.message_content.text", "contents.0.message_content.type",
            f"tool_calls.0.{_NAME}", f"tool_calls.0.{_ARGUMENTS}",
        )
    }),
)  # fmt: skip
