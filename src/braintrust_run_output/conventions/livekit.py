r"""LiveKit Agents: the text, and the tool calls, of a model's turn.

Its ``llm_request`` spans write `gen_ai_messages` as well::

    lk.response.text            "The capital of France is Paris."
    lk.pii.response.text        "The capital of France is Paris."
    lk.response.function_calls  [{"name": "get_weather", "arguments": "{\"city\": \"Paris\"}", "call_id": "call_1"}]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..completion import Message, from_messages, from_text
from ._convention import Attributes, Convention, Event
from ._json import is_array, parse
from ._tool_calls import read_tool_call

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..completion import Completion

_TEXTS = ("lk.pii.response.text", "lk.response.text")
_CALLS = ("lk.pii.response.function_calls", "lk.response.function_calls")


def read(attributes: Attributes, _events: Sequence[Event], _scope: str) -> Completion | None:
    """Return the turn's text and tool calls."""
    source = next((key for key in _TEXTS if attributes.get(key)), _TEXTS[-1])
    text = attributes.get(source)
    items = next((items for key in _CALLS if (items := _items(attributes.get(key)))), ())
    calls = tuple(call for item in items if (call := read_tool_call(parse(item))) is not None)
    if calls:
        return from_messages([Message("assistant", str(text) if text else None, calls)], source)
    return from_text(text, source) if isinstance(text, str) else None


def _items(value: object) -> Sequence[object]:
    parsed = parse(value)
    return parsed if is_array(parsed) else ()


CONVENTION = Convention("LiveKit", read, keys=frozenset({*_TEXTS, *_CALLS}))
