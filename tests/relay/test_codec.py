"""What the relay does to bytes: the same as decoding all of it, adding, and encoding again."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from braintrust_run_output.config import RunOutputConfig
from braintrust_run_output.otlp import BadPayloadError, messages
from braintrust_run_output.relay.codec import put_together, read_roots, take_apart, with_attributes
from braintrust_run_output.relay.deciding import Deciding
from braintrust_run_output.relay.relay import _Reading

RUN_OUTPUT = "braintrust.metadata.run_output"
TRACE = bytes(range(16))

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
values = st.one_of(
    st.builds(AnyValue, string_value=texts),
    st.builds(AnyValue, int_value=st.integers(-(2**63), 2**63 - 1)),
    st.builds(AnyValue, bytes_value=st.binary(max_size=5)),
    st.lists(texts, max_size=2).map(
        lambda items: AnyValue(array_value={"values": [AnyValue(string_value=item) for item in items]})
    ),
)
keys = (
    st.sampled_from([RUN_OUTPUT, "braintrust.metadata", "braintrust.metadata.run_output_truncated", "a", "b"]) | texts
)
attributes = st.lists(st.builds(KeyValue, key=keys, value=values), max_size=5)


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


# Fields that no OTLP has yet, of every kind of the wire.
unknown = st.one_of(
    st.builds(
        lambda number, value: varint(number << 3) + varint(value), st.integers(900, 2000), st.integers(0, 2**64 - 1)
    ),
    st.builds(
        lambda number, data: varint(number << 3 | 1) + data, st.integers(900, 2000), st.binary(min_size=8, max_size=8)
    ),
    st.builds(
        lambda number, data: varint(number << 3 | 2) + varint(len(data)) + data,
        st.integers(900, 2000),
        st.binary(max_size=300),
    ),
    st.builds(
        lambda number, data: varint(number << 3 | 5) + data, st.integers(900, 2000), st.binary(min_size=4, max_size=4)
    ),
)
spans = st.builds(
    Span,
    trace_id=st.just(TRACE),
    span_id=st.binary(min_size=8, max_size=8),
    parent_span_id=st.sampled_from([b"", bytes(8), b"parent-1"]),
    name=texts,
    start_time_unix_nano=st.integers(0, 2**63),
    attributes=attributes,
)
raw_spans = st.builds(
    lambda span, extra, before: extra + span.SerializeToString() if before else span.SerializeToString() + extra,
    spans,
    st.lists(unknown, max_size=2).map(b"".join),
    st.booleans(),
)
written = st.dictionaries(
    st.sampled_from([RUN_OUTPUT, "braintrust.metadata", "braintrust.metadata.run_output_truncated"]),
    texts | st.booleans(),
    min_size=1,
)


@given(raw_spans, written)
def test_adding_attributes_is_decoding_adding_and_encoding(raw, added):
    span = Span.FromString(raw)
    kept = [attribute for attribute in span.attributes if attribute.key not in added]
    del span.attributes[:]
    span.attributes.extend(kept)
    for key, value in added.items():
        one = span.attributes.add(key=key)
        if isinstance(value, bool):
            one.value.bool_value = value
        else:
            one.value.string_value = value
    assert Span.FromString(with_attributes(raw, added, [one.key for one in Span.FromString(raw).attributes])) == span


@given(raw_spans, written)
def test_what_was_there_stays_byte_for_byte(raw, added):
    if any(key.encode() in raw for key in added):
        return
    assert with_attributes(raw, added, [one.key for one in Span.FromString(raw).attributes]).startswith(raw)


def test_broken_utf_8_stays_as_it_is():
    broken = b"\x4a\x0a\x0a\x01a\x12\x05\x0a\x03b\xffc"
    key = Span(attributes=[KeyValue(key=RUN_OUTPUT, value=AnyValue(string_value="old"))]).SerializeToString()
    assert with_attributes(broken + key, {RUN_OUTPUT: "new"}, [RUN_OUTPUT]) == broken + key.replace(b"old", b"new")


@pytest.mark.parametrize(
    "raw", [b"\x4a\x7f" + RUN_OUTPUT.encode(), b"\x4b" + RUN_OUTPUT.encode(), b"\xff" * 30 + RUN_OUTPUT.encode()]
)
def test_a_broken_span_is_told(raw):
    with pytest.raises(BadPayloadError):
        with_attributes(raw, {RUN_OUTPUT: "x"}, [RUN_OUTPUT])


# --- whole requests


def reading(**config):
    return _Reading(Deciding(RunOutputConfig(**config)), lambda trace_id, span_id: ())


def taken(request, **config):
    return take_apart(request.SerializeToString(), reading(**config))


def of(span, scope="", service="shop"):
    return ResourceSpans(
        resource=Resource(attributes=[KeyValue(key="service.name", value=AnyValue(string_value=service))]),
        scope_spans=[ScopeSpans(scope=InstrumentationScope(name=scope), spans=[span])],
    )


def child(answer=None, number=1, **fields):
    given = [] if answer is None else [KeyValue(key="gen_ai.completion", value=AnyValue(string_value=answer))]
    return Span(trace_id=TRACE, span_id=b"child-%02d" % number, parent_span_id=b"the-root", attributes=given, **fields)


def root(**fields):
    return Span(trace_id=TRACE, span_id=b"the-root", name="GET /", **fields)


def flat(request):
    return [
        (group.resource.SerializeToString(), scope.scope.name, span.SerializeToString())
        for group in request.resource_spans
        for scope in group.scope_spans
        for span in scope.spans
    ]


whole_requests = st.builds(
    lambda groups: b"".join(
        ExportTraceServiceRequest(
            resource_spans=[ResourceSpans(scope_spans=[ScopeSpans(scope=InstrumentationScope(name=name), spans=some)])]
        ).SerializeToString()
        for name, some in groups
    ),
    st.lists(st.tuples(texts, st.lists(spans, max_size=3)), max_size=3),
)


@given(whole_requests)
@settings(max_examples=200)
def test_nothing_is_lost_and_nothing_else_is_changed(body):
    request = take_apart(body, reading())
    before = flat(ExportTraceServiceRequest.FromString(body))
    after = flat(ExportTraceServiceRequest.FromString(request.onward))
    waiting = [held.raw for held in request.roots]
    assert request.spans == len(before)
    assert len(after) + len(waiting) == len(before)
    for _, _, raw in after:
        seen = Span.FromString(raw)
        assert any(Span.FromString(one).span_id == seen.span_id for _, _, one in before)
    for raw in waiting:
        assert raw in [one for _, _, one in before]
        assert not Span.FromString(raw).parent_span_id.strip(b"\0")


def test_a_request_with_nothing_to_add_goes_on_byte_for_byte():
    body = ExportTraceServiceRequest(resource_spans=[of(child()), of(child(number=2))]).SerializeToString()
    body += b"\xfa\x3f\x03new"  # something of a later OTLP
    assert take_apart(body, reading()).onward == body


def test_a_completion_is_written_onto_its_span():
    request = taken(ExportTraceServiceRequest(resource_spans=[of(child("Paris."), scope="model")]))
    ((_, scope, raw),) = flat(ExportTraceServiceRequest.FromString(request.onward))
    assert {one.key: one.value.string_value for one in Span.FromString(raw).attributes}[RUN_OUTPUT] == "Paris."
    assert scope == "model"


def test_a_value_of_the_application_s_is_replaced_only_if_it_may_be():
    span = child("Paris.")
    span.attributes.add(key=RUN_OUTPUT).value.string_value = "set by hand"
    request = ExportTraceServiceRequest(resource_spans=[of(span)])
    assert taken(request).onward == request.SerializeToString()
    ((_, _, raw),) = flat(ExportTraceServiceRequest.FromString(taken(request, overwrite=True).onward))
    found = [one.value.string_value for one in Span.FromString(raw).attributes if one.key == RUN_OUTPUT]
    assert found == ["Paris."]


def test_an_object_of_metadata_gets_it_as_well_and_keeps_the_rest_to_the_letter():
    span = child("Paris.")
    span.attributes.add(key="braintrust.metadata").value.string_value = '{"price": 1.10, "price": 2}'
    ((_, _, raw),) = flat(
        ExportTraceServiceRequest.FromString(taken(ExportTraceServiceRequest(resource_spans=[of(span)])).onward)
    )
    (found,) = [one.value.string_value for one in Span.FromString(raw).attributes if one.key == "braintrust.metadata"]
    assert found.startswith('{"price": 1.10, "price": 2')
    assert json.loads(found)["run_output"] == "Paris."


def test_a_root_waits_in_what_it_stands_in():
    request = taken(ExportTraceServiceRequest(resource_spans=[of(root(), "http", "front"), of(child(), "db", "back")]))
    assert [scope for _, scope, _ in flat(ExportTraceServiceRequest.FromString(request.onward))] == ["db"]
    (held,) = request.roots
    body = put_together([(held.envelope, held.raw)])
    assert flat(ExportTraceServiceRequest.FromString(body)) == flat(
        ExportTraceServiceRequest(resource_spans=[of(root(), "http", "front")])
    )
    assert [one._replace(is_silent=True) for one in read_roots(body)] == [held]


def test_a_request_of_roots_alone_leaves_nothing_to_send():
    assert taken(ExportTraceServiceRequest(resource_spans=[of(root())])).onward == b""


@pytest.mark.parametrize(
    "config", [{"root": "off"}, {"root": "own"}, {"enabled": False}], ids=lambda config: next(iter(config))
)
def test_a_root_that_nothing_can_change_does_not_wait(config):
    request = ExportTraceServiceRequest(resource_spans=[of(root())])
    assert taken(request, **config).onward == request.SerializeToString()


def test_a_root_with_its_own_completion_does_not_wait():
    own = Span(trace_id=TRACE, span_id=b"the-root", attributes=child("Paris.").attributes)
    ((_, _, raw),) = flat(
        ExportTraceServiceRequest.FromString(taken(ExportTraceServiceRequest(resource_spans=[of(own)])).onward)
    )
    assert {one.key for one in Span.FromString(raw).attributes} == {"gen_ai.completion", RUN_OUTPUT}


def test_parents_are_noted():
    request = taken(ExportTraceServiceRequest(resource_spans=[of(child()), of(child(number=2)), of(root())]))
    assert request.links == {TRACE: bytearray(b"child-01the-rootchild-02the-root")}


@pytest.mark.parametrize(
    "span",
    [
        Span(trace_id=b"short", span_id=b"the-root"),
        Span(trace_id=TRACE, span_id=b""),
        Span(trace_id=bytes(16), span_id=b"the-root"),
        Span(trace_id=TRACE, span_id=b"child-01", parent_span_id=b"short"),
    ],
)
def test_a_span_with_broken_ids_goes_on_as_it_came(span):
    request = ExportTraceServiceRequest(resource_spans=[of(span)])
    result = taken(request)
    assert (result.onward, result.unreadable) == (request.SerializeToString(), 1)


def test_a_broken_span_does_not_stop_the_others():
    body = ExportTraceServiceRequest(resource_spans=[of(child("Paris."))]).SerializeToString()
    broken = b"\x0a\x06\x12\x04\x12\x02\x0a\x7f"  # a span whose trace id ends too early
    result = take_apart(broken + body, reading())
    assert result.unreadable == 1
    assert broken[6:] in result.onward
    assert RUN_OUTPUT.encode() in result.onward


@pytest.mark.parametrize("name", [b"\xff", "\ud800".encode("utf-8", "surrogatepass")], ids=["broken", "surrogate"])
def test_a_name_that_is_not_utf_8_hides_nothing(name):
    span = messages.Span.FromString(child("Paris.").SerializeToString())
    span.attributes.add(key=name)
    body = messages.Request()
    body.groups.add().scope_groups.add().items.append(span.SerializeToString())
    result = take_apart(body.SerializeToString(), reading())
    assert result.unreadable == 0
    assert result.links == {TRACE: bytearray(b"child-01the-root")}
    (onward,) = messages.Request.FromString(result.onward).groups[0].scope_groups[0].items
    added = {one.key: one.value.string_value for one in messages.Span.FromString(onward).attributes}
    assert added[RUN_OUTPUT.encode()] == b"Paris."
    assert name in added


@given(st.binary(max_size=40))
@example(b"\x0a\xff")
def test_bytes_from_a_stranger_are_read_or_refused(body):
    try:
        result = take_apart(body, reading())
    except BadPayloadError:
        return
    assert result.roots or result.onward == body or not result.spans
