"""The same trace, in one process and with nothing late, gets the same value by whatever way it comes in.

Live OpenTelemetry spans, native Braintrust spans, stored rows, files of OTLP.
"""

from __future__ import annotations

import json
import tempfile
from itertools import count
from pathlib import Path
from typing import NamedTuple

from harness import through_the_relay
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from braintrust_run_output import RunOutputConfig, RunOutputSpanProcessor
from braintrust_run_output.braintrust import RunOutputSpanCustomizer
from braintrust_run_output.braintrust.otlp_files import traces_of_otlp
from braintrust_run_output.braintrust.traces import read_trace, run_output_of
from braintrust_run_output.local import map_request
from support import RUN_OUTPUT, examples

SECOND = 1_000_000_000
START = 1_800_000_000 * SECOND


class Node(NamedTuple):
    """A span: a chain that returns something, a call of a model, a tool, a scorer."""

    kind: str
    text: str | None
    children: list[Node]


TEXTS = st.sampled_from([None, "ok", "yes", "Paris.", "The capital of France is Paris.", "Capitals: a short title"])
KINDS = st.sampled_from(["task", "task", "llm", "llm", "tool", "score"])
TREES = st.recursive(
    st.builds(Node, KINDS, TEXTS, st.just([])),
    lambda nodes: st.builds(Node, KINDS, TEXTS, st.lists(nodes, max_size=3)),
    max_leaves=8,
)
ROOTS = st.builds(Node, st.just("task"), TEXTS, st.lists(TREES, max_size=3))
CONFIGS = st.builds(
    RunOutputConfig,
    root=st.sampled_from(["last", "first", "all", "own"]),
    format=st.sampled_from(["text", "messages"]),
    side_spans=st.sampled_from([None, "llm 3,task 2"]),
    answer_spans=st.sampled_from([None, "task 1"]),
)


def live(tree, config):
    """Play a tree as spans of OpenTelemetry, with our processor and without; return both."""
    played = []
    for processors in ([RunOutputSpanProcessor(config=config)], []):
        exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        for one in (*processors, SimpleSpanProcessor(exporter)):
            provider.add_span_processor(one)
        tracer, clock, numbers = provider.get_tracer("app"), count(START, SECOND), count()

        def play(node, parent, tracer=tracer, clock=clock, numbers=numbers):
            attributes = {"braintrust.span_attributes.type": node.kind}
            if node.text is not None:
                attributes["gen_ai.completion" if node.kind == "llm" else "output.value"] = node.text
            context = trace.set_span_in_context(trace.INVALID_SPAN if parent is None else parent)
            name = f"{node.kind} {next(numbers)}"
            span = tracer.start_span(name, context, attributes=attributes, start_time=next(clock))
            for child in node.children:
                play(child, span)
            span.end(next(clock))

        play(tree, None)
        played.append(exporter.get_finished_spans())
    return played


def native(tree, config):
    """Play a tree as records of native spans; return what the root got."""
    customizer, clock, numbers = RunOutputSpanCustomizer(config=config), count(START // SECOND), count()

    def play(node, parent):
        number = next(numbers)
        ids = {
            "id": f"r{number}",
            "span_id": f"s{number}",
            "root_span_id": "t",
            "span_parents": [parent] if parent else None,
        }
        attributes = {"name": f"{node.kind} {number}", "type": node.kind}
        customizer.on_span_export({**ids, "span_attributes": attributes, "metrics": {"start": next(clock)}})
        for child in node.children:
            play(child, f"s{number}")
        if node.text is not None:
            customizer.on_span_export({**ids, "output": node.text})
        return customizer.on_span_export({**ids, "metrics": {"end": next(clock)}})

    record = play(tree, None)
    assert len(customizer) == 0
    return (record.get("metadata") or {}).get("run_output")


def of_file(spans, config):
    """Write spans into a file as the Collector does, and decide on them."""
    request = {"resourceSpans": [{"scopeSpans": [{"spans": [as_json(span) for span in spans]}]}]}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "otlp.json"
        path.write_text(json.dumps(request))
        (found,) = traces_of_otlp(path)
        return run_output_of(found, config)


def as_json(span):
    attributes = [{"key": key, "value": {"stringValue": value}} for key, value in span.attributes.items()]
    ids = {"traceId": f"{span.context.trace_id:032x}", "spanId": f"{span.context.span_id:016x}"}
    if span.parent is not None:
        ids["parentSpanId"] = f"{span.parent.span_id:016x}"
    times = {"startTimeUnixNano": str(span.start_time), "endTimeUnixNano": str(span.end_time)}
    return {**ids, **times, "name": span.name, "attributes": attributes}


@examples(300)
@given(ROOTS, CONFIGS)
def test_every_way_in_gives_the_same_value(tree, config):
    with_ours, without = live(tree, config)
    value = next(span for span in with_ours if span.parent is None).attributes.get(RUN_OUTPUT)
    rows = [{**row, "is_root": not row["span_parents"]} for row in map_request(encode_spans(without)).rows]

    stored, in_file = run_output_of(rows, config), of_file(without, config)

    assert (stored and stored.value) == value
    assert (in_file and in_file.value) == value
    assert native(tree, config) == value
    assert through_the_relay(encode_spans(without).SerializeToString(), config) == value


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
_FIELDS = ("id", "span_id", "root_span_id", "span_parents", "is_root", "created", "span_attributes", "metadata",
           "metrics", "output", "input", "error", "expected")  # fmt: skip
_ROWS = st.dictionaries(st.sampled_from(_FIELDS), _JSON, max_size=8) | st.fixed_dictionaries(
    {
        "id": st.text(min_size=1, max_size=2),
        "span_attributes": st.fixed_dictionaries({"type": st.sampled_from(["llm", "task", "facet", "log"])}),
        "is_root": st.booleans(),
        "output": _JSON,
        "metadata": _JSON,
        "metrics": st.fixed_dictionaries({"start": _JSON, "end": _JSON}),
    }
)


@examples(300)
@given(st.lists(_ROWS, max_size=5))
def test_whatever_shape_rows_have_there_is_a_value_or_a_reason(rows):
    decided = read_trace(rows, RunOutputConfig())

    assert (decided.found is None) is bool(decided.reason)
