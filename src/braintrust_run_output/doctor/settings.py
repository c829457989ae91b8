"""What is set: this package's variables, and those that turn it or OpenTelemetry off."""

from __future__ import annotations

import difflib
import logging
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from .. import _faults
from ..config import RunOutputConfig
from .report import NOT_STARTED, Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_TOPIC = "Settings"


_LENGTH_LIMITS = ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT")
_COUNT_LIMITS = ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT")
_USUAL_COUNT = 128


def read(environ: Mapping[str, str]) -> tuple[RunOutputConfig, list[str]]:
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


def examine(config: RunOutputConfig, complaints: Sequence[str], environ: Mapping[str, str]) -> Iterator[Finding]:
    """Look at the variables that decide what this package does, and whether."""
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
        yield _off("BRAINTRUST_RUN_OUTPUT_ENABLED", environ, "turns this package off", {"processor", "answer"})
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        yield _off("OTEL_SDK_DISABLED", environ, "turns OpenTelemetry off: there are no spans", NOT_STARTED)
    disabled = [name.strip() for name in environ.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "").split(",")]
    if "*" in disabled or "braintrust_run_output" in disabled:
        variable = "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"
        yield _off(
            variable,
            environ,
            "leaves this package out under opentelemetry-instrument",
            {"processor", "answer", "disabled"},
        )
    if config.metrics and environ.get("OTEL_METRICS_EXPORTER", "").strip().lower() == "none":
        yield Finding(
            _TOPIC,
            "warning",
            "BRAINTRUST_RUN_OUTPUT_METRICS is on, and OTEL_METRICS_EXPORTER=none sends no metric anywhere",
            "set OTEL_METRICS_EXPORTER=otlp, for instance",
        )
    yield from _examine_exporters(environ)
    yield from _examine_limits(environ)


def _examine_exporters(environ: Mapping[str, str]) -> Iterator[Finding]:
    variable = "OTEL_TRACES_EXPORTER"
    known = {one.name for one in entry_points(group="opentelemetry_traces_exporter")} | {"none"}
    given = [name.strip() for name in environ.get(variable, "").split(",") if name.strip()]
    if [name.lower() for name in given] == ["none"]:
        yield _off(variable, environ, "means that no span leaves the process", {"exporter"})
    for name in given:
        if name not in known and name.lower() != "none":
            close = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.5)
            yield Finding(
                _TOPIC,
                "problem",
                f"{variable}={name}, but no such exporter is installed",
                f"did you mean {variable}={close[0]}?" if close else f"give one of {', '.join(sorted(known))}",
                explains=NOT_STARTED,
            )


def _examine_limits(environ: Mapping[str, str]) -> Iterator[Finding]:
    length = _first_number(_LENGTH_LIMITS, environ)
    if length is not None:
        yield Finding(
            _TOPIC,
            "warning",
            f"{length[0]}={length[1]} cuts: a longer output is marked as cut, or lost where it is JSON",
            f"unset {length[0]}",
        )
    count = _first_number(_COUNT_LIMITS, environ)
    if count is not None and count[1] < _USUAL_COUNT:
        yield Finding(
            _TOPIC,
            "warning",
            f"{count[0]}={count[1]}: of a span with more attributes the oldest are lost",
            f"unset {count[0]}",
        )


def _first_number(variables: Sequence[str], environ: Mapping[str, str]) -> tuple[str, int] | None:
    """Return the first of these variables that is set to a number, as the SDK reads them."""
    for variable in variables:
        value = environ.get(variable, "").strip()
        if value.isdecimal():
            return variable, int(value)
    return None


def _off(variable: str, environ: Mapping[str, str], consequence: str, explains: Iterable[str]) -> Finding:
    text = f"{variable}={environ.get(variable)} {consequence}"
    return Finding(_TOPIC, "problem", text, f"unset {variable}", explains=frozenset(explains))
