"""What a declarative configuration file (``OTEL_CONFIG_FILE``) says of an instrumentor."""

from __future__ import annotations

import os


def turns_off(name: str) -> bool:
    """Whether the configuration file has ``enabled: false`` for an instrumentor.

    ``opentelemetry-instrument`` does not ask: it leaves such an instrumentor out when it applies the file, and then
    runs every instrumentor that is installed.
    """
    file = os.environ.get("OTEL_CONFIG_FILE")
    if not file:
        return False
    try:
        from opentelemetry.configuration import load_config_file  # type: ignore[import-not-found,unused-ignore]

        instrumentation = load_config_file(file).instrumentation_development
        options = instrumentation.python.get(name) if instrumentation and instrumentation.python else None
    except Exception:  # noqa: BLE001 (whoever applies the file has reported what is wrong with it)
        return False
    return isinstance(options, dict) and options.get("enabled", True) is False
