"""What a convention is: the attributes and events that give it away, and the function that reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeAlias

from ..completion import Completion

Attributes: TypeAlias = Mapping[str, object]


class Event(Protocol):
    """A span event, live or stored."""

    @property
    def name(self) -> str:
        """The event's name."""

    @property
    def attributes(self) -> Mapping[str, object] | None:
        """The event's attributes."""


Reader: TypeAlias = Callable[[Attributes, Sequence[Event], str], Completion | None]
"""From a span's attributes, its events and the name of its instrumentation scope to its completion, if any."""


class Convention(NamedTuple):
    """One way of writing completions.

    Args:
        name: Its name, as in the documentation.
        read: Reads it. Called only for spans that have one of ``keys`` or ``events``; may still find nothing.
        keys: The attributes that give it away.
        events: The names of the span events that give it away.
        needs: Other attributes that its reader looks at.
    """

    name: str
    read: Reader
    keys: frozenset[str] = frozenset()
    events: frozenset[str] = frozenset()
    needs: frozenset[str] = frozenset()
