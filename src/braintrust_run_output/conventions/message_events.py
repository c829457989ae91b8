r"""A conversation as a JSON list of events in one attribute, ``events``, that ends in the output.

Written by pydantic-ai 1.x (instrumentation version 1) and by logfire for OpenAI's Responses API::

    events  [{"event.name": "gen_ai.user.message", "role": "user", "content": "What is the capital of France?"},
             {"event.name": "gen_ai.choice", "index": 0,
              "message": {"role": "assistant", "content": "The capital of France is Paris."}}]

A list that ends otherwise holds no output: the request failed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..completion import from_messages
from ._chat import read_messages
from ._convention import Attributes, Convention, Event
from ._json import is_array, is_object, parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..completion import Completion

_KEY = "events"
_OUTPUTS = ("gen_ai.choice", "gen_ai.assistant.message")


def read(attributes: Attributes, _events: Sequence[Event], _scope: str) -> Completion | None:
    """Return the output at the end of the list."""
    value = attributes[_KEY]
    if isinstance(value, str) and "gen_ai." not in value:
        return None
    items = parse(value)
    if not is_array(items) or not items or not is_object(last := items[-1]):
        return None
    if last.get("event.name") not in _OUTPUTS:
        return None
    choices = [item for item in items if is_object(item) and item.get("event.name") == "gen_ai.choice"]
    return from_messages(read_messages(choices or items), _KEY)


CONVENTION = Convention("events attribute", read, keys=frozenset({_KEY}))
