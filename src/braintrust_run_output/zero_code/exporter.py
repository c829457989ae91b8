"""The ``opentelemetry_traces_exporter`` entry point: ``OTEL_TRACES_EXPORTER=braintrust``."""

from __future__ import annotations

from ..braintrust.exporter import BraintrustSpanExporter

__all__ = ["BraintrustSpanExporter"]
