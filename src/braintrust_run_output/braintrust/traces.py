"""The run output of a stored trace: which of its rows' outputs its root gets, decided as for live spans.

A stored trace is complete: rows come in any order, from several services and languages, and what was late when it was
recorded is not late any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .. import _faults
from ..aggregator import Aggregator, Gathered
from ..conventions._json import is_object
from ..run_outputs import RunOutput
from . import outputs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ..config import RunOutputConfig


PROBE = "run_output_probe"
"""The metadata key that marks a root of ``doctor --probe``: it is no run, and never becomes a row."""
NO_ROOT = "without a root"
NO_OUTPUT = "without a model output"
A_PROBE = "sent by doctor --probe"


class Found(NamedTuple):
    """A run output, and the row that it was found on."""

    value: str
    span_id: str
    root_span_id: str
    span_name: str


class _Span(NamedTuple):
    """What is needed of a row: never its input, nor its output where that is not a candidate."""

    position: int
    span_id: str
    name: str
    is_root: bool
    start: float
    end: float
    explicit: str | None
    completion: str | None
    generic: str | None


class StoredTrace(NamedTuple):
    """What a trace says, and why it says nothing."""

    root: Mapping[str, object] | None
    found: Found | None
    reason: str
    """Why there is no run output, in words that follow a number of traces; empty if there is one."""


def find_root(rows: Iterable[Mapping[str, object]]) -> Mapping[str, object] | None:
    """Return the root of a trace's rows, None if it is not among them."""
    return next((row for row in rows if is_root(row)), None)


def is_root(row: Mapping[str, object]) -> bool:
    """Whether a row is the root of its trace. A log record has no parent either, and is none."""
    attributes = row.get("span_attributes")
    is_log = is_object(attributes) and outputs.is_log(attributes.get("type"))
    return not is_log and bool(row.get("is_root", not row.get("span_parents")))


def is_probe(row: Mapping[str, object]) -> bool:
    """Whether a root was sent by ``doctor --probe``."""
    metadata = row.get("metadata")
    return is_object(metadata) and bool(metadata.get(PROBE))


def run_output_of(rows: Iterable[Mapping[str, object]], config: RunOutputConfig) -> Found | None:
    """Return the run output of the trace that these rows are, None if it has none: see `read_trace`."""
    return read_trace(rows, config).found


def read_trace(rows: Iterable[Mapping[str, object]], config: RunOutputConfig) -> StoredTrace:
    """Read a trace and decide on its run output.

    First match wins: a value that the root already has, the root's own completion, its descendants' by ``config.root``,
    the root's own generic output, the last generic output of a descendant that is not a tool.

    Args:
        rows: The rows of one trace, in any order. Read once.
        config: The configuration: ``key``, ``root``, ``format``, ``max_length`` and ``transform``.
    """
    root_row: Mapping[str, object] | None = None
    spans: list[_Span] = []
    for position, row in enumerate(rows):
        try:
            span = _read(position, row, config)
        except Exception as error:  # noqa: BLE001 (a row that no convention can read costs that one row)
            _faults.contain("Reading a stored row", error)
            continue
        if span is not None:
            root_row = row if span.is_root and root_row is None else root_row
            spans.append(span)
    root = next((span for span in spans if span.is_root), None)
    if root is None or root_row is None:
        return StoredTrace(None, None, NO_ROOT)
    if is_probe(root_row):
        return StoredTrace(root_row, None, A_PROBE)
    if config.root == "off":
        return StoredTrace(root_row, None, "root is off")
    value, span = root.explicit or root.completion, root
    if root.explicit is not None:
        span = _who_said(root, root_row, spans, config)
    if value is None:
        value, span = _mirrored(root, spans, config)
    if value is None:
        value, span = _generic(root, spans, config)
    if value is None:
        return StoredTrace(root_row, None, NO_OUTPUT)
    root_span_id = str(root_row.get("root_span_id") or root.span_id)
    return StoredTrace(root_row, Found(value, span.span_id, root_span_id, span.name), "")


def _who_said(root: _Span, row: Mapping[str, object], spans: Sequence[_Span], config: RunOutputConfig) -> _Span:
    """Return the span that said what a root carries: the one that would be chosen, or else the last that said it."""
    below = [span for span in spans if span is not root]
    _, chosen = _mirrored(root, below, config)
    metadata = row.get("metadata")
    linked = metadata.get("span_id") if is_object(metadata) else None
    by_end = sorted(below, key=lambda span: span.end, reverse=True)
    for span in (chosen, *by_end):
        value = span.explicit or span.completion if span is not root else root.completion
        if value is not None and root.explicit == value[: config.max_length]:
            return span
    return next((span for span in below if span.span_id == linked), root)


def _mirrored(root: _Span, spans: Sequence[_Span], config: RunOutputConfig) -> tuple[str | None, _Span]:
    aggregator = Aggregator(config.root, max_chars=config.max_length)
    local_root = Gathered()
    for span in sorted(spans, key=lambda span: (span.end, span.start)) if aggregator.mirrors else ():
        value = span.explicit or span.completion
        if value is not None:
            aggregator.add_to(local_root, RunOutput(value, (0, span.position), int(span.end * 1e9)))
    chosen = aggregator.choose(local_root)
    if chosen is None:
        return None, root
    return chosen.value, next(span for span in spans if (0, span.position) == chosen.key)


def _generic(root: _Span, spans: Sequence[_Span], config: RunOutputConfig) -> tuple[str | None, _Span]:
    if root.generic is not None or config.root == "own":
        return root.generic, root
    best = max((span for span in spans if span.generic is not None), key=lambda span: span.end, default=root)
    return best.generic, best


def _read(position: int, row: Mapping[str, object], config: RunOutputConfig) -> _Span | None:
    attributes, metadata, output = row.get("span_attributes"), row.get("metadata"), row.get("output")
    attributes = attributes if is_object(attributes) else {}
    metadata = metadata if is_object(metadata) else {}
    root = is_root(row)
    silent = outputs.is_silent(attributes)
    if silent and not root:
        return None
    name = attributes.get("name")
    completion = generic = None
    if not silent and row.get("error") is None:  # what a span that failed carries is no completion
        is_model = outputs.is_model(attributes.get("type"))
        found = (outputs.read_model_output(output) if is_model else None) or outputs.read_attributes(metadata)
        completion = outputs.rendered(found, config, name, metadata)
        if found is None:
            generic = outputs.rendered(outputs.read_generic(output, metadata), config, name, metadata)
    metrics = row.get("metrics")
    start, end = (_seconds(metrics.get(key)) for key in ("start", "end")) if is_object(metrics) else (0.0, 0.0)
    return _Span(
        position=position,
        span_id=str(row.get("span_id") or row.get("id")),
        name=str(name or ""),
        is_root=root,
        start=start,
        end=end or start,
        explicit=outputs.explicit(metadata, config.key),
        completion=completion,
        generic=generic,
    )


def _seconds(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0
