"""The quick way to read JSON and the thorough one read alike, whatever is sent."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from braintrust_run_output.otlp import JSON, BadPayloadError, as_protobuf, json_spans, read_spans
from braintrust_run_output.otlp.json_spans import read_json_spans

TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
EVERYTHING = {
    "traceId": TRACE_ID, "spanId": SPAN_ID, "parentSpanId": "00f067aa0ba902b7", "traceState": "a=b", "name": "chat", "kind": 3,
    "startTimeUnixNano": "1700000000000000000", "endTimeUnixNano": 1700000001000000000, "flags": 769,
    "attributes": [
        {"key": "text", "value": {"stringValue": "x"}}, {"key": "whole", "value": {"intValue": "-7"}},
        {"key": "number", "value": {"intValue": 7}}, {"key": "float", "value": {"doubleValue": 1.5}},
        {"key": "truth", "value": {"boolValue": True}},
        {"key": "list", "value": {"arrayValue": {"values": [{"stringValue": "a"}, {"intValue": "1"}, {}]}}},
        {"key": "map", "value": {"kvlistValue": {"values": [{"key": "k", "value": {"stringValue": "v"}}]}}},
        {"key": "empty", "value": {"arrayValue": {}}},
    ],
    "events": [{"name": "e", "timeUnixNano": "5", "attributes": [{"key": "a", "value": {"stringValue": "b"}}]}],
    "status": {"code": 2, "message": "failed"}, "droppedAttributesCount": 1, "links": [],
}  # fmt: skip


def request(*spans):
    scope = {"name": "scope", "version": "1"}
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": scope, "spans": list(spans)}]}]}


def read(reader, document):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    try:
        return [repr(span) for span in reader(body)]
    except BadPayloadError as error:
        return str(error)


def thoroughly(body):
    return read_spans(as_protobuf(body, JSON))


def both(document):
    quick, thorough = read(read_json_spans, document), read(thoroughly, document)
    assert quick == thorough
    return quick


def test_what_sdks_send_is_read_quickly():
    body = json.dumps(request(EVERYTHING)).encode()

    (span,) = json_spans._read(body)

    assert both(request(EVERYTHING)) == [repr(span)]
    assert span.attributes["map"] == {"k": "v"}
    assert span.attributes["list"] == ["a", 1, None]
    assert span.has_remote_parent


@pytest.mark.parametrize(
    "change",
    [
        {"traceId": "0" * 32}, {"traceId": "ab"}, {"traceId": TRACE_ID.upper()}, {"traceId": " " + TRACE_ID[1:]}, {"traceId": None},
        {"traceId": "CvdlGRbNQ92ESOshHIAxnA=="}, {"spanId": 7}, {"parentSpanId": "0" * 16}, {"parentSpanId": ""}, {"parentSpanId": None},
        {"name": None}, {"name": 7}, {"name": "\ud800"}, {"kind": "SPAN_KIND_SERVER"}, {"kind": -1}, {"kind": 2**31}, {"kind": True},
        {"startTimeUnixNano": 10**30}, {"startTimeUnixNano": "1e3"}, {"startTimeUnixNano": "+5"}, {"startTimeUnixNano": 5.0},
        {"startTimeUnixNano": str(2**64)}, {"startTimeUnixNano": "\u0665"}, {"span_id": SPAN_ID}, {"unknown": 1}, {"status": None},
        {"status": {"code": "STATUS_CODE_ERROR"}}, {"links": [{"traceId": "x"}]}, {"links": [{"traceId": TRACE_ID}]}, {"flags": "769"},
        {"attributes": None}, {"attributes": "x"}, {"attributes": [{"key": "a"}]}, {"attributes": [{"value": {"stringValue": "a"}}]},
        {"attributes": [{"key": "a", "value": {}}]}, {"attributes": [{"key": "a", "value": {"bytesValue": "AAE="}}]},
        {"attributes": [{"key": "a", "value": {"stringValue": None, "intValue": "1"}}]}, {"attributes": [{"key": "a", "value": {"intValue": "1_0"}}]},
        {"attributes": [{"key": "a", "value": {"intValue": 2**70}}]}, {"attributes": [{"key": "a", "value": {"doubleValue": "NaN"}}]},
        {"attributes": [{"key": "a", "value": {"doubleValue": 10**400}}]}, {"attributes": [{"key": "a", "value": {"string_value": "x"}}]},
        {"attributes": [{"key": "a", "value": {"stringValue": "1"}}, {"key": "a", "value": {"stringValue": "2"}}]}, {"events": [{"name": 1}]},
        {"droppedAttributesCount": -1}, {"droppedLinksCount": 2**40},
    ],
)  # fmt: skip
def test_what_is_unusual_or_wrong_is_left_to_the_thorough_one(change):
    both(request({**EVERYTHING, **change}))


@pytest.mark.parametrize(
    "document", [[], 1, None, {}, {"resourceSpans": None}, {"resource_spans": []}, b"{", b"\xff", request(None)]
)
def test_what_is_no_request(document):
    both(document)


def test_a_value_that_nests_too_deeply():
    deep = {"stringValue": "x"}
    for _ in range(60):
        deep = {"arrayValue": {"values": [deep]}}
    both(request({**EVERYTHING, "attributes": [{"key": "a", "value": deep}]}))


def test_without_orjson_it_is_read_all_the_same(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "orjson", None)

    assert len(both(request(EVERYTHING))) == 1


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=4)
    | st.sampled_from([TRACE_ID, SPAN_ID, "7", "-7"])
)
VALUES = st.recursive(
    st.dictionaries(st.sampled_from(["stringValue", "intValue", "boolValue", "doubleValue", "string_value", "bytesValue"]), LEAVES, max_size=2),
    lambda inner: st.fixed_dictionaries({"arrayValue": st.fixed_dictionaries({"values": st.lists(inner, max_size=3)})})
    | st.fixed_dictionaries({"kvlistValue": st.fixed_dictionaries({"values": st.lists(st.fixed_dictionaries({"key": st.text(max_size=2), "value": inner}), max_size=3)})}),
    max_leaves=4,
)  # fmt: skip
ATTRIBUTES = st.lists(
    st.fixed_dictionaries({}, optional={"key": st.text(max_size=3), "value": VALUES}) | LEAVES, max_size=3
)
SPANS = st.fixed_dictionaries(
    {"traceId": st.just(TRACE_ID) | LEAVES, "spanId": st.just(SPAN_ID) | LEAVES},
    optional={name: LEAVES for name in EVERYTHING if name not in ("traceId", "spanId", "attributes")}
    | {"attributes": ATTRIBUTES},
)


@given(st.lists(SPANS, max_size=2))
def test_whatever_is_sent_both_read_it_alike(spans):
    both(request(*spans))


@pytest.mark.parametrize("nothing", [{}, "", 0, False, None, []])
def test_what_is_empty_and_no_array_is_read_alike_everywhere(nothing):
    both({"resourceSpans": nothing})
    both({"resourceSpans": [{"scopeSpans": nothing}]})
    both({"resourceSpans": [{"scopeSpans": [{"spans": nothing}]}]})
    for name in ("attributes", "events", "links", "status"):
        both(request({**EVERYTHING, name: nothing}))
    for kind in ("arrayValue", "kvlistValue"):
        for value in (nothing, {"values": nothing}, {"values": [nothing]}):
            both(request({**EVERYTHING, "attributes": [{"key": "a", "value": {kind: value}}]}))
