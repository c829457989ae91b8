"""A trace as a text tree."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .rows import Row
    from .values import Json

_NAME_WIDTH = 60


def render_tree(rows: Iterable[Row], *, key: str = "run_output", width: int = 60) -> str:
    """Draw the spans of a trace, one per line: name, type, duration and run output.

    Args:
        rows: The trace's rows, in the order in which siblings shall appear.
        key: The metadata key that holds the run output.
        width: Longest piece of a run output that is shown, in characters.

    Returns:
        The tree, without a final newline. Every span is in it once, whatever the parents say. Characters that
        a terminal would act on are escaped.
    """
    rows = list(rows)
    known = {row["id"] for row in rows}
    children: defaultdict[str, list[Row]] = defaultdict(list)
    tops: list[Row] = []
    for row in rows:
        parent = _parent(row)
        if parent is not None and parent in known:
            children[parent].append(row)
        else:
            tops.append(row)
    lines: list[str] = []
    drawn: set[str] = set()
    # Rows that remain undrawn are their own ancestors; each such circle is opened at its first row.
    for top in (*tops, *rows):
        for row, branch in _walk(top, children, drawn):
            lines.append(branch + _describe(row, key, width))
    return "\n".join(lines)


def _parent(row: Row) -> str | None:
    return next(iter(row.get("span_parents") or []), None)


def _walk(top: Row, children: dict[str, list[Row]], drawn: set[str]) -> Iterator[tuple[Row, str]]:
    """Yield the rows below ``top``, depth first, with the branches to draw before each. No recursion."""
    waiting = [(top, "", "")]
    while waiting:
        row, branch, indent = waiting.pop()
        if row["id"] in drawn:
            continue
        drawn.add(row["id"])
        yield row, branch
        below = children.get(row["id"], [])
        for child in reversed(below):
            last = child is below[-1]
            waiting.append((child, indent + ("└─ " if last else "├─ "), indent + ("   " if last else "│  ")))


def _describe(row: Row, key: str, width: int) -> str:
    about = row.get("span_attributes") or {}
    parts = [_shorten(about.get("name"), _NAME_WIDTH), f"[{_shorten(about.get('type'), _NAME_WIDTH)}]"]
    metrics = row.get("metrics") or {}
    if "start" in metrics and "end" in metrics:
        parts.append(f"{(metrics['end'] - metrics['start']) * 1000:.0f} ms")
    if row.get("error") is not None:
        parts.append(f"error: {_shorten(row['error'], width)}")
    run_output = (row.get("metadata") or {}).get(key)
    if run_output is not None:
        parts.append(f"{key}: {_shorten(run_output, width)}")
    return "  ".join(parts)


def _shorten(value: Json, width: int) -> str:
    text = value if isinstance(value, str) else repr(value)
    cut = text if len(text) <= width else text[: width - 1] + "…"
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in cut)
