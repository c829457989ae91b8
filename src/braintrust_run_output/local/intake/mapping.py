"""OTLP spans as the rows that Braintrust makes of them.

Not modelled: the vendor attributes that hosted Braintrust parses as well (Vercel AI, OpenInference,
Traceloop), which stay in ``metadata`` here, the conversion of messages to one chat format, and the separate
rows it keeps for span events.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, NamedTuple

from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from . import fields
from .attributes import decode_attributes

if TYPE_CHECKING:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
    from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope

    from .rows import Row
    from .values import Json

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_PRESERVE = "braintrust.otel.preserve_attributes"
_TRACE_ID_BYTES = 16
_SPAN_ID_BYTES = 8


class MappedRequest(NamedTuple):
    """What became of an export request."""

    rows: list[Row]
    rejected: int
    """Number of spans without a valid trace or span id."""


def map_request(request: ExportTraceServiceRequest) -> MappedRequest:
    """Turn an OTLP export request into rows, in the order of its spans.

    Args:
        request: What an OTLP exporter sends.

    Returns:
        The rows and how many spans had to be left out.
    """
    rows: list[Row] = []
    rejected = 0
    for resource_spans in request.resource_spans:
        resource = decode_attributes(resource_spans.resource.attributes)
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                if _has_valid_ids(span):
                    rows.append(map_span(span, scope=scope_spans.scope, resource=resource))
                else:
                    rejected += 1
    return MappedRequest(rows, rejected)


def map_span(span: Span, *, scope: InstrumentationScope, resource: dict[str, Json]) -> Row:
    """Turn one OTLP span into a row. Nothing in a span's attributes makes this raise.

    Args:
        span: The span.
        scope: The instrumentation scope that made it.
        resource: Attributes of the resource that made it.

    Returns:
        The row: ``id`` is the span id (16 hex digits), ``root_span_id`` the trace id (32). An attribute that
        was read into a field is not in ``metadata``, unless ``braintrust.otel.preserve_attributes`` is true;
        every other attribute is there under its own name.
    """
    attributes = decode_attributes(span.attributes)
    events = [fields.Event(event.name, decode_attributes(event.attributes)) for event in span.events]
    read_input = fields.read_input(attributes, events)
    read_output = fields.read_output(attributes, events)
    expected = fields.read_expected(attributes)
    metadata = fields.read_object(attributes, "metadata")
    metrics = fields.read_numbers(attributes, "metrics")
    scores = fields.read_numbers(attributes, "scores")
    tokens = fields.read_tokens(attributes)
    tags = fields.read_tags(attributes)
    span_attributes = fields.read_object(attributes, "span_attributes")
    used = frozenset[str]()
    if attributes.get(_PRESERVE) is not True:
        used = used.union(
            read_input.used,
            read_output.used,
            expected.used,
            metadata.used,
            metrics.used,
            scores.used,
            tokens.used,
            tags.used,
            span_attributes.used,
        )
    span_id = span.span_id.hex()
    return {
        "id": span_id,
        "span_id": span_id,
        "root_span_id": span.trace_id.hex(),
        "span_parents": [span.parent_span_id.hex()] if span.parent_span_id else [],
        "is_root": not span.parent_span_id,
        "created": _iso_time(span.start_time_unix_nano),
        "input": read_input.value,
        "output": read_output.value,
        "expected": expected.value,
        "metadata": {
            **{key: value for key, value in attributes.items() if key not in used},
            **metadata.value,
        },
        "metrics": {
            "start": span.start_time_unix_nano / 1e9,
            "end": span.end_time_unix_nano / 1e9,
            **tokens.value,
            **metrics.value,
        },
        "scores": scores.value,
        "tags": tags.value,
        "span_attributes": {
            "name": span.name,
            "type": fields.guess_type(attributes),
            **span_attributes.value,
        },
        "error": _error(span, events),
        "context": {
            "kind": _kind(span),
            "scope": scope.name,
            "resource": resource,
            "events": [{"name": event.name, "attributes": event.attributes} for event in events],
        },
    }


def _has_valid_ids(span: Span) -> bool:
    return (
        len(span.trace_id) == _TRACE_ID_BYTES
        and any(span.trace_id)
        and len(span.span_id) == _SPAN_ID_BYTES
        and any(span.span_id)
    )


def _iso_time(unix_nanoseconds: int) -> str:
    moment = _EPOCH + timedelta(microseconds=unix_nanoseconds // 1000)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _error(span: Span, events: list[fields.Event]) -> Json:
    if span.status.code != Status.STATUS_CODE_ERROR:
        return None
    if span.status.message:
        return span.status.message
    for event in events:
        if event.name == "exception":
            kind, message = (event.attributes.get(f"exception.{part}", "") for part in ("type", "message"))
            return f"{kind}: {message}"
    return "ERROR"


def _kind(span: Span) -> str:
    # A number from a newer protocol has no name here.
    known = span.kind in Span.SpanKind.values()
    return Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_") if known else str(span.kind)
