"""The spans of a trace as a tree: their order and depth, and its drawing as text."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from .shape import parent_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..intake.rows import Row
    from ..intake.values import Json

_NAME_WIDTH = 60


class Placed(NamedTuple):
    """A span's place in the tree of its trace."""

    row: Row
    depth: int
    """0 for a span whose parent is not in the trace."""
    is_last: bool
    """Whether no sibling comes after it."""


def place_spans(rows: Iterable[Row]) -> Iterator[Placed]:
    """Yield the spans of a trace depth first, every one once, whatever the parents say.

    Args:
        rows: The trace's rows, in the order in which siblings shall appear.
    """
    rows = list(rows)
    known = {row["id"] for row in rows}
    children: defaultdict[str, list[Row]] = defaultdict(list)
    tops: list[Row] = []
    for row in rows:
        parent = parent_of(row)
        if parent is not None and parent in known:
            children[parent].append(row)
        else:
            tops.append(row)
    placed: set[str] = set()
    # Rows that remain are their own ancestors; each such circle is opened at its first row.
    for top in (*tops, *rows):
        yield from _walk(top, children, placed)


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
    lines: list[str] = []
    indents: list[str] = []  # of the span above at each depth, for what stands below it
    for row, depth, is_last in place_spans(rows):
        branch = ""
        if depth:
            del indents[depth - 1 :]
            branch = "".join(indents) + ("└─ " if is_last else "├─ ")
            indents.append("   " if is_last else "│  ")
        else:
            indents.clear()
        lines.append(branch + _describe(row, key, width))
    return "\n".join(lines)


def _walk(top: Row, children: dict[str, list[Row]], placed: set[str]) -> Iterator[Placed]:
    """Yield the rows below ``top``, depth first. No recursion: a trace may be deeper than the stack."""
    waiting = [Placed(top, 0, is_last=True)]
    while waiting:
        one = waiting.pop()
        if one.row["id"] in placed:
            continue
        placed.add(one.row["id"])
        yield one
        below = children.get(one.row["id"], [])
        waiting.extend(Placed(child, one.depth + 1, child is below[-1]) for child in reversed(below))


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
