"""The run output of a stored trace: which of its rows' outputs its root gets, decided as for live spans.

A stored trace is complete: rows come in any order, from several services and languages, and what was late when it was
recorded is not late any more.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import _faults
from ..run import Reason, counting_for, decide
from ..writing import Value, input_of
from . import rows as reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ..config import RunOutputConfig
    from ..outcome import Outcome, SpanId, SpanKey
    from ..run import Choice

    Row = Mapping[str, object]

PROBE = "run_output_probe"
"""The metadata key that marks a root of ``doctor --probe``: it is no run, and never becomes a row."""
NO_ROOT = "without a root"
A_PROBE = "sent by doctor --probe"
WITHHELD = "whose output transform withholds"
_REASONS = {
    Reason.NO_MODEL: "without a model call",
    Reason.NO_CONTENT: "whose model calls say nothing",
    Reason.FAILED: "whose last model call failed",
    Reason.SIDE_ONLY: "in which only evaluators and the like say something",
    Reason.NOT_MIRRORED: "that the setting root leaves out",
}
"""In words that follow a number of traces."""


class Found(NamedTuple):
    """A run output, and the row that it was found on."""

    value: str
    span_id: str
    root_span_id: str
    span_name: str
    is_cut: bool = False

    def metadata(self, config: RunOutputConfig) -> dict[str, Any]:
        """Return the metadata that puts it on a row, with linkage if configured."""
        return reading.metadata_of(Value(self.value, self.is_cut), config, (self.root_span_id, self.span_id))


@dataclass
class StoredTrace:
    """A trace that has been read."""

    config: RunOutputConfig
    root_row: Row | None = None
    root: Outcome | None = None
    others: list[Outcome] = field(default_factory=list)
    """What the spans below the root say."""
    parents: dict[SpanId, SpanId | None] = field(default_factory=dict)
    rows: dict[SpanId, Row] = field(default_factory=dict)
    """The rows, by the ids of their spans."""

    def add(self, row: Row) -> None:
        """Add a row. One that no convention can read costs itself; a log record is no span, an older version no row."""
        if reading.is_log(row):
            return
        try:
            outcome = reading.read_row(row, self.config)
        except Exception as error:  # noqa: BLE001
            _faults.contain("Reading a stored row", error)
            return
        known = self.rows.setdefault(outcome.span_id, row)
        if known is not row and known.get("id") == row.get("id"):
            return
        if not is_root(row):
            self.others.append(outcome)
            parent = reading.parent_of(row)
            if parent is not None:
                self.parents[outcome.span_id] = parent
            return
        self.parents[outcome.span_id] = None
        if self.root is None:
            self.root_row, self.root = row, outcome

    def row_of(self, key: SpanKey) -> Row:
        """Return the row of a span."""
        return self.rows.get(key[1], {})


class Decided(NamedTuple):
    """What a trace's root gets, and why it gets nothing."""

    root: Row | None
    found: Found | None
    reason: str = ""
    """Why there is no run output, in words that follow a number of traces; empty if there is one."""
    choice: Choice | None = None
    input: object = None
    """The root's input or, where it has none, the one that belongs to the run output."""
    about: Row | None = None
    """The row that it is about: the root, or the first call of a turn."""


def find_root(rows: Iterable[Row]) -> Row | None:
    """Return the root of a trace's rows, None if it is not among them."""
    return next((row for row in rows if is_root(row)), None)


def of_each_root(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Yield the rows of a trace, once for each of its roots, with that one first; as they are if it has no root."""
    roots = [row for row in rows if is_root(row)]
    if not roots:
        yield rows
    for root in roots:
        yield [root, *(row for row in rows if row is not root)]


def is_root(row: Row) -> bool:
    """Whether a row is the root of its trace. A log record has no parent either, and is none."""
    said = row.get("is_root")
    return not reading.is_log(row) and (said if isinstance(said, bool) else not row.get("span_parents"))


def is_probe(row: Row) -> bool:
    """Whether a root was sent by ``doctor --probe``."""
    return bool(reading.objects_of(row)[1].get(PROBE))


def run_output_of(rows: Iterable[Row], config: RunOutputConfig) -> Found | None:
    """Return the run output of the trace that these rows are, None if it has none: see `read_trace`."""
    return read_trace(rows, config).found


def read_trace(rows: Iterable[Row], config: RunOutputConfig) -> Decided:
    """Read a trace and decide on its run output, as `braintrust_run_output.run` does.

    A run output that the root has already is its run output, and the span that said it is looked for.

    Args:
        rows: The rows of one trace, in any order. Read once.
        config: The configuration. ``overwrite`` does not count: what is stored is not overwritten.
    """
    trace = collect(rows, config)
    if trace.root is None or trace.root_row is None:
        return Decided(None, None, NO_ROOT)
    if is_probe(trace.root_row):
        return Decided(trace.root_row, None, A_PROBE)
    explicit, trace.root.explicit = trace.root.explicit, None
    choice = decide(trace.root, trace.others, trace.parents, trace.config)
    value = reading.written_value(choice, trace.config, trace.row_of)
    source = choice.source
    if explicit is not None:
        is_same = value is not None and value.text == explicit
        is_cut = bool(reading.objects_of(trace.root_row)[1].get(f"{config.key}_truncated"))
        source = source if is_same else _who_said(explicit, trace.root, trace)
        value = Value(explicit, is_cut)
        choice = choice if is_same else choice._replace(said=(), source=source, input_of=source, reason=None)
    if value is None or source is None:
        reason = WITHHELD if choice.reason is None else _REASONS[choice.reason]
        return Decided(trace.root_row, None, reason, choice)
    root_span_id = str(trace.root_row.get("root_span_id") or trace.root.span_id)
    found = Found(value.text, str(source.span_id), root_span_id, source.name, value.is_cut)
    asked = trace.root_row.get("input")
    if asked is None:
        asked = input_for(choice._replace(input_of=_with_input(choice.input_of or source, trace)), trace)
    return Decided(trace.root_row, found, "", choice, asked, trace.root_row)


def collect(rows: Iterable[Row], config: RunOutputConfig) -> StoredTrace:
    """Return what the rows of a trace say that counts for its root, the first if it has several."""
    trace = StoredTrace(replace(config, overwrite=False))
    for row in rows:
        trace.add(row)
    if trace.root is not None:
        trace.others = counting_for(trace.others, trace.parents)(trace.root.span_id)
    return trace


def _who_said(text: str, root: Outcome, trace: StoredTrace) -> Outcome:
    """Return the span that said what a root carries: the last with that text, the one that it names, or the root."""
    for outcome in sorted(trace.others, key=lambda one: one.order, reverse=True):
        said = None if outcome.completion is None else outcome.completion.render(trace.config.format)
        if outcome.explicit == text or (said is not None and said[: trace.config.max_length] == text):
            return outcome
    linked = reading.objects_of(trace.row_of(root.key))[1].get("span_id")
    return next((outcome for outcome in trace.others if outcome.span_id == linked), root)


def _with_input(outcome: Outcome, trace: StoredTrace) -> Outcome:
    """Return a span with an input: the one that was chosen, or else the last call of a model before it that has one."""
    if outcome.input is not None:
        return outcome
    before = (one for one in trace.others if one.is_model and one.start < outcome.start and one.input is not None)
    return max(before, key=lambda one: one.order, default=outcome)


def input_for(choice: Choice, trace: StoredTrace) -> object:
    """Return the input that belongs to a run output, None if there is none."""
    ask = None if choice.source is None else reading.asking(trace.config, trace.row_of(choice.source.key))
    text = input_of(choice, ask)
    return None if text is None else json.loads(text)
