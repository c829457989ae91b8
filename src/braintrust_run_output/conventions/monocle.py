r"""Monocle: the span event ``data.output``, what a model or an agent responded.

Source: https://github.com/monocle2ai/monocle, its metamodel. The response is JSON by role, or the text alone::

    span.type          "inference"
    event data.output  response = {"assistant": "The capital of France is Paris."}
    event data.output  response = {"assistant": [{"tool_id": "call_1", "tool_name": "get_weather", ..}]}
    event data.output  response = {"result": "The capital of France is Paris."}    what a decorated function returned
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..completion import from_messages, from_text
from ._chat import read_messages
from ._convention import Attributes, Convention, Event
from ._json import is_array, is_object
from ._tool_calls import read_tool_call
from ._values import from_model_output, unpacked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..completion import Completion

_EVENT = "data.output"
_RESPONSE = "response"
_ROLES = ("assistant", "ai", "model")
_RETURNED = "result"


def read(_attributes: Attributes, events: Sequence[Event], _scope: str) -> Completion | None:
    """Return the last response."""
    for event in reversed(events):
        if event.name == _EVENT and (response := (event.attributes or {}).get(_RESPONSE)):
            return _read(response)
    return None


def _read(response: object) -> Completion | None:
    said = unpacked(response)
    if is_array(said) and len(said) == 1:
        said = unpacked(said[0])
    if is_object(said) and said.keys() == {_RETURNED}:
        return from_model_output(said[_RETURNED], _EVENT)
    by_role = next((said[role] for role in _ROLES if role in said), None) if is_object(said) else None
    if isinstance(by_role, str):
        return from_text(by_role, _EVENT)
    calls = [call for item in by_role if (call := read_tool_call(item)) is not None] if is_array(by_role) else []
    if calls:
        return from_messages(read_messages({"role": "assistant", "tool_calls": by_role}), _EVENT)
    return from_model_output(response if by_role is None else by_role, _EVENT)


CONVENTION = Convention("Monocle", read, events=frozenset({_EVENT}))
