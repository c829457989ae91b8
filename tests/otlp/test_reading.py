"""Reading OTLP: the same as protobuf's own decoder reads, from protobuf and from JSON."""

from __future__ import annotations

import json
import math
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from braintrust_run_output.otlp import (
    JSON,
    BadPayloadError,
    as_protobuf,
    read_log_records,
    read_spans,
    read_value,
    to_protobuf,
    write_value,
)

TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"

texts = st.text(max_size=8)
values = st.recursive(
    st.one_of(
        st.builds(AnyValue),
        st.builds(AnyValue, string_value=texts),
        st.builds(AnyValue, bool_value=st.booleans()),
        st.builds(AnyValue, int_value=st.integers(-(2**63), 2**63 - 1)),
        st.builds(AnyValue, double_value=st.floats(allow_nan=False)),
        st.builds(AnyValue, bytes_value=st.binary(max_size=8)),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: AnyValue(array_value={"values": items})),
        st.lists(st.builds(KeyValue, key=texts, value=inner), max_size=3).map(
            lambda items: AnyValue(kvlist_value={"values": items})
        ),
    ),
    max_leaves=6,
)
attributes = st.lists(st.builds(KeyValue, key=texts, value=values), max_size=4)
counts, times = st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1)
trace_ids = st.binary(min_size=16, max_size=16)
span_ids = st.binary(min_size=8, max_size=8)
events = st.builds(Span.Event, time_unix_nano=times, name=texts, attributes=attributes, dropped_attributes_count=counts)
links = st.builds(
    Span.Link, trace_id=trace_ids, span_id=span_ids, trace_state=texts, attributes=attributes, flags=counts
)
spans = st.builds(
    Span,
    trace_id=trace_ids,
    span_id=span_ids,
    parent_span_id=st.one_of(st.just(b""), st.just(bytes(8)), span_ids),
    trace_state=texts,
    name=texts,
    kind=st.integers(0, 5),
    start_time_unix_nano=times,
    end_time_unix_nano=times,
    attributes=attributes,
    dropped_attributes_count=counts,
    events=st.lists(events, max_size=2),
    dropped_events_count=counts,
    links=st.lists(links, max_size=2),
    dropped_links_count=counts,
    status=st.builds(Status, message=texts, code=st.integers(0, 2)),
    flags=counts,
)
scopes = st.builds(InstrumentationScope, name=texts, version=texts, attributes=attributes)
resources = st.builds(Resource, attributes=attributes, dropped_attributes_count=counts)
scope_spans = st.builds(ScopeSpans, scope=scopes, spans=st.lists(spans, max_size=3), schema_url=texts)
requests = st.builds(
    ExportTraceServiceRequest,
    resource_spans=st.lists(
        st.builds(ResourceSpans, resource=resources, scope_spans=st.lists(scope_spans, max_size=2), schema_url=texts),
        max_size=2,
    ),
)
records = st.builds(
    LogRecord,
    time_unix_nano=times,
    observed_time_unix_nano=times,
    severity_number=st.integers(0, 24),
    severity_text=texts,
    body=values,
    attributes=attributes,
    dropped_attributes_count=counts,
    flags=counts,
    trace_id=trace_ids,
    span_id=span_ids,
    # Releases of OTLP before 1.5 do not have it.
    **({"event_name": texts} if "event_name" in LogRecord.DESCRIPTOR.fields_by_name else {}),
)
log_requests = st.builds(
    ExportLogsServiceRequest,
    resource_logs=st.lists(
        st.builds(
            ResourceLogs,
            resource=resources,
            scope_logs=st.lists(
                st.builds(ScopeLogs, scope=scopes, log_records=st.lists(records, max_size=2), schema_url=texts),
                max_size=2,
            ),
            schema_url=texts,
        ),
        max_size=2,
    ),
)


def plain(value):
    """Return what protobuf's own decoder has, as Python."""
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [plain(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return by_name(value.kvlist_value.values)
    return getattr(value, kind)


def by_name(pairs):
    return {pair.key: plain(pair.value) for pair in pairs}


def expected_spans(request):
    return [
        (
            span.trace_id.hex(),
            span.span_id.hex(),
            span.parent_span_id.hex() if any(span.parent_span_id) else "",
            span.name,
            span.kind,
            (span.start_time_unix_nano, span.end_time_unix_nano),
            by_name(span.attributes),
            [(event.name, by_name(event.attributes), event.time_unix_nano) for event in span.events],
            (group.scope.name, group.scope.version, by_name(group.scope.attributes)),
            by_name(resource_spans.resource.attributes),
            (span.status.code, span.status.message),
            span.flags,
        )
        for resource_spans in request.resource_spans
        for group in resource_spans.scope_spans
        for span in group.spans
    ]


def found_spans(body):
    return [
        (
            span.trace_hex,
            span.span_hex,
            span.parent_hex,
            span.name,
            span.kind,
            (span.start, span.end),
            span.attributes,
            [(event.name, event.attributes, event.timestamp) for event in span.events],
            (span.scope.name, span.scope.version, span.scope.attributes),
            span.resource,
            (span.status_code, span.status_message),
            span.flags,
        )
        for span in read_spans(body)
    ]


def as_otlp_json(message):
    """Write a message as OTLP's JSON: as protobuf's, but for the ids and the enums."""
    from google.protobuf.json_format import MessageToDict

    def ids(value):
        if isinstance(value, list):
            return [ids(item) for item in value]
        if not isinstance(value, dict):
            return value
        import base64

        return {
            key: base64.b64decode(item).hex() if key in {"traceId", "spanId", "parentSpanId"} else ids(item)
            for key, item in value.items()
        }

    return json.dumps(ids(MessageToDict(message, use_integers_for_enums=True))).encode()


@settings(max_examples=50)
@given(requests)
def test_spans_are_what_protobufs_own_decoder_reads(request):
    assert found_spans(request.SerializeToString()) == expected_spans(request)


@settings(max_examples=50)
@given(requests)
def test_json_is_the_same_request(request):
    written = to_protobuf(as_otlp_json(request))
    assert ExportTraceServiceRequest.FromString(written).SerializeToString(deterministic=True) == (
        request.SerializeToString(deterministic=True)
    )


@settings(max_examples=50)
@given(log_requests)
def test_json_logs_are_the_same_request(request):
    written = to_protobuf(as_otlp_json(request), "logs")
    assert ExportLogsServiceRequest.FromString(written).SerializeToString(deterministic=True) == (
        request.SerializeToString(deterministic=True)
    )


@settings(max_examples=50)
@given(log_requests)
def test_log_records_are_what_protobufs_own_decoder_reads(request):
    found = [
        (
            record.trace_id.to_bytes(16, "big"),
            record.span_id.to_bytes(8, "big"),
            record.event_name,
            record.body,
            record.attributes,
            record.scope.name,
            record.resource,
            record.timestamp,
            record.observed_timestamp,
        )
        for record in read_log_records(request.SerializeToString())
    ]
    assert found == [
        (
            record.trace_id,
            record.span_id,
            getattr(record, "event_name", ""),
            plain(record.body),
            by_name(record.attributes),
            group.scope.name,
            by_name(logs.resource.attributes),
            record.time_unix_nano,
            record.observed_time_unix_nano,
        )
        for logs in request.resource_logs
        for group in logs.scope_logs
        for record in group.log_records
    ]


@given(st.binary(max_size=60))
def test_bytes_from_a_stranger_are_read_or_refused(body):
    for read in (read_spans, read_log_records):
        with suppress(BadPayloadError):
            list(read(body))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "resourceSpans",
                    "scopeSpans",
                    "spans",
                    "attributes",
                    "key",
                    "value",
                    "traceId",
                    "events",
                    "status",
                    "stringValue",
                    "intValue",
                    "arrayValue",
                    "kvlistValue",
                    "bytesValue",
                    "values",
                    "kind",
                    "scope",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(json_values)
@settings(max_examples=300)
def test_json_from_a_stranger_is_read_or_refused(document):
    with suppress(BadPayloadError):
        list(read_spans(to_protobuf(json.dumps(document).encode())))


python_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.binary() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(python_values)
def test_a_written_value_is_read_as_it_was(value):
    assert read_value(write_value(value)) == value


def test_what_otlp_cannot_hold_is_a_type_error():
    with pytest.raises(TypeError, match="OTLP has no value of type set"):
        write_value({1, 2})


# --- by example


def in_json(span=None, **fields):
    span = {"traceId": TRACE_ID, "spanId": SPAN_ID, **(span or {}), **fields}
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()


def one_span(body):
    (span,) = read_spans(as_protobuf(body, JSON))
    return span


def attribute(**value):
    return one_span(in_json(attributes=[{"key": "a", "value": value}])).attributes["a"]


def test_a_parent_of_zeros_is_none():
    assert one_span(in_json(parentSpanId="0" * 16)).parent_id is None
    assert one_span(in_json(parentSpanId="")).parent_id is None
    assert one_span(in_json(parentSpanId="00f067aa0ba902b7")).parent_hex == "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("field", "value"),
    [("traceId", "CvdlGRbNQ92ESOshHIAxnA=="), ("spanId", "t61rcWkgMzE="), ("parentSpanId", "t61rcWkgMzE=")],
)
def test_ids_in_base64_are_refused_with_the_reason(field, value):
    with pytest.raises(BadPayloadError, match=f"^{field} is in base64, .* hexadecimal$"):
        to_protobuf(in_json(**{field: value}))


@pytest.mark.parametrize("trace_id", ["", "00" * 16, "ab"])
def test_ids_that_are_none_are_told(trace_id):
    span = one_span(in_json(traceId=trace_id))
    assert not span.has_valid_ids


def test_whole_numbers_come_as_strings_and_as_numbers():
    assert attribute(intValue="-7") == attribute(intValue=-7) == attribute(intValue=-7.0) == -7
    span = one_span(in_json(startTimeUnixNano="1700000000000000001", endTimeUnixNano=1700000000000000002))
    assert (span.start, span.end) == (1700000000000000001, 1700000000000000002)


def test_a_number_beyond_64_bits_keeps_its_digits():
    assert attribute(intValue=10**30) == str(10**30)
    assert attribute(intValue=str(-(10**30))) == str(-(10**30))


def test_a_number_of_more_digits_than_python_reads_is_refused():
    body = in_json(attributes=[{"key": "a", "value": {"intValue": 1}}]).replace(b": 1}", b": " + b"9" * 5000 + b"}")
    with pytest.raises(BadPayloadError, match="not valid JSON"):
        to_protobuf(body)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"startTimeUnixNano": 2**64}, "startTimeUnixNano does not fit 64 bits"),
        ({"startTimeUnixNano": -1}, "startTimeUnixNano does not fit 64 bits"),
        ({"flags": 2**40}, "flags does not fit 32 bits"),
        ({"attributes": "none"}, "attributes is not an array"),
        ({"attributes": ["none"]}, "attributes is not an object"),
        ({"events": {}}, "events is not an array"),
        ({"name": 7}, "name is not a string"),
        ({"kind": "SPAN_KIND_SIDEWAYS"}, "kind is not a whole number"),
        ({"status": "ok"}, "status is not an object"),
        ({"traceId": "no"}, "traceId is not hexadecimal"),
        ({"attributes": [{"key": "a", "value": {"boolValue": "yes"}}]}, "boolValue is not true or false"),
        ({"attributes": [{"key": "a", "value": {"bytesValue": "%"}}]}, "bytesValue is not base64"),
        ({"attributes": [{"key": "a", "value": {"doubleValue": "a lot"}}]}, "doubleValue is not a number"),
    ],
)
def test_what_cannot_be_read_is_named(fields, message):
    with pytest.raises(BadPayloadError, match=f"^{message}$"):
        to_protobuf(in_json(**fields))


def test_names_of_enums_and_of_protobuf_fields_are_read():
    span = one_span(
        b'{"resource_spans": [{"scope_spans": [{"scope": {"name": "s"}, "spans": [{"name": "n", "kind": "SPAN_KIND_'
        b'SERVER", "status": {"code": "STATUS_CODE_ERROR"}, "parent_span_id": "00f067aa0ba902b7"}]}]}]}'
    )
    assert (span.kind, span.has_failed, span.parent_hex, span.scope.name) == (2, True, "00f067aa0ba902b7", "s")


def test_nulls_and_unknown_fields_are_passed_over():
    span = one_span(in_json(name="chat", attributes=None, status=None, color="blue"))
    assert (span.name, span.attributes) == ("chat", {})


def test_numbers_that_are_not_finite_are_strings():
    assert math.isnan(attribute(doubleValue="NaN"))
    assert attribute(doubleValue="-Infinity") == -math.inf


def test_bytes_stay_bytes():
    assert attribute(bytesValue="AAH/") == b"\x00\x01\xff"


def test_lone_surrogates_survive():
    body = in_json(attributes=[{"key": "a", "value": {"stringValue": "half \ud83d"}}])
    assert one_span(body).attributes["a"] == "half \ud83d"


def test_lone_surrogates_are_replaced_where_others_are_to_read_the_request():
    body = in_json(attributes=[{"key": "a", "value": {"stringValue": "half \ud83d, whole 😀"}}])
    request = ExportTraceServiceRequest.FromString(to_protobuf(body, encodable=True))
    span = request.resource_spans[0].scope_spans[0].spans[0]
    assert span.attributes[0].value.string_value == "half \ufffd, whole 😀"


def test_broken_utf_8_costs_its_characters_and_no_request():
    pair = b"\x0a\x01a\x12" + bytes([2 + 3]) + b"\x0a\x03b\xffc"
    span = b"\x4a" + bytes([len(pair)]) + pair
    scope_spans = b"\x12" + bytes([len(span)]) + span
    resource_spans = b"\x12" + bytes([len(scope_spans)]) + scope_spans
    (found,) = read_spans(b"\x0a" + bytes([len(resource_spans)]) + resource_spans)
    assert found.attributes == {"a": "b\ufffdc"}


def test_deep_json_is_refused():
    deep = {"stringValue": "x"}
    for _ in range(40):
        deep = {"arrayValue": {"values": [deep]}}
    with pytest.raises(BadPayloadError, match="deeper than 100"):
        to_protobuf(in_json(attributes=[{"key": "a", "value": deep}]))
    with pytest.raises(BadPayloadError, match="deeper than 100"):
        to_protobuf(b"[" * 100_000 + b"]" * 100_000)


def test_flags_say_whether_the_parent_is_remote():
    assert [one_span(in_json(flags=flags)).has_remote_parent for flags in (0, 0x100, 0x300, 0x301)] == [
        None,
        False,
        True,
        True,
    ]
