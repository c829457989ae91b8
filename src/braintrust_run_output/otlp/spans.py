"""Spans off the wire."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from google.protobuf.message import DecodeError  # type: ignore[import-untyped,unused-ignore]

from . import messages
from .errors import BadPayloadError
from .values import read_attributes, read_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from .messages import Message

_Item = TypeVar("_Item")

_ERROR = 2
_TRACE_ID_BYTES = 16
_SPAN_ID_BYTES = 8
_REMOTE_IS_KNOWN, _REMOTE = 0x100, 0x200


@dataclass(frozen=True, slots=True)
class Scope:
    """An instrumentation scope: what made a span."""

    name: str = ""
    version: str = ""
    attributes: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Event:
    """A span event."""

    name: str
    attributes: Mapping[str, object]
    timestamp: int = 0
    """In nanoseconds since the epoch."""


@dataclass(slots=True, eq=False)  # not frozen: to make one would take twice as long
class Span:
    """A span as it came; not to be changed. Times are nanoseconds since the epoch, 0 where there is none."""

    trace_id: int
    span_id: int
    parent_id: int | None
    """None for a root: a span without a parent's id, or with one that is all zeros."""
    name: str
    kind: int
    start: int
    end: int
    attributes: Mapping[str, object]
    """Values as `braintrust_run_output.otlp.values.read_value` returns them."""
    events: tuple[Event, ...]
    scope: Scope
    resource: Mapping[str, object]
    """The resource's attributes."""
    status_code: int = 0
    """0 not set, 1 OK, 2 an error."""
    status_message: str = ""
    flags: int = 0
    has_valid_ids: bool = True
    """Whether both ids have the length that they must have, and are not all zeros."""

    @property
    def key(self) -> tuple[int, int]:
        """The trace id and the span id."""
        return self.trace_id, self.span_id

    @property
    def trace_hex(self) -> str:
        """The trace id in 32 hexadecimal digits."""
        return format(self.trace_id, "032x")

    @property
    def span_hex(self) -> str:
        """The span id in 16 hexadecimal digits."""
        return format(self.span_id, "016x")

    @property
    def parent_hex(self) -> str:
        """The parent's id in 16 hexadecimal digits; empty for a root."""
        return "" if self.parent_id is None else format(self.parent_id, "016x")

    @property
    def has_failed(self) -> bool:
        """Whether its status says that it failed."""
        return self.status_code == _ERROR

    @property
    def has_remote_parent(self) -> bool | None:
        """Whether its parent is in another process; None where the emitter did not say."""
        return bool(self.flags & _REMOTE) if self.flags & _REMOTE_IS_KNOWN else None


def read_request(body: bytes) -> Message:
    """Return a protobuf ``ExportTraceServiceRequest`` or ``ExportLogsServiceRequest`` as a `messages.Request`.

    Raises:
        BadPayloadError: The body is not such a request.
    """
    return parse(messages.Request, body, "an export request")


def read_spans(body: bytes) -> Iterator[Span]:
    """Read the spans of a protobuf ``ExportTraceServiceRequest``, in their order.

    Raises:
        BadPayloadError: The body is not such a request.
    """
    return read_items(body, read_span)


def read_items(body: bytes, read: Callable[[bytes, Scope, Mapping[str, object]], _Item]) -> Iterator[_Item]:
    """Read the spans or the log records of a request, in their order.

    Args:
        body: The request.
        read: Reads one, given its bytes, its scope and the attributes of its resource.

    Raises:
        BadPayloadError: The body is not such a request.
    """
    for group in read_request(body).groups:
        resource = read_resource(group.resource)
        for scope_group in group.scope_groups:
            scope = read_scope(scope_group.scope)
            for item in scope_group.items:
                yield read(item, scope, resource)


def read_span(item: bytes, scope: Scope, resource: Mapping[str, object]) -> Span:
    """Read one span.

    Args:
        item: Its bytes.
        scope: What made it.
        resource: The attributes of the resource that made it.

    Raises:
        BadPayloadError: The bytes are no span.
    """
    span = parse(messages.Span, item, "a span")
    parent = int.from_bytes(span.parent_span_id, "big")
    status = span.status
    return Span(
        trace_id=int.from_bytes(span.trace_id, "big"),
        span_id=int.from_bytes(span.span_id, "big"),
        parent_id=parent or None,
        name=read_text(span.name),
        kind=span.kind,
        start=span.start_time_unix_nano,
        end=span.end_time_unix_nano,
        attributes=read_attributes(span.attributes),
        events=tuple(map(read_event, span.events)) if span.events else (),
        scope=scope,
        resource=resource,
        status_code=status.code,
        status_message=read_text(status.message),
        flags=span.flags,
        has_valid_ids=has_valid_ids(span.trace_id, span.span_id),
    )


def read_event(event: Message) -> Event:
    """Return a span event, given as a `messages.Event`."""
    return Event(read_text(event.name), read_attributes(event.attributes), event.time_unix_nano)


def has_valid_ids(trace_id: bytes, span_id: bytes) -> bool:
    """Whether two ids have the length that they must have, and are not all zeros."""
    return len(trace_id) == _TRACE_ID_BYTES and len(span_id) == _SPAN_ID_BYTES and any(trace_id) and any(span_id)


def read_scope(pieces: Iterable[bytes]) -> Scope:
    """Read an instrumentation scope from the pieces that a `messages.ScopeGroup` has of it, most often one.

    Raises:
        BadPayloadError: They are no scope.
    """
    scope = parse(messages.Scope, b"".join(pieces), "a scope")
    return Scope(read_text(scope.name), read_text(scope.version), read_attributes(scope.attributes))


def read_resource(pieces: Iterable[bytes]) -> dict[str, object]:
    """Read the attributes of a resource from the pieces that a `messages.Group` has of it, most often one.

    Raises:
        BadPayloadError: They are no resource.
    """
    return read_attributes(parse(messages.Resource, b"".join(pieces), "a resource").attributes)


def parse(message: type[Message], raw: bytes, what: str) -> Message:
    """Parse bytes as a message.

    Args:
        message: The message's class.
        raw: The bytes.
        what: What they should be, for the error.

    Raises:
        BadPayloadError: They are not.
    """
    try:
        return message.FromString(raw)
    except DecodeError:  # it quotes nothing, but says little
        raise BadPayloadError(f"the body, or a part of it, is not {what} in protobuf") from None
