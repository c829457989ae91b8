"""A span read no further than it is looked at: of most attributes nobody wants the value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple, overload

from google.protobuf.message import DecodeError  # type: ignore[import-untyped,unused-ignore]

from ..otlp import Span, messages
from ..otlp.spans import parse, read_event
from ..otlp.values import read_text, read_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeVar

    from ..otlp import Scope
    from ..otlp.messages import Message

    _Default = TypeVar("_Default")


class LookedAt(Mapping[str, object]):
    """A span's attributes. Each is read when it is first looked at.

    Args:
        unread: What `messages.Glance` has of them: bytes by name.
    """

    __slots__ = ("_names", "_read", "_unread")

    def __init__(self, unread: Mapping[str, bytes]) -> None:
        self._unread = unread
        self._names = frozenset(unread)
        self._read: dict[str, object] = {}

    @property
    def unread(self) -> frozenset[str]:
        """The names of those that nobody has looked at."""
        return self._names.difference(self._read)

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names and self.get(str(name), self) is not self  # it counts as looked at

    def __getitem__(self, name: str) -> object:
        if name not in self._names:
            raise KeyError(name)
        return self.get(name)

    @overload
    def get(self, name: str, /) -> object: ...

    @overload
    def get(self, name: str, /, default: _Default) -> object | _Default: ...

    def get(self, name: str, /, default: object = None) -> object:
        """Return an attribute's value, or the default.

        Raises:
            BadPayloadError: The value cannot be read.
        """
        if name in self._read:
            return self._read[name]
        if name not in self._names:
            return default
        value = self._read[name] = read_value(parse(messages.AnyValue, self._unread[name], "an attribute's value"))
        return value


class Looked(NamedTuple):
    """A span that is read as far as it is looked at."""

    span: Span
    attributes: LookedAt
    """The span's."""
    glance: Message
    """The span as a `messages.Glance`."""

    def excerpt(self, is_kept: Callable[[bytes], bool]) -> bytes:
        """Return the span, in OTLP, cut down to what was looked at. After this nothing more is to be looked at.

        Args:
            is_kept: Whether an event is kept, by its name.
        """
        glance = self.glance
        attributes = glance.attributes
        for name in self.attributes.unread:
            del attributes[name]
        if glance.events:
            kept = [one for one in glance.events if is_kept(one.name)]
            del glance.events[:]
            glance.events.extend(kept)
        if glance.HasField("status"):
            glance.status.ClearField("message")
        glance.DiscardUnknownFields()
        excerpt: bytes = glance.SerializeToString()
        return excerpt


def glance_at(raw: bytes) -> Message:
    """Return a span as a `messages.Glance`.

    Raises:
        BadPayloadError: The bytes are no span.
    """
    try:
        return messages.Glance.FromString(raw)
    except DecodeError:  # perhaps for a name that is not UTF-8
        span = parse(messages.Span, raw, "a span")
        for attribute in span.attributes:
            attribute.key = attribute.key.decode("utf-8", "replace").encode()
        return parse(messages.Glance, span.SerializeToString(), "a span")


def look(glance: Message, scope: Scope, resource: Mapping[str, object]) -> Looked:
    """Return a span that is read as far as it is looked at. Nobody looks at its kind, flags or status message.

    Args:
        glance: The span.
        scope: What made it.
        resource: The attributes of the resource that made it.
    """
    attributes = LookedAt(glance.attributes)
    span = Span(
        trace_id=int.from_bytes(glance.trace_id, "big"),
        span_id=int.from_bytes(glance.span_id, "big"),
        parent_id=int.from_bytes(glance.parent_span_id, "big") or None,
        name=read_text(glance.name),
        kind=0,
        start=glance.start_time_unix_nano,
        end=glance.end_time_unix_nano,
        attributes=attributes,
        events=tuple(map(read_event, glance.events)) if glance.events else (),
        scope=scope,
        resource=resource,
        status_code=glance.status.code,
    )
    return Looked(span, attributes, glance)
