"""Backfill: run outputs for stored traces whose root has none.

For what no processor saw: children in other services or other languages, completions that came after their root had
ended, and history. The value is decided by the conventions and the aggregator that serve live spans; it is merged into
the root's metadata, and nothing else of the row is touched. A root that has a value, by whomever, is not asked for, so
a run that was interrupted is simply repeated.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from . import outputs, traces
from .api import all_of, compare, is_null
from .since import CLOCK_SKEW, as_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from ..config import RunOutputConfig
    from .api import BraintrustApi, NamedObject, Row

BATCH = 50
"""How many traces are read, decided and merged at once."""
_LISTED = 1000


class Decision(NamedTuple):
    """What is to be merged into one root."""

    row_id: str
    root_span_id: str
    created: str
    found: traces.Found


@dataclass
class BackfillReport:
    """What a backfill found and did."""

    applied: bool
    """False for a dry run: nothing was written."""
    roots: int = 0
    """Root rows without a run output."""
    found: int = 0
    """Those whose trace has one."""
    written: int = 0
    decisions: list[Decision] = field(default_factory=list)
    """The first thousand."""

    @property
    def without_output(self) -> int:
        """Root rows whose trace has no model output either."""
        return self.roots - self.found


def backfill(
    api: BraintrustApi,
    project: NamedObject,
    *,
    since: datetime,
    until: datetime | None = None,
    config: RunOutputConfig,
    apply: bool = False,
    progress: Callable[[BackfillReport], object] | None = None,
    report: BackfillReport | None = None,
) -> BackfillReport:
    """Find the roots in a project's logs that lack a run output and whose trace has one, and merge it in.

    Args:
        api: The connection.
        project: The project.
        since: The earliest start of a root.
        until: The latest start of a root; default none.
        config: The configuration: ``key``, ``root``, ``format``, ``max_length``, ``linkage`` and ``transform`` count.
        apply: Write; by default nothing is written, only reported.
        progress: Called with the report after each batch.
        report: What to count in: it stays true where this raises half-way. Default a new one.

    Returns:
        What was found and written.

    Raises:
        ApiError: Braintrust could not be asked. What the report counts as written is written.
    """
    report = BackfillReport(applied=apply) if report is None else report
    for roots in _batches(_roots(api, project, config.key, since, until), BATCH):
        decisions = [one for one in _decide(api, project, roots, since, config) if one is not None]
        report.roots += len(roots)
        report.found += len(decisions)
        report.decisions += decisions[: _LISTED - len(report.decisions)]
        if apply and decisions:
            api.merge_logs(project, [_merge(decision, config) for decision in decisions])
            report.written += len(decisions)
        if progress is not None:
            progress(report)
    return report


def _roots(
    api: BraintrustApi, project: NamedObject, key: str, since: datetime, until: datetime | None
) -> Iterator[Row]:
    conditions = [compare("is_root", "eq", value=True), is_null("metadata", key)]
    conditions.append(compare("created", "ge", as_text(since)))
    if until is not None:
        conditions.append(compare("created", "lt", as_text(until)))
    seen = set[str]()  # Braintrust's pages may repeat a row that was written meanwhile
    for page in api.logs(project, all_of(*conditions), page=BATCH):
        for row in page:
            if str(row["id"]) not in seen and traces.is_root(row):
                seen.add(str(row["id"]))
                yield row


def _decide(
    api: BraintrustApi, project: NamedObject, roots: Sequence[Row], since: datetime, config: RunOutputConfig
) -> Iterator[Decision | None]:
    ids = sorted({_trace_id(root) for root in roots})
    spans: defaultdict[str, list[Row]] = defaultdict(list)
    condition = all_of(compare("root_span_id", "in", ids), compare("created", "ge", as_text(since - CLOCK_SKEW)))
    for page in api.logs(project, condition):
        for row in page:
            if not traces.is_root(row):
                spans[_trace_id(row)].append(_without_input(row))
    for root in roots:
        trace_id = _trace_id(root)
        found = traces.run_output_of([root, *spans[trace_id]], config)
        yield found and Decision(str(root["id"]), trace_id, str(root.get("created") or ""), found)


def _merge(decision: Decision, config: RunOutputConfig) -> Row:
    found = decision.found
    metadata = outputs.metadata_of(found.value, config, span_id=found.span_id, root_span_id=found.root_span_id)
    return {"id": decision.row_id, "metadata": metadata}


def _trace_id(row: Row) -> str:
    return str(row.get("root_span_id") or row["id"])


def _without_input(row: Row) -> Row:
    """Drop what is large and not looked at, so that a batch stays small."""
    return {key: value for key, value in row.items() if key not in ("input", "expected", "context")}


def _batches(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    rows = iter(rows)
    while batch := list(islice(rows, size)):
        yield batch
