"""Which instrumentations are in effect in this process, and why the others are not."""

from __future__ import annotations

import os
import re
import sys
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, cast

from .clients import CLIENTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ..trial import Instrumentation, State

_GROUP = "opentelemetry_instrumentor"
_OWN = "braintrust_run_output"


def look(*, switch_on: bool) -> list[Instrumentation]:
    """Look at every instrumentor that is installed, and has what it instruments.

    Args:
        switch_on: Switch on those of the clients, as an application does that is started plainly.
    """
    return [one for entry_point in _unique() if (one := _look_at(entry_point, switch_on=switch_on)) is not None]


def _unique() -> Iterator[EntryPoint]:
    seen: set[tuple[str, str]] = set()
    for one in entry_points(group=_GROUP):
        if one.name != _OWN and (one.name, one.value) not in seen:
            seen.add((one.name, one.value))
            yield one


def _look_at(entry_point: EntryPoint, *, switch_on: bool) -> Instrumentation | None:
    targets = sorted(_declared(entry_point) | _answered(entry_point))
    found: Instrumentation = {
        "name": entry_point.name,
        "distribution": entry_point.dist.name if entry_point.dist else entry_point.module,
        "targets": targets,
        "state": "loaded",
        "why": "",
    }
    if _is_in_effect(entry_point):
        return found
    conflict = _conflict(entry_point)
    if conflict is not None and conflict.found is None:
        return None  # what it instruments is not installed
    state, why = _reason(entry_point, conflict)
    if state == "skipped" and switch_on:
        targets = targets or sorted(_asked(entry_point))  # older releases do not declare it
        if _is_of_a_client(targets):
            state, why = _switch_on(entry_point)
    return {**found, "targets": targets, "state": state, "why": why}


def _reason(entry_point: EntryPoint, conflict: Any) -> tuple[State, str]:
    disabled = [name.strip() for name in os.environ.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "").split(",")]
    if entry_point.name in disabled or "*" in disabled:
        return "disabled", ""
    if conflict is not None:
        needed = str(conflict.required).partition(";")[0]
        return "conflict", f"it needs {needed}, and {conflict.found} is installed"
    try:
        entry_point.load()
    except Exception as error:  # noqa: BLE001 (whatever its import raises)
        return "failed", _told(error)
    return "skipped", ""


def _switch_on(entry_point: EntryPoint) -> tuple[State, str]:
    try:
        entry_point.load()().instrument()
    except Exception as error:  # noqa: BLE001
        return "failed", _told(error)
    return ("tried", "") if _is_in_effect(entry_point) else ("skipped", "")


def _is_in_effect(entry_point: EntryPoint) -> bool:
    return bool(getattr(_instance(entry_point), "is_instrumented_by_opentelemetry", False))


def _instance(entry_point: EntryPoint) -> Any:
    """Return the one instance that an instrumentor has; None if nobody has made it, for here is too early for that."""
    module = sys.modules.get(entry_point.module)
    return getattr(getattr(module, entry_point.attr, None), "_instance", None)


def _conflict(entry_point: EntryPoint) -> Any:
    if entry_point.dist is None:
        return None
    from opentelemetry.instrumentation.dependencies import get_dist_dependency_conflicts

    return get_dist_dependency_conflicts(cast("Any", entry_point.dist))


def _declared(entry_point: EntryPoint) -> set[str]:
    """Return the names of what an instrumentor's distribution says that it instruments."""
    requirements = (entry_point.dist and entry_point.dist.requires) or ()
    return _names(one for one in requirements if re.search(r"extra == ['\"]instruments", one))


def _answered(entry_point: EntryPoint) -> set[str]:
    """Return the names of what an instrumentor says that it instruments, for not all declare it."""
    instance = _instance(entry_point)
    return set() if instance is None else _dependencies_of(lambda: instance)


def _asked(entry_point: EntryPoint) -> set[str]:
    """Return the same of one that nobody has made yet."""
    return _dependencies_of(lambda: entry_point.load()())


def _dependencies_of(get: Callable[[], Any]) -> set[str]:
    try:
        return _names(map(str, get().instrumentation_dependencies()))
    except Exception:  # noqa: BLE001 (another one's code)
        return set()


def _names(requirements: Iterable[str]) -> set[str]:
    found = (re.match(r"[\w.-]+", one) for one in requirements)
    return {re.sub(r"[-_.]+", "-", name[0]).lower() for name in found if name}


def _is_of_a_client(targets: list[str]) -> bool:
    return any(client.targets.intersection(targets) for client in CLIENTS)


def _told(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
