r"""Mirascope: the content of a response, as JSON blocks; its chats write `gen_ai_messages` as well.

What a traced function returned is ``mirascope.trace.output``, see `decorators`::

    mirascope.response.content  [{"type": "text", "text": "The capital of France is Paris."}]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._convention import Attributes, Convention, Event
from ._values import from_model_output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..completion import Completion

_KEY = "mirascope.response.content"


def read(attributes: Attributes, _events: Sequence[Event], _scope: str) -> Completion | None:
    """Return the response's content."""
    return from_model_output(attributes[_KEY], _KEY)


CONVENTION = Convention("Mirascope response", read, keys=frozenset({_KEY}))
