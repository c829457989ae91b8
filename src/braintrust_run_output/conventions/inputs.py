"""The input of a model call, for roots that have none of their own: OpenAI chat messages as JSON text.

The counterpart of the conventions for outputs, as a table: where each family writes what it asked the model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..completion import as_chat, encodable
from . import indexed, openinference
from ._chat import is_chat, read_messages
from ._json import compact, is_array, is_object, parse

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
_INDEXED = (("llm.input_messages", openinference.messages_at), ("gen_ai.prompt", indexed.messages_at))
"""Prefixes under which messages are flattened, and what reads them."""
_BRAINTRUST = ("braintrust.input", "braintrust.input_json")

_FIRST = ("llm.input_messages.0.message.role", "llm.input_messages.0.message.content", "gen_ai.prompt.0.role",
          "gen_ai.prompt.0.content")  # fmt: skip

_OF_A_ROOT = frozenset({*_WHOLE, *_BRAINTRUST, *_FIRST})


def has_input(attributes: Mapping[str, object]) -> bool:
    """Whether a span has an input of its own, in any form."""
    return not _OF_A_ROOT.isdisjoint(attributes)


def read_input(attributes: Mapping[str, object]) -> str | None:
    """Return a model call's input as JSON text, chat messages where it is known to be a chat; None if it has none."""
    for prefix, messages_at in _INDEXED:
        messages = list(messages_at(attributes, prefix))
        if messages:
            return encodable(compact(as_chat(messages)))
    for key in _WHOLE:
        if attributes.get(key):
            return encodable(_as_json(attributes[key])) or None
    return None


def _as_json(value: object) -> str:
    parsed = parse(value)
    if parsed is None:
        return compact(value)
    if is_object(parsed):
        parsed = parsed.get("messages", parsed.get("contents", parsed))
    if is_array(parsed) and len(parsed) == 1 and is_array(parsed[0]):  # LangChain: a list for each prompt
        parsed = parsed[0]
    if is_chat(parsed):
        messages = read_messages(parsed)
        if messages:
            return compact(as_chat(messages))
    return compact(parsed)
