"""A trial process in the same environment: which provider, processor and exporters an application really gets.

It is started as the application would be: under ``opentelemetry-instrument``, or plainly where
``OTEL_PYTHON_TRACER_PROVIDER`` configures a plain process. What it does is in ``_trial/``.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Literal, TypeAlias, TypedDict

from .logged import messages
from .report import NOT_STARTED, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_TOPIC = "In effect"
_TIMEOUT = 120.0
_INSTRUMENT = "from opentelemetry.instrumentation.auto_instrumentation import run; run()"
_NOT_STARTED = "Failed to auto initialize OpenTelemetry"
_QUIET = {
    # Metrics and logs have no part in this and shall not be sent; LiteLLM fetches a list when it is imported.
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
}
ANSWER = "braintrust-run-output doctor: "
"""What the line begins with that the trial process answers with."""
PROBE, PLAIN = "--probe", "--plain"
"""What it is told: send a span; it is a plain process, in which nothing has switched instrumentations on."""

State: TypeAlias = Literal["loaded", "tried", "disabled", "conflict", "failed", "skipped"]
"""``tried``: doctor has switched it on, as the application would. ``skipped``: nobody has, and nothing says why."""


class Exporter(TypedDict):
    """An exporter of the trial's provider."""

    name: str
    endpoint: str
    parent: str
    has_key: bool


class Instrumentation(TypedDict):
    """An instrumentor that is installed, with what it instruments."""

    name: str
    """Its entry point's."""
    distribution: str
    targets: list[str]
    """The distributions that it instruments."""
    state: State
    why: str


class Call(TypedDict):
    """The call of a client to a stub provider, below a root."""

    client: str
    version: str
    error: str
    """What it raised, if it failed."""
    is_recorded: bool
    """Whether the sampler kept the root."""
    spans: list[str]
    """The names of the spans below the root that reached an exporter."""
    got: Literal["answer", "other", ""]
    """What the root got as its run output."""
    rule: str | None
    """The rule by which the run chose it, a `braintrust_run_output.run.Rule`; None if it did not."""
    reason: str | None
    """Why the run found nothing, a `braintrust_run_output.run.Reason`; None if it did."""
    source: str
    """The name of the span that the run chose it from."""
    has_input: bool
    """Whether the root has an input."""
    missing: list[str]
    """The exporters that the root did not reach."""


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
    instrumentations: list[Instrumentation]
    kept: float
    """The share of traces that the sampler keeps."""
    filters: list[str]
    """The exporters that a root without a word of a model does not reach."""
    calls: list[Call]
    sent: list[tuple[str, bool]]
    """Each exporter, and whether its receiver took the spans that were sent."""
    run_output: bool
    """Whether that root span had the run output of its child."""
    log: list[str]
    """What was logged, and why the trial failed if it did."""


def run(environ: Mapping[str, str], *, probe: bool) -> Trial:
    """Start the trial process and return what it says."""
    is_plain = _is_plain(environ)
    command = [sys.executable] if is_plain else [sys.executable, "-c", _INSTRUMENT, sys.executable]
    nothing = Trial(
        command="python app.py" if is_plain else "opentelemetry-instrument python app.py",
        provider="",
        is_sdk=False,
        installed=False,
        exporters=[],
        instrumentations=[],
        kept=1.0,
        filters=[],
        calls=[],
        sent=[],
        run_output=False,
        log=[],
    )
    told = [*([PROBE] if probe else []), *([PLAIN] if is_plain else [])]
    try:
        ended = subprocess.run(  # noqa: S603 (this Python, no shell)
            [*command, "-m", f"{__package__}._trial", *told],
            env={**environ, **_QUIET},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {**nothing, "log": [f"the trial process did not end within {_TIMEOUT:.0f} seconds"]}
    log = messages(ended.stderr)
    for line in ended.stdout.splitlines():
        if line.startswith(ANSWER):
            return {**nothing, **json.loads(line[len(ANSWER) :]), "log": log}
    return {**nothing, "log": [*log, f"the trial process ended with exit code {ended.returncode}"]}


def _is_plain(environ: Mapping[str, str]) -> bool:
    return bool(environ.get("OTEL_PYTHON_TRACER_PROVIDER")) or (
        importlib.util.find_spec("opentelemetry.instrumentation") is None
    )


def examine(trial: Trial, *, probe: bool) -> Iterator[Finding]:
    """Say what the trial process had."""
    if not trial["provider"]:
        yield Finding(_TOPIC, "problem", f"the trial failed: {' | '.join(trial['log'][-3:])}")
        return
    yield Finding(_TOPIC, "note", f"tried with `{trial['command']}`")
    yield from _examine_start(trial)
    if trial["is_sdk"]:
        yield from _examine_provider(trial)
    for line in trial["log"]:
        if not line.endswith(tuple(_failures(trial))):
            yield Finding(_TOPIC, "warning", f"it logged: {line}", is_logged=True)
    if probe:
        yield from _examine_probe(trial)


def _examine_start(trial: Trial) -> Iterator[Finding]:
    """Say whether there is a tracer provider; ``opentelemetry-instrument`` logs why not, and goes on without."""
    failures = _failures(trial)
    for why in failures:
        yield Finding(
            _TOPIC,
            "problem",
            f"OpenTelemetry did not start as it should: {why}",
            "see that message; what comes after it is not set up",
            symptoms=frozenset({"start"}),
            explains=NOT_STARTED - {"start"},
        )
    if trial["is_sdk"]:
        yield Finding(_TOPIC, "ok", f"the tracer provider {trial['provider']}")
    elif not failures:
        yield Finding(
            _TOPIC,
            "problem",
            "no tracer provider unless the application sets one",
            "pip install opentelemetry-distro and start it with opentelemetry-instrument, or set "
            "OTEL_PYTHON_TRACER_PROVIDER=braintrust_run_output, or call install() after setting your provider",
            symptoms=frozenset({"provider"}),
        )


def _failures(trial: Trial) -> list[str]:
    """Return why OpenTelemetry did not start; what failed in it has logged the same."""
    return [line.partition(": ")[2] or line for line in trial["log"] if line.startswith(_NOT_STARTED)]


def _examine_provider(trial: Trial) -> Iterator[Finding]:
    if trial["installed"]:
        yield Finding(_TOPIC, "ok", "the RunOutputSpanProcessor")
    else:
        yield Finding(
            _TOPIC,
            "problem",
            "no RunOutputSpanProcessor",
            "see the settings, or call install()",
            symptoms=frozenset({"processor"}),
        )
    names = ", ".join(one["name"] for one in trial["exporters"])
    if names:
        yield Finding(_TOPIC, "ok", f"the exporters {names}")
    else:
        remedy = "set OTEL_TRACES_EXPORTER=braintrust and BRAINTRUST_API_KEY"
        yield Finding(_TOPIC, "problem", "no exporter", remedy, symptoms=frozenset({"exporter"}))
    if not trial["kept"]:
        yield Finding(
            _TOPIC,
            "problem",
            "the sampler drops every trace",
            "unset OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG",
            symptoms=frozenset({"spans"}),
            explains=frozenset({"answer"}),
        )
    elif trial["kept"] < 1:
        yield Finding(
            _TOPIC, "note", f"the sampler keeps about {trial['kept']:.0%} of the traces: the others have no row"
        )
    for name in trial["filters"]:
        yield Finding(
            _TOPIC,
            "warning",
            f"{_short(name)} does not get roots without a run output: a filter drops them (filter_ai_spans=True?)",
            "their traces are not shown in Logs: leave the filter out, or see that each root has a run output",
        )


def _short(name: str) -> str:
    return name.rpartition(".")[2]


def _examine_probe(trial: Trial) -> Iterator[Finding]:
    topic = "Probe"
    if trial["is_sdk"] and not trial["run_output"]:
        yield Finding(
            topic,
            "problem",
            "the probe's root span did not get the run output of its child",
            symptoms=frozenset({"answer"}),
        )
    for name, taken in trial["sent"]:
        if taken:
            yield Finding(topic, "ok", f"{name}: the receiver took the probe's spans")
        else:
            yield Finding(
                topic, "problem", f"{name}: the probe's spans did not arrive", "see what was logged, and the endpoint"
            )
    if not trial["sent"]:
        yield Finding(topic, "problem", "the probe's spans were sent nowhere", symptoms=frozenset({"exporter"}))
