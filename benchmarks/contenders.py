"""Who is compared: what is registered with the tracer provider, each in front of the same exporting processor."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from braintrust_run_output import RunOutputConfig, RunOutputSpanProcessor

NONE, EMPTY, AGAIN, BY_HAND, IN_PLACE, WRAPPING, LAST, ALL = (
    "none", "empty", "empty-again", "by-hand", "in-place", "wrapping", "last", "all",
)  # fmt: skip

_MAX_QUEUE = 1_000_000
_NEVER_MILLIS = 24 * 60 * 60 * 1000


@dataclass(frozen=True)
class Contender:
    """One way to set up tracing.

    Args:
        name: What ``--only`` matches.
        title: For the table.
        processors: From the exporting processor to what is registered, in this order.
        by_hand: Whether the application sets the run output itself.
        rewrites: Whether it is another project's that reads or rewrites model spans, so does comparable work.
    """

    name: str
    title: str
    processors: Callable[[SpanProcessor], Sequence[SpanProcessor]]
    by_hand: bool = False
    rewrites: bool = False


class Discarding(SpanExporter):
    """An exporter that does nothing, so that only the application's side is measured."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.SUCCESS


class Encoding(SpanExporter):
    """An exporter that does all that an OTLP exporter does but send: so the exporter's side is measured as well."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        encode_spans(spans).SerializeToString()
        return SpanExportResult.SUCCESS


class Empty(SpanProcessor):
    """A processor that does nothing: what any processor costs."""


def provider(contender: Contender, exporter: SpanExporter | None = None) -> TracerProvider:
    """Return a provider set up this way.

    Its BatchSpanProcessor never exports by itself while a round runs: its thread would take the interpreter away from
    whoever is measured. The queue is emptied between rounds by ``force_flush``, and never overflows.
    """
    batch = BatchSpanProcessor(
        exporter or Discarding(),
        max_queue_size=_MAX_QUEUE,
        max_export_batch_size=_MAX_QUEUE,
        schedule_delay_millis=_NEVER_MILLIS,
    )
    tracer_provider = TracerProvider(shutdown_on_exit=False)
    for processor in contender.processors(batch):
        tracer_provider.add_span_processor(processor)
    return tracer_provider


def run_output_processor(*wrapped: SpanProcessor, **config: Any) -> RunOutputSpanProcessor:
    return RunOutputSpanProcessor(*wrapped, config=RunOutputConfig(**config))


OURS = (
    Contender(NONE, "no processor", lambda batch: [batch]),
    Contender(EMPTY, "an empty processor", lambda batch: [Empty(), batch]),
    Contender(AGAIN, "an empty processor, again (A/A)", lambda batch: [Empty(), batch]),
    Contender(BY_HAND, "by hand, in the application", lambda batch: [batch], by_hand=True),
    Contender(IN_PLACE, "**in place**", lambda batch: [run_output_processor(), batch]),
    Contender(WRAPPING, "**wrapping**", lambda batch: [run_output_processor(batch)]),
)
GROWING = tuple(one for one in OURS if one.name in (NONE, IN_PLACE, WRAPPING))
"""Who is compared with themselves while something grows."""
BY_LENGTH = tuple(one for one in OURS if one.name in (NONE, BY_HAND, IN_PLACE, WRAPPING))
"""The same, while a text grows: to copy a part of it costs everyone something."""
ANSWERS = (
    GROWING[0],
    Contender(LAST, '**in place**, `root="last"`', lambda batch: [run_output_processor(), batch]),
    Contender(
        ALL, '**in place**, `root="all"`', lambda batch: [run_output_processor(root="all", max_length=10**9), batch]
    ),
)


# --- other projects' processors -------------------------------------------------------------------------------------


def _openinference(package: str) -> Contender:
    module: Any = import_module(f"openinference.instrumentation.{package}")
    return Contender(
        f"openinference-{package.replace('_', '-')}",
        f"openinference-instrumentation-{package.replace('_', '-')}",
        lambda batch: [module.OpenInferenceSpanProcessor(), batch],
        rewrites=True,
    )


def _braintrust_origin() -> Contender:
    otel: Any = import_module("braintrust.otel")
    return Contender(
        "braintrust-origin",
        "braintrust's `_SpanOriginProcessor`",
        lambda batch: [otel._SpanOriginProcessor(batch, otel.detect_environment(None))],
    )


def _braintrust_filter() -> Contender:
    otel: Any = import_module("braintrust.otel")
    return Contender(
        "braintrust-filter",
        "braintrust's `AISpanProcessor` (drops spans)",
        lambda batch: [otel.AISpanProcessor(batch)],
    )


def _logfire() -> Contender:
    wrapper: Any = import_module("logfire._internal.exporters.processor_wrapper")
    scrubbing: Any = import_module("logfire._internal.scrubbing")
    return Contender(
        "logfire",
        "logfire's `MainSpanProcessorWrapper`, without scrubbing",
        lambda batch: [wrapper.MainSpanProcessorWrapper(batch, scrubbing.NoopScrubber())],
    )


def _baggage() -> Contender:
    baggage: Any = import_module("opentelemetry.processor.baggage")
    return Contender(
        "baggage",
        "opentelemetry-processor-baggage (no baggage set)",
        lambda batch: [baggage.BaggageSpanProcessor(baggage.ALLOW_ALL_BAGGAGE_KEYS), batch],
    )


def _peers() -> tuple[tuple[Contender, ...], tuple[str, ...]]:
    """Return the peers that are installed, and what is missing of the others."""
    found: list[Contender] = []
    missing: list[str] = []
    for peer in (
        lambda: _openinference("openllmetry"),
        lambda: _openinference("pydantic_ai"),
        _braintrust_origin,
        _braintrust_filter,
        _logfire,
        _baggage,
    ):
        try:
            found.append(peer())
        except ImportError as error:  # noqa: PERF203
            missing.append(str(error.name))
    return tuple(found), tuple(missing)


PEERS, MISSING = _peers()
CONTENDERS = OURS + PEERS
