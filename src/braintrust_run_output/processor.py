"""RunOutputSpanProcessor: reads a span's completion when it ends, asks the aggregator, writes the run output."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, NamedTuple

from opentelemetry.sdk.trace import SpanProcessor

from . import _faults, _sdk, metadata
from .aggregator import Aggregator, LocalRoot, RecordedCompletion, RunOutput
from .config import RunOutputConfig
from .conventions import KEYS, is_never_a_completion
from .conventions.inputs import has_input, read_input
from .reader import Reader, generic_output, has_failed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan, Span

    from ._sdk import SpanKey

INPUT_JSON = "braintrust.input_json"

_NOTHING: dict[str, str | bool] = {}


class _OwnOutput(NamedTuple):
    """A span's own run output, and whether it is what the application set."""

    output: RunOutput | None
    is_explicit: bool


_NO_OUTPUT = _OwnOutput(None, is_explicit=False)


_processors: weakref.WeakSet[RunOutputSpanProcessor] = weakref.WeakSet()


def span_processors() -> list[RunOutputSpanProcessor]:
    """Return the span processors that exist in this process, for those who learn of outputs beside the spans."""
    return list(_processors)


class RunOutputSpanProcessor(SpanProcessor):
    """Writes each model output to ``braintrust.metadata.run_output`` of its span, and mirrors it onto the local root.

    Alone, it enriches spans in place, for every exporter and in any order of registration::

        provider.add_span_processor(RunOutputSpanProcessor())

    Around another processor, only that one sees the enriched spans, as copies::

        provider.add_span_processor(RunOutputSpanProcessor(BraintrustSpanProcessor()))

    It never raises into the application. Safe for use by many threads; a forked child starts with no spans.

    Args:
        next_processor: The processor to wrap; default none, spans are enriched in place.
        config: The configuration; default ``RunOutputConfig.from_env()``.
    """

    def __init__(self, next_processor: SpanProcessor | None = None, *, config: RunOutputConfig | None = None) -> None:
        self.config = RunOutputConfig.from_env() if config is None else config
        self._next = next_processor
        self._reader = Reader(self.config)
        self._watched = KEYS | {metadata.METADATA, metadata.attribute(self.config.key)}
        self._aggregator = Aggregator(self.config.root, max_chars=self.config.max_length)
        self._in_place = self.config.enabled and next_processor is None
        self._shadows_end = self._in_place and not _sdk.calls_on_ending()
        _processors.add(self)
        _sdk.after_fork_in_child(self._aggregator.clear)

    @property
    def wraps(self) -> bool:
        """Whether this processor wraps another one."""
        return self._next is not None

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Note the span, and whose local root it is or belongs to."""
        if self.config.enabled:
            try:
                self._start(span)
            except BaseException as error:  # noqa: BLE001
                _faults.contain("Noting a span's start", error)
        if self._next is not None:
            try:
                self._next.on_start(span, parent_context)
            except BaseException as error:  # noqa: BLE001
                _faults.contain("on_start of the wrapped processor", error)

    def _on_ending(self, span: Span) -> None:
        if self._in_place:
            if not self._shadows_end:
                self._enrich(span, span.end_time or 0)
        elif self._next is not None:
            try:
                _sdk.forward_on_ending(self._next, span)
            except BaseException as error:  # noqa: BLE001
                _faults.contain("_on_ending of the wrapped processor", error)

    def on_end(self, span: ReadableSpan) -> None:
        """Hand the enriched span to the wrapped processor, if there is one."""
        if self._next is None:
            return
        enriched = span
        if self.config.enabled:
            try:
                attributes = self._decide(span, span.end_time or 0)
                if attributes:
                    enriched = _sdk.with_attributes(span, attributes)
            except BaseException as error:  # noqa: BLE001
                _faults.contain("Reading a span's output", error)
        try:
            self._next.on_end(enriched)
        except BaseException as error:  # noqa: BLE001
            _faults.contain("on_end of the wrapped processor", error)

    def shutdown(self) -> None:
        """Forget every span, and shut the wrapped processor down."""
        self._aggregator.clear()
        if self._next is not None:
            try:
                self._next.shutdown()
            except BaseException as error:  # noqa: BLE001
                _faults.contain("shutdown of the wrapped processor", error)

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Flush the wrapped processor.

        Args:
            timeout_millis: How long it may take, in milliseconds.

        Returns:
            False if the wrapped processor said so or failed, True otherwise.
        """
        if self._next is None:
            return True
        try:
            return self._next.force_flush(timeout_millis) is not False
        except BaseException as error:  # noqa: BLE001
            _faults.contain("force_flush of the wrapped processor", error)
            return False

    def add_recorded(self, key: SpanKey, recorded: RecordedCompletion, *, continues: bool = False) -> None:
        """Join a completion that arrived beside the spans, in a log record or a hook, to the span that it names.

        It counts as the span's own completion where the span lives and has none on its attributes; as its local
        root's where the span has ended. It is dropped where neither lives here.

        Args:
            key: Trace id and span id that the record names.
            recorded: The completion.
            continues: Whether it is another choice of the completion before it.
        """
        if not self.config.enabled:
            return
        try:
            self._aggregator.add_record(key, recorded, continues=continues)
        except BaseException as error:  # noqa: BLE001
            _faults.contain("Joining a log record", error)

    # --- a span's way --------------------------------------------------------------------------------------

    def _start(self, span: Span) -> None:
        parent = span.parent
        key = _sdk.span_key(span.context)
        if parent is None:
            self._aggregator.start(key, None)
        else:
            self._aggregator.start(key, _sdk.span_key(parent), remote=parent.is_remote)
        if self._shadows_end:
            _sdk.before_end(span, self._enrich)

    def _enrich(self, span: Span, end_time: int) -> None:
        try:
            attributes = self._decide(span, end_time)
            if attributes:
                _sdk.write(span, attributes)
        except BaseException as error:  # noqa: BLE001
            _faults.contain("Writing a span's output", error)

    def _decide(self, span: ReadableSpan, end_time: int) -> Mapping[str, str | bool]:
        """Return the attributes to add to a span that ends, and let its local root know of its output."""
        key = _sdk.span_key(span.context)
        root = self._aggregator.end(key)
        attributes = _sdk.attributes_of(span)
        own = _NO_OUTPUT
        if not self._watched.isdisjoint(attributes) or _sdk.has_events(span) or (root is not None and root.records):
            own = self._own_output(span, attributes, root, key, end_time)
        if root is None or root.key != key:
            return self._decide_span(span, attributes, own)
        return self._decide_root(span, attributes, root, own, end_time)

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
        if explicit is None or self.config.overwrite:
            completion = self._reader.completion(span, attributes, key, end_time)
            if completion is None and root is not None and root.records:
                completion = self._recorded_output(span, attributes, root, key, end_time)
        output = completion or explicit
        above = root.outer if root is not None and root.key == key else root
        if above is not None:
            if output is not None:
                self._aggregator.add(above, output)
            elif self._aggregator.wants_generic(above):
                generic = generic_output(span, attributes, key, end_time)
                if generic is not None:
                    self._aggregator.add_generic(above, generic)
        if completion is not None and root is not None and self.config.mirror_input and root.input is None:
            root.input = read_input(attributes)
        return _OwnOutput(output, is_explicit=completion is None)

    def _recorded_output(
        self, span: ReadableSpan, attributes: Mapping[str, object], root: LocalRoot, key: SpanKey, end_time: int
    ) -> RunOutput | None:
        """Return the run output that arrived for the span in log records; earlier ones are its root's to know.

        Records that name the root may come from any model call below it, so they count as its descendants'.
        """
        records = self._aggregator.take_records(root, key)
        is_mirrored = key == root.key and self.config.root != "own"
        if is_never_a_completion(attributes) or (has_failed(span) and not is_mirrored):
            return None
        if self.config.mirror_input and root.input is None:
            root.input = next((record.input for record in records if record.input is not None), None)
        outputs = [self._reader.render(record.completion, span, key, record.time) for record in records]
        found = [output for output in outputs if output is not None]
        own = None if is_mirrored or not found else found.pop()._replace(end_time=end_time)
        for output in found:
            self._aggregator.add(root, output)
        return own

    def _decide_span(
        self, span: ReadableSpan, attributes: Mapping[str, object], own: _OwnOutput
    ) -> Mapping[str, str | bool]:
        if own.output is None or own.is_explicit or self.config.spans == "none":
            return _NOTHING
        return self._to_write(own.output, span, attributes)

    def _decide_root(
        self,
        span: ReadableSpan,
        attributes: Mapping[str, object],
        root: LocalRoot,
        own: _OwnOutput,
        end_time: int,
    ) -> Mapping[str, str | bool]:
        self._aggregator.close(root)
        written: Mapping[str, str | bool] = _NOTHING
        output = None if own.is_explicit else own.output
        if output is None and (own.output is None or self.config.overwrite):
            output = self._aggregator.choose(root) or self._generic_output(span, attributes, root, end_time)
        if output is not None and self.config.root != "off":
            written = self._to_write(output, span, attributes, linked=self.config.linkage)
        if root.input is not None and not has_input(attributes):
            written = {**written, INPUT_JSON: root.input}
        return written

    def _generic_output(
        self, span: ReadableSpan, attributes: Mapping[str, object], root: LocalRoot, end_time: int
    ) -> RunOutput | None:
        """Return the root's generic output, or the one of its descendants that ended last."""
        own = generic_output(span, attributes, root.key, end_time)
        for generic in (*([own] if own else []), *self._aggregator.generic(root)):
            output = self._reader.generic(generic, span)
            if output is not None:
                return output
        return None

    def _to_write(
        self, output: RunOutput, span: ReadableSpan, attributes: Mapping[str, object], *, linked: bool = False
    ) -> Mapping[str, str | bool]:
        limit = _sdk.value_length_limit(span)
        return metadata.to_write(
            attributes,
            self.config.key,
            output.value,
            max_length=self.config.max_length if limit is None else min(limit, self.config.max_length),
            found_on=output.key if linked else None,
        )
