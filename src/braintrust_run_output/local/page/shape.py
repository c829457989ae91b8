"""What the page reads off a row. Rows may come from anyone: any field may hold anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..intake.rows import Row
    from ..intake.values import Json

_LATEST = 1e11
"""Seconds since the epoch, in the year 5138: what is greater is no time."""


def metadata_of(row: Row) -> dict[str, Json]:
    """Return a row's metadata, empty if it has none."""
    return _object(row.get("metadata"))


def name_of(row: Row) -> str:
    """Return the name of a row's span."""
    name = _object(row.get("span_attributes")).get("name")
    return name if isinstance(name, str) and name.strip() else "(no name)"


def type_of(row: Row) -> str:
    """Return the type of a row's span, empty if it has none."""
    kind = _object(row.get("span_attributes")).get("type")
    return kind if isinstance(kind, str) else ""


def scope_of(row: Row) -> str:
    """Return the name of a row's instrumentation scope, empty if it has none."""
    scope = _object(row.get("context")).get("scope")
    return scope if isinstance(scope, str) else ""


def kind_of(row: Row) -> str:
    """Return OpenTelemetry's kind of a row's span, empty if it has none."""
    kind = _object(row.get("context")).get("kind")
    return kind if isinstance(kind, str) else ""


def resource_of(row: Row) -> dict[str, Json]:
    """Return the resource that made a row's span."""
    return _object(_object(row.get("context")).get("resource"))


def parent_of(row: Row) -> str | None:
    """Return the id of a row's parent, ``None`` for a root."""
    parents = row.get("span_parents")
    return parents[0] if isinstance(parents, list) and parents and isinstance(parents[0], str) else None


def has_remote_parent(row: Row) -> bool:
    """Whether a row's span says that its parent is in another process. Not every SDK says so."""
    return _object(row.get("context")).get("parent_is_remote") is True


def start_of(row: Row) -> float:
    """Return when a row's span started, in seconds since the epoch; 0 if that is not known."""
    return _seconds(_object(row.get("metrics")).get("start"))


def end_of(row: Row) -> float:
    """Return when a row's span ended, its start if that is not known."""
    return _seconds(_object(row.get("metrics")).get("end")) or start_of(row)


def metrics_of(row: Row) -> dict[str, Json]:
    """Return the metrics of a row's span without its start and end."""
    metrics = _object(row.get("metrics"))
    return {name: value for name, value in metrics.items() if name not in ("start", "end")}


def duration(seconds: float) -> str:
    """Write a length of time for people: ``40 µs``, ``4.2 ms``, ``12 ms``, ``1.50 s``, ``2 min 5 s``."""
    if seconds >= 60:
        return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"
    if seconds >= 1:
        return f"{seconds:.2f} s"
    milliseconds = seconds * 1000
    if milliseconds < 1:
        return f"{milliseconds * 1000:.0f} µs" if milliseconds else "0 ms"
    return f"{milliseconds:.0f} ms" if milliseconds >= 10 else f"{milliseconds:.1f} ms"


def _object(value: object) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def _seconds(value: object) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return 0.0
    return float(value) if 0 <= value <= _LATEST else 0.0
