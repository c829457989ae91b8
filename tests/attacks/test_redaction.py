"""A redacting processor's work stays done: each way that docs/security.md names, for one model span and a thousand."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from braintrust_run_output import RunOutputConfig, RunOutputSpanProcessor, install
from reliability.parts import FOR_EVER
from support import RUN_OUTPUT

SECRET = "4111 1111 1111 1111"
ANSWER = f"Your card is {SECRET}."


class Redactor(SpanProcessor):
    """Redacts in ``on_end`` by giving the span another attribute store, as AWS's distribution does it.

    Around another processor, or beside others.
    """

    def __init__(self, inner: SpanProcessor | None = None, *, keys: tuple[str, ...] = ()) -> None:
        self.inner = inner
        self.keys = keys
        """What it looks at; none: everything."""

    def on_start(self, span, parent_context=None):
        if self.inner is not None:
            self.inner.on_start(span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        kept = {
            name: value.replace(SECRET, "****") if isinstance(value, str) and self._looks_at(name) else value
            for name, value in (span.attributes or {}).items()
        }
        span._attributes = BoundedAttributes(attributes=kept, immutable=True)
        if self.inner is not None:
            self.inner.on_end(span)

    def _looks_at(self, name: str) -> bool:
        return not self.keys or name in self.keys

    def shutdown(self):
        if self.inner is not None:
            self.inner.shutdown()

    def force_flush(self, timeout_millis=30000):
        return self.inner is None or self.inner.force_flush(timeout_millis)


SOURCES = ("gen_ai.completion", "output.value", "input.value")
OURS = (RUN_OUTPUT, "braintrust.input_json")


def _ours(*wrapped: SpanProcessor) -> RunOutputSpanProcessor:
    return RunOutputSpanProcessor(
        *wrapped, config=RunOutputConfig(hold="open", hold_millis=FOR_EVER, mirror_input=True)
    )


def _around(provider: TracerProvider, *processors: SpanProcessor) -> None:
    for one in processors:
        provider.add_span_processor(one)
    config = RunOutputConfig(hold="open", hold_millis=FOR_EVER, mirror_input=True)
    install(provider, around=True, config=config)


SAFE: dict[str, Callable[[TracerProvider, SpanProcessor], object]] = {
    "in place, first": lambda provider, batch: [
        provider.add_span_processor(one) for one in (_ours(), Redactor(), batch)
    ],
    "in place, last": lambda provider, batch: [
        provider.add_span_processor(one) for one in (Redactor(), batch, _ours())
    ],
    "in place, it knows our key": lambda provider, batch: [
        provider.add_span_processor(one) for one in (_ours(), Redactor(keys=(*SOURCES, *OURS)), batch)
    ],
    "wrapping, it is inside": lambda provider, batch: provider.add_span_processor(_ours(Redactor(batch))),
    "wrapping, it is around": lambda provider, batch: provider.add_span_processor(Redactor(_ours(batch))),
    "wrapping, it is registered before": lambda provider, batch: [
        provider.add_span_processor(one) for one in (Redactor(), _ours(batch))
    ],
    "around others": lambda provider, batch: _around(provider, Redactor(), batch),
    "around others, it knows our key": lambda provider, batch: _around(
        provider, Redactor(keys=(*SOURCES, *OURS)), batch
    ),
}
LEAKING: dict[str, Callable[[TracerProvider, SpanProcessor], object]] = {
    "in place, it does not know our key": lambda provider, batch: [
        provider.add_span_processor(one) for one in (_ours(), Redactor(keys=SOURCES), batch)
    ],
    "wrapping, it is registered after": lambda provider, batch: [
        provider.add_span_processor(one) for one in (_ours(batch), Redactor())
    ],
}
"""What the page warns of: redacting after an exporter has the span was never possible."""


def exported(arrange: Callable[[TracerProvider, SpanProcessor], object], number: int) -> list[ReadableSpan]:
    """Trace so many model calls below one root, which a late one outlives, and export when all has ended."""
    exporter = InMemorySpanExporter()
    batch = BatchSpanProcessor(exporter, schedule_delay_millis=FOR_EVER, max_queue_size=10_000)
    provider = TracerProvider(shutdown_on_exit=False)
    arrange(provider, batch)
    tracer = provider.get_tracer("app")
    with tracer.start_as_current_span("root", attributes={"output.value": f'{{"answer": "{ANSWER}"}}'}):
        late = tracer.start_span("late", attributes={"gen_ai.completion": ANSWER})
        for _ in range(number):
            with tracer.start_as_current_span("llm", attributes={"input.value": SECRET}) as span:
                span.set_attribute("gen_ai.completion", ANSWER)
    late.end()
    provider.force_flush()
    provider.shutdown()
    return list(exporter.get_finished_spans())


def holding_the_secret(spans: list[ReadableSpan]) -> list[tuple[str, str]]:
    return [(span.name, name) for span in spans for name, value in span.attributes.items() if SECRET in str(value)]


@pytest.mark.parametrize("number", [1, 1_000])
@pytest.mark.parametrize("way", SAFE)
def test_nothing_that_was_redacted_is_exported(way, number):
    spans = exported(SAFE[way], number)

    assert len(spans) == number + 2
    assert holding_the_secret(spans) == []
    (root,) = [span for span in spans if span.name == "root"]
    assert root.attributes[RUN_OUTPUT] == "Your card is ****."
    assert {span.attributes[RUN_OUTPUT] for span in spans} == {"Your card is ****."}


@pytest.mark.parametrize("way", LEAKING)
def test_what_the_page_warns_of_is_so(way):
    """So the test above can fail."""
    assert holding_the_secret(exported(LEAKING[way], 3))


@pytest.mark.parametrize("number", [1, 1_000])
@pytest.mark.parametrize("policy", ["last", "all"])
@pytest.mark.parametrize("form", ["in place", "wrapping"])
def test_transform_redacts_every_value_that_is_written_and_is_asked_once_for_each(form, policy, number):
    asked = []

    def transform(value, span):
        asked.append(value)
        return value.replace(SECRET, "****")

    exporter = InMemorySpanExporter()
    batch = BatchSpanProcessor(exporter, schedule_delay_millis=FOR_EVER, max_queue_size=10_000)
    config = RunOutputConfig(transform=transform, root=policy, hold="never", max_length=100_000_000)
    provider = TracerProvider(shutdown_on_exit=False)
    if form == "wrapping":
        provider.add_span_processor(RunOutputSpanProcessor(batch, config=config))
    else:
        provider.add_span_processor(RunOutputSpanProcessor(config=config))
        provider.add_span_processor(batch)
    tracer = provider.get_tracer("app")
    with tracer.start_as_current_span("root"):
        for _ in range(number):
            with tracer.start_as_current_span("llm") as span:
                span.set_attribute("gen_ai.completion", ANSWER)
    provider.force_flush()
    provider.shutdown()

    spans = exporter.get_finished_spans()
    values = [span.attributes[RUN_OUTPUT] for span in spans]
    assert len(values) == number + 1
    assert [value for value in values if SECRET in value] == []
    assert len(asked) == number
