r"""Sentry's AI spans: ``gen_ai.response.text`` and ``gen_ai.response.tool_calls``.

Source: https://develop.sentry.dev/sdk/telemetry/traces/modules/ai-agents/. A text, or the texts as a JSON list::

    gen_ai.response.text        ["The capital of France is Paris."]
    gen_ai.response.tool_calls  [{"name": "get_weather", "arguments": "{\"city\": \"Paris\"}", "id": "call_1"}]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..completion import Message, from_messages
from ._blocks import read_text
from ._convention import Attributes, Convention, Event
from ._json import is_array, parse
from ._tool_calls import read_tool_call
from ._values import from_model_output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..completion import Completion

_TEXT = "gen_ai.response.text"
_CALLS = "gen_ai.response.tool_calls"
_OBJECT = "gen_ai.response.object"


def read(attributes: Attributes, _events: Sequence[Event], _scope: str) -> Completion | None:
    """Return the texts and tool calls, or the object."""
    items = parse(attributes.get(_CALLS))
    calls = tuple(call for item in items if (call := read_tool_call(parse(item)))) if is_array(items) else ()
    text = attributes.get(_TEXT)
    texts = parse(text)
    if calls:
        said = read_text(texts if is_array(texts) else text)
        return from_messages([Message("assistant", said, calls)], _TEXT if said else _CALLS)
    if is_array(texts) and all(isinstance(item, str) for item in texts):
        return from_messages([Message("assistant", str(item)) for item in texts], _TEXT)
    completion = from_model_output(text, _TEXT) if text is not None else None
    return completion or (from_model_output(attributes[_OBJECT], _OBJECT) if _OBJECT in attributes else None)


CONVENTION = Convention("Sentry", read, keys=frozenset({_TEXT, _CALLS, _OBJECT}))
