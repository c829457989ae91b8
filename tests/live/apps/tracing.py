"""What every app does: trace each of its modes under a root span, and print what the spans ended up with as JSON."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Callable, Mapping, Sequence

from opentelemetry import trace
from opentelemetry._logs import set_logger_provider
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from braintrust_run_output import RunOutputLogRecordProcessor, RunOutputSpanProcessor

RUN_OUTPUT = "braintrust.metadata.run_output"
ANSWER = "It is sunny in Paris."
_exporter = InMemorySpanExporter()


def wrapping() -> RunOutputSpanProcessor:
    """Our processor around one that keeps the spans."""
    return RunOutputSpanProcessor(SimpleSpanProcessor(_exporter))


def provider() -> TracerProvider:
    """Set up tracing and logging as an application would, and return the tracer provider."""
    tracing = TracerProvider(shutdown_on_exit=False)
    ours = RunOutputSpanProcessor()
    tracing.add_span_processor(ours)
    tracing.add_span_processor(SimpleSpanProcessor(_exporter))
    trace.set_tracer_provider(tracing)
    logging = LoggerProvider(shutdown_on_exit=False)
    logging.add_log_record_processor(RunOutputLogRecordProcessor(ours))
    set_logger_provider(logging)
    return tracing


def run(modes: Mapping[str, Callable[[], object]]) -> None:
    """Run each mode under a root span and print the outcomes."""
    loop = asyncio.new_event_loop()  # one for all: clients keep connections, which belong to a loop
    asyncio.set_event_loop(loop)
    outcomes = {}
    for name, mode in modes.items():
        _exporter.clear()
        if inspect.iscoroutinefunction(mode):
            loop.run_until_complete(_run_async(mode))
        else:
            with trace.get_tracer("app").start_as_current_span("root"):
                mode()
        outcomes[name] = _outcome(_exporter.get_finished_spans())
    print(json.dumps(outcomes))


async def _run_async(mode: Callable[[], object]) -> None:
    with trace.get_tracer("app").start_as_current_span("root"):
        await mode()


def _outcome(spans: Sequence[ReadableSpan]) -> dict[str, object]:
    attributes = {span.name: dict(span.attributes or {}) for span in spans}
    return {
        "root": attributes["root"].get(RUN_OUTPUT),
        "others": [found[RUN_OUTPUT] for name, found in attributes.items() if name != "root" and RUN_OUTPUT in found],
        "content": sorted(key for found in attributes.values() for key, value in found.items()
                          if key != RUN_OUTPUT and ANSWER in str(value)),
    }  # fmt: skip
