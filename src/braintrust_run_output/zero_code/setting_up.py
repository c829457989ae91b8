"""What every entry point does in the end: install, in place or, where roots are to be held back, around everything."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..config import RunOutputConfig, variable
from ..installation import install

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.trace import TracerProvider

    from ..processor import RunOutputSpanProcessor

_HOLDING = ("hold", "hold_millis")


def set_up(
    provider: TracerProvider | None = None, options: Mapping[str, object] | None = None
) -> RunOutputSpanProcessor | None:
    """Install the span processor as the environment and the options say.

    Where ``hold`` or ``hold_millis`` is set, by option or variable, it goes around the provider's processors, so that
    roots can be held back; otherwise it enriches in place.

    Args:
        provider: The provider; default the global one.
        options: Fields of `RunOutputConfig` that go before the environment; default none.
    """
    options = options or {}
    config = RunOutputConfig.from_options(options) if options else None
    asked = any(options.get(name) is not None or os.environ.get(variable(name), "").strip() for name in _HOLDING)
    holds = (config or RunOutputConfig.from_env()).hold != "never"
    return install(provider, config=config, around=asked and holds)
