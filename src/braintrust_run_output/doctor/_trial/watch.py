"""Exporters under watch: what reaches them is kept, and goes out only where it shall."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from ... import _sdk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter


class Watched:
    """An exporter whose ``export`` keeps the spans, and sends them as well while `sends` is set."""

    def __init__(self, exporter: SpanExporter) -> None:
        self.name = name_of(exporter)
        self.spans: list[ReadableSpan] = []
        self.sends = False
        self.has_sent = False
        """Whether its receiver took the last spans that were sent."""
        self._export = exporter.export
        exporter.export = self._keep  # type: ignore[method-assign]

    def _keep(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.spans.extend(spans)
        if not self.sends:
            return SpanExportResult.SUCCESS
        result = self._export(spans)
        self.has_sent = result is SpanExportResult.SUCCESS
        return result


def watch(provider: TracerProvider) -> list[Watched]:
    """Watch all exporters of a provider; give one that has none an exporter that keeps what it gets in memory."""
    exporters = _sdk.exporters_of(provider)
    if not exporters:
        exporters = (InMemorySpanExporter(),)
        provider.add_span_processor(SimpleSpanProcessor(exporters[0]))
    return [Watched(exporter) for exporter in exporters]


def name_of(thing: object) -> str:
    """Return the full name of a thing's class."""
    return f"{type(thing).__module__}.{type(thing).__qualname__}"
