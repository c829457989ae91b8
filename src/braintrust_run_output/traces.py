"""Which spans live, what their parents are, and which run each of them belongs to: one record per trace.

A local root is a span without a parent that lives here, or that leads through ended spans to a live root; a span with a
remote parent is always one. What is said below a local root counts for it, and for every live local root above it: in
a service that calls itself, the parent of the inner root lives here, too.

Locking: ``_lock`` is held while a record is read and changed. Only code of this package runs under it, and that neither
calls others nor waits. It is reentrant, for a signal handler or a finalizer may end spans on the thread that holds it.
"""

from __future__ import annotations

import threading
from itertools import islice
from typing import TYPE_CHECKING

from .run import Run

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ._sdk import Ids
    from .config import RunOutputConfig
    from .outcome import Outcome

MAX_LIVE = 100_000
"""How many live spans are remembered; beyond that the oldest are taken for spans that never end."""
MAX_ENDED = 4_096
"""How many ended spans are remembered, for children that start after their parent's end."""
MAX_DEPTH = 256
"""How many spans a late child knows above it, before it knows its root alone: a workflow may go on for weeks, each step
below the one before."""
_MAX_RECORDS = 64


class KnownSpan:
    """A span that lives, or that late children may name."""

    __slots__ = ("depth", "parent", "records", "root", "span_id", "tells")

    root: LocalRoot
    """Its local root; itself, if it is one."""

    def __init__(self, span_id: int, parent: KnownSpan | None) -> None:
        self.span_id = span_id
        self.parent = parent
        """Its parent, where that is known here."""
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.records: list[Outcome] | None = None
        """What log records and hooks said of it while it lived."""
        self.tells = False
        """Whether it has ended, and said something that those above need to know."""

    @property
    def is_root(self) -> bool:
        """Whether it is a local root."""
        return self.root is self

    @property
    def has_more(self) -> bool:
        """Whether something is known of it that is not on the span itself."""
        return self.records is not None


class LocalRoot(KnownSpan):
    """A local root, and what it has collected."""

    __slots__ = ("lives", "outer", "remembered", "run", "running", "trace_id")

    def __init__(self, trace_id: int, span_id: int, parent: KnownSpan | None) -> None:
        super().__init__(span_id, parent)
        self.root = self
        self.trace_id = trace_id
        self.outer: LocalRoot | None = None if parent is None else next(roots_above(parent, itself=True), None)
        """The nearest local root above it that lived when it started."""
        self.lives = True
        """Whether it has not ended, or waits for late completions."""
        self.run: Run | None = None
        self.running = 0
        """How many spans below it live, where that is followed."""
        self.remembered = 0
        """How many spans of its own that have ended are remembered."""

    @property
    def has_more(self) -> bool:
        """Whether something is known of it that is not on the span itself."""
        return self.run is not None or self.records is not None


class _Trace:
    """One trace, as far as it is known here."""

    __slots__ = ("ended", "live")

    def __init__(self) -> None:
        self.live: dict[int, KnownSpan] = {}
        self.ended: dict[int, KnownSpan] = {}


class Traces:
    """Follows spans from their start to their end, and takes what they say to the runs of the roots above them.

    Args:
        config: The configuration, for the runs.
        follows_running: Whether to know how many live spans each root has below it: only where roots can wait.
    """

    def __init__(self, config: RunOutputConfig, *, follows_running: bool = False) -> None:
        self._config = config
        self._follows_running = follows_running
        self.mirrors = config.root not in ("own", "off")
        """Whether roots get what was said below them at all."""
        self.clear()

    def clear(self) -> None:
        """Forget everything: at shutdown, and in a forked child, where an inherited lock may be held for ever."""
        self._lock = threading.RLock()
        self._traces: dict[int, _Trace] = {}
        self._live = self._ended = 0

    @property
    def remembered(self) -> int:
        """How many spans are remembered."""
        return sum(len(trace.live) + len(trace.ended) for trace in list(self._traces.values()))

    # --- a span's way --------------------------------------------------------------------------------------------

    def start(self, ids: Ids) -> None:
        """Note a span that starts."""
        trace_id, span_id, parent_id, has_remote_parent = ids
        with self._lock:
            trace = self._traces.get(trace_id)
            if trace is None:
                trace = self._traces[trace_id] = _Trace()
            parent = None if parent_id is None else trace.live.get(parent_id) or self._ended_parent(trace, parent_id)
            if parent is None or has_remote_parent:
                span: KnownSpan = LocalRoot(trace_id, span_id, parent)
            else:
                span = KnownSpan(span_id, parent)
                span.root = parent.root if parent.root.lives else next(roots_above(parent))
            trace.live[span_id] = span
            self._live += 1
            if self._follows_running:
                for root in roots_above(span):
                    root.running += 1
            if self._live > MAX_LIVE:
                self._forget_oldest_live()

    def _ended_parent(self, trace: _Trace, parent_id: int) -> KnownSpan | None:
        """Return the parent of a late child, if it leads to a live root; what said nothing is passed over."""
        parent = trace.ended.get(parent_id)
        if parent is None or next(roots_above(parent), None) is None:
            return None
        above = parent.parent
        while above is not None and not parent.tells and not _lives_in(trace, parent):
            parent, above = above, above.parent
        return parent if parent.depth < MAX_DEPTH else next(roots_above(parent, itself=True))

    def find(self, trace_id: int, span_id: int) -> KnownSpan | None:
        """Return a live span; None if it is not known to live, having started before this was registered."""
        trace = self._traces.get(trace_id)
        return None if trace is None else trace.live.get(span_id)

    def end(self, trace_id: int, span_id: int, outcome: Outcome | None = None) -> KnownSpan | None:
        """Note that a span has ended, and what it says.

        Args:
            trace_id: Its trace.
            span_id: Its id.
            outcome: What it says; None if it says nothing.

        Returns:
            The span, with all that has been collected for it; None if it was not known.
        """
        with self._lock:
            span = self.find(trace_id, span_id)
            if span is not None:
                if outcome is not None:
                    self.tell(span, outcome)
                self.leave(trace_id, span)
            return span

    def tell(self, span: KnownSpan, outcome: Outcome) -> None:
        """Take what a span says to the runs of all live roots above it."""
        if not self.mirrors or not outcome.counts_for_a_root():
            return
        with self._lock:
            span.tells = True
            for earlier in outcome.beside:
                self.tell(span, earlier)
            way: list[int] = []
            above = span.parent
            while above is not None:
                if above.root is above and above.root.lives:
                    self._run_of(above.root).add(outcome, tuple(way))
                way.append(above.span_id)
                above = above.parent

    def tell_late(self, span: KnownSpan, known: Sequence[Outcome]) -> None:
        """Take what was said beside a span to the roots above it, as far as it came after the span itself was read.

        Args:
            span: The span, which has ended.
            known: What had been said beside it by then.
        """
        for said in span.records or ():
            if said not in known:
                self.tell(span, said)

    def leave(self, trace_id: int, span: KnownSpan) -> None:
        """Take a span off the living; what late children may name is remembered."""
        with self._lock:
            trace = self._traces.get(trace_id)
            if span.root is span:
                span.root.lives = False
            if trace is None or trace.live.get(span.span_id) is not span:  # forgotten, or another one has its id
                return
            if len(trace.live) > 1 and next(roots_above(span), None) is not None:
                self._remember_ended(trace, span)  # first it has ended, then it lives no more: whoever looks finds it
            del trace.live[span.span_id]
            self._live -= 1
            if self._follows_running:
                for root in roots_above(span):
                    root.running -= 1
            if not trace.live:
                self._traces.pop(trace_id, None)
                self._ended -= len(trace.ended)
            elif span.root is span and span.root.remembered:
                self._forget_ended(trace, [one for one in trace.ended.values() if one.root is span and one is not span])

    # --- beside the spans ----------------------------------------------------------------------------------------

    def record(self, said: Outcome, *, continues: bool | None) -> LocalRoot | None:
        """Join what was said beside the spans, in a log record or a hook, to the span that it names.

        It is kept for a live span until that ends. On a root, and of a span that has ended, it counts as said below the
        live root; where there is none, it is dropped.

        Args:
            said: What was said, under the span's key.
            continues: Whether it is another choice of what was said before; None if it does not say. Then it is, on a
                span of its own, but not on a local root: that may be named by several calls.

        Returns:
            The root for which it counts, if it counts for one by now.
        """
        with self._lock:
            trace_id, span_id = said.key
            trace = self._traces.get(int(trace_id))
            span = None if trace is None else trace.live.get(int(span_id)) or trace.ended.get(int(span_id))
            if span is None:
                return None
            lives = _lives_in(trace, span)
            is_below = self.mirrors and (span.is_root or not lives)
            joins = lives and not span.is_root if continues is None else continues
            records = span.records or []
            if joins and records and records[-1].completion is not None and said.completion is not None:
                records[-1].completion = records[-1].completion.joined(said.completion)
            elif lives or is_below:
                span.records = [*records[:1], *records[1:][-_MAX_RECORDS + 2 :], said]
                if is_below:
                    self._tell_below(span, said)
            return next(roots_above(span, itself=True), None) if is_below else None

    def _tell_below(self, span: KnownSpan, said: Outcome) -> None:
        """Take what was said beside the spans to the roots: to a root that it names as well."""
        if span.root is span and span.root.lives:
            self._run_of(span.root).add(said)
        self.tell(span, said)

    def _run_of(self, root: LocalRoot) -> Run:
        if root.run is None:
            run = Run(self._config)
            root.run = root.run or run  # a signal handler may have been here meanwhile
        return root.run

    # --- bounds --------------------------------------------------------------------------------------------------

    def _forget_oldest_live(self) -> None:
        """Forget the oldest tenth of the live spans: they never end."""
        for trace_id, trace in list(self._traces.items()):
            for span in list(islice(trace.live.values(), max(0, self._live - MAX_LIVE + MAX_LIVE // 10))):
                self.leave(trace_id, span)
            if self._live <= MAX_LIVE - MAX_LIVE // 10:
                return

    def _forget_oldest_ended(self) -> None:
        """Forget ended spans, those of the oldest traces first, until a quarter is free."""
        for trace in list(self._traces.values()):
            excess = self._ended - MAX_ENDED * 3 // 4
            if excess <= 0:
                return
            self._forget_ended(trace, list(islice(trace.ended.values(), excess)))

    def _remember_ended(self, trace: _Trace, span: KnownSpan) -> None:
        self._forget_ended(trace, [trace.ended[span.span_id]] if span.span_id in trace.ended else [])
        trace.ended[span.span_id] = span
        span.root.remembered += span.root is not span
        self._ended += 1
        if self._ended > MAX_ENDED:
            self._forget_oldest_ended()

    def _forget_ended(self, trace: _Trace, spans: list[KnownSpan]) -> None:
        for span in spans:
            del trace.ended[span.span_id]
            span.root.remembered -= span.root is not span
        self._ended -= len(spans)


def roots_above(span: KnownSpan, *, itself: bool = False) -> Iterator[LocalRoot]:
    """Go through the live local roots above a span, the nearest first.

    Args:
        span: The span.
        itself: Whether it counts, if it is one.
    """
    root = span.root.outer if span.root is span and not itself else span.root
    while root is not None:
        if root.lives:
            yield root
        root = root.outer


def _lives_in(trace: _Trace | None, span: KnownSpan) -> bool:
    return trace is not None and trace.live.get(span.span_id) is span
