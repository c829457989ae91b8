"""What is set: this package's variables, and those that turn it or OpenTelemetry off."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from .. import _faults
from ..config import RunOutputConfig

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .report import Level

from .report import Finding

_TOPIC = "Settings"


def examine(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Look at the variables that decide what this package does, and whether."""
    config, complaints = _read(environ)
    for complaint in complaints:
        yield Finding(_TOPIC, "problem", complaint)
    changed = {
        name: getattr(config, name)
        for name in RunOutputConfig.__dataclass_fields__
        if getattr(config, name) != getattr(RunOutputConfig, name)
    }
    told = ", ".join(f"{name}={value}" for name, value in changed.items()) or "all settings have their defaults"
    yield Finding(_TOPIC, "note", told)
    if not config.enabled:
        yield _off("BRAINTRUST_RUN_OUTPUT_ENABLED", environ, "turns this package off")
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        yield _off("OTEL_SDK_DISABLED", environ, "turns OpenTelemetry off: there are no spans")
    if environ.get("OTEL_TRACES_EXPORTER", "").strip().lower() == "none":
        yield _off("OTEL_TRACES_EXPORTER", environ, "means that no span leaves the process")
    disabled = [name.strip() for name in environ.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "").split(",")]
    if "*" in disabled or "braintrust_run_output" in disabled:
        variable = "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"
        yield _off(variable, environ, "leaves this package out under opentelemetry-instrument")


def _off(variable: str, environ: Mapping[str, str], consequence: str, level: Level = "problem") -> Finding:
    return Finding(_TOPIC, level, f"{variable}={environ.get(variable)} {consequence}", f"unset {variable}")


def _read(environ: Mapping[str, str]) -> tuple[RunOutputConfig, list[str]]:
    """Return the configuration, and what it complains of."""
    complaints: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            complaints.append(record.getMessage())

    keep = Keep(logging.WARNING)
    propagate = _faults.logger.propagate
    _faults.forget()
    _faults.logger.addHandler(keep)
    _faults.logger.propagate = False
    try:
        return RunOutputConfig.from_env(environ), complaints
    finally:
        _faults.logger.removeHandler(keep)
        _faults.logger.propagate = propagate
