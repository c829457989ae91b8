"""RunOutputSpanProcessor: reads a span's completion when it ends, asks the aggregator, writes the run output."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from opentelemetry.sdk.trace import SpanProcessor

from . import _faults, _sdk
from .config import RunOutputConfig
from .decision import Decider, EndedSpan
from .holding import HeldRoots

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan, Span

    from ._sdk import SpanKey
    from .aggregator import RecordedCompletion

_processors: weakref.WeakSet[RunOutputSpanProcessor] = weakref.WeakSet()


def span_processors() -> list[RunOutputSpanProcessor]:
    """Return the span processors that exist in this process, for those who learn of outputs beside the spans."""
    return list(_processors)


class RunOutputSpanProcessor(SpanProcessor):
    """Writes each model output to ``braintrust.metadata.run_output`` of its span, and mirrors it onto the local root.

    Alone, it enriches spans in place, for every exporter and in any order of registration::

        provider.add_span_processor(RunOutputSpanProcessor())

    Around another processor, only that one sees the enriched spans, as copies; this form can also hold a local root
    back for completions that come after its end::

        provider.add_span_processor(RunOutputSpanProcessor(BraintrustSpanProcessor()))

    It never raises into the application. Safe for use by many threads; a forked child starts with no spans.

    Args:
        next_processor: The processor to wrap; default none, spans are enriched in place.
        config: The configuration; default ``RunOutputConfig.from_env()``.
    """

    def __init__(self, next_processor: SpanProcessor | None = None, *, config: RunOutputConfig | None = None) -> None:
        self.config = RunOutputConfig.from_env() if config is None else config
        self._next = next_processor
        self._next_on_ending = None if next_processor is None else _sdk.on_ending_of(next_processor)
        self._enabled = self.config.enabled
        self._in_place = self._enabled and next_processor is None
        self._shadows_end = self._in_place and not _sdk.calls_on_ending()
        # Until the first _on_ending: what this processor is registered with may not forward it, as logfire does not.
        self._awaits_ending = self._in_place and not self._shadows_end
        holds = next_processor is not None and self.config.hold != "never"
        self._decider = Decider(self.config, holds=holds)
        self._held = HeldRoots(self._release, millis=self.config.hold_millis) if holds else None
        _processors.add(self)
        _sdk.after_fork_in_child(self._start_clean)

    def _start_clean(self) -> None:
        self._decider.clear()
        if self._held is not None:
            self._held.forget()

    @property
    def wraps(self) -> bool:
        """Whether this processor wraps another one."""
        return self._next is not None

    # --- in place: while the span is ending --------------------------------------------------------------------

    def _on_ending(self, span: Span) -> None:
        if self._in_place:
            if not self._shadows_end:
                if self._awaits_ending:
                    self._awaits_ending = False
                self._enrich(span)
        elif self._next_on_ending is not None:
            try:
                self._next_on_ending(span)
            except BaseException as error:  # noqa: BLE001
                _faults.contain("_on_ending of the wrapped processor", error)

    def _enrich(self, span: ReadableSpan, end_time: int | None = None) -> None:
        try:
            context, attributes, events = _sdk.state_of(span)
            if self._decider.is_silent(context, attributes, events):
                self._decider.lineage.end(context)
                return
            ended = self._decider.end(span, context, attributes, events, end_time or span.end_time or 0)
            added = self._decider.attributes_for(ended)
            if added:
                _sdk.write(span, added)
        except BaseException as error:  # noqa: BLE001
            _faults.contain("Writing a span's output", error)

    def _enrich_ended(self, span: ReadableSpan) -> None:
        """Enrich a span of which only ``on_end`` has told, and shadow the end of the spans to come.

        Whoever exports later sees it; whoever has exported it by now does not.
        """
        try:
            self._shadows_end = True
            if self._decider.lineage.origin_of(_sdk.state_of(span)[0]) is not None:
                self._enrich(span, span.end_time)
        except BaseException as error:  # noqa: BLE001
            _faults.contain("Writing a span's output", error)

    # --- around another processor: when the span has ended -----------------------------------------------------

    def on_end(self, span: ReadableSpan) -> None:
        """Hand the enriched span to the wrapped processor, if there is one, at once or when a late output is in."""
        if self._next is None:
            if self._awaits_ending:
                self._enrich_ended(span)
            return
        ended, key, is_held = None, None, False
        try:
            if self._enabled:
                context, attributes, events = _sdk.state_of(span)
                key = context[:2]
                if self._decider.is_silent(context, attributes, events) and not self._may_wait(key):
                    self._decider.lineage.end(context)
                else:
                    ended = self._decider.end(span, context, attributes, events, span.end_time or 0)
                    is_held = self._is_held(ended)
        except BaseException as error:  # noqa: BLE001
            _faults.contain("Reading a span's output", error)
        finally:  # also when the exception means to stop
            if not is_held:
                self._forward(span, ended)
        if self._held is not None and key is not None and not is_held:
            try:
                self._release_if_complete(self._decider.lineage.stop_counting(key))
            except BaseException as error:  # noqa: BLE001
                _faults.contain("Releasing a held root", error)

    def _forward(self, span: ReadableSpan, ended: EndedSpan | None) -> None:
        try:
            added = None if ended is None else self._decider.attributes_for(ended)
            if added:
                span = _sdk.with_attributes(span, added)
        except BaseException as error:  # noqa: BLE001
            _faults.contain("Writing a span's output", error)
        finally:  # also when the exception means to stop
            self._hand_on(span)

    def _hand_on(self, span: ReadableSpan) -> None:
        if self._next is not None:
            try:
                self._next.on_end(span)
            except BaseException as error:  # noqa: BLE001
                _faults.contain("on_end of the wrapped processor", error)

    def _may_wait(self, key: SpanKey) -> bool:
        """Whether a span without an output may be a local root that is to be held back."""
        return self._held is not None and (self.config.hold == "always" or self._decider.lineage.running(key) > 0)

    def _is_held(self, ended: EndedSpan) -> bool:
        """Hold a local root back, if a late output may still come; whether it is."""
        if self._held is None or self._decider.is_settled(ended) or self._is_complete(ended.key):
            return False
        if not self._held.hold(ended.key, ended):
            return False
        self._release_if_complete(ended.key)  # what it waits for may have come meanwhile
        return True

    def _is_complete(self, root: SpanKey) -> bool:
        """Whether there is nothing to hold a local root back for."""
        if self._decider.lineage.running(root):
            return False
        return self.config.hold == "open" or self._decider.has_completion(root)

    def _release_if_complete(self, root: SpanKey | None) -> None:
        if self._held is not None and root is not None and root in self._held and self._is_complete(root):
            self._held.release(root)

    def _release(self, ended: EndedSpan) -> None:
        self._forward(ended.span, ended)

    def shutdown(self) -> None:
        """Release what is held back, forget every span, and shut the wrapped processor down."""
        if self._held is not None:
            self._held.close()
        self._decider.clear()
        if self._next is not None:
            try:
                self._next.shutdown()
            except BaseException as error:  # noqa: BLE001
                _faults.contain("shutdown of the wrapped processor", error)

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Release what is held back and flush the wrapped processor.

        Args:
            timeout_millis: How long it may take, in milliseconds.

        Returns:
            False if the wrapped processor said so or failed, True otherwise.
        """
        if self._held is not None:
            self._held.release_all(timeout_millis / 1000)
        if self._next is None:
            return True
        try:
            return self._next.force_flush(timeout_millis) is not False
        except BaseException as error:  # noqa: BLE001
            _faults.contain("force_flush of the wrapped processor", error)
            return False

    # --- both --------------------------------------------------------------------------------------------------

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Note the span, and whose local root it is or belongs to."""
        if self._enabled:
            try:
                self._decider.start(*_sdk.contexts_of(span))
                if self._shadows_end:
                    _sdk.before_end(span, self._enrich)
            except BaseException as error:  # noqa: BLE001
                _faults.contain("Noting a span's start", error)
        if self._next is not None:
            try:
                self._next.on_start(span, parent_context)
            except BaseException as error:  # noqa: BLE001
                _faults.contain("on_start of the wrapped processor", error)

    def add_recorded(self, key: SpanKey, recorded: RecordedCompletion, *, continues: bool | None = False) -> None:
        """Join a completion that arrived beside the spans, in a log record or a hook, to the span that it names.

        It counts as the span's own completion where the span lives and has none on its attributes; as its local
        root's where the span has ended. It is dropped where neither lives here.

        Args:
            key: Trace id and span id that the record names.
            recorded: The completion.
            continues: Whether it is another choice of the completion before it; None if it does not say.
        """
        if not self._enabled:
            return
        try:
            self._release_if_complete(self._decider.add_record(key, recorded, continues=continues))
        except BaseException as error:  # noqa: BLE001
            _faults.contain("Joining a log record", error)
