"""The input of a model call, for roots that have none of their own: OpenAI chat messages as JSON text.

The counterpart of the conventions for outputs, as a table: where each family writes what it asked the model.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from ..completion import as_chat
from ._chat import is_chat, read_messages
from ._json import compact, is_object, parse

if TYPE_CHECKING:
    from collections.abc import Mapping

_WHOLE = (
    "gen_ai.input.messages",
    "gen_ai.prompt",
    "gen_ai.prompt_json",
    "langfuse.observation.input",
    "ai.prompt.messages",
    "ai.prompt",
    "request_data",
    "gcp.vertex.agent.llm_request",
    "input.value",
    "traceloop.entity.input",
)
"""Attributes that hold the whole input, the most exact first."""
_INDEXED = (
    ("llm.input_messages.{}.message.role", "llm.input_messages.{}.message.content"),
    ("gen_ai.prompt.{}.role", "gen_ai.prompt.{}.content"),
)
"""Attributes that hold the role and content of one message each."""
_BRAINTRUST = ("braintrust.input", "braintrust.input_json")

_OF_A_ROOT = frozenset({*_WHOLE, *_BRAINTRUST, *(key.format(0) for pair in _INDEXED for key in pair)})


def has_input(attributes: Mapping[str, object]) -> bool:
    """Whether a span has an input of its own, in any form."""
    return not _OF_A_ROOT.isdisjoint(attributes)


def read_input(attributes: Mapping[str, object]) -> str | None:
    """Return a model call's input as JSON text, chat messages where it is known to be a chat; None if it has none."""
    for role, content in _INDEXED:
        messages = _indexed(attributes, role, content)
        if messages:
            return compact(messages)
    for key in _WHOLE:
        if attributes.get(key):
            return _as_json(attributes[key])
    return None


def _indexed(attributes: Mapping[str, object], role: str, content: str) -> list[dict[str, object]]:
    messages: list[dict[str, object]] = []
    for index in count():
        key = role.format(index), content.format(index)
        if key[0] not in attributes and key[1] not in attributes:
            break
        messages.append({"role": attributes.get(key[0], "user"), "content": attributes.get(key[1])})
    return messages


def _as_json(value: object) -> str:
    parsed = parse(value)
    if parsed is None:
        return compact(value)
    if is_object(parsed) and "messages" in parsed:
        parsed = parsed["messages"]
    if is_chat(parsed):
        messages = read_messages(parsed)
        if messages:
            return compact(as_chat(messages))
    return compact(parsed)
