"""The ``opentelemetry_instrumentor`` entry point: ``opentelemetry-instrument python app.py`` is enough.

``OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=braintrust_run_output`` turns it off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]

from .. import _faults
from ..installation import install, uninstall

if TYPE_CHECKING:
    from collections.abc import Collection

    from opentelemetry.sdk.trace import TracerProvider


class RunOutputInstrumentor(BaseInstrumentor):  # type: ignore[misc]
    """Registers the span processor with the tracer provider that the distro has configured."""

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return no dependencies: this instruments the SDK itself."""
        return ()

    def _instrument(self, tracer_provider: TracerProvider | None = None, **_: object) -> None:
        try:
            install(tracer_provider)
        except BaseException as error:  # noqa: BLE001
            _faults.contain("Installing the span processor", error)

    def _uninstrument(self, tracer_provider: TracerProvider | None = None, **_: object) -> None:
        uninstall(tracer_provider)
