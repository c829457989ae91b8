"""A trace that lives for weeks keeps nothing of what is done, and what comes late still finds its way."""

from __future__ import annotations

import gc
import os
import sys
import tracemalloc

import pytest
from opentelemetry import trace
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from braintrust_run_output import RunOutputLogRecordProcessor
from reliability.parts import FOR_EVER, Sink, answered, around, start
from support import RUN_OUTPUT, Pipeline, pipeline

MIB = 1024 * 1024


class Dropping(Sink):
    """Forgets every span: what is left is what we keep."""

    def on_end(self, span):
        pass


def request(app: Pipeline, session: trace.Span, text: str) -> None:
    """A request within a session: a local root whose remote parent lives here, a tool, an answer, and a late one."""
    trace_id, span_id = session.get_span_context()[:2]
    parent = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    root = app.tracer.start_span("request", trace.set_span_in_context(NonRecordingSpan(parent)))
    agent = start(app, "agent", root)
    start(app, "tool", agent, **{"gen_ai.operation.name": "execute_tool"}).end()
    late = answered(app, "late", agent, text)
    agent.end()
    answered(app, "llm", agent, text).end()
    root.end()
    late.end()


@pytest.mark.parametrize("hold", ["never", "open"])
def test_what_is_done_is_gone(hold):
    app = around(Dropping(), hold=hold, hold_millis=FOR_EVER)
    session = start(app, "session")

    def work(number: int) -> int:
        """Return how many blocks of memory there are after so many requests more."""
        for _ in range(number):
            request(app, session, "The answer is the same each time.")
        gc.collect()
        return sys.getallocatedblocks()

    before = work(5_000)  # what is kept for late children is full by now
    after = work(3_000)

    assert after - before < 3_000 * 3
    assert app.live < 5_000
    session.end()
    app.processor.force_flush()
    assert app.live == 0


@pytest.mark.parametrize("policy", ["last", "first", "all"])
def test_large_answers_of_one_root_are_bounded(policy):
    app = around(Dropping(), root=policy)
    root = start(app, "root")
    tracemalloc.start()
    try:
        for n in range(500):
            answered(app, "llm", root, f"{n} " + "x" * 100_000).end()
        gc.collect()
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert kept < 8 * MIB


def test_spans_that_never_end_in_one_trace_are_forgotten_and_the_rest_goes_on():
    app = pipeline()
    session = start(app, "session")
    for n in range(110_000):
        start(app, f"never {n}", session)
    answered(app, "llm", None, "Rome.").end()

    assert app.live <= 100_001
    assert app.run_output("llm") == "Rome."


def test_a_late_child_of_an_ended_parent_reaches_the_live_root(build):
    app = build()
    root = start(app, "root")
    parent = start(app, "parent", root)
    child = start(app, "child", parent)
    for span in (child, parent):
        span.end()
    answered(app, "late", child, "Paris.").end()
    root.end()

    assert app.run_outputs == {"late": "Paris.", "root": "Paris."}
    assert app.live == 0


def test_a_late_child_is_told_apart_by_the_side_span_above_it(build):
    """The tool has ended before the model that it called: its answer is a side completion still."""
    app = build()
    root = start(app, "root")
    answered(app, "llm", root, "The answer.").end()
    tool = start(app, "tool", root, **{"openinference.span.kind": "TOOL"})
    within = start(app, "within", tool)
    within.end()
    tool.end()
    answered(app, "late", within, "What the tool's model said.").end()
    root.end()

    assert app.run_output("root") == "The answer."


def test_a_side_span_that_ends_after_what_it_called_counts_as_well(build):
    app = build()
    root = start(app, "root")
    answered(app, "llm", root, "The answer.").end()
    tool = start(app, "tool", root, **{"openinference.span.kind": "TOOL"})
    answered(app, "inner", tool, "What the tool's model said.").end()
    tool.end()
    root.end()

    assert app.run_output("root") == "The answer."


class Logged:
    """A pipeline, and what emits log records into it."""

    def __init__(self, arrangement: str) -> None:
        self.app = pipeline(arrangement)
        logs = LoggerProvider(shutdown_on_exit=False)
        logs.add_log_record_processor(RunOutputLogRecordProcessor(self.app.processor))
        self._logger = logs.get_logger("app")

    def emit(self, span: trace.Span, text: str) -> None:
        from opentelemetry._logs import LogRecord

        fields = {
            "event_name": "gen_ai.choice",
            "body": {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}},
        }
        try:
            record = LogRecord(context=trace.set_span_in_context(span), **fields)
        except TypeError:  # SDKs before 1.35
            pytest.skip("this SDK's log records are made otherwise: tests/unit/test_log_records.py has them")
        self._logger.emit(record)


def test_a_record_that_names_an_ended_span_counts_for_its_live_root(arrangement):
    logged = Logged(arrangement)
    app = logged.app
    root = start(app, "root")
    llm = start(app, "llm", root)
    llm.end()
    logged.emit(llm, "Paris.")
    root.end()

    assert app.run_outputs == {"root": "Paris."}
    assert app.live == 0


def test_a_record_that_names_a_span_whose_root_has_ended_is_dropped(arrangement):
    logged = Logged(arrangement)
    app = logged.app
    root = start(app, "root")
    llm = start(app, "llm", root)
    llm.end()
    root.end()
    before = {name: dict(span.attributes) for name, span in app.spans.items()}
    logged.emit(llm, "Paris.")
    logged.emit(root, "Paris.")

    assert {name: dict(span.attributes) for name, span in app.spans.items()} == before
    assert app.live == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # a fork beside threads
def test_a_fork_in_the_middle_of_a_trace_starts_clean_and_leaves_the_parents_as_it_was(build):
    app = build(hold="always", hold_millis=FOR_EVER)
    session = start(app, "session")
    open_llm = answered(app, "open llm", session, "Of the parent.")
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            right = app.live == 0
            root = start(app, "child's root")
            answered(app, "child's llm", root, "Of the child.").end()
            root.end()
            app.processor.force_flush()
            right = right and app.run_output("child's root") == "Of the child." and app.live == 0
            code = 0 if right else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    open_llm.end()
    session.end()
    app.processor.force_flush()

    assert app.run_outputs == {"open llm": "Of the parent.", "session": "Of the parent."}
    assert RUN_OUTPUT in app.attributes("session")
    assert app.live == 0
