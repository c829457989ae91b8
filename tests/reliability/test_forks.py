"""Forks, at any moment: the child starts clean and works, the parent goes on as if nothing had happened."""

from __future__ import annotations

import ast
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import braintrust_run_output
from braintrust_run_output import _faults
from reliability.parts import FOR_EVER, Sink, answered, around, one_trace, running, start

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # a fork beside threads
]
PACKAGE = Path(braintrust_run_output.__file__).parent


def in_a_child(work: Callable[[], bool]) -> None:
    """Fork, run something in the child, and expect it to be true. A child that hangs is killed."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            signal.alarm(20)
            code = 0 if work() else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def everything_works(app, sink) -> bool:
    """Whether a pipeline mirrors, holds, releases in time, flushes and reports failures."""
    known = len(sink.spans)
    one_trace(app, "child")
    held = start(app, "held")
    late = answered(app, "late", held)
    held.end()
    late.end()
    start(app, "due").end()  # the timer's
    sink.wait_for("due")
    _faults.warn_once("a kind of failure", "it is %s", "reported")
    app.processor.force_flush()
    outputs = {name: value for name, value in sink.run_outputs.items() if name in [*sink.names[known:]]}
    return outputs == {"child": "Paris.", "child's llm": "Paris.", "held": "Paris.", "late": "Paris.", "due": None}


def locked_lines() -> set[tuple[str, int]]:
    """The lines of this package that run while one of its locks is held."""
    lines = set()
    for file in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.With) and any(
                "lock" in ast.unparse(i) or "changed" in ast.unparse(i) for i in node.items
            ):
                lines |= {(str(file), one.lineno) for one in node.body}
    return lines


def test_a_fork_while_another_thread_holds_any_of_our_locks():
    """At each line in turn, a thread is stopped with the lock in its hand, and the process forks."""
    lines, stopped_at = locked_lines(), []

    def stop_once_at(where):
        def work(stopped: threading.Event, go_on: threading.Event, app) -> None:
            def trace(frame, event, _arg):
                here = (frame.f_code.co_filename, frame.f_lineno)
                if event == "line" and here == where and not stopped.is_set():
                    stopped.set()
                    assert go_on.wait(30)
                return trace if frame.f_code.co_filename.startswith(str(PACKAGE)) else None

            sys.settrace(trace)
            try:
                for n in range(2):
                    root = start(app, f"root {n}")
                    llm = answered(app, f"llm {n}", root)
                    root.end()
                    llm.end()
                    start(app, f"childless {n}").end()
                    app.processor.force_flush()
                _faults.warn_once("a failure of the parent's", "it is %s", "reported")
            finally:
                sys.settrace(None)
                stopped.set()

        return work

    for where in sorted(lines):
        sink = Sink()
        app = around(sink, hold="always", hold_millis=100)
        stopped, go_on = threading.Event(), threading.Event()
        work = stop_once_at(where)
        with running(lambda: work(stopped, go_on, app)) as thread:  # noqa: B023
            assert stopped.wait(20)
            if thread.is_alive():
                stopped_at.append(where)
                in_a_child(lambda: everything_works(app, sink))  # noqa: B023
            go_on.set()
        app.processor.force_flush()
        assert sorted(sink.names) == ["childless 0", "childless 1", "llm 0", "llm 1", "root 0", "root 1"]
        app.processor.shutdown()
    assert len(stopped_at) > 5


def test_a_child_has_its_own_timer():
    sink = Sink()
    app = around(sink, hold="always", hold_millis=100)
    start(app, "before").end()
    in_a_child(lambda: everything_works(app, sink))
    sink.wait_for("before")

    assert sink.names == ["before"]


def test_a_child_that_ends_its_parents_spans_exports_them_once_each_in_both():
    sink = Sink()
    app = around(sink, hold="open", hold_millis=FOR_EVER)
    root = start(app, "root")
    llm = answered(app, "llm", root)

    def end_both() -> bool:
        root.end()
        llm.end()
        return sink.run_outputs == {"root": None, "llm": "Paris."} and app.live == 0

    in_a_child(end_both)
    root.end()
    llm.end()
    assert sink.run_outputs == {"llm": "Paris.", "root": "Paris."}


def test_children_of_children():
    sink = Sink()
    app = around(sink, hold="always", hold_millis=FOR_EVER)
    start(app, "held").end()

    def fork_again() -> bool:
        start(app, "the child's").end()
        in_a_child(lambda: app.live == 0 and app.processor.force_flush() and sink.names == [])
        app.processor.force_flush()
        return sink.names == ["the child's"]

    in_a_child(fork_again)
    app.processor.force_flush()
    assert sink.names == ["held"]


def test_many_children_at_once():
    sink = Sink()
    app = around(sink, hold="always", hold_millis=FOR_EVER)
    start(app, "held").end()
    pids = []
    for _ in range(10):
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                signal.alarm(20)
                one_trace(app)
                code = 0 if sink.run_outputs == {"root's llm": "Paris.", "root": "Paris."} else 2
            finally:
                os._exit(code)
        pids.append(pid)
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids] == [0] * 10
    app.processor.shutdown()
    assert sink.names == ["held"]


def test_a_worker_of_multiprocessing():
    sink = Sink()
    app = around(sink, hold="always", hold_millis=FOR_EVER)
    start(app, "held").end()
    context = multiprocessing.get_context("fork")
    results = context.SimpleQueue()

    def work() -> None:
        one_trace(app)
        results.put((sink.run_outputs, app.live))

    worker = context.Process(target=work)
    worker.start()
    worker.join(20)
    assert worker.exitcode == 0
    assert results.get() == ({"root's llm": "Paris.", "root": "Paris."}, 0)
    app.processor.shutdown()
