"""RunOutputSpanProcessor: reads a span's completion when it ends, asks the aggregator, writes the run output."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from . import _faults, _sdk
from .aggregator import Aggregator
from .config import RunOutputConfig
from .lineage import Lineage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

    from ._sdk import ContextTuple, Glance, SpanKey
    from .decision import Decider, EndedSpan
    from .holding import HeldRoots
    from .run_outputs import RecordedCompletion

_processors: list[weakref.ref[RunOutputSpanProcessor]] = []


def span_processors() -> list[RunOutputSpanProcessor]:
    """Return the span processors that exist in this process, for those who learn of outputs beside the spans."""
    return [alive for one in list(_processors) if (alive := one()) is not None]


class RunOutputSpanProcessor(_sdk.SpanHooks):
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
        self._follows = self.config.enabled
        is_in_place = self._follows and next_processor is None
        self._enriches = is_in_place and _sdk.calls_on_ending()
        self._awaits_ending = self._enriches
        self._tell_start = self._tell_ending = None
        if next_processor is not None:
            self._tell_start = getattr(next_processor, "on_start", None)
            self._tell_ending = _sdk.on_ending_of(next_processor)
        elif is_in_place and not self._enriches:
            self._tell_start = self._shadow_end
        self._writes_roots_only = self.config.spans == "none"
        holds = next_processor is not None and self.config.hold != "never"
        self._aggregator = Aggregator(self.config.root, max_chars=self.config.max_length)
        self._lineage = lineage = Lineage(self._aggregator.forget, follows_running=holds)
        self._made_decider: Decider | None = None
        self._started, self._passed, self._tidy_up = lineage.start, lineage.end, lineage.forget_ended
        self._live, self._ended, self._twins = lineage.live, lineage.ended, lineage.twins
        self._max_live, self._max_ended = lineage.max_live, lineage.max_ended
        self._say_nothing = self._say_nothing_at_first
        self._awaited, self._recorded = self._aggregator.gathered, self._aggregator.records
        self._running = lineage.running
        self._runs_below = lineage.runs_below if holds else None
        self._waits_for_outputs = holds and self.config.hold == "always"
        self._held = self._hold_roots() if holds else None
        _processors.append(weakref.ref(self, _processors.remove))
        _sdk.at_fork(before=self._before_fork, after_in_child=self._start_clean)

    def _hold_roots(self) -> HeldRoots[tuple[ReadableSpan, EndedSpan]]:
        from .holding import HeldRoots

        return HeldRoots(lambda held: self._release_held(*held), millis=self.config.hold_millis)

    @property
    def _decider(self) -> Decider:
        """What decides: made, and all that it needs found out, when the first span ends, not when the process starts.

        No lock: what threads make at the same time is the same, for it keeps nothing of its own.
        """
        if self._made_decider is None:
            from .decision import Decider

            later = self.config.transform is None and _sdk.writes_later()
            if self._next is None:
                self._add = _sdk.write_later if later else _sdk.write_now
            else:
                self._add = _sdk.copy_later if later and _sdk.copies_later() else _sdk.copy_now
            decider = Decider(self.config, self._lineage, self._aggregator)
            self._note, self._close = decider.note, decider.close
            self._made_decider = decider
        return self._made_decider

    def _before_fork(self) -> None:
        """Load what is not loaded yet: the child would wait for ever for an import that another thread is at."""
        try:
            _ = self._decider
            from .conventions import log_records  # noqa: F401 (RunOutputLogRecordProcessor's)
        except BaseException as error:  # noqa: BLE001
            _faults.contain("Loading what reads outputs", error)

    def _say_nothing_at_first(self, attributes: Mapping[str, object]) -> bool:
        self._awaits_ending = False
        self._say_nothing = self._decider.say_nothing
        return self._say_nothing(attributes)

    def _forget_spans(self) -> None:
        self._lineage.clear()
        self._aggregator.clear()

    def _start_clean(self) -> None:
        self._forget_spans()
        if self._held is not None:
            self._held.forget()

    @property
    def wraps(self) -> bool:
        """Whether this processor wraps another one."""
        return self._next is not None

    # --- in place: while the span is ending --------------------------------------------------------------------

    def _enrich(self, span: ReadableSpan, seen: Glance, end_time: int) -> None:
        """Enrich a live span of whose end the hook has not been told."""
        ended = self._decider.note(span, seen, end_time)
        self._passed(seen[0])
        self._close(ended, seen[0])
        if ended.is_root or not self._writes_roots_only:
            self._add(span, ended)

    def _hand_on_records(self, context: ContextTuple) -> None:
        self._decider.hand_on_records(context)

    def _shadow_end(self, span: Span, _parent_context: Context | None) -> None:
        _sdk.before_end(span, self._enrich_before_end)

    def _enrich_before_end(self, span: ReadableSpan, end_time: int) -> None:
        """Enrich a live span of which no ``_on_ending`` tells."""
        try:
            self._enrich(span, _sdk.glance(span), end_time)
        except BaseException as error:  # noqa: BLE001
            _faults.contain("Writing a span's output", error)

    def _enrich_ended(self, span: ReadableSpan) -> None:
        """Enrich a span of which only ``on_end`` has told, and shadow the end of the spans to come.

        Whoever exports later sees it; whoever has exported it by now does not.
        """
        try:
            self._enriches, self._tell_start = False, self._shadow_end
            context, *_ = seen = _sdk.glance(span)
            if self._lineage.origin_of(context) is not None:
                self._enrich(span, seen, span.end_time or 0)
        except BaseException as error:  # noqa: BLE001
            _faults.contain("Writing a span's output", error)

    # --- around another processor: when the span has ended -----------------------------------------------------

    def _runs_no_more(self, context: ContextTuple, origin: ContextTuple) -> None:
        try:
            self._lineage.done(context, origin)
            if self._held is not None and self._held.held:
                self._release_if_complete(origin[:2])
        except BaseException as error:  # noqa: BLE001
            _faults.contain("Releasing a held root", error)

    def _release_held(self, span: ReadableSpan, ended: EndedSpan) -> None:
        """Hand a local root that was held back to the wrapped processor."""
        try:
            ended.decider.look_up(ended)
            self._passed(ended.key)
            self._close(ended, ended.key)
            span = self._add(span, ended)
        except BaseException as error:  # noqa: BLE001
            _faults.contain("Writing a span's output", error)
        finally:  # also when the exception means to stop
            if self._next is not None:
                try:
                    self._next.on_end(span)
                except BaseException as error:  # noqa: BLE001
                    _faults.contain("on_end of the wrapped processor", error)

    def _is_held(self, span: ReadableSpan, ended: EndedSpan) -> bool:
        is_held = False
        try:
            if (
                self._held is not None
                and (self._waits_for_outputs or self._lineage.has_running(ended.key))
                and not (self._decider.is_settled(ended) or self._is_complete(ended.key))
            ):
                is_held = self._held.hold(ended.key, (span, ended))
                self._release_if_complete(ended.key)  # what it waits for may have come meanwhile
        except BaseException as error:  # noqa: BLE001
            _faults.contain("Holding a root back", error)
        return is_held

    def _is_complete(self, root: SpanKey) -> bool:
        """Whether there is nothing to hold a local root back for."""
        if self._lineage.has_running(root):
            return False
        return self.config.hold == "open" or self._decider.has_answer(root)

    def _release_if_complete(self, root: SpanKey | None) -> None:
        if self._held is not None and root is not None and root in self._held.held and self._is_complete(root):
            self._held.release(root)

    def shutdown(self) -> None:
        """Release what is held back, forget every span, and shut the wrapped processor down."""
        if self._held is not None:
            self._held.close()
        self._forget_spans()
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

    # --- beside the spans ----------------------------------------------------------------------------------------

    def add_recorded(self, key: SpanKey, recorded: RecordedCompletion, *, continues: bool | None = False) -> None:
        """Join a completion that arrived beside the spans, in a log record or a hook, to the span that it names.

        It counts as the span's own completion where the span lives and has none on its attributes; as its local
        root's where the span has ended. It is dropped where neither lives here.

        Args:
            key: Trace id and span id that the record names.
            recorded: The completion.
            continues: Whether it is another choice of the completion before it; None if it does not say.
        """
        if not self._follows:
            return
        try:
            self._release_if_complete(self._decider.add_record(key, recorded, continues=continues))
        except BaseException as error:  # noqa: BLE001
            _faults.contain("Joining a log record", error)
