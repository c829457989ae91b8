"""Backfill: run outputs for stored traces whose root has none.

For what no processor saw: children in other services or other languages, completions that came after their root had
ended, and history. The value is decided by the conventions and the aggregator that serve live spans; it is merged into
the root's metadata, and nothing else of the row is touched. A root that has a value, by whomever, is not asked for, and
each is read again just before it is merged into; so a run that was interrupted is simply repeated.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import _faults
from . import traces
from .logs import Trace, read_traces, trace_id
from .rows import objects_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from ..config import RunOutputConfig
    from .api import BraintrustApi, NamedObject, Row

_LISTED = 1000
_SHOWN_CHARS = 1000
UNREADABLE = "of an unexpected shape"
MEANWHILE = "that have got one meanwhile"
_TOO_LARGE = "whose output is larger than a request may be"


class Decision(NamedTuple):
    """What is to be merged into one root."""

    row_id: str
    root_span_id: str
    created: str
    found: traces.Found
    metadata: dict[str, Any]
    """What is merged: the run output and, with ``linkage``, its span, where the root names none."""


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
    passed_over: Counter[str] = field(default_factory=Counter)
    """Roots that get nothing, by the reason."""
    decisions: list[Decision] = field(default_factory=list)
    """The first thousand."""

    @property
    def without_output(self) -> int:
        """Root rows that get nothing."""
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

    def gone(count: int) -> None:
        report.roots += count
        report.passed_over.update({MEANWHILE: count})

    batches = read_traces(api, project, since=since, until=until, without=config.key, reduce=_without_input, gone=gone)
    for batch in batches:
        decisions = [one for one in (_decide(trace, config, report) for trace in batch) if one is not None]
        report.roots += len(batch)
        report.found += len(decisions)
        if apply and decisions:
            _merge(api, project, decisions, report)
        report.decisions += [_short(one) for one in decisions[: _LISTED - len(report.decisions)]]
        if progress is not None:
            progress(report)
    return report


def _decide(trace: Trace, config: RunOutputConfig, report: BackfillReport) -> Decision | None:
    try:
        read = traces.read_trace(trace.rows, config)
    except Exception as error:  # noqa: BLE001 (a trace of odd rows costs itself)
        _faults.contain("Reading a stored trace", error)
        report.passed_over[UNREADABLE] += 1
        return None
    if read.found is None:
        report.passed_over[read.reason] += 1
        return None
    root, present = trace.root, objects_of(trace.root)[1]
    added = {name: value for name, value in read.found.metadata(config).items() if present.get(name) is None}
    return Decision(str(root["id"]), trace_id(root), str(root.get("created") or ""), read.found, added)


def _merge(api: BraintrustApi, project: NamedObject, decisions: list[Decision], report: BackfillReport) -> None:
    def written(count: int) -> None:
        report.written += count

    rows: Iterator[Row] = ({"id": decision.row_id, "metadata": decision.metadata} for decision in decisions)
    report.passed_over.update({_TOO_LARGE: api.merge_logs(project, rows, written)})


def _short(decision: Decision) -> Decision:
    """Keep the beginning of a value for the report: a thousand whole ones may be too much."""
    return decision._replace(found=decision.found._replace(value=decision.found.value[:_SHOWN_CHARS]), metadata={})


def _without_input(row: Row) -> Row:
    """Drop what is large and not looked at, so that a batch stays small."""
    return {key: value for key, value in row.items() if key not in ("input", "expected", "context")}
