"""Nonsense in attributes, events, log records, transforms: no span is lost or changed, and nothing stays behind."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext, Status, StatusCode

from braintrust_run_output import RunOutputConfig, RunOutputLogRecordProcessor, RunOutputSpanProcessor
from braintrust_run_output.conventions import EVENTS, KEYS
from braintrust_run_output.conventions._json import parse
from reliability.parts import Sink, answered, around, one_trace, start
from support import ARRANGEMENTS, RUN_OUTPUT, examples, pipeline

METADATA = "braintrust.metadata"
NONSENSE = [
    b"\xff\xfe bytes",
    True,
    0,
    -1.5,
    math.nan,
    math.inf,
    2**70,
    "",
    " ",
    "[",
    "[[]]",
    "null",
    "{}",
    '{"run_output": null}',
    '{"run_output": {"a": [1]}}',
    '[{"role": 3, "content": {"x": 1}, "tool_calls": 7, "parts": [null, 5, {"type": []}]}]',
    "[" * 5_000,
    "1" * 5_000,
    ("a", "b"),
    (1, 2.5, True),
    (None, "x"),
    (),
    "\x00\ud83d",
]
ALL_KEYS = sorted(KEYS | {METADATA, RUN_OUTPUT, "input.value", "output.value", "traceloop.entity.output"})


@pytest.mark.parametrize("arrangement", list(ARRANGEMENTS))
@pytest.mark.parametrize("nonsense", NONSENSE, ids=[str(n) for n in range(len(NONSENSE))])
def test_a_value_of_any_type_under_any_key(arrangement, nonsense):
    app = pipeline(arrangement, mirror_input=True, linkage=True)
    with app.tracer.start_as_current_span("root"):
        for key in ALL_KEYS:
            with app.tracer.start_as_current_span(key) as span:
                span.set_attribute(key, nonsense)
                stored = repr(span.attributes.get(key))
            if key != METADATA:  # what the application set is what is exported
                assert repr(app.attributes(key).get(key)) == stored

    assert len(app.spans) == len(ALL_KEYS) + 1
    assert app.live == 0


@given(
    st.dictionaries(
        st.sampled_from(ALL_KEYS),
        st.one_of(
            st.text(max_size=20),
            st.binary(max_size=5),
            st.floats(),
            st.integers(),
            st.booleans(),
            st.lists(st.text(max_size=5), max_size=3),
            st.lists(st.one_of(st.none(), st.integers()), max_size=3),
        ),
        max_size=6,
    )
)
@examples(150)
def test_values_of_any_type_together(attributes):
    sink = Sink()
    app = around(sink, mirror_input=True)
    root = start(app, "root")
    span = start(app, "span", root)
    span.set_attributes(attributes)
    answered(app, "llm", root).end()
    span.end()
    root.end()

    assert sink.names == ["llm", "span", "root"]
    assert app.live == 0


@pytest.mark.parametrize("name", sorted(EVENTS))
@pytest.mark.parametrize("key", ["message", "gen_ai.completion", "content", "gen_ai.output.messages", "index"])
def test_events_with_values_of_any_type(build, name, key):
    app = build()
    with app.tracer.start_as_current_span("root"):
        for n, nonsense in enumerate(NONSENSE):
            with app.tracer.start_as_current_span(f"span {n}") as span:
                span.add_event(name, {key: nonsense})
                span.add_event(name)

    assert len(app.spans) == len(NONSENSE) + 1
    assert app.live == 0


@pytest.mark.parametrize(
    "attributes",
    [None, {}, {"gen_ai.completion": object()}, {"gen_ai.completion": {1: {2}}}, {METADATA: ["{}"]}, {3: 4, None: 5}],
)
def test_a_span_of_another_make_with_odd_parts_is_handed_on(attributes):
    sink = Sink()
    processor = RunOutputSpanProcessor(sink, config=RunOutputConfig(hold="always", hold_millis=1))
    context = SpanContext(1, 2, is_remote=False)
    span = ReadableSpan("odd", context=context)
    span._attributes = attributes
    span._events = None
    span._end_time = None
    processor.on_end(span)
    processor.on_end(span)
    processor.shutdown()

    assert sink.names == ["odd", "odd"]
    assert processor._traces.remembered == 0


def test_a_span_without_a_context_is_handed_on():
    sink = Sink()
    processor = RunOutputSpanProcessor(sink, config=RunOutputConfig())
    processor.on_end(ReadableSpan("odd"))

    assert sink.names == ["odd"]


def test_a_failed_span_with_an_odd_status():
    sink = Sink()
    app = around(sink)
    span = answered(app, "llm")
    span.set_status(Status(StatusCode.ERROR, "no"))
    span.end()

    assert sink.run_outputs == {"llm": None}


# --- transforms ------------------------------------------------------------------------------------------------


class Contrary(str):
    """A string that cannot be asked anything."""

    def __bool__(self):
        raise ValueError("of the string")

    __len__ = __bool__


@pytest.mark.parametrize("returned", [int, bytes, list, object, bool, float, Contrary])
def test_what_a_transform_returns(build, returned, caplog):
    app = build(transform=lambda _value, _span: returned())
    one_trace(app)

    assert set(app.spans) == {"root", "root's llm"}
    assert app.run_outputs == {}
    assert app.live == 0
    assert "Paris" not in caplog.text


@pytest.mark.parametrize("transform", [lambda: "x", lambda _value: "x", lambda *_, needed: "x"])
def test_a_transform_that_takes_something_else(build, transform):
    app = build(transform=transform)
    one_trace(app)

    assert app.run_outputs == {}
    assert app.live == 0


def test_a_transform_that_traces(build):
    """Its spans are spans like any other; one that calls a traced model would call itself for ever, so it must not."""

    def transform(value, span):
        with app.tracer.start_as_current_span("redaction"):
            return value.upper()

    app = build(transform=transform)
    one_trace(app)

    assert app.run_outputs == {"root": "PARIS.", "root's llm": "PARIS."}
    assert "redaction" in app.spans
    assert app.live == 0


@pytest.mark.parametrize("hold", ["open", "always"])
def test_a_transform_that_raises_on_a_held_root(hold):
    def transform(value, span):
        raise ValueError(value)

    sink = Sink()
    app = around(sink, hold=hold, transform=transform)
    root = start(app, "root")
    llm = answered(app, "llm", root)
    root.end()
    llm.end()
    app.processor.force_flush()

    assert sorted(sink.names) == ["llm", "root"]
    assert set(sink.run_outputs.values()) == {None}
    assert app.live == 0


# --- half characters ---------------------------------------------------------------------------------------------

HALF = '[{"role": "assistant", "parts": [{"type": "text", "content": "Paris \\ud83d"}]}]'


def sent(spans, name: str) -> dict[str, str]:
    """What the OTLP exporters would send of a span's attributes: one that cannot be encoded is left out."""
    request = encode_spans([span for span in spans if span.name == name])
    return {item.key: item.value.string_value for item in request.resource_spans[0].scope_spans[0].spans[0].attributes}


def test_half_a_character_in_json_does_not_cost_the_run_output(build):
    app = build()
    with app.tracer.start_as_current_span("root"), app.tracer.start_as_current_span("llm") as span:
        span.set_attribute("gen_ai.output.messages", HALF)
    spans = app.exporter.get_finished_spans()

    assert sent(spans, "llm")[RUN_OUTPUT] == sent(spans, "root")[RUN_OUTPUT]
    assert sent(spans, "root")[RUN_OUTPUT].startswith("Paris ")


def test_half_a_character_in_the_applications_metadata_does_not_cost_the_metadata(build):
    app = build()
    with app.tracer.start_as_current_span("llm") as span:
        span.set_attributes({METADATA: '{"customer": "\\ud83d"}', "gen_ai.completion": "Paris."})
    attributes = sent(app.exporter.get_finished_spans(), "llm")

    assert '"customer"' in attributes[METADATA]
    assert '"run_output"' in attributes[METADATA]


def test_half_a_character_in_a_mirrored_input_does_not_cost_the_input(build):
    app = build(mirror_input=True)
    with app.tracer.start_as_current_span("root"), app.tracer.start_as_current_span("llm") as span:
        span.set_attributes({"gen_ai.input.messages": HALF.replace("assistant", "user"), "gen_ai.completion": "Yes."})

    assert "Paris" in sent(app.exporter.get_finished_spans(), "root")["braintrust.input_json"]


# --- log records -------------------------------------------------------------------------------------------------

CHOICE = {"index": 0, "message": {"role": "assistant", "content": "Paris."}}


def emitted(span, **parts):
    context = span.get_span_context()
    record = {
        "trace_id": context.trace_id,
        "span_id": context.span_id,
        "event_name": "gen_ai.choice",
        "attributes": {},
        "body": CHOICE,
        "timestamp": 1,
        "observed_timestamp": 1,
    }
    return SimpleNamespace(log_record=SimpleNamespace(**{**record, **parts}))


ODD_RECORDS = [
    *(
        {"body": body}
        for body in [*NONSENSE, None, [], [None], {"message": 3}, {"message": {"content": [1]}}, object()]
        if not isinstance(body, str) or not body.strip() or parse(body) is not None  # any other text is what was said
    ),
    *({"attributes": odd} for odd in [None, (), "text", 3, {None: None}, {"event.name": 3}, object()]),
    *({"span_id": odd} for odd in [0, None, -1, "x", 2**64]),
    *({"trace_id": odd} for odd in [0, None, -1, [], 2**128]),
    *({"event_name": odd} for odd in [3, b"x", [], "gen_ai.client.inference.operation.details"]),
    *({"timestamp": odd, "observed_timestamp": odd} for odd in [None, 0, "soon", object(), math.nan, -1, [1]]),
]


@pytest.mark.parametrize("odd", ODD_RECORDS, ids=[str(n) for n in range(len(ODD_RECORDS))])
@pytest.mark.parametrize("names", ["root", "llm"])
def test_an_odd_log_record_harms_nobody(build, odd, names):
    app = build()
    logs = RunOutputLogRecordProcessor(app.processor)
    root = start(app, "root")
    llm = start(app, "llm", root)
    for parts in (odd, {}, odd):
        logs.on_emit(emitted({"root": root, "llm": llm}[names], **parts))
    llm.end()
    root.end()

    assert set(app.spans) == {"root", "llm"}
    assert app.run_output("root") == "Paris."  # of the record that was in order
    assert app.live == 0


@pytest.mark.parametrize("odd", [None, 3, object(), SimpleNamespace(), SimpleNamespace(log_record=None)])
def test_what_is_no_log_record_harms_nobody(odd):
    logs = RunOutputLogRecordProcessor(RunOutputSpanProcessor(config=RunOutputConfig()))
    logs.on_emit(odd)
    logs.emit(odd)
    logs.shutdown()
    assert logs.force_flush() is True


@given(
    body=st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9), st.binary(max_size=9)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(
                st.sampled_from(["message", "content", "role", "parts", "text", "tool_calls", "index", "type"]),
                inner,
                max_size=4,
            ),
        ),
        max_leaves=8,
    ),
    name=st.sampled_from(["gen_ai.choice", "gen_ai.client.inference.operation.details", "gen_ai.content.completion"]),
)
@examples(150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_body_of_any_shape(body, name):
    app = pipeline()
    logs = RunOutputLogRecordProcessor(app.processor)
    with app.tracer.start_as_current_span("root"), app.tracer.start_as_current_span("llm") as llm:
        logs.on_emit(emitted(llm, body=body, event_name=name))
        logs.on_emit(emitted(llm, attributes={"gen_ai.output.messages": body}, event_name=name))

    assert set(app.spans) == {"root", "llm"}
    assert app.live == 0


def test_records_beside_attributes_are_not_kept():
    """Some instrumentations write both; under a root that lives for ever nothing may pile up."""
    app = pipeline()
    logs = RunOutputLogRecordProcessor(app.processor)
    worker = start(app, "worker")
    before = app.live
    for n in range(50):
        llm = answered(app, f"llm {n}", worker)
        logs.on_emit(emitted(llm))
        llm.end()

    worker.end()
    assert (app.live, before > 0) == (0, True)


def test_a_record_for_a_span_that_ended_long_ago_is_dropped():
    app = pipeline()
    logs = RunOutputLogRecordProcessor(app.processor)
    with app.tracer.start_as_current_span("root") as root:
        pass
    logs.on_emit(emitted(root))
    logs.on_emit(emitted(trace.NonRecordingSpan(SpanContext(5, 6, is_remote=True))))

    assert app.live == 0
