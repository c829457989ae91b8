"""What is installed: versions, entry points, distros that are in each other's way."""

from __future__ import annotations

import platform
import re
from importlib.metadata import Distribution, distributions, entry_points
from typing import TYPE_CHECKING, TypeAlias

from .report import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Packages: TypeAlias = "Mapping[str, Distribution]"
"""Installed distributions by normalised name."""

_TOPIC = "Installed"
_SAID = ("python", "braintrust-run-output", "opentelemetry-sdk", "opentelemetry-distro", "braintrust")
"""What is said in a line; the report's ``versions`` have more."""
_KNOWN = re.compile(
    r"braintrust|opentelemetry-(api|sdk|distro|instrumentation|configuration|exporter-otlp-proto-\w+)$|logfire|langfuse"
    r"|traceloop-sdk|openlit"
)
_OWN = {
    "opentelemetry_instrumentor": "braintrust_run_output",
    "opentelemetry_traces_exporter": "braintrust",
    "opentelemetry_tracer_provider": "braintrust_run_output",
}
_OLDEST_SDK = (1, 30)


def packages() -> Packages:
    """Return the distributions that are installed; of several of one name the first, which Python imports."""
    found: dict[str, Distribution] = {}
    for one in distributions():
        name = one.metadata["Name"]
        if name:
            found.setdefault(_normalised(name), one)
    return found


def versions(packages: Packages) -> dict[str, str]:
    """Return the versions that matter here."""
    return {
        "python": platform.python_version(),
        **{name: one.version for name, one in sorted(packages.items()) if _KNOWN.match(name)},
    }


def examine(packages: Packages, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Look at versions, entry points and distros."""
    known = versions(packages)
    yield Finding(_TOPIC, "note", ", ".join(f"{name} {known[name]}" for name in _SAID if name in known))
    sdk = packages.get("opentelemetry-sdk")
    if sdk is not None and tuple(int(number) for number in re.findall(r"\d+", sdk.version)[:2]) < _OLDEST_SDK:
        yield Finding(
            _TOPIC,
            "problem",
            f"opentelemetry-sdk {sdk.version} is older than 1.30",
            "pip install 'opentelemetry-sdk>=1.30'",
        )
    yield from _examine_entry_points()
    yield from _examine_copies()
    for kind in ("distro", "configurator"):
        yield from _examine_kind(kind, environ)


def _examine_entry_points() -> Iterator[Finding]:
    missing = [f"{group}: {name}" for group, name in _OWN.items() if name not in _names(group)]
    if missing:
        yield Finding(
            _TOPIC,
            "problem",
            "entry points of braintrust-run-output are not seen: " + ", ".join(missing),
            "install the package into this environment: pip install braintrust-run-output",
        )
    else:
        yield Finding(_TOPIC, "ok", "the entry points of braintrust-run-output")


def _examine_copies() -> Iterator[Finding]:
    """Say where two copies of one of the packages that matter here are on the path: which one is used is chance."""
    copies: dict[str, list[str]] = {}
    for one in distributions():
        name = _normalised(one.metadata["Name"] or "")
        if _KNOWN.match(name) and one.version not in copies.setdefault(name, []):
            copies[name].append(one.version)
    for name, found in sorted(copies.items()):
        if len(found) > 1:
            yield Finding(
                _TOPIC,
                "warning",
                f"{name} is installed more than once: {', '.join(found)}; the first is used",
                f"pip uninstall {name}, until it is gone, and install it once",
            )


def _examine_kind(kind: str, environ: Mapping[str, str]) -> Iterator[Finding]:
    names = _names(f"opentelemetry_{kind}")
    variable = f"OTEL_PYTHON_{kind.upper()}"
    chosen = environ.get(variable)
    if chosen and chosen not in names:
        yield Finding(
            _TOPIC,
            "problem",
            f"{variable}={chosen}, but there is no such {kind}",
            "set it to one of " + ", ".join(names) if names else f"unset {variable}",
            explains=frozenset({"provider"}),
        )
    elif len(names) > 1 and not chosen:
        yield Finding(
            _TOPIC,
            "warning",
            f"several OpenTelemetry {kind}s are installed, and the order of directories decides: " + ", ".join(names),
            f"set {variable} to the one that you want",
        )


def _names(group: str) -> list[str]:
    return list(dict.fromkeys(one.name for one in entry_points(group=group)))


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
