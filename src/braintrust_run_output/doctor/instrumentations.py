"""Which instrumentations really loaded. One that should have and did not is a problem: its outputs are missing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ._trial.clients import CLIENTS
from .report import NOT_STARTED, Finding

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from importlib.metadata import Distribution

    from .trial import Instrumentation, Trial

_TOPIC = "Instrumentations"
_RAISED = re.compile(r"Instrumenting of (\S+) failed: (.*)")
"""What ``opentelemetry-instrument`` logs, and then instruments nothing any more."""
_LOGGED = (
    "Importing of {} failed",
    "Instrumenting of {} failed",
    "Skipping instrumentation {}",
    "{} only instruments",
)
"""How it says that it leaves an instrumentation out."""
_DISABLED = "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"


def examine(trial: Trial, content: Collection[str]) -> Iterator[Finding]:
    """Look at what became of each instrumentation that is installed, and has what it instruments.

    Args:
        trial: The trial.
        content: The distributions whose instrumentations write down what models say.
    """
    if not trial["is_sdk"]:
        return
    found = _with_failures(trial)
    loaded = sorted({one["name"] for one in found if one["state"] == "loaded"})
    if loaded:
        yield Finding(_TOPIC, "ok", f"loaded: {', '.join(loaded)}")
    tried = sorted({one["name"] for one in found if one["state"] == "tried"})
    if tried:
        yield Finding(
            _TOPIC,
            "note",
            f"switched on by doctor for this trial: {', '.join(tried)}",
            "OTEL_PYTHON_TRACER_PROVIDER instruments nothing: call .instrument() of each in the application",
        )
    served = {client for one in found if is_in_effect(one) for client in clients_of(one)}
    for one in found:
        if not is_in_effect(one):
            matters = one["distribution"] in content or bool(clients_of(one))
            yield from _examine_absent(one, served, trial["log"], matters=matters)
    yield from _examine_doubles(found)


def clients_of(instrumentation: Instrumentation) -> set[str]:
    """Return the names of the clients that an instrumentation is for."""
    return {client.name for client in CLIENTS if client.targets.intersection(instrumentation["targets"])}


def _with_failures(trial: Trial) -> list[Instrumentation]:
    """Return the instrumentations, ``failed`` where the log says that switching them on has failed."""
    raised = {match[1]: match[2] for line in trial["log"] if (match := _RAISED.match(line))}
    return [
        one
        if is_in_effect(one) or one["name"] not in raised
        else {**one, "state": "failed", "why": raised[one["name"]]}
        for one in trial["instrumentations"]
    ]


def is_in_effect(instrumentation: Instrumentation) -> bool:
    """Whether an instrumentation makes spans in the trial."""
    return instrumentation["state"] in ("loaded", "tried")


def is_instrumentation(distribution: Distribution) -> bool:
    """Whether a distribution has an instrumentor."""
    return any(one.group == "opentelemetry_instrumentor" for one in distribution.entry_points)


def _examine_absent(
    one: Instrumentation, served: Collection[str], log: Collection[str], *, matters: bool
) -> Iterator[Finding]:
    clients = clients_of(one)
    what, name = one["distribution"], one["name"]
    text, remedy = {
        "failed": (f"{what} did not load: {one['why']}", f"pip install --upgrade {what}, or uninstall it"),
        "disabled": (f"{what} is disabled by {_DISABLED}", f"take {name} out of {_DISABLED}"),
        "conflict": (f"{what} did not load: {one['why']}", f"pip install --upgrade {what}"),
        "skipped": (f"{what} did not load", "see what was logged, and what your distro does"),
    }[one["state"]]
    logged_as = tuple(part.format(name) for part in _LOGGED)
    if one["state"] != "failed" and clients and clients <= set(served):
        yield Finding(_TOPIC, "note", f"{text}; another one does its work", logged_as=logged_as)
    elif matters or one["state"] == "failed":
        explains = frozenset(f"call of {client}" for client in clients)
        if one["why"] and any(line.startswith(_LOGGED[1].format(name)) for line in log):
            explains |= NOT_STARTED
        symptoms = frozenset({one["state"]})
        yield Finding(_TOPIC, "problem", text, remedy, symptoms=symptoms, explains=explains, logged_as=logged_as)


def _examine_doubles(found: Collection[Instrumentation]) -> Iterator[Finding]:
    for client in CLIENTS:
        several = sorted(one["distribution"] for one in found if is_in_effect(one) and client.name in clients_of(one))
        if len(several) > 1:
            yield Finding(
                _TOPIC,
                "note",
                f"{client.name} is instrumented by {len(several)}: each call has a span of each",
                f"keep one of {', '.join(several)}",
            )
