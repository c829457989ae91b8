r"""A conversation as a JSON list of events in one attribute, ``events``, that ends in the output.

Written by pydantic-ai 1.x (instrumentation version 1) and by logfire for OpenAI's Responses API::

    events  [{"event.name": "gen_ai.user.message", "role": "user", "content": "What is the capital of France?"},
             {"event.name": "gen_ai.choice", "index": 0,
              "message": {"role": "assistant", "content": "The capital of France is Paris."}}]

For google-genai logfire leaves the names out. A list that ends otherwise holds no output: the request failed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..completion import from_messages
from ._chat import is_items, read_messages
from ._convention import Attributes, Convention, Event
from ._json import is_array, is_object, parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..completion import Completion

_KEY = "events"
_CHOICE = "gen_ai.choice"
_OUTPUTS = (_CHOICE, "gen_ai.assistant.message")
_OF_A_MODEL = frozenset({"gen_ai.operation.name", "gen_ai.request.model", "gen_ai.response.model", "gen_ai.system"})
"""What a model's span has: others have events, too."""
_UNKNOWN = "gen_ai.unknown"
"""How logfire calls an item that is no message, as the reasoning before an answer and the searches beside it: what it
is stands in its ``data``."""


def read(attributes: Attributes, _events: Sequence[Event], _scope: str) -> Completion | None:
    """Return the output at the end of the list."""
    value = attributes[_KEY]
    if isinstance(value, str) and "gen_ai." not in value and _OF_A_MODEL.isdisjoint(attributes):
        return None
    items = parse(value)
    return from_messages(read_messages(_output(items)), _KEY) if is_array(items) else None


def _output(items: Sequence[object]) -> list[object]:
    """Return the events after the last one of a user, system or tool; only the choices, where there are some."""
    output: list[object] = []
    for item in reversed(items):
        name = _name_of(item)
        if name not in (*_OUTPUTS, _UNKNOWN):
            break
        known = _known(item) if name == _UNKNOWN else item
        if known is not None:
            output.append(known)
    output.reverse()
    return [item for item in output if _name_of(item) == _CHOICE] or output


def _known(item: object) -> object:
    """Return what logfire does not know as it stands in the response: a refusal, a call of a provider's own tool."""
    data = item.get("data") if is_object(item) else None
    if not is_object(data):
        return None
    return data if is_items([data]) else {"role": "assistant", "content": [data]}


def _name_of(item: object) -> object:
    """Return the name of an event; where it has none (google-genai), the one that it should have."""
    if not is_object(item):
        return None
    name = item.get("event.name")
    if name is not None:
        return name
    return _CHOICE if is_object(item.get("message")) else f"gen_ai.{item.get('role')}.message"


CONVENTION = Convention("events attribute", read, keys=frozenset({_KEY}))
