"""What every app does: trace each of its modes under a root span, and print what the spans ended up with as JSON."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Callable, Mapping, Sequence

from opentelemetry import trace
from opentelemetry._logs import set_logger_provider
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from braintrust_run_output import RunOutputLogRecordProcessor, RunOutputSpanProcessor

RUN_OUTPUT = "braintrust.metadata.run_output"
INPUT = "braintrust.input_json"
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


def run(modes: Mapping[str, Callable[[], object]], alone: Sequence[str] = ()) -> None:
    """Run each mode under a root span, and some of them alone as well, and print the outcomes."""
    loop = asyncio.new_event_loop()  # one for all: clients keep connections, which belong to a loop
    asyncio.set_event_loop(loop)
    outcomes = {}
    for name, mode in modes.items():
        with trace.get_tracer("app").start_as_current_span("root") as root:
            _run(mode, loop)
        outcomes[name] = _outcome(root.get_span_context().span_id)
    for name in alone:
        _run(modes[name], loop)
        (first,) = (span for span in _exporter.get_finished_spans() if span.parent is None)
        outcomes[f"{name}-alone"] = _outcome(first.context.span_id)
    print(json.dumps(outcomes))


def _run(mode: Callable[[], object], loop: asyncio.AbstractEventLoop) -> None:
    if inspect.iscoroutinefunction(mode):
        loop.run_until_complete(mode())
    else:
        mode()


def _outcome(root_id: int) -> dict[str, object]:
    spans = {span.context.span_id: dict(span.attributes or {}) for span in _exporter.get_finished_spans()}
    _exporter.clear()
    root = spans.pop(root_id)
    return {
        "root": root.get(RUN_OUTPUT),
        "input": root.get(INPUT),
        "others": [attributes[RUN_OUTPUT] for attributes in spans.values() if RUN_OUTPUT in attributes],
        "content": sorted(key for attributes in (root, *spans.values()) for key, value in attributes.items()
                          if key != RUN_OUTPUT and ANSWER in str(value)),
    }  # fmt: skip
