"""What many tests need: a pipeline, its spans, and their run outputs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from hypothesis import settings
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import Tracer

from braintrust_run_output import RunOutputConfig, RunOutputSpanProcessor

RUN_OUTPUT = "braintrust.metadata.run_output"

_SHARES = {"short": 0.25, "ci": 1, "soak": 25}
"""Which part of its examples a property is tried with, by hypothesis's profile."""


def is_short() -> bool:
    """Whether these are the tests of ``make test``: CI tries more examples, and starts each process from nothing."""
    return settings.get_current_profile_name() == "short"


def examples(number: int, *, short: int | None = None, **more: object) -> settings:
    """Settings for a property: so many examples in CI, a quarter or ``short`` of them in that of ``make test``."""
    share = _SHARES.get(settings.get_current_profile_name(), 1)
    tried = short if short is not None and is_short() else max(5, round(number * share))
    return settings(max_examples=tried, deadline=None, **more)


@dataclass
class Pipeline:
    """A provider whose spans pass our processor on their way to an exporter in memory."""

    provider: TracerProvider
    processor: RunOutputSpanProcessor
    exporter: InMemorySpanExporter = field(repr=False)

    @cached_property
    def tracer(self) -> Tracer:
        """Asked for once: with SDK 1.40 each one that is asked for leaves meters behind for ever."""
        return self.provider.get_tracer("app")

    @property
    def spans(self) -> dict[str, ReadableSpan]:
        return {span.name: span for span in self.exporter.get_finished_spans()}

    def attributes(self, name: str) -> Mapping[str, object]:
        return self.spans[name].attributes or {}

    def run_output(self, name: str) -> object:
        return self.attributes(name).get(RUN_OUTPUT)

    @property
    def run_outputs(self) -> dict[str, object]:
        """Span names to run outputs, for the spans that have one."""
        return {name: span.attributes[RUN_OUTPUT] for name, span in self.spans.items() if RUN_OUTPUT in span.attributes}

    @property
    def live(self) -> int:
        return self.processor._traces.remembered


class CountedIds(IdGenerator):
    """The span ids of each trace are 1, 2, 3 ..., whatever other traces do meanwhile: as simple generators have it."""

    def __init__(self) -> None:
        self._last: dict[int, int] = {}
        self.trace_id = 0
        """The trace that the next span belongs to."""

    def generate_trace_id(self) -> int:
        self.trace_id = len(self._last) + 1
        return self.trace_id

    def generate_span_id(self) -> int:
        self._last[self.trace_id] = self._last.get(self.trace_id, 0) + 1
        return self._last[self.trace_id]


def _in_place_first(provider: TracerProvider, exporting: SpanProcessor, config: RunOutputConfig):
    processor = RunOutputSpanProcessor(config=config)
    provider.add_span_processor(processor)
    provider.add_span_processor(exporting)
    return processor


def _in_place_last(provider: TracerProvider, exporting: SpanProcessor, config: RunOutputConfig):
    provider.add_span_processor(exporting)
    processor = RunOutputSpanProcessor(config=config)
    provider.add_span_processor(processor)
    return processor


def _wrapping(provider: TracerProvider, exporting: SpanProcessor, config: RunOutputConfig):
    processor = RunOutputSpanProcessor(exporting, config=config)
    provider.add_span_processor(processor)
    return processor


ARRANGEMENTS: dict[str, Callable[..., RunOutputSpanProcessor]] = {
    "in place, first": _in_place_first,
    "in place, last": _in_place_last,
    "wrapping": _wrapping,
}


def pipeline(arrangement: str = "in place, first", *, provider: TracerProvider | None = None, **config) -> Pipeline:
    """Build a pipeline; ``config`` are fields of RunOutputConfig."""
    provider = provider or TracerProvider(shutdown_on_exit=False)
    exporter = InMemorySpanExporter()
    processor = ARRANGEMENTS[arrangement](provider, SimpleSpanProcessor(exporter), RunOutputConfig(**config))
    return Pipeline(provider, processor, exporter)


def parts(*texts: str, tool_calls: Sequence[tuple[str, dict]] = ()) -> str:
    """A ``gen_ai.output.messages`` value: one assistant message."""
    message = {
        "role": "assistant",
        "parts": [{"type": "text", "content": text} for text in texts]
        + [
            {"type": "tool_call", "id": f"call_{n}", "name": name, "arguments": arguments}
            for n, (name, arguments) in enumerate(tool_calls)
        ],
        "finish_reason": "stop",
    }
    return json.dumps([message])


def names(spans: Iterable[ReadableSpan]) -> list[str]:
    return [span.name for span in spans]
