"""Where the relay asks what spans say and what roots get: it decides nothing itself, `outcome` and `run` do."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from .. import _faults
from ..completion import Completion
from ..conventions import EVENTS, KEYS, KINDS
from ..conventions.inputs import has_input, read_input
from ..conventions.log_records import NAMES, event_name, is_further_choice, read_record
from ..conventions.span_events import CHOICE
from ..metadata import METADATA, attribute
from ..otlp import messages, write_attributes, write_value
from ..otlp.values import read_text
from ..outcome import Outcome, matches, read_outcome
from ..run import Choice, Reason, Rule, Said, decide
from ..writing import INPUT_JSON, ask_about, asking, input_of, to_write, value_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import TypeAlias

    from opentelemetry.sdk.trace import ReadableSpan

    from ..config import RunOutputConfig
    from ..otlp import LogRecord, Span
    from ..writing import Asked
    from .looking import Looked
    from .state import Parents

    Written: TypeAlias = Mapping[str, str | bool]

_GOT = {Rule.EXPLICIT: "explicit", Rule.OWN: "own", Rule.GENERIC: "generic", Rule.GENERIC_BELOW: "generic"}
"""What a root got, in the words of the metrics; by any other rule it was mirrored."""
_WHY_NOT = {Reason.FAILED: "failed", Reason.NO_CONTENT: "no_content", Reason.SIDE_ONLY: "no_content"}


class Verdict(NamedTuple):
    """What a root gets, and how that is counted.

    Args:
        written: The attributes to add to it.
        got: ``own``, ``mirrored``, ``generic``, ``explicit`` or ``none``; empty where no model was called.
        reason: Why it got nothing: ``no_content``, ``failed`` or ``withheld``.
    """

    written: Written
    got: str = ""
    reason: str = ""


class Found(NamedTuple):
    """What a span that has a parent, or a log record, says."""

    outcome: Outcome
    scope: str
    """The name of its instrumentation scope."""
    excerpt: bytes
    """All of the span, or the record, that reading it looked at, in OTLP: from it the outcome can be read again."""
    written: Written = MappingProxyType({})
    """The attributes to add to the span."""
    continues: bool | None = False
    """Of a record: whether it is another choice of what the record before it said; None if it does not say."""


class Deciding:
    """Reads spans and records, and decides, by one configuration.

    Args:
        config: The configuration.
    """

    def __init__(self, config: RunOutputConfig) -> None:
        self.config = config
        telling = KEYS | KINDS | {METADATA, attribute(config.key)} if config.enabled else frozenset[str]()
        self.says_nothing = telling.isdisjoint
        """Tells by the names of a span's attributes that they say nothing."""
        self._patterns = [one for one in (config.answer_spans, config.side_spans) if one is not None]
        self.looks_at_names = bool(self._patterns) and config.enabled
        """Whether a span's own name may say something."""
        self._events = frozenset(name.encode() for name in EVENTS)

    # --- what spans say ------------------------------------------------------------------------------------------

    def has_telling_event(self, events: Iterable[bytes]) -> bool:
        """Whether one of the names of a span's events may say something."""
        return self.config.enabled and not self._events.isdisjoint(events)

    def has_telling_name(self, name: bytes) -> bool:
        """Whether a span's name says something."""
        return any(matches(pattern, read_text(name)) for pattern in self._patterns)

    def read(self, looked: Looked, records: Sequence[Outcome] = ()) -> Found:
        """Read a span that has a parent.

        Args:
            looked: The span, of which nothing else is wanted any more.
            records: What log records have said for it by now.
        """
        span = looked.span
        outcome = self._outcome(span, records)
        written = self._child_gets(outcome, span)
        return Found(self._lightened(outcome), span.scope.name, looked.excerpt(self._is_kept), written)

    def _is_kept(self, event: bytes) -> bool:
        return self.config.mirror_input or event in self._events

    def read_again(self, span: Span) -> Outcome:
        """Read a span out of the excerpt that `read` made of it."""
        outcome = self._outcome(span)
        ask_about(outcome, self.config, self._asking(span))
        return self._lightened(outcome)

    def _lightened(self, outcome: Outcome) -> Outcome:
        """Have an outcome, which is kept for long, let go of what is not written."""
        said = outcome.completion
        if said is not None and said.raw is not None and self.config.format != "verbatim":
            outcome.completion = Completion(said.source, said.text, said.messages, block=said.block)
        return outcome

    def is_decided(self, root: Outcome) -> bool:
        """Whether nothing that may still come can change what a root gets."""
        config = self.config
        return (
            not config.enabled
            or (root.explicit is not None and not config.overwrite)
            or config.root in ("off", "own")
            or (root.completion is not None and config.answer_spans is None)
        )

    @property
    def reads_silent_roots(self) -> bool:
        """Whether a root that says nothing itself must be read all the same, to decide on what it gets."""
        return self.config.mirror_input or self.config.transform is not None

    @property
    def waits_if_silent(self) -> bool:
        """Whether a root that says nothing itself is to wait."""
        return self.config.enabled and self.config.root not in ("off", "own")

    def read_root(self, span: Span) -> Outcome:
        """Read a span that has no parent."""
        outcome = self._outcome(span)
        ask_about(outcome, self.config, self._asking(span))
        return outcome

    def read_record(self, record: LogRecord) -> Found | None:
        """Read a log record: what a model said, for the span that the record names. None if it says nothing."""
        name = event_name(record.event_name, record.attributes, record.body)
        if name not in NAMES or not self.config.enabled or not record.span_id or not record.trace_id:
            return None
        try:
            completion = read_record(name, record.body, record.attributes)
        except Exception as error:  # noqa: BLE001 (it costs that one value)
            _faults.contain("Reading a log record", error)
            return None
        if completion is None:
            return None
        time = record.timestamp or record.observed_timestamp
        asked = read_input(record.attributes) if self.config.mirror_input else None
        outcome = Outcome(record.key, start=time, end=time, completion=completion, input=asked)
        continues = is_further_choice(record.body) if name == CHOICE else False
        return Found(outcome, record.scope.name, _excerpt_of(record), continues=continues)

    def _outcome(self, span: Span, records: Sequence[Outcome] = ()) -> Outcome:
        return read_outcome(
            span.attributes,
            span.events,
            span.scope.name,
            key=span.key,
            config=self.config,
            name=span.name,
            start=span.start,
            end=span.end,
            has_failed=span.has_failed,
            records=records,
        )

    def _asking(self, span: Span) -> Asked | None:
        """Return what asks ``transform`` about a value found on a span, None if there is none."""
        return None if self.config.transform is None else asking(self.config, lambda: _as_readable(span))

    # --- what spans get ------------------------------------------------------------------------------------------

    def _child_gets(self, outcome: Outcome, span: Span) -> Written:
        ask_about(outcome, self.config, self._asking(span))
        completion = outcome.completion
        if completion is None or self.config.spans == "none" or (outcome.explicit and not self.config.overwrite):
            return {}
        return self._value_for(Choice(Rule.OWN, (Said(outcome, completion),), outcome, outcome), span) or {}

    def root_gets(self, span: Span, root: Outcome, others: Iterable[Outcome], parents: Parents) -> Verdict:
        """Return what a root gets.

        Args:
            span: The root.
            root: What it says.
            others: What the other spans of its trace say.
            parents: The id of each span's parent.
        """
        if not self.config.enabled:
            return Verdict({})
        choice = decide(root, others, parents, self.config)
        if choice.rule is None or choice.rule is Rule.EXPLICIT:
            got = "" if choice.reason in (Reason.NO_MODEL, Reason.NOT_MIRRORED) else _got(choice)
            return Verdict({}, got, _WHY_NOT.get(choice.reason, "") if choice.reason else "")
        written = self._value_for(choice, span)
        if written is None:
            return Verdict({}, "none", "withheld")
        return Verdict({**written, **self._input_for(choice, span)}, _got(choice))

    def _value_for(self, choice: Choice, span: Span) -> Written | None:
        value = value_of(choice, self.config, self._asking(span))
        if value is None:
            return None
        found_on = choice.key if self.config.linkage and span.parent_id is None else None
        return to_write(value, span.attributes, self.config, found_on)

    def _input_for(self, choice: Choice, span: Span) -> Written:
        if not self.config.mirror_input or has_input(span.attributes):
            return {}
        text = input_of(choice, self._asking(span))
        return {} if text is None else {INPUT_JSON: text}


def _excerpt_of(record: LogRecord) -> bytes:
    item: bytes = messages.LogRecord(
        trace_id=record.trace_id.to_bytes(16, "big"),
        span_id=record.span_id.to_bytes(8, "big"),
        event_name=_encoded(record.event_name),
        body=write_value(record.body),
        attributes=write_attributes(record.attributes),
        time_unix_nano=record.timestamp,
        observed_time_unix_nano=record.observed_timestamp,
    ).SerializeToString()
    return item


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _as_readable(span: Span) -> ReadableSpan:
    """Return a span as ``transform`` knows spans."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanContext

    return ReadableSpan(
        span.name,
        SpanContext(span.trace_id, span.span_id, is_remote=True),
        resource=Resource(span.resource),  # type: ignore[arg-type]
        attributes=dict(span.attributes),  # type: ignore[arg-type]
        start_time=span.start,
        end_time=span.end,
    )


def _got(choice: Choice) -> str:
    return "none" if choice.rule is None else _GOT.get(choice.rule, "mirrored")
