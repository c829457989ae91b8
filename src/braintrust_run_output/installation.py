"""install() and uninstall(): the span processor on a tracer provider, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from . import _faults, _sdk
from .config import RunOutputConfig
from .processor import RunOutputSpanProcessor

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider as AnyTracerProvider


def install(
    provider: AnyTracerProvider | None = None, *, config: RunOutputConfig | None = None
) -> RunOutputSpanProcessor | None:
    """Register a `RunOutputSpanProcessor` with a tracer provider, unless it has one.

    Args:
        provider: The provider; default the global one.
        config: The configuration; default ``RunOutputConfig.from_env()``.

    Returns:
        The provider's processor, the new one or the one it had. None if the configuration says that it is off, or if
        the provider is not the SDK's; then one WARNING says what to do.
    """
    config = RunOutputConfig.from_env() if config is None else config
    if not config.enabled:
        return None
    if provider is None:
        provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        _faults.warn_once(
            "no SDK provider",
            "run outputs are not written: the tracer provider is a %s, not opentelemetry.sdk.trace.TracerProvider; "
            "call trace.set_tracer_provider(TracerProvider()) first, or pass the provider to install()",
            type(provider).__name__,
        )
        return None
    for processor in _installed(provider):
        return processor
    processor = RunOutputSpanProcessor(config=config)
    provider.add_span_processor(processor)
    return processor


def uninstall(provider: AnyTracerProvider | None = None) -> None:
    """Take the `RunOutputSpanProcessor` that enriches in place off a tracer provider; one that wraps stays.

    Args:
        provider: The provider; default the global one.
    """
    provider = trace.get_tracer_provider() if provider is None else provider
    if isinstance(provider, TracerProvider):
        for processor in _installed(provider):
            if not processor.wraps:
                _sdk.remove_processor(provider, processor)


def _installed(provider: TracerProvider) -> list[RunOutputSpanProcessor]:
    return [one for one in _sdk.processors_of(provider) if isinstance(one, RunOutputSpanProcessor)]
