"""Braintrust's OpenTelemetry compat mode: spans of OpenTelemetry below native ones count for the native root."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from opentelemetry import context, trace
from opentelemetry.sdk.trace import SpanProcessor

from .. import _faults, _sdk
from ..outcome import read_outcome
from ..writing import ask_about
from . import rows as reading

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan, Span, TracerProvider

    from ..config import RunOutputConfig
    from ..outcome import Outcome

_NATIVE_SPAN = "braintrust_span"
"""Where compat mode keeps the native span in the OpenTelemetry context."""


class NativeRoots(Protocol):
    """What mirrors onto native roots: the customizer."""

    config: RunOutputConfig

    def __len__(self) -> int:
        """Return how many traces it knows."""

    def expect(self, trace_id: str) -> None:
        """Note that a trace has spans of OpenTelemetry under a native root."""

    def expects(self, trace_id: str) -> bool:
        """Whether that was noted, or it knows the trace."""

    def add(self, trace_id: str, outcome: Outcome, parent_id: str | None) -> None:
        """Add what a span says."""


class NativeRootSpanProcessor(SpanProcessor):
    """Tells the customizer what OpenTelemetry spans under a native root say."""

    def __init__(self, customizer: NativeRoots) -> None:
        self.customizer = customizer

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002
        """Note the native root above a span, if there is one."""
        try:
            native = context.get_value(_NATIVE_SPAN, parent_context)
            trace_id = getattr(native, "root_span_id", None)
            if isinstance(trace_id, str):
                self.customizer.expect(trace_id)
        except Exception as error:  # noqa: BLE001
            _faults.contain("Noting a native parent", error)

    def on_end(self, span: ReadableSpan) -> None:
        """Add what the span says to what its native root knows."""
        try:
            if len(self.customizer) and span.context is not None:
                trace_id = format(span.context.trace_id, "032x")
                if self.customizer.expects(trace_id):
                    self._add(span, trace_id, format(span.context.span_id, "016x"))
        except Exception as error:  # noqa: BLE001
            _faults.contain("Reading the output of a span under a native root", error)

    def force_flush(self, timeout_millis: int = 30000) -> bool:  # noqa: ARG002
        """Return True: nothing is kept here."""
        return True

    def _add(self, span: ReadableSpan, trace_id: str, span_id: str) -> None:
        config, attributes, scope = self.customizer.config, _sdk.attributes_of(span), span.instrumentation_scope
        outcome = read_outcome(
            attributes,
            _sdk.events_of(span),
            scope.name if scope else "",
            key=(trace_id, span_id),
            config=config,
            name=span.name,
            start=span.start_time or 0,
            end=span.end_time or 0,
            has_failed=_sdk.has_failed(span),
        )
        row = {"span_attributes": {"name": span.name}, "metadata": attributes}
        ask_about(outcome, config, reading.asking(config, row))
        parent_id = None if span.parent is None else format(span.parent.span_id, "016x")
        self.customizer.add(trace_id, outcome, parent_id)


def is_compat_mode() -> bool:
    """Whether native and OpenTelemetry spans may be below each other."""
    try:
        from braintrust.context import get_context_manager

        return type(get_context_manager()).__module__.startswith("braintrust.otel")
    except (ImportError, AttributeError):
        return False


def bridge(customizer: NativeRoots, provider: TracerProvider | None) -> None:
    """Have a provider's spans count for the native roots above them.

    Args:
        customizer: What mirrors onto native roots.
        provider: The provider; default the global one.
    """
    provider = provider or trace.get_tracer_provider()  # type: ignore[assignment]
    if provider is None or not hasattr(provider, "add_span_processor"):
        _faults.warn_once(
            "no provider",
            "OpenTelemetry spans under native Braintrust spans are not mirrored: "
            "call install_native() after trace.set_tracer_provider()",
        )
        return
    for present in _sdk.processors_of(provider):
        if isinstance(present, NativeRootSpanProcessor):
            present.customizer = customizer
            return
    provider.add_span_processor(NativeRootSpanProcessor(customizer))
