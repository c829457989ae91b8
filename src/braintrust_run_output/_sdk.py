"""The only module that touches OpenTelemetry SDK internals.

Everything here is decided by trying it, never by a version number:

- Whether the SDK calls ``SpanProcessor._on_ending`` (it does from 1.40). Where it does not, `before_end`
  shadows the live span's ``end``, which uses public calls only.
- How to add an attribute to a span that is ending. ``set_attribute`` is refused there by every release so far
  (open-telemetry/opentelemetry-python#5614), and at the attribute limit it evicts the oldest attribute. So it is
  put into the attribute store's own dictionary, under the store's lock: nothing is evicted and the dropped count
  stays true. That needs no immutability flag, so it goes on working when the SDK makes spans mutable in
  ``_on_ending`` and freezes them afterwards.
- Whether an ended span's attribute store can be completed when it is first read, and a span copied when the copy is
  first looked into (`writes_later`, `copies_later`). Where they can, the application's thread does not pay for reading
  outputs or copying: the exporter's does.
"""

from __future__ import annotations

import functools
import os
import weakref
from time import time_ns
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, SynchronousMultiSpanProcessor, TracerProvider
from opentelemetry.trace import SpanContext, StatusCode

from . import _faults

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Protocol

    from opentelemetry._logs import LogRecord
    from opentelemetry.context import Context
    from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor
    from opentelemetry.sdk.trace import Event as Event
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import Status

_Wrapper = TypeVar("_Wrapper", bound=SpanProcessor)
_Copied = TypeVar("_Copied")

Written: TypeAlias = "Mapping[str, str | bool]"
"""Attributes that are added to a span."""

SpanKey: TypeAlias = "tuple[int, int]"
"""Trace id and span id: ``SpanContext`` itself cannot be hashed."""


ContextTuple: TypeAlias = "tuple[Any, ...]"
"""A ``SpanContext`` as the tuple that it is: trace id, span id, whether it is remote, and more.

Its properties cost three times as much, which counts for what is done at the start and end of every span.
"""

TRACE_ID, SPAN_ID, IS_REMOTE = 0, 1, 2
"""Where these are in a `ContextTuple`."""

Glance: TypeAlias = "tuple[ContextTuple, Mapping[str, Any], Sequence[Event]]"
"""A span's context, attributes and events."""

_NO_CONTEXT: ContextTuple = (0, 0, False)


def span_key(context: ContextTuple) -> SpanKey:
    """Return what identifies a span: its trace id and span id."""
    return context[:2]


# --- reading -----------------------------------------------------------------------------------------------

_reads_store: dict[type, bool] = {}


def _has_sdk_store(span: ReadableSpan) -> bool:
    """Whether ``span.attributes`` is the SDK's own view of ``span._attributes``.

    Proxies and subclasses that compute their attributes (Braintrust's and Logfire's, for instance) answer False.
    """
    kind = type(span)
    known = _reads_store.get(kind)
    if known is None:
        known = issubclass(kind, ReadableSpan) and kind.attributes is ReadableSpan.attributes
        _reads_store[kind] = known
    return known


def attributes_of(span: ReadableSpan) -> Mapping[str, Any]:
    """Return the span's attributes, as the SDK's own dictionary where possible. Not to be changed."""
    if _has_sdk_store(span):
        store = span._attributes
        inner = getattr(store, "_dict", store)
        if isinstance(inner, dict):
            return inner
    return span.attributes or {}


def events_of(span: ReadableSpan) -> Sequence[Event]:
    """Return the span's events; the SDK's ``events`` property copies them, so an empty list is seen first."""
    if _has_sdk_store(span) and not span._events:
        return ()
    return span.events


if TYPE_CHECKING:  # what only types need takes time to make

    class EmittedRecord(Protocol):
        """What a log record processor is given; the SDK has renamed its class twice (``LogData`` before 1.39)."""

        @property
        def log_record(self) -> LogRecord:
            """The record itself."""

    class Unfinished(Protocol):
        """What works out which attributes a span is to have as well."""

        def work_out(self) -> Written:
            """Return the attributes to add.

            It must not raise, and must return the same whenever it is called: readers on several threads may each call
            it.
            """


def glance(span: ReadableSpan) -> Glance:
    """Return a span's context, attributes and events: the SDK's own where possible. Not to be changed."""
    if _reads_store.get(type(span)) or _has_sdk_store(span):
        known: Any = span
        try:
            seen = known._context, known._attributes._dict, known._events._dq
        except AttributeError:  # something else was put in their place
            pass
        else:
            return seen
    return span.get_span_context() or _NO_CONTEXT, attributes_of(span), events_of(span)


_Known: TypeAlias = "tuple[Glance, Status, InstrumentationScope | None, int | None]"


class SpanState:
    """What is looked at of a span that has ended, or is about to.

    It does not refer to the span: the span's attributes may refer to this (see `write_later`).

    Args:
        span: The span.
        seen: What `glance` returns for it.
        end_time: When it ended, in nanoseconds since the epoch.
    """

    span: ReadableSpan | None = None
    """The span itself, for a transform. Not to be set where `write_later` is used."""

    def __init__(self, span: ReadableSpan, seen: Glance, end_time: int) -> None:
        self.end_time = end_time
        known: Any = span
        try:
            rest = known._status, known._instrumentation_scope, known._attributes.max_value_len
        except AttributeError:  # something else was put in place of the SDK's own
            limit = getattr(getattr(span, "_attributes", None), "max_value_len", None)
            rest = span.status, span.instrumentation_scope, limit
        # Taken apart by who reads it, on another thread.
        self._known: _Known = (seen, *rest)

    def let_go(self) -> None:
        """Keep nothing but what identifies the span: its attributes may be large."""
        (context, *_), *rest = self._known
        self._known = ((context, {}, ()), *rest)  # type: ignore[assignment]

    @property
    def key(self) -> SpanKey:
        """What identifies the span."""
        return self._known[0][0][:2]

    @property
    def attributes(self) -> Mapping[str, Any]:
        """The span's attributes. Not to be changed."""
        return self._known[0][1]

    @property
    def events(self) -> Sequence[Event]:
        """The span's events."""
        return self._known[0][2]

    @property
    def has_failed(self) -> bool:
        """Whether the span's status is an error."""
        return self._known[1].status_code is StatusCode.ERROR

    @property
    def scope_name(self) -> str:
        """The name of the span's instrumentation scope, empty if it has none."""
        scope = self._known[2]
        return scope.name if scope is not None else ""

    @property
    def max_value_length(self) -> int | None:
        """The SDK's limit for the length of string attributes in characters, None if there is none."""
        return self._known[3]


# --- writing -----------------------------------------------------------------------------------------------


def write(span: ReadableSpan, attributes: Mapping[str, str | bool]) -> None:
    """Add attributes to a live, ending or ended span, for all who hold it to see.

    Evicts nothing, leaves the dropped count as it is, and may be called when ``set_attribute`` is refused.
    """
    store: Any = span._attributes
    try:
        with store._lock:
            if store._immutable:  # an exporter may be going through it, without the lock
                store._dict = {**store._dict, **attributes}
            else:
                store._dict.update(attributes)
    except AttributeError:  # another store was put in its place
        if isinstance(span, Span):
            span.set_attributes(dict(attributes))


def write_now(span: ReadableSpan, unfinished: Unfinished) -> ReadableSpan:
    """Add what is worked out to an ending or ended span, as `write` does, and return the span."""
    written = unfinished.work_out()
    if written:
        write(span, written)
    return span


def write_later(span: ReadableSpan, unfinished: Unfinished) -> ReadableSpan:
    """Add what is worked out to a span that changes no more, when its attributes are first read; return the span.

    They are read when an exporter encodes the span, most often: on its thread, not on the application's. Whoever reads
    them, and when, finds all of them. Where that cannot be had they are added now.

    Args:
        span: The span.
        unfinished: What works them out. It must not refer to the span, or the two would keep each other alive.
    """
    store: Any = span._attributes
    if type(store) is BoundedAttributes:
        store._run_output_unfinished = unfinished  # type: ignore[attr-defined]
        store.__class__ = _UnfinishedAttributes
        return span
    return write_now(span, unfinished)


class _UnfinishedAttributes(BoundedAttributes):
    """The attribute store of an ended span to which something is added when it is first looked into.

    The SDK's class looks into ``_dict`` for whatever it does, so that is where it is noticed. With the first look the
    store becomes the SDK's own again, as ``importlib.util.LazyLoader`` does it with modules. Readers on several threads
    need no lock: each puts the same attributes into a new dictionary before it goes on.
    """

    @property
    def _dict(self) -> dict[str, Any]:
        state = self.__dict__
        unfinished: Unfinished | None = state.get("_run_output_unfinished")
        if unfinished is not None:
            written = unfinished.work_out()
            if written:
                state["_dict"] = {**state["_dict"], **written}
            state.pop("_run_output_unfinished", None)
            self.__class__ = BoundedAttributes  # type: ignore[assignment]
        known: dict[str, Any] = state["_dict"]
        return known

    @_dict.setter
    def _dict(self, known: dict[str, Any]) -> None:
        self.__dict__["_dict"] = known


@functools.cache
def writes_later() -> bool:
    """Whether whoever reads a span's attributes, in whatever way, finds what `write_later` adds."""
    return all(_finds_what_is_written_later(look) for look in _LOOKS)


_LOOKS: tuple[Callable[[Any], object], ...] = (
    dict,
    len,
    lambda attributes: attributes["added"],
    lambda attributes: "added" in attributes,
    lambda attributes: attributes.copy(),
)
"""What a mapping is read by; its other methods go through these."""


class _Probe:
    """A span, as far as `write_later` is concerned, and what is added to it or to another."""

    def __init__(self, **attributes: str) -> None:
        self._attributes = BoundedAttributes(attributes=attributes)

    def work_out(self) -> Written:
        return {"added": "b"}


def _finds_what_is_written_later(look: Callable[[Any], object]) -> bool:
    span: Any = _Probe(there="a")
    store = span._attributes
    try:
        write_later(span, span)
        is_unfinished = hasattr(store, "_run_output_unfinished")
        found = look(MappingProxyType(store))
        is_finished = not hasattr(store, "_run_output_unfinished")
    except Exception:  # noqa: BLE001 (an SDK that keeps attributes in another way)
        return False
    return (
        is_unfinished
        and is_finished
        and bool(found == look(MappingProxyType(_Probe(there="a", added="b")._attributes)))
    )


# --- copying -----------------------------------------------------------------------------------------------


def copy_now(span: ReadableSpan, unfinished: Unfinished) -> ReadableSpan:
    """Return a copy of an ended span, with the attributes that are worked out; the span itself stays as it is."""
    written = unfinished.work_out()
    if not written:
        return span
    store: Any = getattr(span, "_attributes", None)
    if not isinstance(store, BoundedAttributes) or not _has_sdk_store(span):
        return _Rebuilt(span, {**(span.attributes or {}), **written})
    copied = _copied(span, store)
    write(copied, written)
    return copied


def copy_later(span: ReadableSpan, unfinished: Unfinished) -> ReadableSpan:
    """Return what becomes a copy of an ended span when it is first looked into; the span itself stays as it is.

    It keeps the attribute store that the span has now, and is complete, as with `write_later`, when its attributes are
    first read. Only its context is there from the beginning: the SDK's processors look at nothing else on the
    application's thread. Where that cannot be had, the span is copied now.
    """
    store = span._attributes if type(span) is ReadableSpan else None
    if type(store) is not BoundedAttributes:
        return copy_now(span, unfinished)
    copied: Any = object.__new__(_ToBeCopied)  # ReadableSpan's __init__ would set all fields
    copied._context = span._context
    copied._run_output_to_copy = span, store, unfinished
    return copied  # type: ignore[no-any-return]


class _ToBeCopied(ReadableSpan):
    """A copy of a span that has not been made yet.

    Python calls ``__getattr__`` for what an object has not got: here for the first field that is read. With that it
    becomes a span like any other. Readers on several threads need no lock: each puts all fields there before it goes
    on.
    """

    def __getattr__(self, name: str) -> object:
        fields = self.__dict__
        to_copy = fields.get("_run_output_to_copy")
        if to_copy is not None:
            span, store, unfinished = to_copy
            copied = write_later(_copied(span, store), unfinished)
            fields.update({**copied.__dict__, **fields})  # what is there already stays
            fields.pop("_run_output_to_copy", None)
            self.__class__ = ReadableSpan  # type: ignore[assignment]
        if name in fields:
            return fields[name]
        return object.__getattribute__(self, name)


@functools.cache
def copies_later() -> bool:
    """Whether what `copy_later` returns is like a copy made at once, for those who look into it."""
    from opentelemetry.sdk.resources import Resource

    probe = _Probe(there="a")
    try:
        original = ReadableSpan("probe", resource=Resource({}), attributes=probe._attributes)
        copied = copy_later(original, probe)
        fields, attributes = (copied.name, copied.status), dict(copied.attributes or {})
    except Exception:  # noqa: BLE001 (an SDK that keeps a span's fields in another way)
        return False
    return fields == ("probe", original.status) and attributes == {"there": "a", "added": "b"}


class _Rebuilt(ReadableSpan):
    """A copy of a span that is not the SDK's own class, with its true counts of what was dropped."""

    def __init__(self, span: ReadableSpan, attributes: Mapping[str, Any]) -> None:
        super().__init__(
            name=span.name,
            context=span.get_span_context(),
            parent=span.parent,
            resource=span.resource,
            attributes=attributes,
            events=span.events,
            links=span.links,
            kind=span.kind,
            status=span.status,
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=span.instrumentation_scope,
        )
        self._dropped = (span.dropped_attributes, span.dropped_events, span.dropped_links)

    @property
    def dropped_attributes(self) -> int:
        return self._dropped[0]

    @property
    def dropped_events(self) -> int:
        return self._dropped[1]

    @property
    def dropped_links(self) -> int:
        return self._dropped[2]


def _copied(span: ReadableSpan, store: BoundedAttributes) -> ReadableSpan:
    """Return a copy of a span that has ended, with this attribute store, of which only the dictionary is shared."""
    copied_store: Any = _copy(store)
    copied_store._immutable = True  # so that nothing is put into that dictionary
    copied = _copy(span)
    copied._attributes = copied_store
    return copied


def _copy(original: _Copied) -> _Copied:
    """Return what ``copy.copy`` would, in a fraction of the time."""
    copied = object.__new__(type(original))
    copied.__dict__ = original.__dict__.copy()  # which knows how to copy an object's dictionary as it is laid out
    return copied


# --- the moment before a span's end --------------------------------------------------------------------------


@functools.cache
def calls_on_ending() -> bool:
    """Whether the SDK calls ``_on_ending`` before ``on_end``, and `write` in it is seen by ``on_end``."""
    probe = _EndingProbe()
    try:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import SpanLimits, _Span

        span = _Span(
            "probe",
            SpanContext(trace_id=1, span_id=1, is_remote=False),
            resource=Resource({}),
            span_processor=probe,
            limits=SpanLimits(),
        )
        span.start()
        span.end()
    except Exception:  # noqa: BLE001 (an SDK that cannot be probed this way has not got the hook as we know it)
        return False
    return probe.seen


class _EndingProbe(SpanProcessor):
    seen = False

    def _on_ending(self, span: Span) -> None:
        write(span, {"probe": True})

    def on_end(self, span: ReadableSpan) -> None:
        self.seen = bool(span.attributes and span.attributes.get("probe"))


class SpanHooks(SpanProcessor):
    """What the SDK calls for every span of the application, as short as it can be in Python.

    Three empty hooks take 2 % of a span's life; each function more between the SDK and what is to be done takes half a
    percent, each property of a span as much. So these read the SDK's own fields, and do in place what `lineage.Lineage`
    does with nearly every span: one entry into a dictionary, one out of it. Whatever is not so simple goes there.

    An object with 30 attributes or more is slower to read for CPython, by 2 % of a span's life: there must be fewer.
    """

    _follows: bool
    """Whether spans are followed from their start."""
    _enriches: bool
    """Whether live spans are enriched when the SDK tells that they are ending."""
    _awaits_ending: bool
    """Whether no ending has been told of yet: what this is registered with may not tell (logfire does not)."""
    _tell_start: Callable[[Span, Context | None], object] | None
    """What else is to be called with a span that starts, and the context that was given for its parent."""
    _tell_ending: Callable[[Span], object] | None
    """What is to be called with a span that is ending and is not enriched."""
    _next: SpanProcessor | None
    """The wrapped processor: spans are enriched when they have ended, as copies for it."""

    _started: Callable[[ContextTuple, ContextTuple | None], ContextTuple]
    """Called with the context of a span that starts, and its parent's: ``Lineage.start``."""
    _runs_below: Callable[[ContextTuple, ContextTuple], None] | None
    """Called with the context of a span that starts, and its origin: ``Lineage.runs_below``, where that is wanted."""
    _passed: Callable[[ContextTuple], ContextTuple | None]
    """Called with the context of a span that lives no more: ``Lineage.end``."""
    _tidy_up: Callable[[], object]
    """Called when more than ``_max_ended`` ended spans are remembered: ``Lineage.forget_ended``."""
    _live: dict[int, ContextTuple]
    _ended: dict[int | SpanKey, ContextTuple]
    _twins: Mapping[SpanKey, ContextTuple]
    _max_live: int
    _max_ended: int
    """The fields of ``Lineage`` with these names."""
    _say_nothing: Callable[[Mapping[str, Any]], bool]
    """Whether attributes hold no output, told by their names."""
    _awaited: Mapping[SpanKey, object]
    """The live spans for which something has been gathered: they are not passed over."""
    _recorded: Mapping[SpanKey, object]
    """The spans for which something has arrived beside the spans."""
    _running: Mapping[int | SpanKey, object]
    """The live descendants of local roots that may be held back for them: ``Lineage.running``."""
    _waits_for_outputs: bool
    """Whether local roots are held back until an output is in, whoever lives below them."""
    _note: Callable[[ReadableSpan, Glance, int], Any]
    """Called with a span that ends and is not passed over: ``Decider.note``, which returns a ``decision.EndedSpan``."""
    _close: Callable[[Any, ContextTuple], None]
    """Called with that, and the span's context, when it lives no more: ``Decider.close``."""
    _add: Callable[[ReadableSpan, Unfinished], ReadableSpan]
    """`write_later` or `write_now` and, around another processor, `copy_later` or `copy_now`."""
    _writes_roots_only: bool
    """Whether nothing is added to spans that are no local roots."""

    def on_start(self, span: Any, parent_context: Context | None = None) -> None:
        """Note a span that starts."""
        if self._follows:
            try:
                context, parent, live = span._context, span._parent, self._live
                if parent is None:
                    origin = context
                else:
                    origin = live.get(parent[SPAN_ID])
                    if (
                        origin is not parent
                        and (  # not right below a local root: is it below the same one as its parent?
                            origin is None
                            or parent[IS_REMOTE]
                            or origin[IS_REMOTE]
                            or origin[TRACE_ID] != context[TRACE_ID]
                        )
                    ):
                        origin = self._started(context, parent)
                if live.setdefault(context[SPAN_ID], origin) is not origin or len(live) > self._max_live:
                    self._started(context, parent)
                elif self._runs_below is not None and origin is not context:
                    self._runs_below(context, origin)
            except BaseException as error:  # noqa: BLE001
                _faults.contain("Noting a span's start", error)
        if self._tell_start is not None:
            try:
                self._tell_start(span, parent_context)
            except BaseException as error:  # noqa: BLE001
                _faults.contain("on_start of the wrapped processor", error)

    def _on_ending(self, span: Any) -> None:
        if not self._enriches:
            if self._tell_ending is not None:
                try:
                    self._tell_ending(span)
                except BaseException as error:  # noqa: BLE001
                    _faults.contain("_on_ending of the wrapped processor", error)
            return
        try:
            context = span._context
            try:
                attributes, events = span._attributes._dict, span._events._dq
            except AttributeError:  # something else was put in place of the SDK's own
                attributes, events = attributes_of(span), events_of(span)
            ended = None
            try:
                if not self._say_nothing(attributes) or events or (self._awaited and context[:2] in self._awaited):
                    ended = self._note(span, (context, attributes, events), span._end_time)
            finally:  # whatever fails, it lives no more
                if self._twins:
                    self._passed(context)
                else:
                    live, span_id = self._live, context[SPAN_ID]
                    if len(live) > 1:
                        origin = live.get(span_id)
                        if origin is not None:  # first it has ended, then it lives no more: whoever looks finds it
                            self._ended[span_id] = origin
                    live.pop(span_id, None)
                    if not live:
                        if self._ended:
                            self._ended.clear()
                    elif len(self._ended) > self._max_ended:
                        self._tidy_up()
            if ended is not None:
                if ended.is_root or self._recorded:
                    self._close(ended, context)
                if ended.is_root or not self._writes_roots_only:
                    self._add(span, ended)
            elif self._recorded:
                self._hand_on_records(context)
        except BaseException as error:  # noqa: BLE001
            _faults.contain("Writing a span's output", error)

    def on_end(self, span: Any) -> None:
        """Hand the enriched span to the wrapped processor, if there is one, at once or when a late output is in."""
        if self._next is None:
            if self._awaits_ending:
                self._enrich_ended(span)
            return
        ended = origin = None
        is_held = False
        try:
            if self._follows:
                try:
                    is_sdks = type(span) is ReadableSpan
                    seen = (span._context, span._attributes._dict, span._events._dq) if is_sdks else glance(span)
                except AttributeError:  # something else was put in place of the SDK's own
                    seen = glance(span)
                context, attributes, events = seen
                may_be_held = self._waits_for_outputs or (
                    self._running and (self._twins or self._running.get(context[SPAN_ID]))
                )
                try:
                    if (
                        not self._say_nothing(attributes)
                        or may_be_held
                        or events
                        or (self._awaited and context[:2] in self._awaited)
                    ):
                        ended = self._note(span, seen, span.end_time or 0)
                        if may_be_held and ended.is_root:
                            is_held = self._is_held(span, ended)
                finally:  # whatever fails, it lives no more
                    if not is_held:
                        origin = self._passed(context)
                    if self._recorded and ended is None:
                        self._hand_on_records(context)
                if ended is not None and not is_held:
                    if ended.is_root or self._recorded:
                        self._close(ended, context)
                    if ended.is_root or not self._writes_roots_only:
                        span = self._add(span, ended)
        except BaseException as error:  # noqa: BLE001
            _faults.contain("Writing a span's output", error)
        finally:  # also when the exception means to stop
            if not is_held:
                try:
                    self._next.on_end(span)
                except BaseException as error:  # noqa: BLE001
                    _faults.contain("on_end of the wrapped processor", error)
        if self._running and origin is not None and (ended is None or not ended.is_root):
            self._runs_no_more(context, origin)

    # --- what is less simple -------------------------------------------------------------------------------------

    def _hand_on_records(self, context: ContextTuple) -> None:
        """Have what has just arrived for a span that was passed over count for its local root."""
        raise NotImplementedError

    def _enrich_ended(self, span: ReadableSpan) -> None:
        """Enrich a span in place of whose ending nothing has told."""
        raise NotImplementedError

    def _is_held(self, span: ReadableSpan, ended: Any) -> bool:
        """Hold a local root back, if a late output may still come; whether it is."""
        raise NotImplementedError

    def _runs_no_more(self, context: ContextTuple, origin: ContextTuple) -> None:
        """Note that a span below a local root has ended and been handed on."""
        raise NotImplementedError


def before_end(span: Span, callback: Callable[[Span, int], None]) -> None:
    """Call ``callback(span, end_time)`` when the live span is about to end, on an SDK without ``_on_ending``.

    Args:
        span: A span that has just started.
        callback: Called once on the thread that ends the span, before any processor's ``on_end``; must not
            raise. ``end_time`` is in nanoseconds since the epoch.
    """
    state = span.__dict__
    outer = state.get("end")  # another library's shadow

    def end(end_time: int | None = None) -> None:
        # First, so that no reference cycle stays and a second end() is the SDK's to complain about.
        if outer is None:
            state.pop("end", None)
        else:
            state["end"] = outer
        if end_time is None:
            end_time = time_ns()
        callback(span, end_time)
        span.end(end_time)

    state["end"] = end


def on_ending_of(processor: SpanProcessor) -> Callable[[Span], None] | None:
    """Return what tells a wrapped processor that a span is ending; None if it does nothing then, or is duck-typed."""
    own: Callable[[Span], None] | None = getattr(processor, "_on_ending", None)
    is_inherited = getattr(own, "__func__", None) is getattr(SpanProcessor, "_on_ending", None)
    return None if is_inherited else own


# --- around the processors -----------------------------------------------------------------------------------


def processors_of(provider: TracerProvider) -> tuple[SpanProcessor, ...]:
    """Return the span processors that are registered with a provider, in their order."""
    return tuple(getattr(_active(provider), "_span_processors", ()))


def exporters_of(provider: TracerProvider) -> tuple[SpanExporter, ...]:
    """Return the exporters behind a provider's span processors, however those are wrapped, each once."""
    from opentelemetry.sdk.trace.export import SpanExporter

    found: dict[int, SpanExporter] = {}
    seen: set[int] = set()
    waiting: list[object] = list(processors_of(provider))
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, SpanExporter):
            found[id(one)] = one
        elif id(one) not in seen:
            seen.add(id(one))
            names = ("span_exporter", "_exporter", "_batch_processor", "_processor", "processor", "_next")
            waiting += [inner for name in names if (inner := getattr(one, name, None)) is not None]
            waiting += getattr(one, "_span_processors", ())
    return tuple(found.values())


def endpoint_of(exporter: SpanExporter) -> str:
    """Return where an OTLP exporter sends spans, "" if it does not say."""
    for one in (exporter, getattr(exporter, "_exporter", None)):
        endpoint = getattr(one, "_endpoint", None)
        if isinstance(endpoint, str):
            return endpoint
    return ""


def remove_processor(provider: TracerProvider, processor: SpanProcessor) -> None:
    """Take a span processor off a provider, for which the SDK has no public call."""
    active: Any = _active(provider)
    with active._lock:
        active._span_processors = tuple(one for one in active._span_processors if one is not processor)


def wrap_processors(provider: TracerProvider, wrap: Callable[[SpanProcessor], _Wrapper]) -> _Wrapper:
    """Put one processor around all that a provider has and will have; return it.

    The provider's multi-processor stays, for tracers that exist hold it; what it dispatches to is replaced.
    """
    active: Any = _active(provider)
    inner = SynchronousMultiSpanProcessor()  # type: ignore[no-untyped-call]
    with active._lock:
        inner._span_processors = active._span_processors
        wrapper = wrap(inner)
        active._span_processors = (wrapper,)
        active.add_span_processor = inner.add_span_processor
    return wrapper


def _active(provider: TracerProvider) -> object:
    return getattr(provider, "_active_span_processor", None)


def log_record_processors_of(provider: LoggerProvider) -> tuple[LogRecordProcessor, ...]:
    """Return the log record processors that are registered with a provider."""
    multi = getattr(provider, "_multi_log_record_processor", None)
    return tuple(getattr(multi, "_log_record_processors", ()))


def at_fork(*, before: Callable[[], None] | None = None, after_in_child: Callable[[], None]) -> None:
    """Call bound methods before this process forks and in every child, as long as their objects live."""
    if hasattr(os, "register_at_fork"):  # not on Windows
        if before is not None:
            os.register_at_fork(before=_while_it_lives(before))
        os.register_at_fork(after_in_child=_while_it_lives(after_in_child))


def _while_it_lives(method: Callable[[], None]) -> Callable[[], None]:
    reference = weakref.WeakMethod(method)

    def call() -> None:
        bound = reference()
        if bound is not None:
            bound()

    return call
