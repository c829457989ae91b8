r"""OpenInference: ``llm.output_messages.N.*`` and ``llm.choices.N.*`` on LLM spans, and ``output.value``.

Source: https://github.com/Arize-ai/openinference/blob/main/spec/semantic_conventions.md::

    llm.output_messages.0.message.role                                         "assistant"
    llm.output_messages.0.message.content                                      "The capital of France is Paris."
    llm.output_messages.0.message.contents.0.message_content.type              "text"
    llm.output_messages.0.message.contents.0.message_content.text              "The capital of France is Paris."
    llm.output_messages.0.message.tool_calls.0.tool_call.id                    "call_1"
    llm.output_messages.0.message.tool_calls.0.tool_call.function.name         "get_weather"
    llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments    "{"city": "Paris"}"
    llm.choices.0.completion.text                                              "The capital of France is Paris."
    output.value                                                               "The capital of France is Paris."

Contents of type ``reasoning`` are left out. ``output.value`` is a model's output, as a last resort, on LLM spans only
(text, or a provider's whole response); on agents and chains it is a generic output.
"""

from __future__ import annotations

from itertools import count, takewhile
from typing import TYPE_CHECKING

from ..completion import Message, ToolCall, from_messages, from_text
from ._convention import Attributes, Convention, Event
from ._json import parse
from ._responses import read_response
from ._unwrap import unwrap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..completion import Completion

_PREFIX = "llm.output_messages"
_FIRST = f"{_PREFIX}.0.message."
_NAME = "tool_call.function.name"
_ARGUMENTS = "tool_call.function.arguments"
_ID = "tool_call.id"
_CHOICE = "llm.choices.{}.completion.text"
_OUTPUT = "output.value"
_KIND = "openinference.span.kind"
_MIME_TYPE = "output.mime_type"


def read_output_messages(attributes: Attributes, _events: Sequence[Event], _scope: str) -> Completion | None:
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


def read_choices(attributes: Attributes, _events: Sequence[Event], _scope: str) -> Completion | None:
    """Return the texts of legacy completions."""
    texts = takewhile(lambda text: text is not None, (attributes.get(_CHOICE.format(index)) for index in count()))
    return from_messages([Message("assistant", str(text)) for text in texts], _CHOICE.format("N"))


def read_llm_output(attributes: Attributes, _events: Sequence[Event], _scope: str) -> Completion | None:
    """Return the output value of an LLM span: its text, or the messages in a provider's response."""
    value = attributes[_OUTPUT]
    if str(attributes.get(_KIND)).upper() != "LLM" or not isinstance(value, str):
        return None
    parsed = parse(value) if value.lstrip()[:1] in ("{", "[", '"') else None
    if parsed is None:
        return from_text(value.removeprefix("assistant: "), _OUTPUT, raw=value)
    if isinstance(parsed, list) and all(isinstance(text, str) for text in parsed):  # DSPy: a text for each choice
        return from_messages([Message("assistant", text) for text in parsed], _OUTPUT, raw=value)
    return from_messages(read_response(parsed), _OUTPUT, raw=value)


def read_output(attributes: Attributes, _events: Sequence[Event], _scope: str) -> Completion | None:
    """Return the output value of an agent or chain."""
    if str(attributes.get(_KIND)).upper() == "LLM":
        return None
    return unwrap(attributes[_OUTPUT], _OUTPUT)


_MESSAGE_KEYS = (
    "role", "content", "contents.0.message_content.text", "contents.0.message_content.type",
    f"tool_calls.0.{_NAME}", f"tool_calls.0.{_ARGUMENTS}",
)  # fmt: skip

MESSAGES = Convention(
    "OpenInference messages", read_output_messages, keys=frozenset(_FIRST + key for key in _MESSAGE_KEYS)
)
CHOICES = Convention("OpenInference choices", read_choices, keys=frozenset({_CHOICE.format(0)}))
LLM_OUTPUT = Convention("OpenInference LLM output", read_llm_output, keys=frozenset({_OUTPUT}))
OUTPUT = Convention("OpenInference output", read_output, keys=frozenset({_OUTPUT}), needs=frozenset({_KIND}))
