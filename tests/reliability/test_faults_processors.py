"""Wrapped processors and exporters that hang, raise or return nonsense."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter, SpanExportResult

from braintrust_run_output import RunOutputConfig, RunOutputSpanProcessor
from reliability.parts import FOR_EVER, Gate, Sink, answered, around, does_not_hang, one_trace, running, start

needs_on_ending = pytest.mark.skipif(not hasattr(SpanProcessor, "_on_ending"), reason="this SDK has no _on_ending")


# --- hanging -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["on_start", "on_end", pytest.param("_on_ending", marks=needs_on_ending)])
def test_a_wrapped_processor_that_hangs_stops_the_thread_that_called_it_and_no_other(method):
    gate = Gate(method)
    app = around(gate)
    with running(lambda: one_trace(app, "stuck")):
        assert gate.entered.wait(20)
        does_not_hang(lambda: [one_trace(app, f"root {n}", f"answer {n}") for n in range(20)])
        assert "stuck" not in gate.names
        gate.opened.set()

    assert {name: value for name, value in gate.run_outputs.items() if "llm" not in name} == {
        **{f"root {n}": f"answer {n}" for n in range(20)},
        "stuck": "Paris.",
    }
    assert app.live == 0


def test_a_transform_that_hangs_stops_its_span_and_no_other(build):
    entered, opened = threading.Event(), threading.Event()

    def transform(value, span):
        if value == "stuck":
            entered.set()
            assert opened.wait(20)
        return value.upper()

    app = build(transform=transform)
    with running(lambda: one_trace(app, "stuck", "stuck")):
        assert entered.wait(20)
        does_not_hang(lambda: [one_trace(app, f"root {n}", f"answer {n}") for n in range(20)])
        does_not_hang(app.processor.force_flush)
        opened.set()

    assert app.run_output("stuck") == "STUCK"
    assert [app.run_output(f"root {n}") for n in range(20)] == [f"ANSWER {n}" for n in range(20)]
    assert app.live == 0


def test_a_wrapped_processor_that_hangs_on_a_held_root_does_not_stop_the_application():
    gate = Gate()
    app = around(gate, hold="always", hold_millis=1)
    start(app, "stuck").end()
    assert gate.entered.wait(20)  # on the timer's thread

    does_not_hang(lambda: [one_trace(app, f"root {n}", f"answer {n}") for n in range(20)])
    held = start(app, "held")
    llm = answered(app, "llm", held)
    held.end()
    does_not_hang(llm.end)
    assert gate.run_outputs["held"] == "Paris."  # its own thread releases it, not the timer

    gate.opened.set()
    gate.wait_for("stuck")
    app.processor.shutdown()


def test_force_flush_waits_for_a_held_root_that_is_on_its_way():
    gate = Gate()
    app = around(gate, hold="always", hold_millis=1)
    start(app, "stuck").end()
    assert gate.entered.wait(20)  # the timer's thread has taken it, and is slow

    opener = threading.Timer(0.2, gate.opened.set)
    opener.start()
    assert app.processor.force_flush() is True
    opener.join()
    assert gate.calls == ["stuck", "force_flush"]


def test_force_flush_waits_no_longer_than_it_may():
    gate = Gate()
    app = around(gate, hold="always", hold_millis=1)
    start(app, "stuck").end()
    assert gate.entered.wait(20)

    does_not_hang(lambda: app.processor.force_flush(1))
    assert gate.calls == ["force_flush"]
    gate.opened.set()
    gate.wait_for("stuck")


def test_an_exporter_that_hangs_behind_a_batch_stops_nobody():
    entered, opened, exported = threading.Event(), threading.Event(), []

    class Hanging(SpanExporter):
        def export(self, spans):
            entered.set()
            assert opened.wait(20)
            exported.extend(spans)
            return SpanExportResult.SUCCESS

    app = around(BatchSpanProcessor(Hanging(), schedule_delay_millis=1, max_export_batch_size=1))
    one_trace(app, "root")
    assert entered.wait(20)
    does_not_hang(lambda: [one_trace(app, f"root {n}") for n in range(20)])
    assert app.live == 0

    opened.set()
    app.provider.shutdown()
    assert len(exported) == 42


# --- raising and nonsense --------------------------------------------------------------------------------------


@pytest.mark.parametrize("batching", [SimpleSpanProcessor, BatchSpanProcessor])
@pytest.mark.parametrize("result", [ValueError, SystemError, None, "nonsense"])
def test_an_exporter_that_raises_or_returns_nonsense(batching, result):
    class Broken(SpanExporter):
        def export(self, spans):
            if isinstance(result, type):
                raise result("of the exporter")
            return result

    sink = Sink()
    app = around(batching(Broken()), sink)
    with pytest.raises(KeyError, match="mine"):  # noqa: PT012
        with app.tracer.start_as_current_span("root"):
            answered(app, "llm").end()
            raise KeyError("mine")
    app.provider.force_flush()
    app.provider.shutdown()

    assert sink.names == ["llm", "root"]
    assert app.live == 0


@pytest.mark.parametrize("nonsense", [None, 0, "no", object(), NotImplemented])
def test_what_a_wrapped_processor_returns_does_not_matter(nonsense):
    class Odd(Sink):
        def on_start(self, span, parent_context=None):
            return nonsense

        def on_end(self, span):
            super().on_end(span)
            return nonsense

        def _on_ending(self, span):
            return nonsense

        def force_flush(self, timeout_millis=30000):
            return nonsense

        def shutdown(self):
            return nonsense

    odd = Odd()
    app = around(odd)
    one_trace(app)
    assert app.processor.force_flush() is True
    assert app.processor.shutdown() is None
    assert odd.run_outputs["root"] == "Paris."


def test_a_wrapped_object_that_is_no_processor_is_refused():
    with pytest.raises(TypeError, match="on_start and on_end"):
        RunOutputSpanProcessor(object())


def test_a_wrapped_processor_that_raises_while_roots_are_held_gets_each_once():
    class Raising(Sink):
        def on_end(self, span):
            super().on_end(span)
            raise ValueError("of the wrapped processor")

    raising = Raising()
    app = around(raising, hold="always", hold_millis=FOR_EVER)
    for n in range(5):
        start(app, f"root {n}").end()
    assert app.processor.force_flush() is True
    app.processor.shutdown()

    assert raising.names == [f"root {n}" for n in range(5)]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("hold", ["never", "always"])
def test_an_exception_that_means_to_stop_costs_no_span(stop, hold):
    def transform(value, span):
        raise stop

    sink = Sink()
    app = around(sink, hold=hold, hold_millis=FOR_EVER, transform=transform)
    root = start(app, "root")
    late = answered(app, "llm", root)
    if hold == "always":
        root.end()
        with pytest.raises(stop):
            late.end()
        app.processor.force_flush()
    else:
        with pytest.raises(stop):
            late.end()
        root.end()

    assert sorted(sink.names) == ["llm", "root"]


# --- Braintrust's own processor ----------------------------------------------------------------------------------


@pytest.mark.parametrize("hold", ["open", "always", "never"])
def test_braintrust_without_a_key_and_a_held_root(hold, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # no .env.braintrust here
    from braintrust.otel import BraintrustSpanProcessor

    sink = Sink()
    app = around(BraintrustSpanProcessor(), sink, hold=hold, hold_millis=FOR_EVER)
    with pytest.raises(LookupError, match="mine"):  # noqa: PT012
        with app.tracer.start_as_current_span("root") as root:
            late = answered(app, "llm", root)
            raise LookupError("mine")
    late.end()
    assert app.processor.force_flush() is False
    app.processor.shutdown()

    assert sink.names == ["root", "llm"]
    assert app.live == 0


# --- at once -----------------------------------------------------------------------------------------------------


def test_force_flush_from_several_threads_while_roots_are_held():
    sink = Sink()
    app = around(sink, hold="always", hold_millis=FOR_EVER)
    together = threading.Barrier(6)

    def hold(thread: int) -> None:
        together.wait()
        for n in range(200):
            start(app, f"{thread}/{n}").end()

    def flush(_: int) -> None:
        together.wait()
        for _ in range(100):
            assert app.processor.force_flush() is True

    with ThreadPoolExecutor(6) as pool:
        jobs = [pool.submit(work, n) for n, work in enumerate([hold, hold, hold, flush, flush, flush])]
        for job in jobs:
            job.result()
    app.processor.force_flush()

    assert sorted(sink.names) == sorted(f"{thread}/{n}" for thread in range(3) for n in range(200))
    assert app.live == 0


def test_shutdown_from_several_threads_while_roots_are_held():
    sink = Sink()
    app = around(sink, hold="always", hold_millis=FOR_EVER)
    together = threading.Barrier(4)

    def work(thread: int) -> None:
        together.wait()
        for n in range(200):
            start(app, f"{thread}/{n}").end()
            if n == 100:
                app.processor.shutdown()

    with ThreadPoolExecutor(4) as pool:
        for job in [pool.submit(work, n) for n in range(4)]:
            job.result()
    app.processor.shutdown()

    assert sorted(sink.names) == sorted(f"{thread}/{n}" for thread in range(4) for n in range(200))


def test_a_wrapped_processor_may_use_the_provider_itself():
    provider = TracerProvider(shutdown_on_exit=False)

    class Tracing(Sink):
        def on_end(self, span):
            super().on_end(span)
            if span.name != "its own":
                provider.get_tracer("wrapped").start_span("its own").end()
                processor.force_flush()

    tracing = Tracing()
    processor = RunOutputSpanProcessor(tracing, config=RunOutputConfig(hold="always", hold_millis=FOR_EVER))
    provider.add_span_processor(processor)
    does_not_hang(provider.get_tracer("app").start_span("root").end)
    does_not_hang(processor.force_flush)

    assert tracing.names == ["root", "its own"]
