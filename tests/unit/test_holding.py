"""Late completions: roots are held back, and every one is exported exactly once, when it is complete or due."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from time import time_ns

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor

from braintrust_run_output import read_completion
from braintrust_run_output.holding import HeldRoots
from braintrust_run_output.outcome import Outcome
from support import RUN_OUTPUT, names, pipeline

FOR_EVER = 3_600_000
THREAD = "braintrust-run-output-hold"


class Exported(SpanProcessor):
    """Notes what arrives, and lets a test wait for it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.spans = []

    def on_end(self, span):
        with self._changed:
            self.spans.append(span)
            self._changed.notify_all()

    def wait_for(self, count: int) -> list[str]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.spans) >= count, 20)
            return names(self.spans)


CALL = '[{"role": "assistant", "parts": [{"type": "tool_call", "id": "1", "name": "get_weather", "arguments": {}}]}]'


def holding(hold="open", hold_millis=FOR_EVER, **config):
    return pipeline("wrapping", hold=hold, hold_millis=hold_millis, **config)


def start(app, name, parent=None, **attributes):
    context = trace.set_span_in_context(parent or trace.INVALID_SPAN)
    return app.tracer.start_span(name, context, attributes=attributes)


def as_remote(span):
    context = span.get_span_context()
    return trace.NonRecordingSpan(trace.SpanContext(context.trace_id, context.span_id, True, context.trace_flags))


def timers():
    return [thread for thread in threading.enumerate() if thread.name == THREAD]


@pytest.fixture(autouse=True)
def _no_timer_is_left():
    yield
    for timer in timers():
        timer.join(5)
    assert timers() == []


# --- open ----------------------------------------------------------------------------------------------------


def test_open_waits_for_the_descendants_that_run():
    app = holding()
    root = start(app, "root")
    llm = start(app, "llm", root, **{"gen_ai.completion": "Paris."})
    root.end()
    assert names(app.exporter.get_finished_spans()) == []

    llm.end()
    assert names(app.exporter.get_finished_spans()) == ["llm", "root"]
    assert app.run_output("root") == "Paris."
    assert app.live == 0


def test_open_waits_for_the_last_of_them():
    app = holding()
    root = start(app, "root")
    first, second = (start(app, f"llm {n}", root, **{"gen_ai.completion": str(n)}) for n in (1, 2))
    root.end()
    first.end()
    assert "root" not in app.spans

    second.end()
    assert app.run_output("root") == "2"


def test_open_does_not_wait_where_nothing_runs():
    app = holding()
    start(app, "root").end()

    assert names(app.exporter.get_finished_spans()) == ["root"]
    assert timers() == []


def test_a_root_is_released_without_an_output_when_none_came():
    app = holding()
    root = start(app, "root")
    child = start(app, "child", root)
    root.end()
    child.end()

    assert app.run_output("root") is None
    assert names(app.exporter.get_finished_spans()) == ["child", "root"]


def test_descendants_that_start_while_the_root_is_held_count():
    app = holding()
    root = start(app, "root")
    child = start(app, "child", root)
    root.end()
    llm = start(app, "llm", child, **{"gen_ai.completion": "Paris."})
    child.end()
    assert "root" not in app.spans

    llm.end()
    assert app.run_output("root") == "Paris."


def test_open_waits_for_what_runs_below_an_inner_root_that_was_released_early():
    """A service that calls itself: the inner root goes out with a flush, what runs below it does not end with that."""
    app = holding()
    outer = start(app, "outer root")
    inner = start(app, "inner root", as_remote(outer))
    llm = start(app, "llm", inner, **{"gen_ai.completion": "Paris."})
    inner.end()
    app.processor.force_flush()
    outer.end()
    assert names(app.exporter.get_finished_spans()) == ["inner root"]

    llm.end()
    assert names(app.exporter.get_finished_spans()) == ["inner root", "llm", "outer root"]
    assert app.run_output("outer root") == "Paris."


# --- always --------------------------------------------------------------------------------------------------


def test_always_waits_for_descendants_that_have_not_started():
    app = holding("always")
    root = start(app, "root")
    root.end()
    with trace.use_span(start(app, "task", root), end_on_exit=True) as task:
        start(app, "llm", task, **{"gen_ai.completion": "Paris."}).end()
        assert "root" not in app.spans  # the task may ask again

    assert names(app.exporter.get_finished_spans()) == ["llm", "task", "root"]
    assert app.run_output("root") == "Paris."


def test_always_goes_on_waiting_after_what_an_evaluator_said():
    app = holding("always")
    root = start(app, "root")
    judge = start(app, "judge", root, **{"openinference.span.kind": "EVALUATOR"})
    start(app, "score", judge, **{"gen_ai.completion": "7 of 10"}).end()
    judge.end()
    root.end()
    assert "root" not in app.spans

    start(app, "llm", root, **{"gen_ai.completion": "Paris."}).end()
    assert app.run_output("root") == "Paris."


def test_always_does_not_hold_a_root_that_has_a_completion():
    app = holding("always")
    root = start(app, "root")
    start(app, "llm", root, **{"gen_ai.completion": "Paris."}).end()
    root.end()

    assert app.run_output("root") == "Paris."


@pytest.mark.parametrize("own", [{RUN_OUTPUT: "mine"}, {"braintrust.output": "mine"}])
@pytest.mark.parametrize("hold", ["open", "always"])
def test_a_root_with_an_output_of_its_own_is_not_held(hold, own):
    app = holding(hold)
    root = start(app, "root", **own)
    child = start(app, "child", root)
    root.end()
    assert app.run_output("root") == "mine"
    child.end()
    assert app.live == 0


@pytest.mark.parametrize("config", [{"root": "own"}, {"root": "off"}, {"hold": "never"}, {"enabled": False}])
def test_nothing_is_held_where_nothing_would_be_mirrored(config):
    app = holding(**{"hold": "always", **config})
    root = start(app, "root")
    child = start(app, "child", root, **{"gen_ai.completion": "Paris."})
    root.end()
    assert "root" in app.spans
    child.end()


# --- in time -------------------------------------------------------------------------------------------------


def test_a_root_goes_out_when_its_time_is_up():
    app = holding(hold_millis=1)
    exported = Exported()
    app.processor._next = exported
    root = start(app, "root")
    child = start(app, "child", root, **{"gen_ai.completion": "too late"})
    root.end()
    assert exported.wait_for(1) == ["root"]

    child.end()
    assert exported.wait_for(2) == ["root", "child"]
    assert RUN_OUTPUT not in exported.spans[0].attributes
    assert app.live == 0


@pytest.mark.parametrize("flush", ["force_flush", "shutdown"])
def test_what_is_held_goes_out_on_flush_and_shutdown(flush):
    app = holding("always")
    for n in range(3):
        start(app, f"root {n}").end()
    assert app.spans == {}

    getattr(app.processor, flush)()
    assert set(app.spans) == {"root 0", "root 1", "root 2"}


def test_nothing_is_held_after_shutdown():
    app = holding("always")
    exported = Exported()
    app.processor._next = exported
    app.processor.shutdown()
    start(app, "root").end()

    assert names(exported.spans) == ["root"]


@pytest.mark.parametrize("is_late", [True, False], ids=["late", "on time"])
@pytest.mark.parametrize("beside", [True, False], ids=["log record", "span"])
def test_always_goes_on_waiting_after_a_call_of_a_tool(is_late, beside):
    """An agent's answer comes after its calls: callbacks of langsmith and litellm tell of both when the root has ended."""
    app = holding("always")
    root = start(app, "root")

    def tell(**attributes):
        llm = start(app, "llm", root, **({} if beside else attributes))
        if beside:
            completion = read_completion(attributes)
            key = (root.get_span_context().trace_id, root.get_span_context().span_id)
            app.processor.add_recorded(Outcome(key, end=time_ns(), completion=completion))
        llm.end()

    if is_late:
        root.end()
    tell(**{"gen_ai.output.messages": CALL})
    if not is_late:
        root.end()
    assert "root" not in app.spans

    tell(**{"gen_ai.completion": "It is sunny."})
    assert app.run_output("root") == "It is sunny."
    assert app.live == 0


def test_always_gives_a_root_the_call_of_a_tool_that_was_the_last():
    app = holding("always")
    root = start(app, "root")
    root.end()
    start(app, "llm", root, **{"gen_ai.output.messages": CALL}).end()
    app.processor.force_flush()

    assert "get_weather" in app.run_output("root")


def test_the_oldest_goes_first_when_too_many_are_held():
    released = []
    held = HeldRoots(lambda _key, item: released.append(item), millis=FOR_EVER, max_held=2)
    for n in range(5):
        held.hold((1, n), n)

    assert released == [0, 1, 2]
    assert len(held) == 2
    held.close()
    assert released == [0, 1, 2, 3, 4]


def test_one_timer_serves_all_and_ends_with_the_last():
    held = HeldRoots(lambda _key, _item: None, millis=FOR_EVER)
    for n in range(100):
        held.hold((1, n), n)
    assert len(timers()) == 1
    held.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # what is no Exception passes
def test_a_release_that_fails_does_not_stop_the_timer():
    released = threading.Semaphore(0)

    def release(_key: object, item: int) -> None:
        released.release()
        raise (SystemExit if item % 2 else ValueError)

    held = HeldRoots(release, millis=1)
    for n in range(4):
        held.hold((1, n), n)
    for _ in range(4):
        assert released.acquire(timeout=20)


def test_every_root_is_exported_exactly_once_whoever_releases_it():
    app = holding("always", hold_millis=1)
    exported = Exported()
    app.processor._next = exported
    together = threading.Barrier(4)

    def work(thread: int) -> None:
        together.wait()
        for n in range(100):
            root = start(app, f"root {thread}/{n}")
            child = start(app, f"llm {thread}/{n}", root, **{"gen_ai.completion": "x"})
            root.end()
            child.end()
            if n % 10 == 0:
                app.processor.force_flush()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    app.processor.force_flush()

    assert len(exported.wait_for(800)) == 800
    assert len({(span.context.span_id) for span in exported.spans}) == 800
    assert app.live == 0


# --- processes -----------------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_forked_child_leaves_what_is_held_to_its_parent():
    app = holding("always")
    start(app, "root").end()
    pid = os.fork()
    if pid == 0:
        app.processor.force_flush()
        inherited = app.spans
        start(app, "own").end()
        app.processor.force_flush()
        os._exit(0 if not inherited and set(app.spans) == {"own"} else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0

    app.processor.force_flush()
    assert set(app.spans) == {"root"}
