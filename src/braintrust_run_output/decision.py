"""What a span that ends gets: its own run output, its descendants', or nothing.

The order for a local root is DESIGN's: what the application set, its own completion, its descendants' completions, its
own generic output, its descendants' generic outputs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from . import _sdk, metadata
from .aggregator import Aggregator, LocalRoot, RecordedCompletion, RunOutput
from .conventions import KEYS, is_never_a_completion
from .conventions.inputs import has_input, read_input
from .reader import Reader, generic_output, has_failed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.sdk.trace import ReadableSpan, Span

    from ._sdk import SpanKey
    from .config import RunOutputConfig

INPUT_JSON = "braintrust.input_json"

_NOTHING: dict[str, str | bool] = {}


class _OwnOutput(NamedTuple):
    """A span's own run output, and whether it is what the application set."""

    output: RunOutput | None
    is_explicit: bool


_NO_OUTPUT = _OwnOutput(None, is_explicit=False)


class EndedSpan(NamedTuple):
    """A span that has ended, its local root, and what is known of its output."""

    span: ReadableSpan
    attributes: Mapping[str, object]
    key: SpanKey
    end_time: int
    """In nanoseconds since the epoch."""
    root: LocalRoot | None
    """The local root that it belongs to, itself if it is one; None if its start was not seen."""
    own: _OwnOutput

    @property
    def is_root(self) -> bool:
        """Whether the span is a local root."""
        return self.root is not None and self.root.key == self.key


class Decider:
    """Follows spans and decides what each gets.

    Args:
        config: The configuration.
        counts_live: Whether to count each root's live descendants, for roots that are held back.
    """

    def __init__(self, config: RunOutputConfig, *, counts_live: bool = False) -> None:
        self._config = config
        self._reader = Reader(config)
        self._watched = KEYS | {metadata.METADATA, metadata.attribute(config.key)}
        self.aggregator = Aggregator(config.root, max_chars=config.max_length, counts_live=counts_live)

    def start(self, span: Span) -> None:
        """Note a span that starts."""
        parent = span.parent
        key = _sdk.span_key(span.context)
        if parent is None:
            self.aggregator.start(key, None)
        else:
            self.aggregator.start(key, _sdk.span_key(parent), remote=parent.is_remote)

    def end(self, span: ReadableSpan, end_time: int) -> EndedSpan:
        """Note a span that ends, and let its local root know of its output."""
        key = _sdk.span_key(span.context)
        root = self.aggregator.end(key)
        attributes = _sdk.attributes_of(span)
        own = _NO_OUTPUT
        if not self._watched.isdisjoint(attributes) or _sdk.has_events(span) or (root is not None and root.records):
            own = self._own_output(span, attributes, root, key, end_time)
        return EndedSpan(span, attributes, key, end_time, root, own)

    def attributes_for(self, ended: EndedSpan) -> Mapping[str, str | bool]:
        """Return the attributes to add to a span that has ended. For a local root this is the last word."""
        if ended.root is not None and ended.is_root:
            return self._for_root(ended, ended.root)
        own = ended.own
        if own.output is None or own.is_explicit or self._config.spans == "none":
            return _NOTHING
        return self._to_write(own.output, ended)

    def may_mirror(self, ended: EndedSpan) -> bool:
        """Whether a local root would take an output from its descendants."""
        settled = ended.own.output is not None and not (ended.own.is_explicit and self._config.overwrite)
        return ended.is_root and not settled and self._config.root not in ("own", "off")

    def _own_output(
        self,
        span: ReadableSpan,
        attributes: Mapping[str, object],
        root: LocalRoot | None,
        key: SpanKey,
        end_time: int,
    ) -> _OwnOutput:
        """Return the span's own run output, and tell the local root that it belongs to."""
        explicit = self._reader.explicit(attributes, key, end_time)
        completion = None
        if explicit is None or self._config.overwrite:
            completion = self._reader.completion(span, attributes, key, end_time)
            if completion is None and root is not None and root.records:
                completion = self._recorded_output(span, attributes, root, key, end_time)
        output = completion or explicit
        above = root.outer if root is not None and root.key == key else root
        if above is not None:
            if output is not None:
                self.aggregator.add(above, output)
            elif self.aggregator.wants_generic(above):
                generic = generic_output(span, attributes, key, end_time)
                if generic is not None:
                    self.aggregator.add_generic(above, generic)
        if completion is not None and root is not None and self._config.mirror_input and root.input is None:
            root.input = read_input(attributes)
        return _OwnOutput(output, is_explicit=completion is None)

    def _recorded_output(
        self, span: ReadableSpan, attributes: Mapping[str, object], root: LocalRoot, key: SpanKey, end_time: int
    ) -> RunOutput | None:
        """Return the run output that arrived for the span in log records; earlier ones are its root's to know.

        Records that name the root may come from any model call below it, so they count as its descendants'.
        """
        records = self.aggregator.take_records(root, key)
        is_mirrored = key == root.key and self._config.root != "own"
        if is_never_a_completion(attributes) or (has_failed(span) and not is_mirrored):
            return None
        if self._config.mirror_input and root.input is None:
            root.input = next((record.input for record in records if record.input is not None), None)
        found = self._rendered(records, span, key)
        own = None if is_mirrored or not found else found.pop()._replace(end_time=end_time)
        for output in found:
            self.aggregator.add(root, output)
        return own

    def _rendered(self, records: Sequence[RecordedCompletion], span: ReadableSpan, key: SpanKey) -> list[RunOutput]:
        outputs = (self._reader.render(record.completion, span, key, record.time) for record in records)
        return [output for output in outputs if output is not None]

    def _for_root(self, ended: EndedSpan, root: LocalRoot) -> Mapping[str, str | bool]:
        for recorded in self._rendered(self.aggregator.take_records(root, root.key), ended.span, root.key):
            self.aggregator.add(root, recorded)  # arrived while the root was held back
        self.aggregator.close(root)
        written: Mapping[str, str | bool] = _NOTHING
        own = ended.own
        output = None if own.is_explicit else own.output
        if output is None and (own.output is None or self._config.overwrite):
            output = self.aggregator.choose(root) or self._generic_output(ended, root)
        if output is not None and self._config.root != "off":
            written = self._to_write(output, ended)
        if root.input is not None and not has_input(ended.attributes):
            written = {**written, INPUT_JSON: root.input}
        return written

    def _generic_output(self, ended: EndedSpan, root: LocalRoot) -> RunOutput | None:
        """Return the root's generic output, or the one of its descendants that ended last."""
        own = generic_output(ended.span, ended.attributes, ended.key, ended.end_time)
        for generic in (*([own] if own else []), *self.aggregator.generic(root)):
            output = self._reader.generic(generic, ended.span)
            if output is not None:
                return output
        return None

    def _to_write(self, output: RunOutput, ended: EndedSpan) -> Mapping[str, str | bool]:
        limit = _sdk.value_length_limit(ended.span)
        return metadata.to_write(
            ended.attributes,
            self._config.key,
            output.value,
            max_length=self._config.max_length if limit is None else min(limit, self._config.max_length),
            found_on=output.key if self._config.linkage and ended.is_root else None,
        )
