"""OTLP spans as the rows that Braintrust makes of them.

Not modelled: the vendor attributes that hosted Braintrust parses as well (Vercel AI, OpenInference,
Traceloop), which stay in ``metadata`` here, the conversion of messages to one chat format, and the separate
rows it keeps for span events.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, NamedTuple

from ...otlp import read_spans
from . import fields
from .attributes import plain_attributes
from .values import deep_merge

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    from ...otlp import Span
    from .rows import Row
    from .values import Json

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_KINDS = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
_LATEST = 253_402_300_799
"""The last second of the year 9999."""
_PRESERVE = "braintrust.otel.preserve_attributes"


class MappedRequest(NamedTuple):
    """What became of an export request."""

    rows: list[Row]
    rejected: int
    """Number of spans without a valid trace or span id."""


def map_request(request: bytes | ExportTraceServiceRequest) -> MappedRequest:
    """Turn an OTLP export request into rows, in the order of its spans.

    Args:
        request: What an OTLP exporter sends: a protobuf message, or its bytes.

    Returns:
        The rows and how many spans had to be left out.

    Raises:
        BadPayloadError: The bytes are no such request.
    """
    mapped = map_spans(read_spans(request if isinstance(request, bytes) else request.SerializeToString()))
    rows = list(mapped)
    return MappedRequest([row for row in rows if row is not None], rows.count(None))


def map_spans(spans: Iterable[Span]) -> Iterator[Row | None]:
    """Turn spans into rows, one by one; None for a span without a valid trace id and span id."""
    return (map_span(span) if span.has_valid_ids else None for span in spans)


def map_span(span: Span) -> Row:
    """Turn one OTLP span into a row. Nothing in a span's attributes makes this raise.

    Args:
        span: The span.

    Returns:
        The row: ``id`` is the span id (16 hex digits), ``root_span_id`` the trace id (32). An attribute that
        was read into a field is not in ``metadata``, unless ``braintrust.otel.preserve_attributes`` is true;
        every other attribute is there under its own name.
    """
    attributes = plain_attributes(span.attributes)
    events = [fields.Event(event.name, plain_attributes(event.attributes)) for event in span.events]
    read = fields.read_all(attributes, events)
    used = frozenset[str]() if attributes.get(_PRESERVE) is True else read.used
    rest = {key: value for key, value in attributes.items() if key not in used}
    # Where a span holds nothing of a kind, rows have null, not an empty object or list.
    return {
        "id": span.span_hex,
        "span_id": span.span_hex,
        "root_span_id": span.trace_hex,
        "span_parents": None if span.parent_id is None else [span.parent_hex],
        "is_root": span.parent_id is None,
        "created": _iso_time(span.start),
        "input": read.input,
        "output": read.output,
        "expected": read.expected,
        "metadata": {**rest, **read.request, **read.metadata},
        "metrics": {"start": span.start / 1e9, "end": span.end / 1e9, **read.tokens, **read.metrics},
        "scores": read.scores or None,
        "tags": read.tags or None,
        "origin": read.origin,
        "span_attributes": {"name": span.name, "type": fields.guess_type(attributes), **read.span_attributes},
        "error": _error(span, events),
        "context": deep_merge(_context(span, events), {**read.caller, **read.context}),
    }


def _context(span: Span, events: list[fields.Event]) -> dict[str, Json]:
    """Return what the page shows of a span beside its attributes."""
    return {
        "kind": _KINDS[span.kind] if span.kind < len(_KINDS) else str(span.kind),
        "scope": span.scope.name,
        "parent_is_remote": span.has_remote_parent,
        "resource": plain_attributes(span.resource),
        "events": [{"name": event.name, "attributes": event.attributes} for event in events],
    }


def _iso_time(unix_nanoseconds: int) -> str:
    # Later than this calendar goes, a time is as good as none.
    seconds = min(unix_nanoseconds // 1_000_000_000, _LATEST)
    moment = _EPOCH + timedelta(seconds=seconds, milliseconds=unix_nanoseconds // 1_000_000 % 1000)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _error(span: Span, events: list[fields.Event]) -> Json:
    if not span.has_failed:
        return None
    if span.status_message:
        return span.status_message
    for event in events:
        if event.name == "exception":
            kind, message = (event.attributes.get(f"exception.{part}", "") for part in ("type", "message"))
            return f"{kind}: {message}"
    return "ERROR"
