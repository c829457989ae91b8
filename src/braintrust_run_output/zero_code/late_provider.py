"""For an application that sets its tracer provider after the instrumentors have run.

So it is under ``opentelemetry-instrument`` without a distro. The instrumentor then stands in front of
``trace.set_tracer_provider``, as instrumentors do with the functions that they instrument, until the first call.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from opentelemetry import trace

from .. import _faults
from ..installation import install

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

    from ..config import RunOutputConfig

_original = trace.set_tracer_provider


def install_when_set(config: RunOutputConfig | None) -> None:
    """Install the span processor on the global tracer provider as soon as the application sets it."""
    global _original
    forget()
    original = _original = trace.set_tracer_provider

    @functools.wraps(original)
    def set_tracer_provider(tracer_provider: TracerProvider) -> None:
        original(tracer_provider)
        forget()
        try:
            install(config=config)
        except BaseException as error:  # noqa: BLE001
            _faults.contain("Installing the span processor", error)

    trace.set_tracer_provider = set_tracer_provider


def forget() -> None:
    """Leave ``trace.set_tracer_provider`` as it was."""
    if getattr(trace.set_tracer_provider, "__wrapped__", None) is _original:
        trace.set_tracer_provider = _original
