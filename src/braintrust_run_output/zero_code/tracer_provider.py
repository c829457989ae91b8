"""The ``opentelemetry_tracer_provider`` entry point: ``OTEL_PYTHON_TRACER_PROVIDER=braintrust_run_output``.

A plain ``python app.py`` then has a tracer provider with the span processor and with the exporters that
``OTEL_TRACES_EXPORTER`` names, as ``opentelemetry-instrument`` would give it. Nothing here imports an exporter before
its name is read.
"""

from __future__ import annotations

import os
import threading
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import DEFAULT_ON

from .. import _faults
from .setting_up import set_up

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

_OTLP_BY_PROTOCOL = {"grpc": "otlp_proto_grpc", "http/protobuf": "otlp_proto_http"}

_LIMIT_DEFAULTS = {
    "max_attributes": 128,
    "max_span_attributes": 128,
    "max_event_attributes": 128,
    "max_link_attributes": 128,
    "max_events": 128,
    "max_links": 128,
    "max_attribute_length": SpanLimits.UNSET,
    "max_span_attribute_length": SpanLimits.UNSET,
}
"""OpenTelemetry's own defaults, as its specification has them."""

_lock = threading.RLock()
_provider: TracerProvider | None = None


def make_tracer_provider() -> TracerProvider:
    """Return the tracer provider that the environment describes, always the same one.

    Resource, sampler, id generator and limits are read from OpenTelemetry's variables. ``OTEL_TRACES_EXPORTER`` names
    the exporters; if it is not set, that is ``braintrust`` where ``BRAINTRUST_API_KEY`` is set and ``otlp`` elsewhere.
    What cannot be had is reported by one WARNING and left out. Spans are flushed when the process ends.
    """
    global _provider
    # OpenTelemetry calls this from whichever threads ask first, and from this one again if an exporter asks.
    with _lock:
        if _provider is None:
            _provider = TracerProvider(sampler=_sampler(), id_generator=_id_generator(), span_limits=_limits())
            _equip(_provider)
        return _provider


def exporter_names() -> list[str]:
    """Return the names of the exporters that the environment asks for, by their entry points."""
    default = "braintrust" if os.environ.get("BRAINTRUST_API_KEY", "").strip() else "otlp"
    names = (name.strip() for name in (_environment("OTEL_TRACES_EXPORTER") or default).split(","))
    return [_otlp() if name == "otlp" else name for name in names if name and name.lower() != "none"]


def _equip(provider: TracerProvider) -> None:
    try:
        set_up(provider)
    except Exception as error:  # noqa: BLE001
        _faults.contain("Installing the span processor", error)
    if _environment("OTEL_SDK_DISABLED").lower() == "true":
        return
    for name in exporter_names():
        exporter = _exporter(name)
        if exporter is not None:
            provider.add_span_processor(_batch(exporter))


def _batch(exporter: SpanExporter) -> BatchSpanProcessor:
    try:
        return BatchSpanProcessor(exporter)
    except ValueError as error:  # the SDK checks how its settings go together, and does not name them
        _faults.warn_once("OTEL_BSP", "the settings OTEL_BSP_* are not allowed, the defaults are used: %s", error)
        return BatchSpanProcessor(
            exporter,
            max_queue_size=2048,
            schedule_delay_millis=5000,
            max_export_batch_size=512,
            export_timeout_millis=30000,
        )


def _limits() -> SpanLimits:
    """Return the limits that the environment sets; the default for each that the SDK refuses."""
    return SpanLimits(**{name: default for name, default in _LIMIT_DEFAULTS.items() if _is_refused(name)})


def _is_refused(limit: str) -> bool:
    try:
        SpanLimits(**{other: 1 for other in _LIMIT_DEFAULTS if other != limit})  # the one that is not given is read
    except ValueError as error:
        _faults.warn_once(limit, "%s: the default is used", error)
        return True
    return False


def _exporter(name: str) -> SpanExporter | None:
    exporter: SpanExporter | None = _made("opentelemetry_traces_exporter", name, variable="OTEL_TRACES_EXPORTER")
    return exporter


def _otlp() -> str:
    for variable in ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        protocol = _environment(variable)
        if protocol in _OTLP_BY_PROTOCOL:
            return _OTLP_BY_PROTOCOL[protocol]
        if protocol:
            _warn(variable, protocol, _OTLP_BY_PROTOCOL)
    return _OTLP_BY_PROTOCOL["grpc"]  # as opentelemetry-instrument does


def _sampler() -> Any:
    name = _environment("OTEL_TRACES_SAMPLER").lower()
    if not name:
        return None
    given = _environment("OTEL_TRACES_SAMPLER_ARG")
    argument = _ratio(given) if name.endswith("traceidratio") else given
    return _made("opentelemetry_traces_sampler", name, argument, variable="OTEL_TRACES_SAMPLER") or DEFAULT_ON


def _ratio(argument: str) -> float:
    try:
        ratio = float(argument or 1)
    except ValueError:
        ratio = -1
    if 0 <= ratio <= 1:
        return ratio
    _warn("OTEL_TRACES_SAMPLER_ARG", argument, ["a number from 0 to 1"])
    return 1.0


def _id_generator() -> Any:
    name = _environment("OTEL_PYTHON_ID_GENERATOR")
    return _made("opentelemetry_id_generator", name, variable="OTEL_PYTHON_ID_GENERATOR") if name else None


def _made(group: str, name: str, *arguments: object, variable: str) -> Any:
    """Return what an entry point's class or factory makes; None, with a WARNING, if there is none or it fails."""
    found = next(iter(entry_points(group=group, name=name)), None)
    if found is None:
        _warn(variable, name, sorted({one.name for one in entry_points(group=group)}))
        return None
    try:
        return found.load()(*arguments)
    except Exception as error:  # noqa: BLE001
        _faults.contain(f"{variable}={name}", error)
        return None


def _environment(variable: str) -> str:
    return os.environ.get(variable, "").strip()


def _warn(variable: str, value: object, allowed: Any) -> None:
    _faults.warn_once(
        f"{variable}={value}",
        "%s=%r is not allowed and is ignored: give %s",
        variable,
        value,
        " or ".join(allowed),
    )
