"""Memory is bounded by live spans, and by a cap for spans that never end."""

from __future__ import annotations

import os
import sys

import pytest
from opentelemetry import trace

from braintrust_run_output.aggregator import Aggregator, RunOutput
from support import RUN_OUTPUT


def test_no_state_is_left_after_a_deep_trace(build):
    app = build()
    spans = [app.tracer.start_span("root")]
    for n in range(1_000):
        spans.append(app.tracer.start_span(f"span {n}", trace.set_span_in_context(spans[-1])))
    while spans:
        spans.pop().end()

    assert app.live == 0


def test_spans_that_never_end_are_forgotten_oldest_first():
    aggregator = Aggregator("last", max_chars=1_000, max_spans=100)
    for n in range(1_000):
        aggregator.start((1, n), None)

    assert len(aggregator) <= 100
    assert aggregator.end((1, 0)) is None
    assert aggregator.end((1, 999)) is not None


def test_a_root_that_lives_for_ever_remembers_few_of_its_ended_children():
    aggregator = Aggregator("last", max_chars=1_000)
    aggregator.start((1, 1), None)
    for n in range(2, 10_000):
        aggregator.start((1, n), (1, 1))
        aggregator.end((1, n))

    assert len(aggregator) < 300
    aggregator.close(aggregator.end((1, 1)))
    assert len(aggregator) == 0


@pytest.mark.parametrize("policy", ["last", "first", "all"])
def test_a_root_that_lives_for_ever_keeps_few_outputs(policy):
    aggregator = Aggregator(policy, max_chars=1_000)
    aggregator.start((1, 1), None)
    root = aggregator.end((1, 1))
    for n in range(10_000):
        aggregator.add(root, RunOutput("ten chars!", (1, n), n))

    assert sum(len(output.value) for output in root.outputs) <= 1_000


def test_a_payload_is_referenced_not_copied(build):
    app = build()
    answer = "x" * 100_000
    with app.tracer.start_as_current_span("root"), app.tracer.start_as_current_span("llm") as span:
        span.set_attribute("gen_ai.completion", answer)

    assert app.run_output("root") is app.run_output("llm") is answer
    assert sys.getrefcount(answer) > 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_fork_starts_clean(build):
    app = build()
    with app.tracer.start_as_current_span("request"):
        pid = os.fork()
        if pid == 0:  # the child: what it inherited is not its own, what it starts works
            ok = app.live == 0
            with app.tracer.start_as_current_span("job"):
                with app.tracer.start_as_current_span("llm") as span:
                    span.set_attribute("gen_ai.completion", "Paris.")
            ok = ok and app.run_output("job") == "Paris." and app.live == 0
            os._exit(0 if ok else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0

    assert RUN_OUTPUT not in app.attributes("request")
    assert app.live == 0
