"""The ``opentelemetry_instrumentor`` entry point: ``opentelemetry-instrument python app.py`` is enough.

``OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=braintrust_run_output`` turns it off. In a declarative configuration its options
are the fields of `RunOutputConfig`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]

from .. import _faults
from ..installation import uninstall
from . import declarative, late_provider
from .setting_up import set_up

if TYPE_CHECKING:
    from collections.abc import Collection

    from opentelemetry.trace import TracerProvider


class RunOutputInstrumentor(BaseInstrumentor):  # type: ignore[misc]
    """Registers the span processor with the tracer provider that is configured, or with the one that will be."""

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return no dependencies: this instruments the SDK itself."""
        return ()

    def instrument(self, **options: object) -> None:
        """Install the span processor, once; a second call changes nothing, without the warning of the base class.

        Args:
            **options: ``tracer_provider``, and the fields of `RunOutputConfig`.
        """
        if not self.is_instrumented_by_opentelemetry:
            super().instrument(**options)

    def _instrument(self, tracer_provider: TracerProvider | None = None, **options: object) -> None:
        try:
            # Whoever instruments everything in one loop gives every provider there is.
            settings = {name: value for name, value in options.items() if not name.endswith("_provider")}
            if not settings and declarative.turns_off("braintrust_run_output"):
                return
            if tracer_provider is None and isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
                late_provider.install_when_set(settings)
            else:
                set_up(tracer_provider, settings)
        except Exception as error:  # noqa: BLE001
            _faults.contain("Installing the span processor", error)

    def _uninstrument(self, tracer_provider: TracerProvider | None = None, **_: object) -> None:
        late_provider.forget()
        uninstall(tracer_provider)
