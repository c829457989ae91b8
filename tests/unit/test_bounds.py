"""Memory is bounded by live spans, and by a cap for spans that never end."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from itertools import count

import pytest
from opentelemetry import trace

from braintrust_run_output import lineage
from braintrust_run_output.aggregator import Aggregator, Gathered
from braintrust_run_output.lineage import Lineage
from braintrust_run_output.run_outputs import RunOutput
from support import RUN_OUTPUT, pipeline


def test_no_state_is_left_after_a_deep_trace(build):
    app = build()
    spans = [app.tracer.start_span("root")]
    for n in range(1_000):
        spans.append(app.tracer.start_span(f"span {n}", trace.set_span_in_context(spans[-1])))
    while spans:
        spans.pop().end()

    assert app.live == 0


def test_spans_that_never_end_are_forgotten_oldest_first():
    forgotten: list[tuple[int, int]] = []
    followed = Lineage(forgotten.extend, max_live=100)
    for n in range(1_000):
        followed.start((1, n, False), None)

    assert followed.remembered <= 100
    assert followed.origin_of((1, 0)) is None
    assert followed.origin_of((1, 999)) is not None
    assert forgotten == [(1, n) for n in range(1_000 - followed.remembered)]


def test_a_root_that_lives_for_ever_remembers_few_of_its_ended_children():
    followed = Lineage(lambda _spans: None)
    followed.start((1, 1, False), None)
    for n in range(2, 50_000):
        followed.start((1, n, False), (1, 1, False))
        followed.end((1, n))

    assert followed.remembered < 5_000
    followed.end((1, 1))
    assert followed.remembered == 0


def at_instruction(number: int, visit: Callable[[], object], work: Callable[[], object]) -> bool:
    """Run ``work``, and ``visit`` before one bytecode instruction of ``lineage`` in it; whether there are so many."""
    left = number

    def trace(frame, event, _arg):
        nonlocal left
        if frame.f_code.co_filename != lineage.__file__:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            left -= 1
            if left == 0:
                visit()
        return trace

    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(None)
    return left <= 0


@pytest.mark.parametrize("trace_id", [1, 2])
def test_another_thread_may_start_and_end_spans_at_any_moment_while_some_are_forgotten(trace_id):
    """A dictionary that is gone through must not change: what is to be forgotten is put down in one operation."""
    for number in count(1):
        followed = Lineage(lambda _spans: None, max_live=5)
        followed.max_ended = 3

        def another_thread(followed: Lineage = followed) -> None:
            followed.start((3, 100, False), None)
            followed.start((3, 101, False), (3, 100, False))
            followed.end((3, 101, False))
            followed.end((3, 3, False))

        def work(followed: Lineage = followed) -> None:
            for n in range(8):
                followed.start((1, n, False), None)
                followed.start((trace_id, n, False), None)  # itself again, or its twin
                followed.start((1, 50 + n, False), (1, n, False))
                followed.end((1, 50 + n, False))

        if not at_instruction(number, another_thread, work):
            break
        assert len(followed.live) <= 6
        assert len(followed.twins) <= 6
        assert len(followed.ended) <= 4
    assert number > 1_000


@pytest.mark.parametrize("policy", ["last", "first", "all"])
def test_a_root_that_lives_for_ever_keeps_few_outputs(policy):
    aggregator = Aggregator(policy, max_chars=1_000)
    root = Gathered()
    for n in range(10_000):
        aggregator.add_to(root, RunOutput("ten chars!", (1, n), n))

    assert sum(len(output.value) for output in root.outputs) <= 1_000


def test_what_is_known_of_a_forgotten_span_goes_with_it(monkeypatch):
    monkeypatch.setattr(lineage, "MAX_LIVE", 10)
    app = pipeline()
    spans = []
    for n in range(50):
        root = app.tracer.start_span(f"root {n}", trace.set_span_in_context(trace.INVALID_SPAN))
        llm = app.tracer.start_span("llm", trace.set_span_in_context(root), attributes={"gen_ai.completion": "x"})
        llm.end()
        spans.append(root)  # never ended

    assert len(app.processor._decider.aggregator.gathered) <= 10


def test_a_deep_tree_is_walked_once():
    steps = 0

    class Counted(dict):
        def get(self, *args):
            nonlocal steps
            steps += 1
            return super().get(*args)

    followed = Lineage(lambda _spans: None)
    followed.live = Counted()
    depth = 2_000
    for n in range(depth):
        followed.start((1, n, False), (1, n - 1, False) if n else None)
    for n in reversed(range(depth)):
        assert followed.root_of((1, n)) == (1, 0)

    assert steps < 10 * depth


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
