"""A trial process in the same environment: which provider, processor and exporters an application really gets.

It is started as the application would be: under ``opentelemetry-instrument``, or plainly where
``OTEL_PYTHON_TRACER_PROVIDER`` configures a plain process.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from typing import TYPE_CHECKING, TypedDict

from .report import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_TOPIC = "In effect"
_TIMEOUT = 60.0
_INSTRUMENT = "from opentelemetry.instrumentation.auto_instrumentation import run; run()"
ANSWER = "braintrust-run-output doctor: "
"""What the line begins with that the trial process answers with."""


class Exporter(TypedDict):
    """An exporter of the trial's provider."""

    name: str
    endpoint: str
    parent: str
    has_key: bool


class Trial(TypedDict):
    """What the trial process had."""

    command: str
    """How an application is started like this."""
    provider: str
    is_sdk: bool
    """Whether the provider is the SDK's."""
    installed: bool
    """Whether it has the span processor."""
    exporters: list[Exporter]
    sent: list[tuple[str, bool]]
    """Each exporter, and whether its receiver took the spans that were sent."""
    run_output: bool
    """Whether that root span had the run output of its child."""
    log: list[str]
    """What was logged, and why the trial failed if it did."""


def run(environ: Mapping[str, str], *, probe: bool) -> Trial:
    """Start the trial process and return what it says."""
    command, shown = _command(environ)
    nothing = Trial(
        command=shown, provider="", is_sdk=False, installed=False, exporters=[], sent=[], run_output=False, log=[]
    )
    try:
        ended = subprocess.run(  # noqa: S603 (this Python, no shell)
            [*command, "-m", f"{__package__}._trial", *(["--probe"] if probe else [])],
            # Metrics and logs have no part in this and shall not be sent.
            env={**environ, "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"},
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {**nothing, "log": [f"the trial process did not end within {_TIMEOUT:.0f} seconds"]}
    log = list(dict.fromkeys(line for line in ended.stderr.splitlines() if line.strip()))
    for line in ended.stdout.splitlines():
        if line.startswith(ANSWER):
            return {**nothing, **json.loads(line[len(ANSWER) :]), "log": log}
    return {**nothing, "log": [*log, f"the trial process ended with exit code {ended.returncode}"]}


def _command(environ: Mapping[str, str]) -> tuple[list[str], str]:
    plain = [sys.executable], "python app.py"
    if environ.get("OTEL_PYTHON_TRACER_PROVIDER") or importlib.util.find_spec("opentelemetry.instrumentation") is None:
        return plain
    return [sys.executable, "-c", _INSTRUMENT, sys.executable], "opentelemetry-instrument python app.py"


def examine(trial: Trial, *, probe: bool) -> Iterator[Finding]:
    """Say what the trial process had."""
    started = f"`{trial['command']}` has"
    if not trial["provider"]:
        yield Finding(_TOPIC, "problem", f"the trial failed: {' | '.join(trial['log'][-3:])}")
        return
    if trial["is_sdk"]:
        yield Finding(_TOPIC, "ok", f"{started} the tracer provider {trial['provider']}")
    else:
        yield Finding(
            _TOPIC,
            "problem",
            f"{started} no tracer provider unless the application sets one",
            "pip install opentelemetry-distro and start it with opentelemetry-instrument, or set "
            "OTEL_PYTHON_TRACER_PROVIDER=braintrust_run_output, or call install() after setting your provider",
        )
    if trial["is_sdk"] and not trial["installed"]:
        yield Finding(_TOPIC, "problem", f"{started} no RunOutputSpanProcessor", "see the settings, or call install()")
    elif trial["is_sdk"]:
        yield Finding(_TOPIC, "ok", f"{started} the RunOutputSpanProcessor")
    names = ", ".join(one["name"] for one in trial["exporters"])
    if names:
        yield Finding(_TOPIC, "ok", f"{started} the exporters {names}")
    elif trial["is_sdk"]:
        yield Finding(
            _TOPIC, "problem", f"{started} no exporter", "set OTEL_TRACES_EXPORTER=braintrust and BRAINTRUST_API_KEY"
        )
    for line in trial["log"]:
        yield Finding(_TOPIC, "warning", f"it logged: {line}")
    if probe:
        yield from _examine_probe(trial)


def _examine_probe(trial: Trial) -> Iterator[Finding]:
    topic = "Probe"
    if trial["is_sdk"] and not trial["run_output"]:
        yield Finding(topic, "problem", "the probe's root span did not get the run output of its child")
    for name, taken in trial["sent"]:
        if taken:
            yield Finding(topic, "ok", f"{name}: the receiver took the probe's spans")
        else:
            yield Finding(
                topic, "problem", f"{name}: the probe's spans did not arrive", "see what was logged, and the endpoint"
            )
    if not trial["sent"]:
        yield Finding(topic, "problem", "the probe's spans were sent nowhere")
