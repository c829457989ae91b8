"""What the templates show: rows, cut to what a page can hold, with the decisions made."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..intake.values import iso_time
from . import shape
from .json_text import JsonText, to_text
from .tree import place_spans

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..intake.rows import DatasetRow, Row
    from ..intake.store import TraceSummary
    from ..intake.values import Json
    from .reasons import Verdict

SPANS_PER_PAGE = 200
_LONGEST_NAME = 120
_LONGEST_EXCERPT = 200
_LONGEST_TEXT = 20_000
_DEEPEST = 12
_TYPES = frozenset({"llm", "tool", "task", "function", "score"})
_BAR = 1000
_THINNEST = 6


class Text(NamedTuple):
    """A text that may be cut."""

    shown: str
    hidden: int


class TraceLine(NamedTuple):
    """One trace in the list."""

    trace_id: str
    name: str
    started: str | None
    duration: str | None
    span_count: int
    services: str
    project: str
    failed: bool
    verdict: Verdict
    excerpt: str


class SpanLine(NamedTuple):
    """One span in the tree of a trace."""

    span_id: str
    name: str
    level: int
    indent: int
    type: str
    style: str
    kind: str
    offset: str
    duration: str
    bar_start: int
    bar_width: int
    mark: str
    """``answer``, ``failed here``, ``look here``, or nothing."""
    is_selected: bool
    failed: bool


class SpanDetail(NamedTuple):
    """Everything of one span."""

    span_id: str
    name: str
    type: str
    style: str
    facts: list[tuple[str, str]]
    error: Text | None
    fields: list[tuple[str, JsonText]]


class RowCells(NamedTuple):
    """The columns of a dataset row, each cut to a few lines."""

    input: str
    has_input: bool
    expected: str
    run_output: Text | None


class DatasetLine(NamedTuple):
    """One dataset row in the list."""

    row_id: str
    input: str
    expected: str
    run_output: str | None
    trace_id: str | None


def trace_line(summary: TraceSummary, verdict: Verdict) -> TraceLine:
    """Make a line of the list of traces."""
    root = summary.root
    return TraceLine(
        trace_id=summary.root_span_id,
        name="(root not here yet)" if root is None else _cut(shape.name_of(root), _LONGEST_NAME),
        started=None if root is None else started(root),
        duration=None if root is None else lasted(root),
        span_count=summary.span_count,
        services=_cut(", ".join(summary.services), _LONGEST_NAME),
        project=_cut(summary.project, _LONGEST_NAME),
        failed=root is not None and root.get("error") is not None,
        verdict=verdict,
        excerpt=_cut(verdict.value or "", _LONGEST_EXCERPT),
    )


def span_lines(rows: Sequence[Row], *, verdict: Verdict, selected: str, page: int) -> list[SpanLine]:
    """Make one page of the lines of a trace's tree.

    Args:
        rows: All rows of the trace, by start time.
        verdict: What is to say of the trace: it may point to a span.
        selected: The id of the span whose details are shown.
        page: Which page, from 1.
    """
    first = min((shape.start_of(row) for row in rows if shape.start_of(row)), default=0.0)
    length = max((shape.end_of(row) for row in rows), default=0.0) - first
    lines = []
    for position, (row, depth, _) in enumerate(place_spans(rows)):
        if not (page - 1) * SPANS_PER_PAGE <= position < page * SPANS_PER_PAGE:
            continue
        start, kind = shape.start_of(row), shape.type_of(row)
        bar_start, bar_width = _bar(start - first, shape.end_of(row) - start, length)
        lines.append(
            SpanLine(
                span_id=row["id"],
                name=_cut(shape.name_of(row), _LONGEST_NAME),
                level=depth + 1,
                indent=min(depth, _DEEPEST),
                type=_cut(kind or "span", 20),
                style=_style(kind),
                kind=_cut(shape.kind_of(row), 20),
                offset=shape.duration(max(start - first, 0.0)),
                duration=lasted(row) or "",
                bar_start=bar_start,
                bar_width=bar_width,
                mark=verdict.mark if row["id"] == verdict.source else "",
                is_selected=row["id"] == selected,
                failed=row.get("error") is not None,
            )
        )
    return lines


def _bar(offset: float, length: float, whole: float) -> tuple[int, int]:
    if whole <= 0:
        return 0, _BAR
    start = min(max(int(offset / whole * _BAR), 0), _BAR - _THINNEST)
    return start, min(max(int(length / whole * _BAR), _THINNEST), _BAR - start)


def page_of(rows: Sequence[Row], span_id: str) -> int:
    """Return the page of the tree that a span is on, 1 if it is on none."""
    for position, placed in enumerate(place_spans(rows)):
        if placed.row["id"] == span_id:
            return position // SPANS_PER_PAGE + 1
    return 1


def span_detail(row: Row, key: str) -> SpanDetail:
    """Make the details of a span."""
    facts = [
        ("Started", started(row) or ""),
        ("Duration", lasted(row) or ""),
        ("Kind", shape.kind_of(row)),
        ("Scope", shape.scope_of(row)),
        ("Service", str(shape.resource_of(row).get("service.name") or "")),
        ("Span id", row["id"]),
    ]
    error = row.get("error")
    fields: list[tuple[str, object]] = [
        ("input", row.get("input")),
        ("output", row.get("output")),
        ("metadata", row.get("metadata")),
        ("tags", row.get("tags") or None),
        ("metrics", shape.metrics_of(row) or None),
    ]
    return SpanDetail(
        span_id=row["id"],
        name=_cut(shape.name_of(row), _LONGEST_NAME),
        type=_cut(shape.type_of(row) or "span", 20),
        style=_style(shape.type_of(row)),
        facts=[(name, _cut(value, _LONGEST_NAME)) for name, value in facts if value],
        error=None if error is None else text(error if isinstance(error, str) else str(error)),
        fields=[(name, to_text(value, mark=key)) for name, value in fields if value is not None],
    )


def row_cells(row: DatasetRow, *, value: str | None) -> RowCells:
    """Make the columns of a dataset row.

    Args:
        row: The row.
        value: Its run output, as text.
    """
    return RowCells(
        input=excerpt(row.get("input")),
        has_input=row.get("input") is not None,
        expected=excerpt(row.get("expected")),
        run_output=None if value is None else text(value),
    )


def dataset_line(row: DatasetRow, *, trace_id: str | None, key: str) -> DatasetLine:
    """Make a line of the list of dataset rows."""
    metadata = row.get("metadata")
    run_output = metadata.get(key) if isinstance(metadata, dict) else None
    return DatasetLine(
        row_id=row["id"],
        input=excerpt(row.get("input")),
        expected=excerpt(row.get("expected")),
        run_output=None if run_output is None else excerpt(run_output),
        trace_id=trace_id,
    )


def _style(kind: str) -> str:
    return kind if kind in _TYPES else "other"


def started(row: Row) -> str | None:
    """Return when a span started, in UTC, for people; ``None`` if that is not known."""
    moment = iso_time(row.get("created"))
    return None if moment is None else f"{moment[:10]} {moment[11:23]} UTC"


def lasted(row: Row) -> str | None:
    """Return how long a span took, for people; ``None`` if that is not known."""
    start, end = shape.start_of(row), shape.end_of(row)
    return shape.duration(end - start) if 0 < start <= end else None


def text(value: str) -> Text:
    """Cut a text to what a page can hold."""
    return Text(value[:_LONGEST_TEXT], max(len(value) - _LONGEST_TEXT, 0))


def excerpt(value: Json) -> str:
    """Write a value on one line, cut to what a table's cell can hold."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return _cut(value, _LONGEST_EXCERPT)
    pieces = to_text(value, longest=4 * _LONGEST_EXCERPT).pieces
    return _cut("".join(piece.text for piece in pieces), _LONGEST_EXCERPT)


def _cut(value: str, longest: int) -> str:
    line = " ".join(value[: 2 * longest].split())
    return line if len(line) <= longest and len(value) <= 2 * longest else line[: longest - 1] + "…"
