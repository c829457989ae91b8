"""Memory is bounded by live spans, and by a cap for spans that never end."""

from __future__ import annotations

import os
import sys

import pytest
from opentelemetry import trace

from braintrust_run_output import Completion, RunOutputConfig, traces
from braintrust_run_output.kept import MAX_CHARS
from braintrust_run_output.outcome import Outcome
from braintrust_run_output.run import Rule, Run
from braintrust_run_output.traces import Traces
from support import RUN_OUTPUT, pipeline


def test_no_state_is_left_after_a_deep_trace(build):
    app = build()
    spans = [app.tracer.start_span("root")]
    for n in range(1_000):
        spans.append(app.tracer.start_span(f"span {n}", trace.set_span_in_context(spans[-1])))
    while spans:
        spans.pop().end()

    assert app.live == 0


def followed(monkeypatch, *, live: int = traces.MAX_LIVE, ended: int = traces.MAX_ENDED) -> Traces:
    monkeypatch.setattr(traces, "MAX_LIVE", live)
    monkeypatch.setattr(traces, "MAX_ENDED", ended)
    return Traces(RunOutputConfig())


def ids(span_id: int, parent_id: int | None = None, *, trace_id: int = 1, is_remote: bool = False):
    return (trace_id, span_id, False), None if parent_id is None else (trace_id, parent_id, is_remote)


def ended(known: Traces, trace_id: int, span_id: int, *, says: bool = False):
    text = Completion("c", "Paris.") if says else None
    return known.end((trace_id, span_id), Outcome((trace_id, span_id), end=span_id, completion=text))


def test_spans_that_never_end_are_forgotten_oldest_first(monkeypatch):
    known = followed(monkeypatch, live=100)
    for n in range(1, 1_001):
        known.start(*ids(n, trace_id=n % 7))

    assert known.remembered <= 100
    assert not known.lives((1, 1))
    assert known.lives((1_000 % 7, 1_000))


def test_what_was_said_beside_a_span_is_forgotten_with_it(monkeypatch):
    known = followed(monkeypatch, live=100)
    for n in range(1, 1_001):
        known.start(*ids(n))
        known.record(Outcome((1, n), completion=Completion("c", f"answer {n}")), continues=None)

    assert len(known._traces[1].records) <= 100


@pytest.mark.parametrize("in_traces", [1, 10_000], ids=["in one trace", "in many"])
def test_a_tenth_of_those_that_never_end_is_forgotten_at_once_so_that_it_is_seldom_looked_for(monkeypatch, in_traces):
    known = followed(monkeypatch, live=1_000)
    for n in range(1, 1_002):
        known.start(*ids(n, trace_id=n % in_traces))

    assert 850 < known.remembered <= 900


def test_a_root_that_lives_for_ever_remembers_few_of_its_ended_children(monkeypatch):
    known = followed(monkeypatch)
    known.start(*ids(1))
    for n in range(2, 50_000):
        known.start(*ids(n, 1))
        assert known.pass_by((1, n))

    assert known.remembered <= traces.MAX_ENDED + 1
    assert known.pass_by((1, 1))
    assert known.remembered == 0


@pytest.mark.parametrize("says", [True, False], ids=["that say something", "that say nothing"])
def test_a_trace_that_lives_for_weeks_keeps_nothing_of_the_steps_that_are_done(monkeypatch, says):
    """Each step continues remotely from the ended one before."""
    known = followed(monkeypatch)
    known.start(*ids(1))
    for n in range(2, 20_000):
        known.start(*ids(n, n - 1, is_remote=True))
        if says:
            ended(known, 1, n, says=True)
        else:
            assert known.pass_by((1, n))

    assert known.remembered <= traces.MAX_ENDED + 1
    assert len(known._traces[1].above(n)) <= traces.MAX_STEPS + 2
    assert ended(known, 1, 1).is_root
    assert known.remembered == 0


def test_ids_that_two_traces_share_are_kept_apart(monkeypatch):
    known = followed(monkeypatch)
    for trace_id in (1, 2):
        known.start(*ids(1, trace_id=trace_id))
        known.start(*ids(2, 1, trace_id=trace_id))
    ended(known, 1, 2, says=True)

    assert not ended(known, 2, 2).is_root
    assert ended(known, 2, 1).run is None
    assert ended(known, 1, 1).run.has_answer
    assert known.remembered == 0


def test_what_is_known_of_a_forgotten_span_goes_with_it(monkeypatch):
    monkeypatch.setattr(traces, "MAX_LIVE", 10)
    app = pipeline()
    spans = []
    for n in range(50):
        root = app.tracer.start_span(f"root {n}", trace.set_span_in_context(trace.INVALID_SPAN))
        llm = app.tracer.start_span("llm", trace.set_span_in_context(root), attributes={"gen_ai.completion": "x"})
        llm.end()
        spans.append(root)  # never ended

    assert app.live <= 20  # roots, and a child of each that has ended


@pytest.mark.parametrize("policy", ["last", "first"])
def test_a_root_that_lives_for_ever_keeps_few_outputs(policy):
    run = Run(RunOutputConfig(root=policy))
    texts = []
    for n in range(2_000):
        texts.append(f"{n}".ljust(50_000))
        run.hear(Outcome((1, n), start=n, end=n, completion=Completion("c", texts[-1])))
    held = sum(sys.getrefcount(text) > 3 for text in texts)

    assert held * 50_000 <= MAX_CHARS
    assert run.choose(Outcome((1, 0))).said[0].what.text is (texts[-1] if policy == "last" else texts[0])


def test_a_witness_still_finds_what_is_kept_no_more():
    run = Run(RunOutputConfig())
    for n in range(1_000):
        run.hear(Outcome((1, n), start=n, end=n, completion=Completion("c", f"answer number {n}, and more")))
    choice = run.choose(Outcome((1, 0), generic=Completion("output.value", "answer number 77, and more")))

    assert choice.rule is Rule.WITNESS
    assert choice.said[0].what.text == "answer number 77, and more"


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
