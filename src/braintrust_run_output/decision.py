"""What a span that ends gets: its own run output, its descendants', or nothing.

The order for a local root is DESIGN's: what the application set, its own completion, its descendants' completions, its
own generic output, its descendants' generic outputs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _faults, metadata
from ._sdk import details_of
from .conventions import KEYS, is_model, is_never_a_completion
from .conventions.inputs import has_input, read_input
from .reader import Reader, generic_output

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.sdk.trace import ReadableSpan

    from ._sdk import ContextTuple, Event, SpanKey, SpanState
    from .aggregator import Aggregator, Gathered, GenericOutput, RecordedCompletion, RunOutput
    from .config import RunOutputConfig
    from .lineage import Lineage

INPUT_JSON = "braintrust.input_json"

_NOTHING: dict[str, str | bool] = {}


class EndedSpan:
    """A span that has ended, and what is known of its output.

    Args:
        span: The span.
        attributes: Its attributes.
        key: Its trace id and span id.
        end_time: When it ended, in nanoseconds since the epoch.
        root: The local root that it belongs to, itself if it is one; None if that has ended, or its start was not seen.
    """

    origin: ContextTuple | None = None
    """What its lineage says of it, unless it is a local root, which lives until it is closed."""
    explicit: RunOutput | None = None
    """What the application set."""
    completion: RunOutput | None = None
    """Its own completion's, where it is wanted."""

    def __init__(
        self, span: ReadableSpan, attributes: Mapping[str, object], key: SpanKey, end_time: int, root: SpanKey | None
    ) -> None:
        self.span = span
        self.attributes = attributes
        self.key = key
        self.end_time = end_time
        self.root = root
        self.is_root = root == key


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
        self.say_nothing = (KEYS | {metadata.METADATA, self._attribute}).isdisjoint
        """Whether attributes hold no output: told by their names, without a look at a value."""
        self.lineage = lineage
        self.aggregator = aggregator

    def __len__(self) -> int:
        """How much is remembered."""
        return len(self.lineage) + len(self.aggregator.gathered)

    # --- a span's end --------------------------------------------------------------------------------------------

    def end(self, span: ReadableSpan, state: SpanState, end_time: int) -> EndedSpan:
        """Note a span that ends, and let its local root know of its output. A local root lives on until it is closed.

        Args:
            span: The span.
            state: Its context, attributes and events.
            end_time: When it ended, in nanoseconds since the epoch.
        """
        context, attributes, events = state
        ended = EndedSpan(span, attributes, context[:2], end_time, self.lineage.root_of(context))
        gathered = self.aggregator.gathered.get(ended.key)
        try:
            records = self.aggregator.take_records(ended.key) if gathered is not None else ()
            if records or events or not self.say_nothing(attributes):
                self._read(ended, events, records)
        except BaseException as error:  # noqa: BLE001 (the span is still to be noted as ended, a root to be mirrored to)
            _faults.contain("Reading a span's output", error)
        finally:
            if not ended.is_root:
                ended.origin = self.lineage.end(context)
                if gathered is not None:
                    self.aggregator.forget([ended.key])
        return ended

    def _read(self, ended: EndedSpan, events: Sequence[Event], records: Sequence[RecordedCompletion]) -> None:
        key, attributes = ended.key, ended.attributes
        if self._attribute in attributes or metadata.METADATA in attributes:
            ended.explicit = self._reader.explicit(ended.span, attributes, key, ended.end_time)
        if ended.explicit is None or self._config.overwrite:
            ended.completion = self._reader.completion(ended.span, attributes, events, key, ended.end_time)
            if ended.completion is None and records:
                ended.completion = self._recorded(ended, records)
            elif ended.completion is not None and self._config.mirror_input:
                self._note_input(ended.root, read_input(attributes))
        self._tell(ended.root, ended.completion or ended.explicit, ended)

    def close(self, ended: EndedSpan) -> None:
        """Forget a local root: what arrives for it from now on is late."""
        self.lineage.end(ended.key)
        self.aggregator.forget([ended.key])

    def _tell(self, root: SpanKey | None, output: RunOutput | None, ended: EndedSpan) -> None:
        """Let the local root above a span, and those around it, know of the span's output."""
        if not self.aggregator.mirrors:
            return
        # What ended before a model that says nothing (it failed) was on the way to it, and is no output.
        says_nothing = output is None and is_model(ended.attributes)
        while root is not None:
            if root == ended.key:
                pass
            elif output is not None:
                self.aggregator.add(root, output)
            else:
                if says_nothing:
                    self.aggregator.forget_generic(root)
                self._note_generic(root, ended)
            origin = self.lineage.origin_of(root)
            if origin is None:  # it ended meanwhile: what was just noted is late
                self.aggregator.forget([root])
                return
            root = self.lineage.root_above(origin)

    def _note_generic(self, root: SpanKey, ended: EndedSpan) -> None:
        gathered = self.aggregator.gathered.get(root)
        generic = None if gathered is not None and gathered.outputs else _generic_output_of(ended)
        if generic is not None:
            self.aggregator.add_generic(root, generic)

    def _recorded(self, ended: EndedSpan, records: Sequence[RecordedCompletion]) -> RunOutput | None:
        """Return the run output that arrived beside the spans for one of them; earlier ones are its root's to know.

        Records that name a local root may come from any model call below it, so they count as its descendants'.
        """
        is_mirrored = ended.is_root and self._config.root != "own"
        if not is_mirrored and (is_never_a_completion(ended.attributes) or details_of(ended.span)[0]):
            return None
        if self._config.mirror_input:
            self._note_input(ended.root, next((record.input for record in records if record.input is not None), None))
        found = self._rendered(records, ended)
        own = None if is_mirrored or not found else found.pop()._replace(end_time=ended.end_time)
        for output in found:
            if is_mirrored:
                self.aggregator.add(ended.key, output)
            self._tell(ended.root, output, ended)
        return own

    def _rendered(self, records: Sequence[RecordedCompletion], ended: EndedSpan) -> list[RunOutput]:
        outputs = (self._reader.render(record.completion, ended.span, ended.key, record.time) for record in records)
        return [output for output in outputs if output is not None]

    def _note_input(self, root: SpanKey | None, value: str | None) -> None:
        if root is not None and value is not None:
            known = self.aggregator.gathered_for(root)
            if known.input is None:
                known.input = value

    # --- what it gets --------------------------------------------------------------------------------------------

    def attributes_for(self, ended: EndedSpan) -> Mapping[str, str | bool]:
        """Return the attributes to add to an ended span. For a local root this is the last word; it is closed."""
        if not ended.is_root:
            if ended.completion is None or self._config.spans == "none":
                return _NOTHING
            return self._to_write(ended.completion, ended)
        root = self.aggregator.gathered.get(ended.key)
        if root is not None and root.records:  # they arrived while the root was held back
            self._recorded(ended, self.aggregator.take_records(ended.key))
        self.close(ended)
        written: Mapping[str, str | bool] = _NOTHING
        output = ended.completion
        if output is None and (ended.explicit is None or self._config.overwrite):
            output = None if root is None else self.aggregator.choose(root)
            if output is None:
                output = self._generic_output(ended, root)
        if output is not None and self._config.root != "off":
            written = self._to_write(output, ended)
        if root is not None and root.input is not None and not has_input(ended.attributes):
            written = {**written, INPUT_JSON: root.input}
        return written

    def is_settled(self, ended: EndedSpan) -> bool:
        """Whether no output of a descendant can change what a span gets."""
        explicit = ended.explicit is not None and not self._config.overwrite
        return not ended.is_root or explicit or ended.completion is not None or not self.aggregator.mirrors

    def _generic_output(self, ended: EndedSpan, root: Gathered | None) -> RunOutput | None:
        """Return the root's generic output or, if it has no such attribute, its descendant's that ended last."""
        own = _generic_output_of(ended)
        below = () if root is None else self.aggregator.generic(root)
        for generic in below if own is None else [own]:
            output = self._reader.generic(generic, ended.span)
            if output is not None:
                return output
        return None

    def _to_write(self, output: RunOutput, ended: EndedSpan) -> Mapping[str, str | bool]:
        if self._writes_as_read and not output.is_cut and metadata.METADATA not in ended.attributes:
            return {self._attribute: output.value}
        return metadata.to_write(
            ended.attributes,
            self._config.key,
            output.value,
            max_length=self._reader.max_length(ended.span),
            is_cut=output.is_cut,
            found_on=output.key if self._config.linkage and ended.is_root else None,
        )

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
                self.aggregator.forget([target])
        return root


def _generic_output_of(ended: EndedSpan) -> GenericOutput | None:
    return generic_output(ended.span, ended.attributes, ended.key, ended.end_time)
