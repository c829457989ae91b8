"""install() and uninstall(): the span processor on a tracer provider, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from . import _faults, _sdk
from .config import RunOutputConfig
from .logs import join_log_records
from .processor import RunOutputSpanProcessor

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider as AnyTracerProvider


def install(
    provider: AnyTracerProvider | None = None, *, config: RunOutputConfig | None = None, around: bool = False
) -> RunOutputSpanProcessor | None:
    """Register a `RunOutputSpanProcessor` with a tracer provider, unless it has one.

    If the global logger provider is the SDK's by now, outputs that arrive in log records are joined as well.

    Args:
        provider: The provider; default the global one. Logfire's stands for the SDK provider inside it.
        config: The configuration; default ``RunOutputConfig.from_env()``.
        around: Put it around all processors that the provider has and will have, so that it can hold local roots back
            for late completions; default False, it enriches spans in place.

    Returns:
        The provider's processor, the new one or the one it had; one WARNING says so if that has another
        configuration than the one given. None if the configuration says that it is off, or if the provider is not
        the SDK's; then one WARNING says what to do.
    """
    wanted = RunOutputConfig.from_env() if config is None else config
    if not wanted.enabled:
        return None
    if provider is None:
        provider = trace.get_tracer_provider()
    sdk_provider = find_sdk_provider(provider)
    if sdk_provider is None:
        _faults.warn_once(
            "no SDK provider",
            "run outputs are not written: the tracer provider is a %s, not opentelemetry.sdk.trace.TracerProvider; "
            "call trace.set_tracer_provider(TracerProvider()) first, or pass the provider to install()",
            type(provider).__name__,
        )
        return None
    for processor in _installed(sdk_provider):
        if config is not None and config != processor.config:
            _faults.warn_once(
                "installed before",
                "install() keeps the processor that the provider has, with its configuration: give yours to the "
                "first install, or set it by environment variables",
            )
        return processor
    processor = _register(sdk_provider, wanted, around=around)
    join_log_records(processor)
    return processor


def _register(provider: TracerProvider, config: RunOutputConfig, *, around: bool) -> RunOutputSpanProcessor:
    if around:
        return _sdk.wrap_processors(provider, lambda inner: RunOutputSpanProcessor(inner, config=config))
    processor = RunOutputSpanProcessor(config=config)
    provider.add_span_processor(processor)
    return processor


def uninstall(provider: AnyTracerProvider | None = None) -> None:
    """Take the `RunOutputSpanProcessor` that enriches in place off a tracer provider; one that wraps stays.

    Args:
        provider: The provider; default the global one.
    """
    sdk_provider = find_sdk_provider(trace.get_tracer_provider() if provider is None else provider)
    if sdk_provider is not None:
        for processor in _installed(sdk_provider):
            if not processor.wraps:
                _sdk.remove_processor(sdk_provider, processor)


def find_sdk_provider(provider: AnyTracerProvider) -> TracerProvider | None:
    """Return the SDK's provider that a provider is, or stands for as Logfire's does; None if there is none."""
    if isinstance(provider, TracerProvider):
        return provider
    inner = getattr(provider, "provider", None)
    return inner if isinstance(inner, TracerProvider) else None


def _installed(provider: TracerProvider) -> list[RunOutputSpanProcessor]:
    return [one for one in _sdk.processors_of(provider) if isinstance(one, RunOutputSpanProcessor)]
