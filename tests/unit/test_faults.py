"""Nothing that fails here reaches the application, and the log says it once, without a payload."""

from __future__ import annotations

import logging

import pytest
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from braintrust_run_output import RunOutputConfig, RunOutputSpanProcessor, outcome

SECRET = "the payload"


class Failing(SpanProcessor):
    """Raises wherever it is asked to."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def _fail(self, *_: object, **__: object) -> bool:
        raise self.error

    on_start = on_end = _on_ending = shutdown = force_flush = _fail


@pytest.fixture
def error():
    return ValueError(SECRET)


def test_a_wrapped_processor_that_raises(error, caplog):
    provider = TracerProvider(shutdown_on_exit=False)
    exporter = InMemorySpanExporter()
    processor = RunOutputSpanProcessor(Failing(error), config=RunOutputConfig())
    provider.add_span_processor(processor)
    provider.add_span_processor(SimpleSpanProcessor(exporter))

    for _ in range(3):
        with pytest.raises(KeyError, match="mine"), provider.get_tracer("app").start_as_current_span("span"):
            raise KeyError("mine")
    assert processor.force_flush() is False
    provider.shutdown()

    assert len(exporter.get_finished_spans()) == 3
    warnings = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    (said,) = warnings  # one for all hooks: it fails in one place
    assert f"of the wrapped processor failed with ValueError ({SECRET})" in said  # what it says is what to do


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_an_exception_that_means_to_stop_passes(stop):
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(RunOutputSpanProcessor(Failing(stop()), config=RunOutputConfig()))

    with pytest.raises(stop):
        provider.get_tracer("app").start_span("span")


def test_a_convention_that_raises(build, monkeypatch, caplog, error):
    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr(outcome, "read_completion", broken)
    app = build()
    with app.tracer.start_as_current_span("root"), app.tracer.start_as_current_span("llm") as span:
        span.set_attribute("gen_ai.completion", SECRET)

    assert set(app.spans) == {"root", "llm"}
    assert app.run_outputs == {}
    assert "Reading a completion" in caplog.text
    assert SECRET not in caplog.text
    assert app.live == 0


def test_what_follows_spans_and_raises(build, monkeypatch):
    app = build()
    monkeypatch.setattr(app.processor, "_traces", object())
    with app.tracer.start_as_current_span("llm") as span:
        span.set_attribute("gen_ai.completion", "Paris.")

    assert set(app.spans) == {"llm"}


def test_force_flush_and_shutdown_of_a_processor_that_returns_nothing(build):
    class Silent(SpanProcessor):
        def force_flush(self, timeout_millis=30000):
            return None

    assert RunOutputSpanProcessor(Silent(), config=RunOutputConfig()).force_flush() is True
    assert RunOutputSpanProcessor(config=RunOutputConfig()).force_flush() is True
