"""What the reliability tests share: processors that hang or collect, and code that must not hang."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.trace import Span

from braintrust_run_output import RunOutputConfig, RunOutputSpanProcessor
from support import RUN_OUTPUT, Pipeline

PATIENCE = 20
"""Seconds after which something is taken to hang."""
FOR_EVER = 3_600_000
"""A ``hold_millis`` that does not end within a test."""
HOLD_THREAD = "braintrust-run-output-hold"


class Sink(SpanProcessor):
    """Keeps every span that ends, also after its shutdown, and the calls of its other methods."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.spans: list[ReadableSpan] = []
        self.calls: list[str] = []

    def on_end(self, span: ReadableSpan) -> None:
        with self._changed:
            self.spans.append(span)
            self.calls.append(span.name)
            self._changed.notify_all()

    def shutdown(self) -> None:
        self.calls.append("shutdown")

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        self.calls.append("force_flush")
        return True

    @property
    def names(self) -> list[str]:
        return [span.name for span in self.spans]

    @property
    def run_outputs(self) -> dict[str, object]:
        return {span.name: (span.attributes or {}).get(RUN_OUTPUT) for span in self.spans}

    def wait_for(self, name: str) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: name in self.names, PATIENCE), self.names


class Gate(Sink):
    """Hangs in one of its methods for spans of one name, until it is opened."""

    def __init__(self, method: str = "on_end", name: str = "stuck") -> None:
        super().__init__()
        self.entered = threading.Event()
        self.opened = threading.Event()
        self._method, self._name = method, name

    def _pass(self, method: str, span: ReadableSpan) -> None:
        if (method, span.name) == (self._method, self._name):
            self.entered.set()
            assert self.opened.wait(PATIENCE)

    def on_start(self, span, parent_context=None):
        self._pass("on_start", span)

    def _on_ending(self, span):
        self._pass("_on_ending", span)

    def on_end(self, span):
        self._pass("on_end", span)
        super().on_end(span)


def around(wrapped: SpanProcessor, *others: SpanProcessor, **config) -> Pipeline:
    """Build a pipeline with our processor around one, and others beside it."""
    provider = TracerProvider(shutdown_on_exit=False)
    processor = RunOutputSpanProcessor(wrapped, config=RunOutputConfig(**config))
    for one in (processor, *others):
        provider.add_span_processor(one)
    return Pipeline(provider, processor, exporter=None)


def start(app: Pipeline, name: str, parent: Span | None = None, **attributes: object) -> Span:
    """Start a span without making it current."""
    return app.tracer.start_span(name, trace.set_span_in_context(parent or trace.INVALID_SPAN), attributes=attributes)


def answered(app: Pipeline, name: str, parent: Span | None = None, text: str = "Paris.") -> Span:
    """Start a span that has a completion."""
    return start(app, name, parent, **{"gen_ai.completion": text})


def one_trace(app: Pipeline, name: str = "root", text: str = "Paris.") -> None:
    """A local root with a completion below it."""
    root = start(app, name)
    answered(app, f"{name}'s llm", root, text).end()
    root.end()


@contextmanager
def running(function: Callable[[], object]) -> Iterator[threading.Thread]:
    """Run a function on another thread, which must come to its end by the end of the block."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            function()
        except BaseException as error:  # noqa: BLE001
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    yield thread
    thread.join(PATIENCE)
    assert not thread.is_alive(), "it hangs"
    if failed:
        raise failed[0]


def does_not_hang(function: Callable[[], object]) -> None:
    """Run a function on another thread and wait for its end."""
    with running(function):
        pass


def hold_threads() -> list[threading.Thread]:
    """The timer threads that are left; one that has nothing to do any more gets the time to end."""
    for thread in threading.enumerate():
        if thread.name == HOLD_THREAD:
            thread.join(PATIENCE)
    return [thread for thread in threading.enumerate() if thread.name == HOLD_THREAD]
