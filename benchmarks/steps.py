"""The profile: what each step costs, measured by leaving out the steps after it.

A profiler would slow the steps down by more than they take; here each contender does a step more than the one before.
"""

from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from braintrust_run_output import RunOutputConfig, RunOutputSpanProcessor
from braintrust_run_output.conventions import KEYS

from .contenders import OURS, PEERS, Contender, run_output_processor


class Floor(SpanProcessor):
    """The least that knows, when a model's span ends, which root it is below, and takes no care of anything else."""

    def __init__(self) -> None:
        self._roots: dict[int, Any] = {}
        self._say_nothing = KEYS.isdisjoint

    def on_start(self, span: Any, parent_context: Context | None = None) -> None:
        context, parent = span._context, span._parent
        self._roots[context[1]] = context if parent is None else self._roots.get(parent[1], context)

    def _on_ending(self, span: Any) -> None:
        self._say_nothing(span._attributes._dict)
        self._roots.pop(span._context[1], None)


class NotingFloor(Floor):
    """The least that can read outputs later: it puts aside what it needs of a model's span, and of its root."""

    def __init__(self) -> None:
        super().__init__()
        self._noted: dict[int, list[object]] = {}

    def _on_ending(self, span: Any) -> None:
        context, store = span._context, span._attributes
        root = self._roots.pop(context[1], context)
        if not self._say_nothing(store._dict) or (root is context and context[1] in self._noted):
            store.put_aside = _Noted(context, store._dict, span._events, span._status, span._end_time)
            if root is context:
                store.put_aside.below = self._noted.pop(context[1], None)
            else:
                self._noted.setdefault(root[1], []).append(store.put_aside)


class WrappingFloor(NotingFloor):
    """The least that hands copies on where it has put something aside, and the spans themselves elsewhere.

    Nobody looks into the copies here, so they are not made.
    """

    def __init__(self, inner: SpanProcessor) -> None:
        super().__init__()
        self._inner = inner

    def _on_ending(self, span: Any) -> None:
        pass

    def on_end(self, span: Any) -> None:
        if not self._say_nothing(span._attributes._dict) or (self._noted and span._context[1] in self._noted):
            super()._on_ending(span)
            span = _ToBeCopied(span)
        else:
            self._roots.pop(span._context[1], None)
        self._inner.on_end(span)


class _ToBeCopied(ReadableSpan):
    """What it takes to copy a span when somebody looks into the copy."""

    def __init__(self, span: ReadableSpan) -> None:
        self._context = span._context
        self.to_copy = span, span._attributes


class _Noted:
    below: list[object] | None

    def __init__(self, *what: object) -> None:
        self.what = what


def _turned_off() -> RunOutputSpanProcessor:
    return RunOutputSpanProcessor(config=RunOutputConfig(enabled=False))


def _following() -> RunOutputSpanProcessor:
    processor: Any = run_output_processor()
    assert processor._decider  # made now: otherwise it would be later, with another `_note`
    processor._note = lambda _span, _seen, _end_time: None
    return processor


def _noting() -> RunOutputSpanProcessor:
    processor: Any = run_output_processor()
    assert processor._decider  # made now: otherwise it would be later, with another `_add`
    processor._add = lambda span, _unfinished: span
    return processor


def _never_holding(batch: SpanProcessor) -> RunOutputSpanProcessor:
    return RunOutputSpanProcessor(batch, config=RunOutputConfig(hold="never"))


STEPS = (
    *OURS[:-2],
    Contender("floor", "the floor: an entry, a removal, a look at the names", lambda batch: [Floor(), batch]),
    Contender("noting-floor", "the floor, and outputs put aside", lambda batch: [NotingFloor(), batch]),
    Contender("turned-off", "in place, turned off", lambda batch: [_turned_off(), batch]),
    Contender("following", "in place, spans are followed", lambda batch: [_following(), batch]),
    Contender("noting", "… and ends noted", lambda batch: [_noting(), batch]),
    Contender("all", "… and attributes marked: **in place**", lambda batch: [run_output_processor(), batch]),
    Contender(
        "wrapping-floor",
        "the floor of wrapping: what is put aside is to be copied",
        lambda batch: [WrappingFloor(batch)],
    ),
    Contender("never-holding", "wrapping, roots are not held", lambda batch: [_never_holding(batch)]),
    OURS[-1],
    *(peer for peer in PEERS if peer.name == "braintrust-origin"),
)
"""From no processor to everything, and the cheapest peer that rewrites attributes."""
PROFILED = ("request-5", "gen_ai-completion", "openinference", "messages-1k")
"""The names of the workloads for which it is worth a look."""
