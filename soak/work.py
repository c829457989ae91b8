"""Runs traces: on threads, in asyncio, in subprocesses, and in forks made while the threads run."""

from __future__ import annotations

import asyncio
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from itertools import cycle
from typing import TYPE_CHECKING, Any

from opentelemetry import trace as api

from .pipelines import FAULT, RUN_OUTPUT, SIZE, TRACE, WANTED, Pipeline, Tally
from .plan import MINE, NONE, Trace, traces

if TYPE_CHECKING:
    from opentelemetry.trace import Span

THREADS = 6
TASKS = 50
PATIENCE = 240
"""Seconds after which a child process is taken to hang."""

Report = Callable[[], "dict[str, Any]"]
"""Waits for a child process and returns what it reports."""
Step = Iterator[None]
"""A trace under way: between its steps others have their turn."""


class Runner:
    """Runs the traces of one worker, through each pipeline in turn.

    Args:
        pipelines: The pipelines.
        leave: Has something done later, by somebody else: another thread, another task.
    """

    def __init__(self, pipelines: list[Pipeline], leave: Callable[[Callable[[], None]], None]) -> None:
        self._pipelines = cycle(pipelines)
        self._leave = leave
        self.started = 0

    def steps(self, trace: Trace) -> Step:
        """Run one trace, step by step; its late part is left to others."""
        pipeline = next(self._pipelines)
        kind = "plain" if trace.kind in pipeline.unfit else trace.kind
        pipeline.tally.count(f"trace: {kind}")
        yield from getattr(_Kinds(self, pipeline), kind.replace(" ", "_"))(trace)

    def leave(self, work: Callable[[], None]) -> None:
        """Have something done later."""
        self._leave(work)


class _Kinds:
    """Each kind of trace, through one pipeline."""

    def __init__(self, runner: Runner, pipeline: Pipeline) -> None:
        self._runner = runner
        self._pipeline = pipeline

    # --- spans -----------------------------------------------------------------------------------------------

    def _start(self, name: str, parent: Span | None = None, **attributes: Any) -> Span:
        self._runner.started += 1
        within = api.set_span_in_context(api.INVALID_SPAN if parent is None else parent)
        return self._pipeline.tracer.start_span(name, within, attributes=attributes)

    def _root(
        self, trace: Trace, wanted: object, parent: Span | None = None, *, explicit: str = "", fault: str = ""
    ) -> Span:
        known = {WANTED: str(wanted), TRACE: trace.id, SIZE: trace.size, FAULT: fault}
        return self._start("root", parent, **known, **({RUN_OUTPUT: explicit} if explicit else {}))

    def _call(self, trace: Trace, parent: Span, number: int = 0, *, fault: str = "") -> Span:
        return self._start("call", parent, **{"gen_ai.completion": trace.answer(number), FAULT: fault})

    def _end(self, *spans: Span) -> None:
        for span in spans:
            self._pipeline.tally.ended(span)
            span.end()

    # --- kinds -----------------------------------------------------------------------------------------------

    def plain(self, trace: Trace) -> Step:
        root = self._root(trace, 0)
        step = self._start("step", root)
        call = self._call(trace, step)
        yield
        self._end(call)
        yield
        self._end(step, root)

    def two_answers(self, trace: Trace) -> Step:
        root = self._root(trace, 1)
        self._end(self._call(trace, root, 0), self._start("query", root))
        yield
        self._end(self._call(trace, root, 1), root)

    def no_answer(self, trace: Trace) -> Step:
        root = self._root(trace, NONE)
        yield
        self._end(self._start("query", root), root)

    def explicit(self, trace: Trace) -> Step:
        root = self._root(trace, MINE, explicit=MINE)
        yield
        self._end(self._call(trace, root), root)

    def log_record(self, trace: Trace) -> Step:
        root = self._root(trace, 0)
        call = self._start("call", root)
        self._pipeline.log(call, trace.answer())
        yield
        self._end(call, root)

    def several_roots(self, trace: Trace) -> Step:
        """Two local roots in one trace, as of two requests of one caller: each has its own subtree's answer."""
        caller = self._start("caller")
        above = caller.get_span_context()
        far = api.SpanContext(above.trace_id, above.span_id ^ 1, is_remote=True, trace_flags=above.trace_flags)
        roots = [self._root(trace, number, api.NonRecordingSpan(far)) for number in (0, 1)]
        yield
        for number, root in enumerate(roots):
            self._end(self._call(trace, root, number))
        yield
        self._end(*roots, caller)

    def ended_parent(self, trace: Trace) -> Step:
        """Have a stream outlive the span around it."""
        root = self._root(trace, 0)
        step = self._start("step", root)
        call = self._call(trace, step)
        self._end(step)
        yield
        self._end(self._start("query", root), call, root)

    def late(self, trace: Trace) -> Step:
        """End a model call after its root."""
        root = self._root(trace, NONE if self._pipeline.hold == "never" else 0)
        call = self._call(trace, root)
        self._end(root)
        yield
        self._runner.leave(lambda: self._end(call))

    def after_the_root(self, trace: Trace) -> Step:
        """Start a model call after its root's end: its own local root, unless the root is held."""
        root = self._root(trace, 0 if self._pipeline.hold == "always" else NONE)
        self._end(root)
        yield
        self._runner.leave(lambda: self._end(self._call(trace, root)))

    def root_never_ends(self, trace: Trace) -> Step:
        self._end(self._call(trace, self._root(trace, 0)))
        yield
        self._pipeline.tally.count("spans never ended")

    def child_never_ends(self, trace: Trace) -> Step:
        root = self._root(trace, 0)
        self._start("call", root)
        yield
        self._end(self._call(trace, root), root)
        self._pipeline.tally.count("spans never ended")

    def failing_transform(self, trace: Trace) -> Step:
        root = self._root(trace, NONE)
        yield
        self._end(self._call(trace, root, fault=trace.kind), root)

    def failing_exporter(self, trace: Trace) -> Step:
        root = self._root(trace, 0, fault=trace.kind)
        yield
        self._end(self._call(trace, root, fault=trace.kind), root)

    failing_processor = failing_exporter


# --- in this process ---------------------------------------------------------------------------------------------


class Here:
    """Threads and an asyncio loop in this process, and one more thread that does what is left for later."""

    def __init__(self, pipelines: list[Pipeline], seed: int, worker: str) -> None:
        self.pipelines = pipelines
        self.spans = 0
        self._left: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._plans = [traces(seed, f"{worker}/thread {n}") for n in range(THREADS)]
        self._asyncio_plan = traces(seed, f"{worker}/asyncio")
        self._failed: list[BaseException] = []

    def round(self, spans: int, beside: Callable[[], None] = lambda: None) -> None:
        """Start about so many spans, and something beside it on the calling thread; all that can end has ended then."""
        share = spans // (THREADS + 2)
        ender = threading.Thread(target=self._do_what_is_left)
        workers = [threading.Thread(target=self._on_a_thread, args=(plan, share)) for plan in self._plans]
        workers.append(threading.Thread(target=lambda: asyncio.run(self._in_asyncio(2 * share))))
        for thread in (ender, *workers):
            thread.start()
        beside()
        for thread in workers:
            thread.join()
        self._left.put(None)
        ender.join()
        for pipeline in self.pipelines:
            pipeline.provider.force_flush()
        if self._failed:
            raise self._failed[0]

    def _on_a_thread(self, plan: Iterator[Trace], spans: int) -> None:
        runner = Runner(self.pipelines, self._left.put)
        try:
            while runner.started < spans:
                for _ in runner.steps(next(plan)):
                    pass
        except BaseException as error:  # noqa: BLE001 (an exception of ours has reached the application)
            self._failed.append(error)
        self.spans += runner.started

    async def _in_asyncio(self, spans: int) -> None:
        runner = Runner(self.pipelines, self._left.put)

        async def task() -> None:
            while runner.started < spans:
                for _ in runner.steps(next(self._asyncio_plan)):
                    await asyncio.sleep(0)

        try:
            await asyncio.gather(*(task() for _ in range(TASKS)))
        except BaseException as error:  # noqa: BLE001
            self._failed.append(error)
        self.spans += runner.started

    def _do_what_is_left(self) -> None:
        while (work := self._left.get()) is not None:
            work()


# --- other processes ---------------------------------------------------------------------------------------------


def outcome(tally: Tally, spans: int, **more: object) -> dict[str, Any]:
    """Return what a process reports of its part."""
    return {"spans": spans, "counts": dict(tally.counts), "ids": tally.ids, "wrong": tally.wrong, **more}


def fork(pipelines: list[Pipeline], tally: Tally, seed: int, worker: str, spans: int) -> Report:
    """Fork a child that runs traces through the pipelines it inherits; return what waits for its report."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            signal.alarm(PATIENCE)
            os.close(reading)
            remembered = sum(pipeline.live for pipeline in pipelines)
            tally.start_anew()
            runner = Runner(pipelines, lambda work: work())
            plan = traces(seed, worker)
            while runner.started < spans:
                for _ in runner.steps(next(plan)):
                    pass
            for pipeline in pipelines:
                pipeline.provider.force_flush()
            report = outcome(tally, runner.started, inherited=remembered)
            with os.fdopen(writing, "w") as stream:
                json.dump(report, stream)
            os._exit(0)
        finally:
            os._exit(1)
    os.close(writing)

    def wait() -> dict[str, Any]:
        with os.fdopen(reading) as stream:
            text = stream.read()
        if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]):
            raise RuntimeError(f"the forked child {worker} failed")
        return dict(json.loads(text))

    return wait


def subprocess_worker(seed: int, worker: str, spans: int) -> Report:
    """Start a worker process of its own; return what waits for its report."""
    command = [sys.executable, "-m", "soak", "--worker", worker, "--spans", str(spans), "--seed", str(seed)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603

    def wait() -> dict[str, Any]:
        out, _ = process.communicate(timeout=PATIENCE)
        if process.returncode:
            raise RuntimeError(f"the subprocess {worker} failed")
        return dict(json.loads(out))

    return wait
