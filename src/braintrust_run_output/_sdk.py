"""The only module that touches OpenTelemetry SDK internals.

Everything here is decided by trying it, never by a version number:

- Whether ``SpanProcessor._on_ending`` is called (the SDK does from 1.40). Where it is not, `Endings` shadows the live
  span's ``end``, which uses public calls only.
- How to add an attribute to a span that is ending. ``set_attribute`` is refused there by every release so far
  (open-telemetry/opentelemetry-python#5614), and at the attribute limit it evicts the oldest attribute. So it is
  put into the attribute store's own dictionary, under the store's lock: nothing is evicted and the dropped count
  stays true. That needs no immutability flag, so it goes on working when the SDK makes spans mutable in
  ``_on_ending`` and freezes them afterwards.
"""

from __future__ import annotations

import math
import os
import weakref
from operator import attrgetter
from time import time_ns
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.trace import StatusCode

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from typing import Protocol

    from opentelemetry._logs import LogRecord
    from opentelemetry.context import Context
    from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor
    from opentelemetry.sdk.trace import Event
    from opentelemetry.sdk.trace.export import SpanExporter

    class EmittedRecord(Protocol):
        """What a log record processor is given; the SDK has renamed its class twice (``LogData`` before 1.39)."""

        @property
        def log_record(self) -> LogRecord:
            """The record itself."""


_Wrapper = TypeVar("_Wrapper", bound=SpanProcessor)

# --- reading -----------------------------------------------------------------------------------------------


ContextTuple: TypeAlias = "tuple[Any, ...]"
"""A ``SpanContext`` as the tuple that it is: trace id, span id, whether it is remote. Its properties cost more."""


def contexts_of(span: Span) -> tuple[ContextTuple, ContextTuple | None]:
    """Return the contexts of a span that starts and of its parent, None if it has none."""
    return span._context, span._parent  # type: ignore[return-value]


def look(span: ReadableSpan) -> tuple[ContextTuple, Mapping[str, Any], Collection[object]]:
    """Return a span's context, attributes and events: the SDK's own where possible. Not to be changed."""
    try:
        if _HAS_SDK_STORE[type(span)]:
            own: Any = span
            return own._context, own._attributes._dict, own._events._dq
    except AttributeError:  # something else was put in place of the SDK's own
        pass
    return span.get_span_context() or (0, 0), attributes_of(span), span.events


def key_of(span: ReadableSpan) -> tuple[int, int]:
    """Return a span's trace id and span id."""
    context: Any = span.context
    return (0, 0) if context is None else (context[0], context[1])


def attributes_of(span: ReadableSpan) -> Mapping[str, Any]:
    """Return the span's attributes, as the SDK's own dictionary where possible. Not to be changed."""
    if _HAS_SDK_STORE[type(span)]:
        store = span._attributes
        inner = getattr(store, "_dict", store)
        if isinstance(inner, dict):
            return inner
    return span.attributes or {}


def events_of(span: ReadableSpan) -> Sequence[Event]:
    """Return the span's events; the SDK's ``events`` property copies them, so an empty list is seen first."""
    if _HAS_SDK_STORE[type(span)] and not span._events:
        return ()
    return span.events


_description_of = attrgetter("_name", "_start_time", "_end_time", "_status._status_code", "_instrumentation_scope")


def describe(span: ReadableSpan) -> tuple[str, int, int, bool, str]:
    """Return a span's name, start and end (nanoseconds, 0 if unknown), whether it failed, and its scope's name."""
    try:
        name, start, end, code, scope = _description_of(span)
    except AttributeError:  # a span in disguise
        name, start, end = span.name, span.start_time, span.end_time
        code, scope = span.status.status_code, span.instrumentation_scope
    return (
        name if isinstance(name, str) else "",  # the SDK takes anything
        start if type(start) is int else _nanoseconds(start),
        end if type(end) is int else _nanoseconds(end),
        code is StatusCode.ERROR,
        "" if scope is None else scope.name,
    )


def _nanoseconds(given: object) -> int:
    """Return a time as a number: the SDK takes seconds, texts and dates as well."""
    try:
        return int(given)  # type: ignore[call-overload,no-any-return]
    except (TypeError, ValueError, OverflowError):
        return 0


def has_failed(span: ReadableSpan) -> bool:
    """Whether the span's status is an error."""
    return span.status.status_code is StatusCode.ERROR


def longest_value(span: ReadableSpan) -> int | None:
    """Return the SDK's limit for the length of string attributes in characters, None if there is none."""
    try:
        limit: object = span._attributes.max_value_len  # type: ignore[union-attr]
    except AttributeError:
        return None
    return limit if isinstance(limit, int) else None


class _HasSdkStore(dict[type, bool]):
    """Whether ``span.attributes`` of a class is the SDK's own view of ``span._attributes``.

    It is not for proxies and subclasses that compute their attributes (Braintrust's and Logfire's, for instance).
    """

    def __missing__(self, kind: type) -> bool:
        self[kind] = known = issubclass(kind, ReadableSpan) and kind.attributes is ReadableSpan.attributes
        return known


_HAS_SDK_STORE = _HasSdkStore()


# --- writing -----------------------------------------------------------------------------------------------


def write(span: ReadableSpan, attributes: Mapping[str, str | bool]) -> None:
    """Add attributes to a span that is ending, for all who hold it to see.

    Evicts nothing, leaves the dropped count as it is, and may be called when ``set_attribute`` is refused.
    """
    store: Any = span._attributes
    try:
        with store._lock:
            if store._immutable:  # somebody may be going through it, without the lock
                store._dict = {**store._dict, **attributes}
            else:
                store._dict.update(attributes)
    except AttributeError:  # another store was put in its place
        if isinstance(span, Span):
            span.set_attributes(dict(attributes))


def copy_with(span: ReadableSpan, attributes: Mapping[str, str | bool]) -> ReadableSpan:
    """Return a copy of an ended span that has these attributes as well; the span itself stays as it is."""
    store = span._attributes if _HAS_SDK_STORE[type(span)] else None
    if type(store) is not BoundedAttributes:
        return _Rebuilt(span, {**(span.attributes or {}), **attributes})
    copied_store = _copied(store)
    copied_store._dict = {**copied_store._dict, **attributes}
    copied = _copied(span)
    copied._attributes = copied_store
    return copied


_Copied = TypeVar("_Copied")


def _copied(one: _Copied) -> _Copied:
    """Return what ``copy.copy`` would, in a quarter of the time."""
    copied = object.__new__(type(one))
    copied.__dict__ = one.__dict__.copy()
    return copied


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


# --- the moment before a span's end --------------------------------------------------------------------------


_HAS_ON_ENDING = hasattr(SpanProcessor, "_on_ending")
_FEW = 64
"""Of how many live spans the ends are shadowed before it is known whether that is needed."""


class Endings:
    """Calls ``_on_ending`` of a processor, with the span's end time, where nobody else does.

    SDKs before 1.40 do not, and Logfire does not hand it on. So a live span's ``end`` is shadowed, which takes some
    memory: of the first few spans only, until one of them ends and it is known whether that is needed. If it is,
    nothing is told of those that have started meanwhile.

    Args:
        tell: Called on the thread that ends a span, before any processor's ``on_end``, with the span and its end time
            in nanoseconds since the epoch; must not raise.
    """

    def __init__(self, tell: Callable[[Span, int], None]) -> None:
        self._tell = tell
        self._told: set[tuple[int, int]] = set()
        self._is_called = False
        self._to_shadow: float = _FEW if _HAS_ON_ENDING else math.inf

    @property
    def are_told_by_sdk(self) -> bool:
        """Whether ``_on_ending`` is called, and of no span that this has told of any more."""
        return self._is_called and not self._told

    def started(self, span: Span) -> None:
        """Note a span that starts."""
        if self._to_shadow > 0 and not self._is_called:
            self._to_shadow -= 1
            self._shadow(span)

    def is_first(self, span: Span) -> bool:
        """Whether ``_on_ending`` tells of a span of which this has not told."""
        self._is_called = True
        return not self._told or key_of(span) not in self._told

    def ended(self, span: ReadableSpan) -> bool:
        """Note a span that has ended; return whether anybody has told of it."""
        key = key_of(span)
        is_told = self._is_called or key in self._told
        self._told.discard(key)
        self._to_shadow = math.inf  # it counts only as long as nobody calls ``_on_ending``
        return is_told

    def _shadow(self, span: Span) -> None:
        state = span.__dict__
        outer = state.get("end")  # another library's shadow

        def end(end_time: int | None = None) -> None:
            # First, so that no reference cycle stays and a second end() is the SDK's to complain about.
            if outer is None:
                state.pop("end", None)
            else:
                state["end"] = outer
            if not self._is_called:
                if end_time is None:
                    end_time = time_ns()
                self._told.add(key_of(span))
                self._tell(span, _nanoseconds(end_time))
            span.end(end_time)

        state["end"] = end


def on_ending_of(processor: SpanProcessor) -> Callable[[Span], None] | None:
    """Return what tells a wrapped processor that a span is ending; None if it does nothing then, or is duck-typed."""
    own: Callable[[Span], None] | None = getattr(processor, "_on_ending", None)
    is_inherited = getattr(own, "__func__", None) is getattr(SpanProcessor, "_on_ending", None)
    return None if is_inherited else own


# --- around the processors -----------------------------------------------------------------------------------


def processors_of(provider: TracerProvider) -> tuple[SpanProcessor, ...]:
    """Return the span processors that are registered with a provider, the one around all of them first."""
    active = _active(provider)
    around = active.__dict__.get(_AROUND) if hasattr(active, "__dict__") else None
    return (*([] if around is None else [around]), *getattr(active, "_span_processors", ()))


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


_AROUND = "_braintrust_run_output_around"
_HOOKS = ("on_start", "_on_ending", "on_end", "shutdown", "force_flush")


def wrap_processors(provider: TracerProvider, wrap: Callable[[SpanProcessor], _Wrapper]) -> _Wrapper:
    """Put one processor around all that a provider has and will have; return it.

    The provider's multi-processor stays, for tracers that exist hold it, and so does the list that it dispatches to:
    who adds, replaces or clears processors later finds what was registered, and nothing is left inside.
    """
    active: Any = _active(provider)
    wrapper = wrap(_Registered(active))  # which knows the hooks as they were
    for hook in _HOOKS:
        setattr(active, hook, getattr(wrapper, hook))
    setattr(active, _AROUND, wrapper)
    return wrapper


class _Registered(SpanProcessor):
    """Whatever is registered with a provider at a time, as one processor: its multi-processor, as it was."""

    def __init__(self, active: SpanProcessor) -> None:
        self._span_processor = active  # for who looks for the exporters inside
        self._hooks = {hook: getattr(active, hook, None) for hook in _HOOKS}

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        self._call("on_start", span, parent_context)

    def _on_ending(self, span: Span) -> None:
        self._call("_on_ending", span)

    def on_end(self, span: ReadableSpan) -> None:
        self._call("on_end", span)

    def shutdown(self) -> None:
        self._call("shutdown")

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return self._call("force_flush", timeout_millis) is not False

    def _call(self, hook: str, *arguments: object) -> object:
        called = self._hooks[hook]
        return None if called is None else called(*arguments)


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
