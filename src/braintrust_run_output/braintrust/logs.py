"""The traces in a project's logs: their roots first, then the rows of some traces at once.

Every query is bounded by time on both sides, and as many traces are read at once as memory takes: a few, if they are
large, and fifty, if they are small.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta, timezone
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from . import traces
from .api import all_of, between, compare, is_null
from .since import CLOCK_SKEW, as_moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from .api import BraintrustApi, Filter, NamedObject, Row

LONGEST_AFTER = timedelta(days=1)
"""How long after the end of its root a span may start to be looked at."""
BATCH = 50
"""How many traces are read at once, at most."""
_LARGE_BATCH = 16 * 1024 * 1024
_SMALL_BATCH = 4 * 1024 * 1024


class Root(NamedTuple):
    """Where a root is; its trace is read later."""

    row_id: str
    root_span_id: str
    start: datetime
    end: datetime
    """Now, if it has none yet."""


class Trace(NamedTuple):
    """A root, and the other rows of its trace, which may have several roots."""

    root: Row
    others: Sequence[Row]

    @property
    def rows(self) -> list[Row]:
        """All rows, the root first."""
        return [self.root, *self.others]


def read_traces(
    api: BraintrustApi,
    project: NamedObject,
    *,
    since: datetime,
    until: datetime | None = None,
    without: str | None = None,
    reduce: Callable[[Row], Row] | None = None,
    gone: Callable[[int], object] | None = None,
) -> Iterator[list[Trace]]:
    """Yield the traces whose root started in a time, some at once.

    Args:
        api: The connection.
        project: The project.
        since: The earliest start of a root.
        until: The latest start of a root; default now.
        without: Only traces whose root lacks this metadata key. Roots are read after the rest of their traces, so that
            one that has got it meanwhile is left out.
        reduce: Takes what is not needed out of a row, the roots aside, before it is kept; default all is kept.
        gone: Told how many roots of a batch were not there, or had got the key, when they were read.

    Raises:
        ApiError: Braintrust could not be asked.
    """
    now = datetime.now(timezone.utc)
    bounds = between(since, now + CLOCK_SKEW if until is None else until)
    roots = _list_roots(api, project, bounds, without, now)
    size = BATCH
    while batch := list(islice(roots, size)):
        before = api.received
        yield _read_batch(api, project, batch, now, without, reduce, gone)
        size = _next_size(size, api.received - before)


def _list_roots(
    api: BraintrustApi, project: NamedObject, bounds: Filter, without: str | None, now: datetime
) -> Iterator[Root]:
    conditions = [compare("is_root", "eq", value=True), bounds]
    if without is not None:
        conditions.append(is_null("metadata", without))
    for page in api.logs(project, all_of(*conditions)):
        for row in page:
            start = as_moment(row.get("created"))
            if start is None:
                api.notify("a root was passed over: its row does not say when it was created")
            elif traces.is_root(row):
                yield Root(str(row["id"]), trace_id(row), start, min(_end_of(row) or now, now))


def _read_batch(
    api: BraintrustApi,
    project: NamedObject,
    roots: Sequence[Root],
    now: datetime,
    without: str | None,
    reduce: Callable[[Row], Row] | None,
    gone: Callable[[int], object] | None,
) -> list[Trace]:
    first = min(root.start for root in roots)
    last = max(first, *(max(root.start, root.end) for root in roots))
    whole = between(first - CLOCK_SKEW, min(last + LONGEST_AFTER, now) + CLOCK_SKEW)
    by_trace: defaultdict[str, list[Row]] = defaultdict(list)
    read: dict[str, Row] = {}
    wanted = compare("root_span_id", "in", sorted({root.root_span_id for root in roots}))
    for page in api.logs(project, all_of(wanted, whole)):
        for row in page:
            by_trace[trace_id(row)].append(row if reduce is None else reduce(row))
            if without is None and traces.is_root(row):
                read[str(row["id"])] = row
    if without is not None:
        read = _read_again(api, project, roots, all_of(between(first, last + CLOCK_SKEW), is_null("metadata", without)))
    if gone is not None:
        gone(len(roots) - sum(root.row_id in read for root in roots))
    found = ((read[root.row_id], by_trace[root.root_span_id]) for root in roots if root.row_id in read)
    return [Trace(root, [row for row in rows if row["id"] != root["id"]]) for root, rows in found]


def _read_again(api: BraintrustApi, project: NamedObject, roots: Sequence[Root], condition: Filter) -> dict[str, Row]:
    """Return those of the roots that pass a condition now."""
    read: dict[str, Row] = {}
    by_id = compare("id", "in", [root.row_id for root in roots])
    for page in api.logs(project, all_of(by_id, condition)):
        read.update((str(row["id"]), row) for row in page)
        if len(read) == len(roots):
            break  # rather than ask for the empty page that ends them
    return read


def trace_id(row: Mapping[str, object]) -> str:
    """Return the id of the trace that a row is of."""
    return str(row.get("root_span_id") or row.get("id"))


def _end_of(row: Row) -> datetime | None:
    metrics = row.get("metrics")
    end = metrics.get("end") if isinstance(metrics, dict) else None
    try:
        return datetime.fromtimestamp(end, timezone.utc) if isinstance(end, (int, float)) else None
    except (ValueError, OverflowError, OSError):
        return None


def _next_size(size: int, received: int) -> int:
    """Return how many traces to read next, from what the last ones came to, in bytes."""
    if received > _LARGE_BATCH:
        return max(1, size // 2)
    return min(BATCH, size * 2) if received < _SMALL_BATCH else size
