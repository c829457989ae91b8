"""What the relay does to a request's bytes: read what it must, add attributes, take roots out, leave all else alone.

Of every span the ids, the parent and the names of its attributes are read. A span that may say something is read in
whole; what is added to it is appended to its bytes. A request to which nothing is added, and nothing taken from, goes
on byte for byte; in any other, resources, scopes and unchanged spans do.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from google.protobuf.message import DecodeError  # type: ignore[import-untyped,unused-ignore]

from .. import _faults
from ..otlp import BadPayloadError, Scope, Span, messages
from ..otlp.spans import read_request, read_resource, read_scope
from .looking import glance_at, look

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence

    from ..otlp.messages import Message
    from .looking import Looked

_SPAN_ATTRIBUTES = 9
_TRACE_ID_BYTES, _SPAN_ID_BYTES = 16, 8
_NO_SCOPE = Scope()
_NO_TRACE = bytes(_TRACE_ID_BYTES)
_NO_PARENT = b"", bytes(_SPAN_ID_BYTES)
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_WIDTHS = {_FIXED64: 8, _FIXED32: 4}
_LONGEST_VARINT = 10


class Envelope(NamedTuple):
    """What a span stands in: the pieces of its resource and scope, and their schema URLs, as they came."""

    resource: tuple[bytes, ...]
    resource_url: tuple[bytes, ...]
    scope: tuple[bytes, ...]
    scope_url: tuple[bytes, ...]


class Root(NamedTuple):
    """A span without a parent."""

    trace_id: bytes
    span_id: bytes
    raw: bytes
    envelope: Envelope
    is_silent: bool = False
    """Whether it says nothing itself, so that it need not be read."""

    def read(self) -> Span:
        """Read it.

        Raises:
            BadPayloadError: It is no span, or its resource or scope is none.
        """
        scope, resource = read_scope(self.envelope.scope), read_resource(self.envelope.resource)
        return look(glance_at(self.raw), scope, resource).span

    def as_silent(self) -> Span:
        """Return it as far as it is known without reading it."""
        ids = int.from_bytes(self.trace_id, "big"), int.from_bytes(self.span_id, "big")
        return Span(*ids, None, "", 0, 0, 0, {}, (), _NO_SCOPE, {})


class Reader(Protocol):
    """What tells which spans say something, and what is added to them."""

    says_nothing: Callable[[Iterable[str]], bool]
    """Tells by the names of a span's attributes that they say nothing."""
    looks_at_names: bool
    """Whether a span's own name may say something."""

    def has_telling_event(self, events: Iterable[bytes]) -> bool:
        """Whether one of the names of a span's events may say something."""

    def has_telling_name(self, name: bytes) -> bool:
        """Whether a span's name says something."""

    waits_if_silent: bool
    """Whether a root that says nothing itself is to wait."""

    def read_child(self, looked: Looked) -> Mapping[str, str | bool]:
        """Read a span that has a parent; return the attributes to add to it."""

    def read_root(self, span: Span) -> Mapping[str, str | bool] | None:
        """Read a span that has none, and return the attributes to add to it; None if it is to wait."""


@dataclass
class Request:
    """What a request holds."""

    onward: bytes = b""
    """What goes on at once; empty if nothing does."""
    spans: int = 0
    unreadable: int = 0
    """How many of the spans cannot be read: they go on as they came."""
    roots: list[Root] = field(default_factory=list)
    """What is to wait."""
    links: defaultdict[bytes, bytearray] = field(default_factory=lambda: defaultdict(bytearray))
    """By trace id: the id of each of its spans that has a parent, with the parent's, 8 bytes each."""


def take_apart(body: bytes, reader: Reader) -> Request:
    """Read a protobuf ``ExportTraceServiceRequest``: what goes on at once, what waits, and who is whose parent.

    Args:
        body: The request.
        reader: Reads the spans that may say something.

    Raises:
        BadPayloadError: The body is not such a request.
    """
    request = read_request(body)
    taken = Request()
    is_changed = False
    hollow = []
    for at, group in enumerate(request.groups):
        emptied = []
        for place, scope_group in enumerate(group.scope_groups):
            kept = _Scope(group, scope_group, taken, reader).keep()
            if kept is not None:
                is_changed = True
                del scope_group.items[:]
                scope_group.items.extend(kept)
                if not kept:
                    emptied.append(place)
        _delete(group.scope_groups, emptied)
        if emptied and not group.scope_groups:
            hollow.append(at)
    _delete(request.groups, hollow)
    if taken.spans > len(taken.roots):
        taken.onward = request.SerializeToString() if is_changed else body
    return taken


def _delete(items: Message, places: Sequence[int]) -> None:
    for at in reversed(places):
        del items[at]


class _Scope:
    """The spans of one scope of one resource."""

    def __init__(self, group: Message, scope_group: Message, taken: Request, reader: Reader) -> None:
        self._group, self._scope_group, self._taken, self._reader = group, scope_group, taken, reader
        self._says_nothing, self._looks_at_names = reader.says_nothing, reader.looks_at_names
        self._made_by: tuple[Scope, dict[str, object]] | None = None
        self._envelope: Envelope | None = None

    def keep(self) -> list[bytes] | None:
        """Return the spans that go on at once, None if those are all, as they came."""
        taken, items = self._taken, self._scope_group.items
        kept: list[bytes] | None = None
        taken.spans += len(items)
        for at, raw in enumerate(items):
            try:
                onward = self._read(raw)
            except (BadPayloadError, DecodeError):
                taken.unreadable += 1
                onward = raw
            except Exception as error:  # noqa: BLE001 (whatever fails here, the span goes on)
                _faults.contain("Reading a span", error)
                taken.unreadable += 1
                onward = raw
            if onward is not raw and kept is None:
                kept = list(items[:at])
            if kept is not None and onward is not None:
                kept.append(onward)
        return kept

    def _read(self, raw: bytes) -> bytes | None:
        """Return a span as it goes on, None if it is to wait."""
        glance = glance_at(raw)
        trace_id, span_id, parent_id = glance.trace_id, glance.span_id, glance.parent_span_id
        if len(trace_id) != _TRACE_ID_BYTES or len(span_id) != _SPAN_ID_BYTES or trace_id == _NO_TRACE:
            raise BadPayloadError("a span's ids are none")
        is_root = parent_id in _NO_PARENT
        if not is_root:
            if len(parent_id) != _SPAN_ID_BYTES:
                raise BadPayloadError("a span's parent id is too short or too long")
            self._taken.links[trace_id] += span_id + parent_id
        is_silent = self._is_silent(glance)
        if is_silent and not is_root:
            return raw
        if is_silent and self._reader.waits_if_silent:
            written = None
        else:
            looked = look(glance, *self._maker())
            written = self._reader.read_root(looked.span) if is_root else self._reader.read_child(looked)
        if written is None:
            self._taken.roots.append(Root(trace_id, span_id, raw, self._envelope_of(), is_silent))
            return None
        return with_attributes(raw, written, looked.attributes) if written else raw

    def _is_silent(self, glance: Message) -> bool:
        """Whether a span says nothing, by the names of its attributes and events and its own."""
        return (
            self._says_nothing(glance.attributes)
            and not ((events := glance.events) and self._reader.has_telling_event([event.name for event in events]))
            and not (self._looks_at_names and self._reader.has_telling_name(glance.name))
        )

    def _maker(self) -> tuple[Scope, dict[str, object]]:
        if self._made_by is None:
            self._made_by = read_scope(self._scope_group.scope), read_resource(self._group.resource)
        return self._made_by

    def _envelope_of(self) -> Envelope:
        if self._envelope is None:
            self._envelope = _envelope_of(self._group, self._scope_group)
        return self._envelope


def put_together(spans: Iterable[tuple[Envelope, bytes]]) -> bytes:
    """Return a request with spans, grouped by what they stand in.

    Args:
        spans: Each span's bytes, and what it stands in.
    """
    resources: dict[tuple[object, ...], Message] = {}
    scopes: dict[Envelope, Message] = {}
    request = messages.Request()
    for envelope, raw in spans:
        scope_group = scopes.get(envelope)
        if scope_group is None:
            resource = envelope.resource, envelope.resource_url
            group = resources.get(resource)
            if group is None:
                group = resources[resource] = request.groups.add(
                    resource=envelope.resource, schema_url=envelope.resource_url
                )
            scope_group = scopes[envelope] = group.scope_groups.add(scope=envelope.scope, schema_url=envelope.scope_url)
        scope_group.items.append(raw)
    written: bytes = request.SerializeToString()
    return written


def read_roots(body: bytes) -> Iterator[Root]:
    """Read the spans of a request that `put_together` made of roots.

    Raises:
        BadPayloadError: The body is not such a request.
    """
    for group in read_request(body).groups:
        for scope_group in group.scope_groups:
            envelope = _envelope_of(group, scope_group)
            for raw in scope_group.items:
                glance = glance_at(raw)
                yield Root(glance.trace_id, glance.span_id, raw, envelope)


def _envelope_of(group: Message, scope_group: Message) -> Envelope:
    return Envelope(
        tuple(group.resource), tuple(group.schema_url), tuple(scope_group.scope), tuple(scope_group.schema_url)
    )


def with_attributes(span: bytes, attributes: Mapping[str, str | bool], present: Container[str]) -> bytes:
    """Return a span's bytes with attributes added. One that it has is replaced; every other byte stays where it is.

    Args:
        span: The span.
        attributes: The attributes.
        present: The names of those that it has.

    Raises:
        BadPayloadError: The bytes are no span.
    """
    replaced = {key.encode() for key in attributes if key in present}
    if replaced:
        span = b"".join(
            span[start:stop]
            for number, start, content, stop in _fields(span)
            if number != _SPAN_ATTRIBUTES or messages.Name.FromString(span[content:stop]).key not in replaced
        )
    added = messages.Span()
    for key, value in attributes.items():
        pair = added.attributes.add(key=key.encode())
        if isinstance(value, bool):
            pair.value.bool_value = value
        else:
            pair.value.string_value = value.encode("utf-8", "surrogatepass")
    return span + bytes(added.SerializeToString())


def pack_excerpts(excerpts: Sequence[tuple[str, bytes]]) -> bytes:
    """Return a request with excerpts of spans or records, each with the name of its scope."""
    envelopes: dict[str, Envelope] = {}
    for name, _ in excerpts:
        if name not in envelopes:
            scope = messages.Scope(name=name.encode("utf-8", "surrogatepass")).SerializeToString()
            envelopes[name] = Envelope((), (), (scope,), ())
    return put_together((envelopes[name], excerpt) for name, excerpt in excerpts)


def pack_links(links: Mapping[bytes, bytearray]) -> bytes:
    """Write who is whose parent: the trace's id, how many bytes follow, a span's id and its parent's, and so on."""
    return b"".join(trace + len(one).to_bytes(4, "big") + one for trace, one in links.items())


def unpack_links(packed: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Read what `pack_links` has written."""
    at = 0
    while at < len(packed):
        start = at + _TRACE_ID_BYTES + 4
        stop = start + int.from_bytes(packed[start - 4 : start], "big")
        yield packed[at : at + _TRACE_ID_BYTES], packed[start:stop]
        at = stop


def _fields(message: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Go through a message's fields: number, start, start of the content, end.

    Source: https://protobuf.dev/programming-guides/encoding/. Groups, which OTLP never had, are not read.
    """
    at = 0
    while at < len(message):
        start = at
        tag, at = _read_varint(message, at)
        kind = tag & 7
        if kind == _VARINT:
            content = at
            _, at = _read_varint(message, at)
        elif kind == _BYTES:
            length, content = _read_varint(message, at)
            at = content + length
        elif kind in _WIDTHS:
            content = at
            at += _WIDTHS[kind]
        else:
            raise BadPayloadError("a span has a field of a kind that OTLP does not have")
        if at > len(message):
            raise BadPayloadError("a span ends too early")
        yield tag >> 3, start, content, at


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    for byte in message[at : at + _LONGEST_VARINT]:
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7
    raise BadPayloadError("a span ends too early")
