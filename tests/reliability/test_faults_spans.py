"""Spans that end oddly or never, code that interrupts ours, and a log that fails."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from time import time_ns

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider

import braintrust_run_output
from braintrust_run_output import RunOutputConfig, RunOutputSpanProcessor, holding
from braintrust_run_output.completion import Completion
from braintrust_run_output.holding import HeldRoots
from braintrust_run_output.outcome import Outcome
from reliability.parts import (
    FOR_EVER,
    PATIENCE,
    Sink,
    answered,
    around,
    does_not_hang,
    hold_threads,
    one_trace,
    running,
    start,
)
from support import is_short

PACKAGE = str(Path(braintrust_run_output.__file__).parent)


# --- ends ------------------------------------------------------------------------------------------------------


def test_spans_that_never_end_keep_nobody_elses_root_back():
    sink = Sink()
    app = around(sink, hold="open", hold_millis=FOR_EVER)
    never = [answered(app, f"never {n}", start(app, f"root {n}")) for n in range(5)]
    one_trace(app)

    assert sink.names == ["root's llm", "root"]
    assert len(never) == 5
    app.processor.shutdown()
    assert app.live == 0


def test_a_span_that_the_processor_did_not_see_start_is_handed_on():
    provider = TracerProvider(shutdown_on_exit=False)
    early = provider.get_tracer("app").start_span("early", attributes={"gen_ai.completion": "Paris."})
    sink = Sink()
    processor = RunOutputSpanProcessor(sink, config=RunOutputConfig(hold="always", hold_millis=FOR_EVER))
    provider.add_span_processor(processor)
    early.end()

    assert sink.run_outputs == {"early": "Paris."}
    assert processor._traces.remembered == 0


def test_an_end_that_is_told_twice_harms_nobody():
    sink = Sink()
    app = around(sink, hold="open", hold_millis=FOR_EVER)
    root = start(app, "root")
    llm = answered(app, "llm", root)
    llm.end()
    app.processor.on_end(llm)
    root.end()
    app.processor.on_end(root)

    assert sink.names == ["llm", "llm", "root", "root"]  # as often as it was told
    assert app.live == 0


def test_spans_that_end_on_other_threads_than_they_started_on():
    sink = Sink()
    app = around(sink, hold="open", hold_millis=FOR_EVER)
    root = start(app, "root")
    spans = [answered(app, f"llm {n}", root, f"answer {n}") for n in range(20)]
    root.end()
    threads = [threading.Thread(target=span.end) for span in spans]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sink.names[-1] == "root"
    assert len(sink.names) == 21
    assert sink.run_outputs["root"] in sink.run_outputs.values()
    assert str(sink.run_outputs["root"]).startswith("answer ")
    assert app.live == 0


def test_descendants_that_end_after_shutdown_are_handed_on():
    sink = Sink()
    app = around(sink, hold="open", hold_millis=FOR_EVER)
    root = start(app, "root")
    llm = answered(app, "llm", root)
    root.end()
    app.provider.shutdown()
    assert sink.calls == ["root", "shutdown"]
    llm.end()

    assert sink.names == ["root", "llm"]
    app.processor.shutdown()
    app.processor.force_flush()
    assert app.live == 0


@pytest.mark.parametrize("hold", ["never", "open"])
def test_a_stream_that_outlives_its_parent_under_load_reaches_its_root(hold):
    """The parent of a streamed model call ends first, and thousands of other spans end before the stream does."""
    sink = Sink()
    app = around(sink, hold=hold, hold_millis=FOR_EVER)
    request = start(app, "request")
    handler = start(app, "handler", request)
    stream = answered(app, "stream", handler)
    handler.end()
    for n in range(3_000):
        one_trace(app, f"other {n}")
    stream.end()
    request.end()

    assert sink.run_outputs["request"] == "Paris."


# --- interrupted -------------------------------------------------------------------------------------------------


@contextmanager
def at_lines_of_ours(visit: Callable[[], object], *, files: tuple[str, ...] = ("",), lock=None) -> Iterator[None]:
    """Call ``visit`` before every line of this package that the current thread runs in the block.

    Args:
        visit: What is called.
        files: What the names of files begin with; default any.
        lock: A lock: while the thread holds it, it is not called.
    """
    names = tuple(PACKAGE + os.sep + name for name in files)

    def trace(frame, event, _arg):
        if not frame.f_code.co_filename.startswith(names):
            return None
        if event == "line" and (lock is None or not lock._is_owned()):
            visit()
        return trace

    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(None)


class Once:
    """Calls a function the ``number``th time that it is called itself."""

    def __init__(self, number: int, function: Callable[[], object]) -> None:
        self._left = number
        self._function = function

    @property
    def was_called(self) -> bool:
        return self._left <= 0

    def __call__(self) -> None:
        self._left -= 1
        if self._left == 0:
            self._function()


@pytest.mark.parametrize("hold", ["never", "open"])
def test_a_signal_handler_or_a_finalizer_may_trace_at_any_line_of_ours(build, hold):
    """Both run on whichever thread is there, also while it holds one of our locks."""
    app = build(hold=hold, hold_millis=FOR_EVER)
    interruptions = 0

    def interrupt() -> None:
        nonlocal interruptions
        interruptions += 1
        one_trace(app, f"handler {interruptions}", f"answer {interruptions}")

    def work() -> None:
        with at_lines_of_ours(interrupt):
            one_trace(app, "root")

    does_not_hang(work)
    assert interruptions > 50
    assert app.run_output("root") == "Paris."
    assert [app.run_output(f"handler {n + 1}") for n in range(interruptions)] == [
        f"answer {n + 1}" for n in range(interruptions)
    ]
    assert app.live == 0


OF_A_SPANS_WAY = ("processor.py", "traces.py", "holding.py")


def test_a_root_and_its_child_may_end_at_the_same_moment(build):
    """A thread that ends the child stops at any line of ours, one that ends the root goes on to any of its lines.

    The root has had an answer before: it must not be forgotten with one that is late.
    """

    def both_end(first: int, second: int) -> tuple[bool, bool, object]:
        """Whether there are so many lines, and what the root gets."""
        app = build(hold="never")
        root = start(app, "root")
        answered(app, "llm", root).end()
        child = answered(app, "child", root, "Rome.")
        stopped, go_on = threading.Event(), threading.Event()
        lock = app.processor._traces._lock  # a thread that holds it lets no other one in

        def stop() -> None:
            stopped.set()
            assert go_on.wait(PATIENCE)

        def end_the_root() -> None:
            try:
                with at_lines_of_ours(in_root, files=OF_A_SPANS_WAY, lock=lock):
                    root.end()
            finally:
                stopped.set()

        def run_the_other() -> None:
            other.start()
            assert stopped.wait(PATIENCE)

        in_child, in_root = Once(first, run_the_other), Once(second, stop)
        other = threading.Thread(target=end_the_root)
        with at_lines_of_ours(in_child, files=OF_A_SPANS_WAY, lock=lock):
            child.end()
        go_on.set()
        if not in_child.was_called:
            return False, False, None
        other.join(PATIENCE)
        return True, in_root.was_called, app.run_output("root")

    for first in count(1, 3 if is_short() else 1):
        for second in count(1):
            in_child, in_root, run_output = both_end(first, second)
            if in_child:
                assert run_output in ("Paris.", "Rome."), (first, second)
            if not in_child or not in_root:
                break
        if not in_child:
            break
    assert first > 20
    assert second == 1


@pytest.mark.parametrize("attributes", [{}, {"output.value": "generic"}], ids=["passed over", "noted"])
def test_a_log_record_may_arrive_at_any_moment_of_its_spans_end(build, attributes):
    """It is the span's, or its root's. Nothing of it stays behind, and it is not lost."""
    completion = Completion("gen_ai.choice", "Paris.")
    for number in count(1):
        app = build(hold="never")
        root = start(app, "root")
        span = start(app, "span", root, **attributes)
        key = span.get_span_context()[:2]
        record = Once(
            number,
            partial(app.processor.add_recorded, Outcome(key, end=time_ns(), completion=completion), continues=None),
        )
        with at_lines_of_ours(record):
            span.end()
        root.end()
        if not record.was_called:
            break
        assert app.run_output("root") == "Paris."
        assert app.live == 0
    assert number > 10


@pytest.mark.parametrize("attributes", [{}, {"output.value": "generic"}], ids=["passed over", "noted"])
@pytest.mark.parametrize("hold", ["never", "open"])
def test_a_child_may_start_at_any_moment_of_its_parents_end(build, hold, attributes):
    for number in count(1):
        app = build(hold=hold, hold_millis=FOR_EVER)
        root = start(app, "root")
        parent = start(app, "parent", root, **attributes)
        start_child = Once(number, lambda: answered(app, "llm", parent).end())  # noqa: B023 (called in this round)
        with at_lines_of_ours(start_child):
            parent.end()
        root.end()
        if not start_child.was_called:
            break
        assert app.run_output("root") == "Paris."
        assert app.live == 0
    assert number > 10


def test_a_signal_handler_may_shut_down_while_roots_are_held_and_released():
    sink = Sink()
    app = around(sink, hold="open", hold_millis=FOR_EVER)
    handlers = 0

    def flush() -> None:
        nonlocal handlers
        handlers += 1
        app.processor.force_flush()
        if handlers == 200:
            app.processor.shutdown()

    def work() -> None:
        with at_lines_of_ours(flush):
            for n in range(5):
                root = start(app, f"root {n}")
                llm = answered(app, f"llm {n}", root)
                root.end()
                llm.end()

    does_not_hang(work)
    assert handlers > 200
    assert sorted(sink.names) == sorted(f"{kind} {n}" for kind in ("root", "llm") for n in range(5))


# --- the log and the timer ---------------------------------------------------------------------------------------


def test_a_log_handler_that_raises_does_not_reach_the_application(build):
    class Raising(logging.Handler):
        def emit(self, record):
            raise ValueError("of the handler")

    def transform(value, span):
        raise KeyError(value)

    logger = logging.getLogger("braintrust_run_output")
    handler = Raising()
    logger.addHandler(handler)
    try:
        app = build(transform=transform)
        one_trace(app)
    finally:
        logger.removeHandler(handler)

    assert set(app.spans) == {"root", "root's llm"}
    assert app.live == 0


def test_a_root_goes_out_at_once_when_no_thread_can_be_started(monkeypatch):
    """So it is when the interpreter is ending, from Python 3.12 on."""

    class NoThread(threading.Thread):
        def start(self):
            raise RuntimeError("can't create new thread at interpreter shutdown")

    sink = Sink()
    app = around(sink, hold="open", hold_millis=FOR_EVER)
    root = start(app, "root")
    answered(app, "llm", root).end()
    other = start(app, "other", root)
    monkeypatch.setattr(holding.threading, "Thread", NoThread)
    root.end()
    monkeypatch.undo()
    other.end()

    assert sink.names == ["llm", "root", "other"]
    assert sink.run_outputs["root"] == "Paris."
    assert app.live == 0


@pytest.mark.parametrize("millis", [10**15, 10**18, 10**400])
def test_the_longest_hold_there_is(millis):
    released = []
    held = HeldRoots(lambda _key, item: released.append(item), millis=millis)
    held.hold((1, 1), "root")
    (timer,) = [thread for thread in threading.enumerate() if thread.name == "braintrust-run-output-hold"]
    timer.join(0.05)  # one that cannot wait so long fails at once
    assert timer.is_alive()
    held.close()

    assert released == ["root"]
    assert hold_threads() == []


def test_the_timer_of_a_processor_that_is_forgotten_ends():
    sink = Sink()
    app = around(sink, hold="always", hold_millis=1)
    start(app, "root").end()
    sink.wait_for("root")

    assert hold_threads() == []


def test_two_wrapping_processors_hold_for_themselves():
    sinks = Sink(), Sink()
    provider = TracerProvider(shutdown_on_exit=False)
    processors = [
        RunOutputSpanProcessor(sink, config=RunOutputConfig(hold="always", hold_millis=FOR_EVER)) for sink in sinks
    ]
    for processor in processors:
        provider.add_span_processor(processor)
    provider.get_tracer("app").start_span("root").end()
    processors[0].force_flush()
    assert [sink.names for sink in sinks] == [["root"], []]

    provider.shutdown()
    assert [sink.names for sink in sinks] == [["root"], ["root"]]


def test_one_thread_that_hangs_in_a_release_does_not_stop_a_second_flush():
    entered, opened = threading.Event(), threading.Event()

    class Slow(Sink):
        def on_end(self, span: ReadableSpan) -> None:
            if span.name == "stuck":
                entered.set()
                assert opened.wait(20)
            super().on_end(span)

    slow = Slow()
    app = around(slow, hold="always", hold_millis=FOR_EVER)
    start(app, "stuck").end()
    start(app, "root").end()
    with running(app.processor.force_flush):
        assert entered.wait(20)
        does_not_hang(lambda: app.processor.force_flush(1))
        assert slow.names == ["root"]
        opened.set()
    assert sorted(slow.names) == ["root", "stuck"]
