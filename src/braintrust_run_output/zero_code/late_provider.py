"""For an application that sets its tracer provider after the instrumentors have run.

So it is under ``opentelemetry-instrument`` without a distro. The instrumentor then stands in front of
``trace.set_tracer_provider``, as instrumentors do with the functions that they instrument, until the first call.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from opentelemetry import trace

from .. import _faults
from .setting_up import set_up

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.trace import TracerProvider

_original = trace.set_tracer_provider


def install_when_set(options: Mapping[str, object]) -> None:
    """Install the span processor on the global tracer provider, with these options, as soon as it is set."""
    global _original
    forget()
    original = _original = trace.set_tracer_provider

    @functools.wraps(original)
    def set_tracer_provider(tracer_provider: TracerProvider) -> None:
        original(tracer_provider)
        forget()
        try:
            set_up(options=options)
        except Exception as error:  # noqa: BLE001
            _faults.contain("Installing the span processor", error)

    trace.set_tracer_provider = set_tracer_provider


def forget() -> None:
    """Leave ``trace.set_tracer_provider`` as it was."""
    if getattr(trace.set_tracer_provider, "__wrapped__", None) is _original:
        trace.set_tracer_provider = _original
