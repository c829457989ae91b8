"""What is no Exception is somebody's wish, to stop a thread, a greenlet or a process: it passes, and costs no span."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import Mapping
from types import SimpleNamespace

import pytest
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

from attacks.counting import PACKAGE
from braintrust_run_output import RunOutputConfig, RunOutputLogRecordProcessor, RunOutputSpanProcessor
from braintrust_run_output.zero_code.completion_hook import RunOutputCompletionHook
from reliability.parts import FOR_EVER, PATIENCE, Sink, answered, around, hold_threads, one_trace, start
from support import pipeline


class Stop(BaseException):
    """As gevent.Timeout, eventlet.Timeout and greenlet.GreenletExit are."""


STOPS = [Stop, KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError]
HOOKS = ["on_start", "on_end", "force_flush", "shutdown"]
if hasattr(SpanProcessor, "_on_ending"):
    HOOKS.append("_on_ending")


class Stopping(Sink):
    """Collects spans, and then raises in one of its methods."""

    def __init__(self, method: str, stop: BaseException) -> None:
        super().__init__()
        self.is_on = True

        def stopping(*arguments: object, **keywords: object) -> object:
            before = getattr(Sink, method)(self, *arguments, **keywords)
            if self.is_on:
                raise stop
            return before

        setattr(self, method, stopping)


@pytest.mark.parametrize("stop", STOPS)
@pytest.mark.parametrize("method", HOOKS)
def test_what_a_wrapped_processor_raises_passes(method, stop):
    stopping = Stopping(method, stop())
    app = around(stopping, hold="never")

    with pytest.raises(stop):  # noqa: PT012
        one_trace(app)
        app.processor.force_flush()
        app.processor.shutdown()

    stopping.is_on = False
    one_trace(app, "next")
    assert stopping.run_outputs["next"] == "Paris."


@pytest.mark.parametrize("stop", STOPS)
@pytest.mark.parametrize("method", ["on_end", "force_flush", "shutdown"])
@pytest.mark.parametrize("call", ["force_flush", "shutdown"])
def test_no_held_root_is_lost_when_a_flush_is_stopped(call, method, stop):
    stopping = Stopping(method, stop())
    app = around(stopping, hold="always", hold_millis=FOR_EVER)
    for n in range(3):
        start(app, f"root {n}").end()

    if method in ("on_end", call):
        with pytest.raises(stop):
            getattr(app.processor, call)()
    stopping.is_on = False
    app.processor.force_flush()
    app.processor.shutdown()

    assert sorted(stopping.names) == ["root 0", "root 1", "root 2"]


@pytest.mark.parametrize("stop", STOPS)
@pytest.mark.parametrize("hold", ["never", "open"])
def test_wrapping_a_span_is_handed_on_before_it_passes(hold, stop):
    def transform(value, span):
        raise stop

    sink = Sink()
    app = around(sink, hold=hold, hold_millis=FOR_EVER, transform=transform)
    root = start(app, "root")
    llm = answered(app, "llm", root)
    with pytest.raises(stop):
        llm.end()
    root.end()

    assert sorted(sink.names) == ["llm", "root"]


@pytest.mark.parametrize("stop", STOPS)
@pytest.mark.parametrize("arrangement", ["in place, first", "in place, last"])
def test_in_place_it_passes_and_the_next_span_is_written(arrangement, stop):
    """The SDK drops a span whose ``_on_ending`` raises: docs/reliability.md says so."""
    stops = [stop]

    def transform(value, span):
        if stops:
            raise stops.pop()
        return value

    app = pipeline(arrangement, transform=transform)
    with pytest.raises(stop):
        answered(app, "llm").end()
    one_trace(app, "next")

    assert app.run_outputs == {"next": "Paris.", "next's llm": "Paris."}


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="needs signals")
def test_a_signal_handler_may_raise_while_a_span_is_read(arrangement):
    """As a web server's worker timeout does it."""

    def transform(value, span):
        if span.name == "llm":
            signal.raise_signal(signal.SIGALRM)  # the handler runs before the next line
        return value

    def handler(_number, _frame):
        raise Stop

    app = pipeline(arrangement, transform=transform)
    before = signal.signal(signal.SIGALRM, handler)
    try:
        with pytest.raises(Stop):
            answered(app, "llm").end()
    finally:
        signal.signal(signal.SIGALRM, before)
    one_trace(app, "next")

    if arrangement == "wrapping":
        assert set(app.spans) == {"llm", "next", "next's llm"}
    assert app.run_output("next") == "Paris."


class _Interrupt:
    """Raises at the nth line of this package that runs on the current thread, once."""

    def __init__(self, number: int) -> None:
        self.left = number

    def __call__(self, frame, event, _arg):
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        if event == "line":
            self.left -= 1
            if self.left == 0:
                raise Stop
        return self


@pytest.mark.parametrize("hold", ["never", "open"])
def test_it_passes_from_any_line_and_the_next_trace_is_whole(build, hold):
    """Whatever line of ours it comes at, it is not swallowed, no span goes out twice, and no lock stays taken."""
    number, passed = 0, True
    while passed:
        number += 1
        app = build(hold=hold, hold_millis=FOR_EVER)
        root = start(app, "root")
        llm = answered(app, "llm", root)
        interrupt = _Interrupt(number)
        sys.settrace(interrupt)
        try:
            llm.end()
            root.end()
        except Stop:
            passed = True
        else:
            passed = False
        finally:
            sys.settrace(None)
        assert passed == (interrupt.left <= 0)

        one_trace(app, "next")
        app.processor.force_flush()
        names = [span.name for span in app.exporter.get_finished_spans()]
        assert len(names) == len(set(names))
        assert app.run_output("next") == "Paris.", number
    assert number > 50


class _Raising(Mapping):
    """The body of a record that raises when it is looked into."""

    def __init__(self, error: type[BaseException]) -> None:
        self._error = error

    def __getitem__(self, key):
        raise self._error

    def __iter__(self):
        raise self._error

    def __len__(self):
        return 1


@pytest.mark.parametrize("stop", STOPS)
def test_from_the_log_record_processor(stop):
    logs = RunOutputLogRecordProcessor(RunOutputSpanProcessor(config=RunOutputConfig()))
    record = SimpleNamespace(
        trace_id=1, span_id=1, event_name="gen_ai.choice", attributes={}, body=_Raising(stop), timestamp=1
    )

    with pytest.raises(stop):
        logs.on_emit(SimpleNamespace(log_record=record))


@pytest.mark.parametrize("stop", STOPS)
def test_from_the_completion_hook(stop):
    app = pipeline()
    with pytest.raises(stop):
        RunOutputCompletionHook().on_completion(inputs=(), outputs=[_Raising(stop)], span=start(app, "llm"))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("stop", [Stop, SystemExit])
def test_on_the_timers_thread_it_ends_that_thread_and_the_other_roots_go_out_in_time(stop):
    arrived = threading.Event()

    class Once(Sink):
        def on_end(self, span):
            super().on_end(span)
            if len(self.names) == 1:
                raise stop
            arrived.set()

    once = Once()
    app = around(once, hold="always", hold_millis=1)
    for n in range(2):
        start(app, f"root {n}").end()

    assert arrived.wait(PATIENCE)
    assert sorted(once.names) == ["root 0", "root 1"]
    app.processor.shutdown()
    assert hold_threads() == []


def test_an_exception_of_the_same_hooks_does_not_pass():
    """So the tests above can fail."""
    for method in HOOKS:
        app = around(Stopping(method, ValueError()), hold="never")
        one_trace(app)
        app.processor.force_flush()
        app.processor.shutdown()
        assert isinstance(app.provider, TracerProvider)
