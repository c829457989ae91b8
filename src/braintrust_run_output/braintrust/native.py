"""Native Braintrust spans: ``@traced``, ``span.log``, ``wrap_openai``, Braintrust's own instrumentation.

These never pass an OpenTelemetry processor. The Braintrust SDK (0.46 or newer) offers span customizers instead: each
record is handed to them before it is sent. A span is several records, in the order in which things happened: the first
has its type, a later one its output, the last one ``metrics.end``; Braintrust merges them.
"""

from __future__ import annotations

import json
import threading
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from .. import _faults, _sdk
from ..config import RunOutputConfig
from ..conventions._json import is_array, is_object
from ..run import Choice, Rule, Run, Said, way_up
from ..writing import Value, ask_about, input_of, value_of
from . import rows as reading
from .compat import bridge, is_compat_mode

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

    from ..outcome import Outcome, SpanId
    from ..writing import Asked

MAX_TRACES = 10_000
"""How many traces are remembered at once; beyond that the oldest are taken for traces that never end."""
_MAX_SPANS = 10_000
"""How many spans of one trace are remembered at once."""

_Item = TypeVar("_Item")
_Key = TypeVar("_Key")


def install_native(
    *, config: RunOutputConfig | None = None, provider: TracerProvider | None = None
) -> RunOutputSpanCustomizer | None:
    """Write the run output of native Braintrust spans, and mirror it onto the native root.

    Registers a `RunOutputSpanCustomizer` behind the customizers that are registered already. A later
    ``braintrust.set_span_customizers`` replaces all of them: call this after it (calling it again is harmless). In
    Braintrust's OpenTelemetry compat mode, what OpenTelemetry spans put out under a native root is mirrored onto that
    root too.

    Args:
        config: The configuration; default ``RunOutputConfig.from_env()``.
        provider: In compat mode, the tracer provider; default the global one, which must be set by then.

    Returns:
        The customizer; None, with one WARNING that says why, if the installed Braintrust SDK offers none.
    """
    config = RunOutputConfig.from_env() if config is None else config
    try:
        import braintrust
        from braintrust.span_customizer import _get_span_customizers

        present: tuple[object, ...] = _get_span_customizers()
        set_span_customizers = braintrust.set_span_customizers
    except (ImportError, AttributeError):
        _faults.warn_once(
            "no span customizers",
            "native Braintrust spans get no run output: they need braintrust 0.46 or newer",
        )
        return None
    ours = next((one for one in present if isinstance(one, RunOutputSpanCustomizer)), None)
    ours = RunOutputSpanCustomizer(config=config) if ours is None or ours.config != config else ours
    others = tuple(one for one in present if not isinstance(one, RunOutputSpanCustomizer))
    set_span_customizers((*others, ours))  # type: ignore[arg-type]
    if is_compat_mode():
        bridge(ours, provider)
    return ours


class RunOutputSpanCustomizer:
    """A span customizer for ``braintrust.set_span_customizers``; `install_native` registers it.

    Put it last where the list is set by hand, behind customizers that redact: it reads what they leave. Safe for use by
    many threads; never raises.

    Args:
        config: The configuration; default ``RunOutputConfig.from_env()``.
    """

    def __init__(self, *, config: RunOutputConfig | None = None) -> None:
        self.config = RunOutputConfig.from_env() if config is None else config
        self.clear()
        _sdk.at_fork(after_in_child=self.clear)

    def clear(self) -> None:
        """Forget every span."""
        self._lock = threading.Lock()  # held while runs are changed and asked; no foreign code runs under it
        self._traces: dict[str, _Trace] = {}

    def __len__(self) -> int:
        """How many traces are remembered."""
        return len(self._traces)

    def on_span_export(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return the record, with the run output in its metadata where it is the record to carry one."""
        if not self.config.enabled:
            return data
        try:
            return self._customize(data)
        except Exception as error:  # noqa: BLE001
            _faults.contain("Reading a native span's output", error)
            return data

    # --- a record's way ----------------------------------------------------------------------------------------

    def _customize(self, data: dict[str, Any]) -> dict[str, Any]:
        row_id, trace_id = data.get("id"), data.get("root_span_id")
        if not isinstance(row_id, str) or not isinstance(trace_id, str) or "span_parents" not in data:
            return data  # an update of a row by its ids, or a snapshot of an OpenTelemetry span
        if reading.is_log(data):
            return data  # it has the ids of a span, and is none
        one = self._trace(trace_id)
        span = one.span(row_id, data)
        span.learn(data, keeps_input=self.config.mirror_input)
        added: dict[str, Any] = {}
        if data.get("output") is not None and not span.is_root:
            added = self._own(span)
        if span.has_ended(data):
            added = self._end(one, span, data) or added
        return {**data, **added, "metadata": {**(data.get("metadata") or {}), **added["metadata"]}} if added else data

    def _own(self, span: _Span) -> dict[str, Any]:
        """Return what to add to the record with a model's output."""
        outcome = span.outcome = self._read(span)
        is_left = outcome.explicit is not None and not self.config.overwrite
        if outcome.completion is None or is_left or self.config.spans == "none":
            return {}
        choice = Choice(Rule.OWN, (Said(outcome, outcome.completion),), outcome)
        value = value_of(choice, self.config)
        return {} if value is None else {"metadata": reading.metadata_of(value, self.config)}

    def _read(self, span: _Span) -> Outcome:
        """Read what a span says; its completion is asked about once, however often it is read."""
        outcome = reading.read_row(span.row, self.config)
        ask = reading.asking(self.config, span.row)
        before = span.outcome
        if before is not None and before.completion == outcome.completion:
            outcome.transformed = before.transformed
        else:
            ask_about(outcome, self.config, ask)
        return outcome

    def _end(self, one: _Trace, span: _Span, data: dict[str, Any]) -> dict[str, Any]:
        """Let the root know of what a span that ended says; return what to add to its record, if it is the root."""
        outcome = self._read(span)
        added: dict[str, Any] = {}
        if span.is_root:
            one.own, one.own_has_input = outcome, span.row.get("input") is not None
            added = self._for_root(one)
        else:
            self._add(one, outcome)
            if one.own is not None and (outcome.completion is not None or outcome.explicit is not None):
                self._send_late(one, data)
        one.spans.pop(span.row_id, None)
        if not one.spans:
            self._traces.pop(one.id, None)
        return added

    def _for_root(self, one: _Trace) -> dict[str, Any]:
        """Return what to add to a root's record: the run output in its metadata, an input where it has none."""
        if one.own is None:
            return {}
        with self._lock:
            choice = one.run.choose(one.own)
        ask = self._ask(choice)
        value = value_of(choice, self.config, ask)
        if value is None or value == one.written:
            return {}
        one.written = value
        added: dict[str, Any] = {"metadata": reading.metadata_of(value, self.config, choice.key)}
        asked = None if one.own_has_input or not self.config.mirror_input else input_of(choice, ask)
        return added if asked is None else {**added, "input": json.loads(asked)}

    def _ask(self, choice: Choice) -> Asked | None:
        """Return what asks ``transform`` with a text that is no completion: those have been asked about."""
        if choice.source is None:
            return None
        return reading.asking(self.config, {"span_attributes": {"name": choice.source.name}})

    def _send_late(self, one: _Trace, data: dict[str, Any]) -> None:
        """Merge into a root that has ended what a span that outlived it has put out, where it is a project's."""
        added = self._for_root(one) if "project_id" in data else {}
        if not added or one.root_row_id is None:
            return
        import braintrust

        logger = braintrust.current_logger()
        if logger is not None and logger.id == data["project_id"]:
            logger.update_span(one.root_row_id, **added)

    # --- what is remembered ------------------------------------------------------------------------------------

    def expect(self, trace_id: str) -> None:
        """Note that spans of OpenTelemetry under a native one are to come, before the native root is exported."""
        self._trace(trace_id)

    def expects(self, trace_id: str) -> bool:
        """Whether a trace has native spans that live, or is to have them."""
        return trace_id in self._traces

    def add(self, trace_id: str, outcome: Outcome, parent_id: str | None) -> None:
        """Add what a span of OpenTelemetry says under a native root.

        Args:
            trace_id: The trace.
            outcome: What the span says.
            parent_id: The id of its parent.
        """
        one = self._traces.get(trace_id)
        if one is not None:
            one.note_parent(str(outcome.span_id), parent_id)
            self._add(one, outcome)

    def _add(self, one: _Trace, outcome: Outcome) -> None:
        if outcome.counts_for_a_root():
            with self._lock:
                one.run.hear(outcome, way_up(outcome.span_id, one.root_span_id, one.parents))

    def _trace(self, trace_id: str) -> _Trace:
        one = self._traces.get(trace_id)
        if one is None:
            with self._lock:
                one = self._traces.setdefault(trace_id, _Trace(trace_id, self.config))
                _drop_oldest(self._traces, MAX_TRACES)
        return one


class _Span:
    """What the records of one live span have said of it so far, as a row."""

    __slots__ = ("is_root", "outcome", "row", "row_id")

    def __init__(self, row_id: str, first: dict[str, Any]) -> None:
        self.row_id = row_id
        self.is_root = not first["span_parents"]
        self.outcome: Outcome | None = None
        """What it said when its output came."""
        self.row: dict[str, Any] = {name: first.get(name) for name in ("id", "span_id", "root_span_id")}
        self.row |= {"span_attributes": {}, "metadata": {}, "metrics": {}}

    def learn(self, data: dict[str, Any], *, keeps_input: bool) -> None:
        """Note what a record says of the span."""
        for name in ("span_attributes", "metadata", "metrics"):
            value = data.get(name)
            if is_object(value):
                self.row[name] = {**self.row[name], **value}
        if data.get("error") is not None:
            self.row["error"] = data["error"]
        if data.get("output") is not None:
            self.row["output"] = without_attachments(data["output"])
        if keeps_input and data.get("input") is not None:
            self.row["input"] = without_attachments(data["input"])

    def has_ended(self, data: dict[str, Any]) -> bool:
        """Whether a record is the one that ends the span."""
        metrics = data.get("metrics")
        return is_object(metrics) and isinstance(metrics.get("end"), (int, float))


class _Trace:
    """The native spans of one trace that live, and what those that have ended said."""

    __slots__ = (
        "id", "own", "own_has_input", "parents", "root_row_id", "root_span_id", "run", "spans", "written",
    )  # fmt: skip

    def __init__(self, trace_id: str, config: RunOutputConfig) -> None:
        self.id = trace_id
        self.run = Run(config)
        self.spans: dict[str, _Span] = {}
        self.parents: dict[SpanId, SpanId | None] = {}
        self.root_row_id: str | None = None
        self.root_span_id: SpanId = ""
        self.own: Outcome | None = None
        """What the root says, once it has ended."""
        self.own_has_input = False
        self.written: Value | None = None
        """What the root has got."""

    def span(self, row_id: str, data: dict[str, Any]) -> _Span:
        """Return the span that a record is of."""
        span = self.spans.get(row_id)
        if span is None:
            span = self.spans.setdefault(row_id, _Span(row_id, data))
            _drop_oldest(self.spans, _MAX_SPANS)
            self.note_parent(reading.span_id_of(data), reading.parent_of(data))
            if span.is_root:
                self.root_row_id, self.root_span_id = row_id, reading.span_id_of(data)
        return span

    def note_parent(self, span_id: str, parent_id: str | None) -> None:
        """Note a span's parent, for the way up to the root of what is said below it."""
        self.parents[span_id] = parent_id
        _drop_oldest(self.parents, _MAX_SPANS)


def without_attachments(value: object) -> object:
    """Return a copy of a value with references in place of attachments.

    The SDK uploads every attachment that it finds in a record and puts a reference in its place: one that is written
    out as text, or stands in a record twice, would break that.
    """
    if is_array(value):
        return [without_attachments(item) for item in value]
    if is_object(value):
        return {key: without_attachments(item) for key, item in value.items()}
    reference = getattr(value, "reference", None)
    return dict(reference) if is_object(reference) else value


def _drop_oldest(known: dict[_Key, _Item], most: int) -> None:
    for key in list(islice(known, max(len(known) - most, 0))):
        known.pop(key, None)
