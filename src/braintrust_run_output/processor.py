"""RunOutputSpanProcessor: the SDK's hooks, and a span's way through this package, once.

A span's value is decided when the span ends, on the thread that ends it, and never changes after that::

    on_start     Traces.start               note the span's id and its parent's
    _on_ending   Traces.pass_by             nearly every span says nothing: off the living, done
    or on_end    read_outcome               what it says
                 HeldRoots.hold             a root that may still get something better: decided when it is released
                 Traces.end                 take that to the runs of the roots above, and the span off the living
                 Run.choose                 a root: which of all that is its value
                 value_of, to_write         render, transform, cut; write, or hand an enriched copy on
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from opentelemetry.sdk.trace import SpanProcessor

from . import _faults, _sdk
from .config import RunOutputConfig
from .conventions.inputs import has_input
from .counting import RootCounter
from .holding import HeldRoots
from .outcome import Outcome, matches, read_outcome, says_nothing
from .run import Run, Said
from .traces import Traces
from .writing import INPUT_JSON, ask_about, asking, input_of, to_write, value_of, value_of_one

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan, Span

    from .conventions._convention import Attributes, Event
    from .traces import Ended, LiveKey
    from .writing import Written

    _Held: TypeAlias = tuple[ReadableSpan, Outcome]

_processors: list[weakref.ref[RunOutputSpanProcessor]] = []


def span_processors() -> list[RunOutputSpanProcessor]:
    """Return the span processors that exist in this process, for those who learn of outputs beside the spans."""
    return [alive for one in list(_processors) if (alive := one()) is not None]


class RunOutputSpanProcessor(SpanProcessor):
    """Writes each model output to ``braintrust.metadata.run_output`` of its span, and mirrors it onto the local root.

    Alone, it enriches spans in place, for every exporter and in any order of registration::

        provider.add_span_processor(RunOutputSpanProcessor())

    Around another processor, only that one sees the enriched spans, as copies; this form can also hold a local root
    back for completions that come after its end::

        provider.add_span_processor(RunOutputSpanProcessor(BraintrustSpanProcessor()))

    It never raises into the application: what is an `Exception` is contained and logged once; what is none
    (``KeyboardInterrupt``, gevent's ``Timeout``) passes. Safe for use by many threads; a forked child starts with no
    spans.

    Args:
        next_processor: The processor to wrap; default none, spans are enriched in place.
        config: The configuration; default ``RunOutputConfig.from_env()``.

    Raises:
        TypeError: ``next_processor`` is no span processor, or ``config`` no configuration; it says what to write.
    """

    def __init__(self, next_processor: SpanProcessor | None = None, *, config: RunOutputConfig | None = None) -> None:
        _check(next_processor, config)
        self.config = config = RunOutputConfig.from_env() if config is None else config
        self._next = next_processor
        self._follows = config.enabled
        self._tell_ending = None if next_processor is None else _sdk.on_ending_of(next_processor)
        self._in_place = config.enabled and next_processor is None
        self._endings = _sdk.Endings(self._on_ending) if self._in_place else None
        """None once it is known that the SDK tells of every span that is ending."""
        self._traces = Traces(config, may_hold=config.enabled and next_processor is not None)
        self._held = HeldRoots(self._release, millis=config.hold_millis) if self._traces.holds else None
        self._counter = RootCounter() if config.metrics else None
        self._says_nothing = says_nothing(config)
        self._looks_at_names = config.answer_spans is not None or config.side_spans is not None
        _processors.append(weakref.ref(self, _processors.remove))
        _sdk.at_fork(after_in_child=self._start_clean)

    @property
    def wraps(self) -> bool:
        """Whether this processor wraps another one."""
        return self._next is not None

    # --- the SDK's hooks -----------------------------------------------------------------------------------------

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Note a span that starts."""
        try:
            if self._follows:
                self._traces.start(*_sdk.contexts_of(span))
            if (endings := self._endings) is not None:
                endings.started(span)
        except Exception as error:  # noqa: BLE001
            _faults.contain("Noting a span's start", error)
        if self._next is not None:
            try:
                self._next.on_start(span, parent_context)
            except Exception as error:  # noqa: BLE001
                _faults.contain("on_start of the wrapped processor", error, content=_sdk.attributes_of(span))

    def _on_ending(self, span: Span, end_time: int | None = None) -> None:
        if self._tell_ending is not None:
            try:
                self._tell_ending(span)
            except Exception as error:  # noqa: BLE001
                _faults.contain("_on_ending of the wrapped processor", error, content=_sdk.attributes_of(span))
        elif self._in_place and (end_time is not None or (endings := self._endings) is None or endings.is_first(span)):
            try:
                written = self._end(span, end_time)
                if written:
                    _sdk.write(span, written)
            except Exception as error:  # noqa: BLE001
                _faults.contain("Writing a span's output", error)

    def on_end(self, span: ReadableSpan) -> None:
        """Hand the enriched span to the wrapped processor, if there is one, at once or when a late output is in."""
        if self._next is None:
            if (endings := self._endings) is not None:
                self._note_end(span, endings)
            return
        handed_on: ReadableSpan | None = span
        try:
            written = self._end(span) if self._follows else {}
            if written is None:
                handed_on = None
            elif written:
                handed_on = _sdk.copy_with(span, written)
        except Exception as error:  # noqa: BLE001
            _faults.contain("Writing a span's output", error)
        finally:  # also when what was raised is to pass
            if handed_on is not None:
                self._hand_on(handed_on)
            if self._held:
                self._release_complete(_sdk.key_of(span))

    def shutdown(self) -> None:
        """Release what is held back, forget every span, and shut the wrapped processor down."""
        try:
            if self._held is not None:
                self._held.close()
            self._traces.clear()
        finally:
            if self._next is not None:
                try:
                    self._next.shutdown()
                except Exception as error:  # noqa: BLE001
                    _faults.contain("shutdown of the wrapped processor", error, content={})

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Release what is held back and flush the wrapped processor.

        Args:
            timeout_millis: How long it may take, in milliseconds.

        Returns:
            False if the wrapped processor said so or failed, True otherwise.
        """
        try:
            if self._held is not None:
                self._held.release_all(timeout_millis / 1000)
        finally:
            try:
                flushed = self._next is None or self._next.force_flush(timeout_millis) is not False
            except Exception as error:  # noqa: BLE001
                _faults.contain("force_flush of the wrapped processor", error, content={})
                flushed = False
        return flushed

    # --- a span's end --------------------------------------------------------------------------------------------

    def _note_end(self, span: ReadableSpan, endings: _sdk.Endings) -> None:
        """Note that a span has ended, as long as it is not known who tells of those that are ending."""
        try:
            if not endings.ended(span):  # too late to write to it
                key = _sdk.key_of(span)
                self._traces.end(key, Outcome(key))
            elif endings.are_told_by_sdk:
                self._endings = None
        except Exception as error:  # noqa: BLE001
            _faults.contain("Noting a span's end", error)

    def _end(self, span: ReadableSpan, end_time: int | None = None) -> Written | None:
        """Note that a span has ended, and return the attributes to add to it; None if it is held back, and lives on."""
        context, attributes, events = _sdk.look(span)
        key: LiveKey = context[:2]
        try:
            if (
                self._says_nothing(attributes)
                and not events
                and not (self._looks_at_names and self._is_named(span.name))
                and self._traces.pass_by(context)
            ):
                return {}  # nearly always
            records = self._traces.records_of(key)
            outcome = self._read(span, key, attributes, span.events if events else (), records, end_time)
            if self._held is not None and self._is_held(key, span, outcome, self._held):
                return None
            return self._written(span, attributes, outcome, self._traces.end(key, outcome, records))
        except BaseException:  # whatever it is, the span lives no more
            self._traces.end(key, Outcome(key))
            raise

    def _is_named(self, name: str) -> bool:
        return matches(self.config.answer_spans, name) or matches(self.config.side_spans, name)

    def _read(
        self,
        span: ReadableSpan,
        key: LiveKey,
        attributes: Attributes,
        events: Sequence[Event],
        records: Sequence[Outcome],
        end_time: int | None,
    ) -> Outcome:
        """Read what a span says, on the thread that ends it."""
        name, start, end, has_failed, scope_name = _sdk.describe(span)
        outcome = read_outcome(
            attributes,
            events,
            scope_name,
            key=key,
            config=self.config,
            name=name,
            start=start,
            end=end_time or end,
            has_failed=has_failed,
            records=records,
        )
        if self.config.transform is not None:
            ask_about(outcome, self.config, asking(self.config, lambda: span))
        return outcome

    def _written(self, span: ReadableSpan, attributes: Attributes, outcome: Outcome, ended: Ended) -> Written:
        """Return the attributes to add to a span, now that all that it is decided from has been said."""
        if ended.is_root:
            return self._written_to_root(span, attributes, outcome, ended.run or Run(self.config))
        if ended.is_late and self._counter is not None:
            self._counter.count_late()
        completion, config = outcome.completion, self.config
        if completion is None or config.spans == "none" or (outcome.explicit is not None and not config.overwrite):
            return {}
        ask = None if config.transform is None else asking(config, lambda: span)
        value = value_of_one(Said(outcome, completion), config, ask, _sdk.longest_value(span))
        return {} if value is None else to_write(value, attributes, config)

    def _written_to_root(self, span: ReadableSpan, attributes: Attributes, outcome: Outcome, run: Run) -> Written:
        """Return the attributes to add to a local root, given what it says, and what it has collected."""
        config, ask, limit = self.config, asking(self.config, lambda: span), _sdk.longest_value(span)
        choice = run.choose(outcome)
        value = value_of(choice, config, ask, limit)
        if self._counter is not None and (run.calls_a_model or outcome.is_model or outcome.completion is not None):
            self._counter.count_root(choice, is_written=value is not None)
        written = {} if value is None else to_write(value, attributes, config, choice.key if config.linkage else None)
        if config.mirror_input and not has_input(attributes, _sdk.events_of(span)):
            asked = input_of(choice, ask, limit)
            if asked is not None:
                written[INPUT_JSON] = asked
        return written

    def _hand_on(self, span: ReadableSpan) -> None:
        try:
            if self._next is not None:
                self._next.on_end(span)
        except Exception as error:  # noqa: BLE001
            _faults.contain("on_end of the wrapped processor", error, content=_sdk.attributes_of(span))

    # --- roots that wait -----------------------------------------------------------------------------------------

    def _is_held(self, key: LiveKey, span: ReadableSpan, outcome: Outcome, held: HeldRoots[LiveKey, _Held]) -> bool:
        """Hold a local root back if something to come can change what it gets; whether it is."""
        if outcome.completion is not None or (outcome.explicit is not None and not self.config.overwrite):
            return False
        if not self._traces.lives_as_root(key) or self._is_complete(key) or not held.hold(key, (span, outcome)):
            return False
        if self._is_complete(key):  # what it waits for may have come meanwhile
            held.release(key)
        return True

    def _is_complete(self, root: LiveKey) -> bool:
        """Whether there is nothing to hold a local root back for."""
        is_running, run = self._traces.waits_for(root)
        return not is_running and (self.config.hold == "open" or (run is not None and run.has_answer))

    def _release_complete(self, key: LiveKey) -> None:
        """Release the roots above a span, and itself, that are held for nothing any more."""
        try:
            for root in self._traces.live_roots(key):
                if self._held is not None and root in self._held and self._is_complete(root):
                    self._held.release(root)
        except Exception as error:  # noqa: BLE001
            _faults.contain("Releasing a held root", error)

    def _release(self, key: LiveKey, held: _Held) -> None:
        """Hand a local root on that was held back: its value is decided now."""
        span, outcome = held
        above = self._traces.live_roots(key)[1:]
        try:
            written = self._written(span, _sdk.attributes_of(span), outcome, self._traces.end(key, outcome))
            span = _sdk.copy_with(span, written) if written else span
        except Exception as error:  # noqa: BLE001
            _faults.contain("Writing a span's output", error)
        finally:
            self._hand_on(span)
            if above:
                self._release_complete(above[0])

    # --- beside the spans ----------------------------------------------------------------------------------------

    def add_recorded(self, said: Outcome, *, continues: bool | None = False) -> None:
        """Join a completion that arrived beside the spans, in a log record or a hook, to the span that it names.

        It counts as the span's own completion where the span lives and has none on its attributes; as its local
        root's where the span has ended. It is dropped where neither lives here.

        Args:
            said: The completion, under the key of the span that the record names.
            continues: Whether it is another choice of the completion before it; None if it does not say.
        """
        try:
            root = self._traces.record(said, continues=continues) if self._follows else None
            if root is not None and self._held:
                self._release_complete(root)
        except Exception as error:  # noqa: BLE001
            _faults.contain("Joining a log record", error)

    def _start_clean(self) -> None:
        """Start without spans, in a forked child."""
        self._traces.clear()
        if self._held is not None:
            self._held.forget()


def _check(next_processor: object, config: object) -> None:
    if isinstance(next_processor, RunOutputConfig):
        raise TypeError(
            "next_processor=RunOutputConfig(...) is no span processor: "
            "write RunOutputSpanProcessor(config=RunOutputConfig(...))"
        )
    if config is not None and not isinstance(config, RunOutputConfig):
        raise TypeError(f"config={config!r} is no RunOutputConfig: write config=RunOutputConfig(...), or nothing")
    if isinstance(next_processor, type):
        name = next_processor.__name__
        raise TypeError(
            f"next_processor={name} is a class, no span processor: write RunOutputSpanProcessor({name}(...))"
        )
    if next_processor is None or all(callable(getattr(next_processor, hook, None)) for hook in ("on_start", "on_end")):
        return
    name = type(next_processor).__name__
    advice = (
        f"write RunOutputSpanProcessor(BatchSpanProcessor({name}(...)))"
        if callable(getattr(next_processor, "export", None))
        else "give an object with on_start and on_end, such as BatchSpanProcessor(exporter), or nothing"
    )
    raise TypeError(f"next_processor={name} is no span processor: {advice}")
