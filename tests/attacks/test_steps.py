"""Workflows whose steps continue one from another, remotely: as Temporal, Inngest and queues trace them."""

from __future__ import annotations

import sys

import pytest
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from attacks.counting import lines_run
from reliability.parts import Sink, answered, around, start
from support import Pipeline, pipeline

STEPS = 1_000


def continued(app: Pipeline, name: str, before: trace.Span) -> trace.Span:
    """Start a span whose parent came in a header."""
    trace_id, span_id = before.get_span_context()[:2]
    parent = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    return app.tracer.start_span(name, trace.set_span_in_context(NonRecordingSpan(parent)))


def run_steps(app: Pipeline, numbers: range, before: trace.Span) -> trace.Span:
    """Run steps, each with an answer, and return the last one, which has ended."""
    for n in numbers:
        step = continued(app, f"step {n}", before)
        answered(app, f"llm {n}", step, f"answer {n}").end()
        step.end()
        before = step
    return before


def test_every_step_and_the_workflow_have_their_own_last_answer(build):
    app = build()
    workflow = start(app, "workflow")
    run_steps(app, range(STEPS), workflow)
    workflow.end()

    outputs = app.run_outputs
    assert outputs.pop("workflow") == f"answer {STEPS - 1}"
    assert outputs == {f"{kind} {n}": f"answer {n}" for n in range(STEPS) for kind in ("step", "llm")}
    assert app.live == 0


def test_a_step_costs_no_more_however_many_were_before_it():
    app = pipeline()
    last = run_steps(app, range(2_000), start(app, "workflow"))
    costs = []
    for first in (2_000, 3_000):
        numbers = range(first, first + 500)
        costs.append(lines_run(lambda: run_steps(app, numbers, last)))  # noqa: B023 (called in this round)
        last = run_steps(app, range(first, first + 1_000), last)

    assert costs[1] < 1.1 * costs[0]


@pytest.mark.parametrize("steps", [30_000])
def test_a_chain_far_beyond_the_recursion_limit_is_walked(steps):
    """Each continues from the one before it, which has ended, and the last one answers."""
    assert steps > 10 * sys.getrecursionlimit()
    sink = Sink()
    app = around(sink)
    workflow = before = start(app, "workflow")
    for n in range(steps):
        step = continued(app, f"step {n}", before)
        step.end()
        before = step
    last = continued(app, "last", before)
    answered(app, "llm", last).end()
    last.end()
    workflow.end()

    assert {name: value for name, value in sink.run_outputs.items() if value} == dict.fromkeys(
        ("llm", "last", "workflow"), "Paris."
    )
    assert app.live == 0


def test_live_roots_within_live_roots_all_get_the_answer(build):
    """A service that calls itself, three thousand deep."""
    app = build()
    requests = [start(app, "request 0")]
    for n in range(1, 3_000):
        requests.append(continued(app, f"request {n}", requests[-1]))
    answered(app, "llm", requests[-1]).end()
    for request in reversed(requests):
        request.end()

    assert set(app.run_outputs.values()) == {"Paris."}
    assert len(app.run_outputs) == 3_001
    assert app.live == 0


def test_a_deep_chain_of_local_spans_is_walked_by_a_loop(build):
    app = build()
    spans = [start(app, "root")]
    for n in range(5_000):
        spans.append(start(app, f"span {n}", spans[-1]))
    answered(app, "llm", spans[-1]).end()
    for span in reversed(spans):
        span.end()

    assert app.run_outputs == {"llm": "Paris.", "root": "Paris."}
    assert app.live == 0


def test_a_service_that_calls_itself_has_the_answer_on_both_roots_and_a_later_one_on_the_outer(build):
    app = build()
    outer = start(app, "outer")
    client = start(app, "client", outer)
    inner = continued(app, "inner", client)
    answered(app, "llm 1", inner, "Paris.").end()
    inner.end()
    client.end()
    answered(app, "llm 2", outer, "It is Paris.").end()
    outer.end()

    assert app.run_outputs == {"llm 1": "Paris.", "inner": "Paris.", "llm 2": "It is Paris.", "outer": "It is Paris."}
