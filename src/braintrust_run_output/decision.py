"""What a span that ends gets: its own run output, its descendants', or nothing.

The order for a local root is DESIGN's: what the application set, its own completion, its descendants' completions, its
own generic output, its descendants' generic outputs.

Two steps: `Decider.note` notes, on the application's thread, that a span has ended and whom it belongs to, and reads
nothing. `Decider.attributes_for` reads outputs and decides: when somebody reads the span's attributes, most often an
exporter on its own thread. It may be called at any later time, more than once, and by several threads: all that it
looks at has been put aside by then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from . import _faults, metadata
from ._sdk import SPAN_ID, TRACE_ID, SpanState
from .aggregator import MAX_NOTED
from .conventions import KEYS, is_model, is_never_a_completion
from .conventions.inputs import has_input, read_input
from .reader import Reader, generic_output
from .run_outputs import Findings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from opentelemetry.sdk.trace import ReadableSpan

    from ._sdk import ContextTuple, Glance, SpanKey, Written
    from .aggregator import Aggregator, Gathered
    from .config import RunOutputConfig
    from .lineage import Lineage
    from .run_outputs import RecordedCompletion, RunOutput

INPUT_JSON = "braintrust.input_json"

_NOTHING: Mapping[str, str | bool] = {}


class _Found(NamedTuple):
    """What a span's outputs are."""

    explicit: RunOutput | None = None
    """What the application set."""
    completion: RunOutput | None = None
    """Its own completion's, where it is wanted."""
    recorded: tuple[RunOutput, ...] = ()
    """Of model calls below it, which arrived beside the spans."""
    input: str | None = None
    """The input of its completion, as JSON text, where it is wanted."""


_NOTHING_FOUND = _Found()


class EndedSpan(SpanState):
    """A span that has ended, and what is known of its output. It is what the aggregator notes."""

    decider: Decider
    is_root: bool
    """Whether it is a local root."""
    noted_for: tuple[SpanKey, ...] = ()
    """The local roots above it, which count its findings."""
    origin: ContextTuple | None = None
    """For a local root that another may be around: its origin, as `Lineage` has it."""
    records: Sequence[RecordedCompletion] = ()
    """What arrived for it beside the spans, until it ended."""
    late: tuple[RunOutput, ...] = ()
    """What arrived for it beside the spans while it was held back."""
    late_input: str | None = None
    """The input of the first of these, as JSON text."""
    gathered: Gathered | None = None
    """What has been gathered for it, once it is closed."""
    found: _Found | None = None
    """What its outputs are, once it has been read."""
    findings: Findings | None = None
    written: Written | None = None
    """What is added to it, once that is decided."""

    def work_out(self) -> Written:
        """Return the attributes to add to it; a local root must have been closed."""
        return self.written if self.written is not None else self.decider.attributes_for(self)

    def read(self) -> Findings:
        """Return what the local roots above it count of it."""
        return self.findings or self.decider.findings_of(self)


class Decider:
    """Follows spans and decides what each gets.

    Args:
        config: The configuration.
        lineage: Who belongs to whom.
        aggregator: What has been gathered for local roots.
    """

    def __init__(self, config: RunOutputConfig, lineage: Lineage, aggregator: Aggregator) -> None:
        self._config = config
        self._reader = Reader(config)
        self._attribute = metadata.attribute(config.key)
        self._writes_as_read = config.root != "all" and not config.linkage
        """Whether an output is written as it was read, with nothing beside it."""
        self._reads_at_once = config.transform is not None
        """Whether outputs are read when a span ends: a transform is called on the thread that ended it, and once."""
        self.say_nothing = (KEYS | {metadata.METADATA, self._attribute}).isdisjoint
        """Whether attributes hold no output: told by their names, without a look at a value."""
        self.lineage = lineage
        self.aggregator = aggregator
        # What is looked at whenever a span ends.
        self._live, self._mirrors = lineage.live, aggregator.mirrors
        self._gathered, self._records = aggregator.gathered, aggregator.records

    @property
    def remembered(self) -> int:
        """How much is remembered. No ``__len__``: that would be what tells whether there is a decider."""
        return self.lineage.remembered + len(self.aggregator.gathered) + len(self.aggregator.records)

    # --- a span's end --------------------------------------------------------------------------------------------

    def note(self, span: ReadableSpan, seen: Glance, end_time: int) -> EndedSpan:
        """Note a span that ends, also for the local roots above it. It still lives: `close` it when it does no more.

        Args:
            span: The span.
            seen: Its context, attributes and events.
            end_time: When it ended, in nanoseconds since the epoch.
        """
        ended, context, live = EndedSpan(span, seen, end_time), seen[0], self._live
        ended.decider = self
        origin = live.get(context[SPAN_ID])
        ended.is_root = origin is context
        try:
            if (
                self._reads_at_once
                or self._records
                or origin is None
                or live.get(origin[SPAN_ID]) is not origin
                or origin[TRACE_ID] != context[TRACE_ID]
            ):
                self._note(ended, span, context)
            elif ended.is_root:
                ended.gathered = self._gathered.get(context[:2])  # as `look_up` does
            elif self._mirrors:  # nearly always: it is below a local root that none is around
                root = origin[:2]
                ended.noted_for = (root,)
                self._note_for(root, ended)
                if live.get(origin[SPAN_ID]) is not origin:  # that ended meanwhile
                    self.aggregator.forget([root])
        except BaseException as error:  # noqa: BLE001 (the span is still to be noted as ended, a root to be mirrored to)
            _faults.contain("Noting a span's end", error)
        return ended

    def _note(self, ended: EndedSpan, span: ReadableSpan, context: ContextTuple) -> None:
        """Note a span for its local root, and for those around that."""
        root = self.lineage.root_of(context)
        ended.is_root = root == ended.key
        if ended.is_root:
            ended.origin = self.lineage.origin_of(context)
        if self._records:
            ended.records = self.aggregator.take_records(ended.key)
            if not ended.is_root:
                self.aggregator.forget([ended.key])
        if self._reads_at_once:
            ended.span = span
            self._read(ended)
        if root is None or not self._mirrors:
            return
        if ended.is_root:
            self.look_up(ended)
        else:
            ended.noted_for += (root,)
            self._note_for(root, ended)
        if not self.lineage.is_alone(root):
            for above in self._roots_from(root):
                if above not in (root, ended.key):
                    ended.noted_for += (above,)
                    self._note_for(above, ended)

    def _note_for(self, root: SpanKey, ended: EndedSpan) -> None:
        gathered = self._gathered.get(root)
        if gathered is None:
            gathered = self.aggregator.gathered_for(root)
        gathered.append(ended)
        if self._reads_at_once or len(gathered) > MAX_NOTED:
            self.aggregator.count(gathered)

    def look_up(self, ended: EndedSpan) -> None:
        """Look up what has been gathered for a local root, as long as it lives.

        Once others see that it lives no more, they forget what they gather for it, and all that is there with it.
        """
        ended.gathered = self._gathered.get(ended.key)

    def close(self, ended: EndedSpan, span: ContextTuple) -> None:
        """Take what has been gathered for a span that lives no more: what arrives for it from now on is late.

        Args:
            ended: What `note` returned for it.
            span: Its context.
        """
        if self._records:
            self._take_late_records(ended)
        if ended.is_root:
            gathered = self._gathered.pop(span[:2], None)
            if ended.gathered is None:
                ended.gathered = gathered

    def _take_late_records(self, ended: EndedSpan) -> None:
        """Take what arrived beside the spans after a span's end: a local root may have been held back for it."""
        if not ended.is_root:
            self.hand_on_records(ended.key)
            return
        records = self.aggregator.take_records(ended.key)
        ended.late, ended.late_input = self._rendered(records, ended), self._first_input(records)
        above = None if ended.origin is None else self.lineage.root_above(ended.origin)
        if above is not None:
            for root in self._roots_from(above):
                for output in ended.late:
                    self.aggregator.add(root, output)

    def _roots_from(self, root: SpanKey) -> Iterator[SpanKey]:
        """Go through a local root and those around it, for something to be gathered for each."""
        above: SpanKey | None = root
        while above is not None:
            yield above
            origin = self.lineage.origin_of(above)
            if origin is None:  # it ended meanwhile: what has just been gathered is late
                self.aggregator.forget([above])
                return
            above = self.lineage.root_above(origin)

    # --- its outputs ---------------------------------------------------------------------------------------------

    def _read(self, ended: EndedSpan) -> _Found:
        """Return what a span's outputs are; they are read once."""
        if ended.found is None:
            try:
                found = self._find(ended)
            except BaseException as error:  # noqa: BLE001
                _faults.contain("Reading a span's output", error)
                found = _NOTHING_FOUND
            if ended.found is None:  # otherwise another thread has read it, and perhaps let go of what is read
                ended.found = found
        return ended.found

    def _find(self, ended: EndedSpan) -> _Found:
        attributes, records = ended.attributes, ended.records
        if not records and not ended.events and self.say_nothing(attributes):  # a root with nothing of its own
            return _NOTHING_FOUND
        explicit = None
        if self._attribute in attributes or metadata.METADATA in attributes:
            explicit = self._reader.explicit(ended)
            if explicit is not None and not self._config.overwrite:
                return _Found(explicit)
        completion = self._reader.completion(ended)
        if completion is not None:
            return _Found(explicit, completion, input=read_input(attributes) if self._config.mirror_input else None)
        if records:
            return self._find_recorded(explicit, ended, records)
        return _Found(explicit)

    def _find_recorded(
        self, explicit: RunOutput | None, ended: EndedSpan, records: Sequence[RecordedCompletion]
    ) -> _Found:
        """Return what arrived beside the spans for one of them; earlier ones are its root's to know.

        Records that name a local root may come from any model call below it, so they count as its descendants'.
        """
        is_mirrored = ended.is_root and self._config.root != "own"
        if not is_mirrored and (is_never_a_completion(ended.attributes) or ended.has_failed):
            return _Found(explicit)
        found, read = self._rendered(records, ended), self._first_input(records)
        if is_mirrored or not found:
            return _Found(explicit, None, found, read)
        return _Found(explicit, found[-1]._replace(end_time=ended.end_time), found[:-1], read)

    def _rendered(self, records: Iterable[RecordedCompletion], ended: EndedSpan) -> tuple[RunOutput, ...]:
        outputs = ((self._reader.render(record.completion, ended), record.time) for record in records)
        return tuple(output._replace(end_time=time) for output, time in outputs if output is not None)

    def _first_input(self, records: Iterable[RecordedCompletion]) -> str | None:
        if not self._config.mirror_input:
            return None
        return next((record.input for record in records if record.input is not None), None)

    def findings_of(self, ended: EndedSpan) -> Findings:
        """Return what the local roots above a span count of it."""
        found = self._read(ended)
        output = found.completion or found.explicit
        if output is not None:
            findings = Findings((*found.recorded, output), input=found.input)
        else:
            findings = Findings(
                found.recorded, generic_output(ended), is_silent_model=is_model(ended.attributes), input=found.input
            )
        if ended.findings is None:
            ended.findings = findings
        return ended.findings

    # --- what it gets --------------------------------------------------------------------------------------------

    def attributes_for(self, ended: EndedSpan) -> Written:
        """Return the attributes to add to an ended span; a local root must have been closed. It does not raise."""
        try:
            written = self._attributes_for_root(ended) if ended.is_root else self._attributes_for_other(ended)
            if ended.noted_for:
                self._count_for(ended)
        except BaseException as error:  # noqa: BLE001
            _faults.contain("Deciding on a span's output", error)
            written = _NOTHING
        if ended.written is None:
            ended.written = written
            # It may be noted for long: what it was read from, the prompt perhaps, must not be kept by that. Whoever is
            # reading it on another thread takes what is found and written from here.
            ended.records, ended.gathered = (), None
            ended.let_go()
        return ended.written

    def _count_for(self, ended: EndedSpan) -> None:
        """Have a span counted by the live local roots above it: they need not keep what they will not want."""
        ended.read()
        for root in ended.noted_for:
            gathered = self._gathered.get(root)
            if gathered is not None:
                self.aggregator.count_read(gathered)

    def _attributes_for_other(self, ended: EndedSpan) -> Written:
        completion = self._read(ended).completion
        return _NOTHING if completion is None else self._to_write(completion, ended)

    def _attributes_for_root(self, ended: EndedSpan) -> Written:
        found, gathered = self._read(ended), ended.gathered
        if gathered is not None:
            self.aggregator.count(gathered)
        output = found.completion
        if output is None and (found.explicit is None or self._config.overwrite):
            output = self.aggregator.choose(gathered, (*found.recorded, *ended.late))
            if output is None:
                output = self._generic_output(ended, gathered)
        written: Written = _NOTHING
        if output is not None and self._config.root != "off":
            written = self._to_write(output, ended)
        inputs = (None if gathered is None else gathered.input, found.input, ended.late_input)
        first_input = next((read for read in inputs if read is not None), None)
        if first_input is not None and not has_input(ended.attributes):
            written = {**written, INPUT_JSON: first_input}
        return written

    def is_settled(self, ended: EndedSpan) -> bool:
        """Whether no output of a descendant can change what a span gets."""
        if not ended.is_root or not self.aggregator.mirrors:
            return True
        found = self._read(ended)
        if found.recorded:  # gathered now, so that it is seen what has arrived
            ended.read()
            for output in found.recorded:
                self.aggregator.add(ended.key, output)
            ended.found = found._replace(recorded=())
        return found.completion is not None or (found.explicit is not None and not self._config.overwrite)

    def has_answer(self, root: SpanKey) -> bool:
        """Whether a completion for a live local root has arrived: see `Aggregator.has_answer`."""
        gathered = self.aggregator.gathered.get(root)
        if gathered is not None:
            self.aggregator.count(gathered)
        return self.aggregator.has_answer(root)

    def _generic_output(self, ended: EndedSpan, root: Gathered | None) -> RunOutput | None:
        """Return the root's generic output or, if it has no such attribute, its descendant's that ended last."""
        own = generic_output(ended)
        below = () if root is None else self.aggregator.generic(root)
        for generic in below if own is None else [own]:
            output = self._reader.generic(generic, ended)
            if output is not None:
                return output
        return None

    def _to_write(self, output: RunOutput, ended: EndedSpan) -> Written:
        if self._writes_as_read and not output.is_cut and metadata.METADATA not in ended.attributes:
            return {self._attribute: output.value}
        return metadata.to_write(
            ended.attributes,
            self._config.key,
            output.value,
            max_length=self._reader.max_length(ended),
            is_cut=output.is_cut,
            found_on=output.key if self._config.linkage and ended.is_root else None,
        )

    # --- beside the spans ----------------------------------------------------------------------------------------

    def add_record(self, key: SpanKey, recorded: RecordedCompletion, *, continues: bool | None) -> SpanKey | None:
        """Keep a completion that arrived beside the spans, for the live span that it names, or else its local root.

        Args:
            key: The span.
            recorded: The completion.
            continues: Whether it is another choice of the completion before it; None if it does not say. Then it is
                on a span of its own, but not on a local root: that may be named by several calls.

        Returns:
            The local root of the span; None if neither lives.
        """
        root = self.lineage.root_of(key)
        lives = self.lineage.origin_of(key) is not None
        target = key if lives else root if self.aggregator.mirrors else None
        if target is not None:
            joins = target != root if continues is None else continues
            self.aggregator.add_record(target, recorded, continues=joins)
            if self.lineage.origin_of(target) is None:  # it ended meanwhile
                self.hand_on_records(target)
        return root

    def hand_on_records(self, span: ContextTuple) -> None:
        """Have what arrived for a span at the moment of its end count for its local root, like what comes later."""
        key = span[:2]
        if key in self._records:
            records = self.aggregator.take_records(key)
            self.aggregator.forget([key])
            for recorded in records:
                self.add_record(key, recorded, continues=None)
