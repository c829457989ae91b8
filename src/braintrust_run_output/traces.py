"""Which spans live, what their parents are, and which runs what they say belongs to: one record per trace.

A local root is a span without a parent that lives here, or that leads through ended spans to a live root; a span with a
remote parent is always one. What is said below a local root counts for it, and for every live local root above it: in
a service that calls itself, the parent of the inner root lives here, too.

Every span of the application passes `Traces.start` and `Traces.pass_by`, so these take no lock: a dictionary's single
operations are atomic. ``_lock`` is held while what was said is taken to the runs, and while something is forgotten;
only code of this package runs under it, and that neither calls others nor waits. It is reentrant, for a signal handler
or a finalizer may end spans on the thread that holds it.
"""

from __future__ import annotations

import threading
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Final, NamedTuple

from .run import Run

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TypeAlias

    from ._sdk import ContextTuple
    from .config import RunOutputConfig
    from .outcome import Outcome

    LiveKey: TypeAlias = tuple[int, int]
    """Trace id and span id of a span of this process."""

MAX_LIVE = 100_000
"""How many live spans are remembered; beyond that the oldest are taken for spans that never end."""
MAX_ENDED = 4_096
"""How many ended spans are remembered, for children that start after their parent's end."""
MAX_STEPS = 64
"""How many ended spans a late child knows above it: a workflow may go on for weeks, each step below the one before."""
_MAX_RECORDS = 64
"""How many things said beside one span are kept."""
_MAX_LOOKED_AT = 512
"""At how many live spans it is looked for one below a root: thousands of requests may be in one trace."""
_FEW = 64

_UNKNOWN: Final = -1


class Ended(NamedTuple):
    """What is known of a span that has ended.

    Args:
        is_root: Whether it is a local root.
        run: What a local root has collected.
        is_late: Whether it said something when no root above it lived any more.
    """

    is_root: bool = False
    run: Run | None = None
    is_late: bool = False


UNKNOWN: Final = Ended()
"""What is known of a span that began before this was registered."""
CHILD: Final = Ended()
"""What is known of a span that is no local root."""
LATE: Final = Ended(is_late=True)
"""What is known of one that said something after its root had gone."""


class _Trace(dict[int, "int | None"]):
    """One trace: its live spans, each with its parent's id; None for a local root."""

    __slots__ = ("ended", "is_closed", "may_keep", "outer", "records", "runs")

    def __init__(self) -> None:
        self.ended: dict[int, int] = {}
        """Spans that have ended, with their parents' ids, for late children."""
        self.outer: dict[int, int] = {}
        """Local roots with a remote parent that is known here, with that parent's id."""
        self.runs: dict[int, Run] = {}
        """What live local roots have collected."""
        self.records: dict[int, list[Outcome]] = {}
        """What was said beside live spans, in log records and hooks."""
        self.may_keep = _FEW
        """How many ended spans it may keep before it is looked which of them are done."""
        self.is_closed = False
        """Whether it has been given up: whoever starts a span in it just then begins another record."""

    def is_live_root(self, span_id: int) -> bool:
        return self.get(span_id, _UNKNOWN) is None

    def above(self, span_id: int) -> Sequence[int]:
        """Return the ids of the spans above one, live and ended, from its parent on."""
        way: list[int] = []
        one = span_id
        for _ in range(len(self) + len(self.ended)):  # ids may be repeated: it could go in a circle
            parent = self.get(one, _UNKNOWN)
            if parent is None or parent == _UNKNOWN:
                parent = self.outer.get(one) if parent is None else self.ended.get(one)
                if parent is None:
                    break
            way.append(parent)
            one = parent
        return way

    def live_roots_above(self, span_id: int) -> Iterator[int]:
        return (one for one in self.above(span_id) if self.is_live_root(one))

    def live_root_of(self, span_id: int) -> int | None:
        """Return the nearest live local root, itself if it is one."""
        return span_id if self.is_live_root(span_id) else next(self.live_roots_above(span_id), None)

    def runs_below(self, root: int) -> bool:
        """Whether spans live below a local root: they have started after it, so they stand behind it."""
        if len(self) < 2:
            return False
        try:
            return self._leads_to(root, reversed(self))  # most often the first
        except RuntimeError:  # one has started or ended meanwhile
            return self._leads_to(root, reversed(tuple(self)))

    def _leads_to(self, root: int, spans: Iterator[int]) -> bool:
        later = takewhile(root.__ne__, spans)
        if any(root in self.above(one) for one in islice(later, _MAX_LOOKED_AT)):
            return True
        return next(later, None) is not None  # so many that it is taken for granted: the root waits for its time

    def knows_more_of(self, span_id: int) -> bool:
        """Whether something is known of a span that is not on it."""
        return span_id in self.runs or span_id in self.records


class Traces:
    """Follows spans from their start to their end, and takes what they say to the runs of the roots above them.

    Args:
        config: The configuration, for the runs.
        may_hold: Whether roots can wait for what is to come, if the configuration wants it.
    """

    def __init__(self, config: RunOutputConfig, *, may_hold: bool = False) -> None:
        self._config = config
        self.mirrors = config.root not in ("own", "off")
        """Whether roots get what was said below them at all."""
        self.holds = may_hold and self.mirrors and config.hold != "never"
        """Whether roots may wait: `pass_by` lets none go that has reason to."""
        self._holds_always = self.holds and config.hold == "always"
        self.clear()

    def clear(self) -> None:
        """Forget everything: at shutdown, and in a forked child, where an inherited lock may be held for ever."""
        self._lock = threading.RLock()
        self._traces: dict[int, _Trace] = {}
        self._live = self._ended = 0

    @property
    def remembered(self) -> int:
        """How many spans are remembered."""
        return sum(len(trace) + len(trace.ended) for trace in list(self._traces.values()))

    # --- a span's start ------------------------------------------------------------------------------------------

    def start(self, context: ContextTuple, parent: ContextTuple | None) -> None:
        """Note a span that starts.

        Args:
            context: Its context.
            parent: Its parent's context, None if it has none.
        """
        trace_id, span_id = context[0], context[1]
        trace = self._traces.get(trace_id)
        if trace is None:
            trace = self._traces.setdefault(trace_id, _Trace())
        if parent is None:
            trace[span_id] = None
        elif (parent_id := parent[1]) in trace and not parent[2]:
            trace[span_id] = parent_id
        else:
            self._start_below(trace, span_id, parent_id, is_remote=parent[2])
        self._live = live = self._live + 1
        if trace.is_closed:
            self._start_again(trace, context, parent)
        if live > MAX_LIVE:
            self._forget_oldest_live()

    def _start_below(self, trace: _Trace, span_id: int, parent_id: int, *, is_remote: bool) -> None:
        """Note a span whose parent is remote, is not known, or has ended."""
        link = self._link(trace, parent_id)
        if is_remote or link is None:
            trace[span_id] = None
            if link is not None:
                trace.outer[span_id] = link
        else:
            trace[span_id] = link

    def _link(self, trace: _Trace, parent_id: int) -> int | None:
        """Return the span that a late or remote child hangs on, None if its parent leads to no live root.

        That is its parent or, if there are many ended spans on the way up, the first one that lives.
        """
        if trace.live_root_of(parent_id) is None:
            return None
        if parent_id in trace:
            return parent_id
        for steps, one in enumerate(trace.above(parent_id)):
            if one in trace:
                return parent_id if steps < MAX_STEPS else one
        return None

    def _start_again(self, trace: _Trace, context: ContextTuple, parent: ContextTuple | None) -> None:
        """Start a span whose trace's record was given up at that moment."""
        trace_id, span_id = context[:2]
        trace.pop(span_id, None)
        self._live -= 1
        if self._traces.get(trace_id) is trace:
            self._traces.pop(trace_id, None)
        self.start(context, parent)

    # --- a span's end --------------------------------------------------------------------------------------------

    def pass_by(self, context: ContextTuple) -> bool:
        """Note the end of a span that says nothing: nearly every span's.

        Returns:
            Whether that is all; False if something is known of it that is not on it, or it may wait. Then it lives on.
        """
        trace_id, span_id = context[0], context[1]
        trace = self._traces.get(trace_id)
        if trace is None or span_id not in trace:
            return True
        if (trace.runs or trace.records) and trace.knows_more_of(span_id):
            return False
        parent = trace[span_id]
        if parent is None and self.holds and (len(trace) > 1 or self._holds_always):
            return False
        self._leave(trace_id, trace, span_id, parent)
        if (trace.runs or trace.records) and trace.knows_more_of(span_id):  # just now: it has not ended yet
            if parent is None and span_id in trace.ended:
                trace.outer[span_id] = trace.ended[span_id]
            trace[span_id], trace.is_closed = parent, False
            self._traces.setdefault(trace_id, trace)
            self._live += 1
            return False
        return True

    def end(self, key: LiveKey, outcome: Outcome, records: Sequence[Outcome] = ()) -> Ended:
        """Note the end of a span, and take what it says to the runs of all live roots above it.

        Args:
            key: Its trace id and span id.
            outcome: What it says.
            records: What was said beside it, as far as that has been read.
        """
        trace_id, span_id = key
        with self._lock:
            trace = self._traces.get(trace_id)
            parent = _UNKNOWN if trace is None else trace.get(span_id, _UNKNOWN)
            if trace is None or parent == _UNKNOWN:
                return UNKNOWN
            try:
                is_heard = (parent is None and not trace.outer) or self._tell(trace, span_id, outcome)
            finally:
                self._leave(trace_id, trace, span_id, parent)
            for late in trace.records.pop(span_id, ()):
                if parent is not None and late not in records:  # it came after the span was read
                    self._tell(trace, span_id, late)
            if parent is not None:
                return CHILD if is_heard or outcome.completion is None else LATE
            return Ended(is_root=True, run=trace.runs.pop(span_id, None))

    def _leave(self, trace_id: int, trace: _Trace, span_id: int, parent: int | None) -> None:
        """Take a span off the living; first it has ended, then it lives no more: whoever looks finds it."""
        if parent is None and trace.outer:
            parent = trace.outer.get(span_id)
        if parent is not None and len(trace) > 1:
            # Where each step has begun before the one above it ended, it is only now that there are too many above.
            trace.ended[span_id] = parent if parent in trace else self._link(trace, parent) or parent
            self._ended += 1
        trace.pop(span_id, None)
        if trace.outer:
            trace.outer.pop(span_id, None)
        self._live -= 1
        if not trace:
            self._give_up(trace_id, trace)
        elif self._ended > MAX_ENDED:
            self._forget_oldest_ended()
        elif parent is None and len(trace.ended) > trace.may_keep:
            self._forget_done(trace)

    def _give_up(self, trace_id: int, trace: _Trace) -> None:
        """Forget a trace without live spans, unless one has started just now."""
        trace.is_closed = True
        if trace:
            trace.is_closed = False
        elif self._traces.get(trace_id) is trace:
            self._traces.pop(trace_id, None)
            self._ended -= len(trace.ended)

    # --- what was said -------------------------------------------------------------------------------------------

    def _tell(self, trace: _Trace, span_id: int, outcome: Outcome) -> bool:
        """Take what a span says to the runs of all live roots above it; whether there is one."""
        if not self.mirrors or (outcome.completion is None and not outcome.counts_for_a_root()):
            return True
        for earlier in outcome.beside:
            self._tell(trace, span_id, earlier)
        is_heard, way = False, trace.above(span_id)
        for at, one in enumerate(way):
            if trace.get(one, _UNKNOWN) is None:  # a live root
                self._run_of(trace, one).hear(outcome, way[:at])
                is_heard = True
        return is_heard

    def _run_of(self, trace: _Trace, root: int) -> Run:
        run = trace.runs.get(root)
        return trace.runs.setdefault(root, Run(self._config)) if run is None else run

    def record(self, said: Outcome, *, continues: bool | None) -> LiveKey | None:
        """Join what was said beside the spans, in a log record or a hook, to the span that it names.

        It is kept for a live span until that ends. On a root, and of a span that has ended, it counts as said below the
        live root; where there is none, it is dropped.

        Args:
            said: What was said, under the span's key.
            continues: Whether it is another choice of what was said before; None if it does not say. Then it is, on a
                span of its own, but not on a local root: that may be named by several calls.

        Returns:
            The nearest root for which it counts by now, None if there is none.
        """
        trace_id, span_id = map(int, said.key)
        trace = self._traces.get(trace_id)
        if trace is None:
            return None
        with self._lock:
            lives, is_root = span_id in trace, trace.is_live_root(span_id)
            is_below = self.mirrors and (is_root or not lives)
            root = trace.live_root_of(span_id)
            if not lives and root is None:
                return None
            records = trace.records.setdefault(span_id if lives else root or 0, [])
            joins = lives and not is_root if continues is None else continues
            last = records[-1] if joins and records and records[-1].key == said.key else None
            if last is not None and last.completion is not None and said.completion is not None:
                last.completion = last.completion.joined(said.completion)
            else:
                del records[1 : 2 - _MAX_RECORDS]
                records.append(said)
                if is_below:
                    self._tell_below(trace, span_id, said)
            return (trace_id, root) if is_below and root is not None else None

    def _tell_below(self, trace: _Trace, span_id: int, said: Outcome) -> None:
        """Take what was said beside a span to the roots: to a root that it names as well."""
        if trace.is_live_root(span_id):
            self._run_of(trace, span_id).hear(said)
        self._tell(trace, span_id, said)

    def records_of(self, key: LiveKey) -> Sequence[Outcome]:
        """Return what was said beside a span that counts as its own: on a root it counts as said below."""
        trace = self._traces.get(key[0])
        if trace is None or not trace.records or (self.mirrors and trace.is_live_root(key[1])):
            return ()
        return tuple(trace.records.get(key[1], ()))

    # --- roots that can wait -------------------------------------------------------------------------------------

    def waits_for(self, root: LiveKey) -> tuple[bool, Run | None]:
        """Return whether spans live below a local root, and what it has collected so far."""
        trace = self._traces.get(root[0])
        if trace is None:
            return False, None
        return trace.runs_below(root[1]), trace.runs.get(root[1])

    def lives(self, key: LiveKey) -> bool:
        """Whether a span is known to live; not if it started before this was registered."""
        return key[1] in self._traces.get(key[0], ())

    def lives_as_root(self, key: LiveKey) -> bool:
        """Whether a span is a live local root."""
        trace = self._traces.get(key[0])
        return trace is not None and trace.is_live_root(key[1])

    def live_roots(self, key: LiveKey) -> Sequence[LiveKey]:
        """Return the live local roots above a span, itself first if it is one."""
        trace_id, span_id = key
        trace = self._traces.get(trace_id)
        if trace is None:
            return ()
        own = [span_id] if trace.is_live_root(span_id) else []
        return [(trace_id, root) for root in (*own, *trace.live_roots_above(span_id))]

    # --- bounds --------------------------------------------------------------------------------------------------

    def _forget_oldest_live(self) -> None:
        """Forget the oldest tenth of the live spans: they never end."""
        with self._lock:
            self._live = sum(map(len, list(self._traces.values())))
            if self._live <= MAX_LIVE:
                return
            excess = self._live - MAX_LIVE * 9 // 10
            for trace_id, trace in list(self._traces.items()):
                oldest = list(islice(trace.items(), excess))
                for span_id, parent in oldest:
                    self._leave(trace_id, trace, span_id, parent)
                    trace.runs.pop(span_id, None)
                    trace.records.pop(span_id, None)
                excess -= len(oldest)
                if excess <= 0:
                    return

    def _forget_oldest_ended(self) -> None:
        """Forget ended spans, those of the oldest traces first, until a quarter is free."""
        with self._lock:
            traces = [trace for trace in list(self._traces.values()) if trace.ended]
            self._ended = sum(len(trace.ended) for trace in traces)
            for trace in traces:
                self._forget(trace, list(islice(trace.ended, max(0, self._ended - MAX_ENDED * 3 // 4))))

    def _forget_done(self, trace: _Trace) -> None:
        """Forget the ended spans that lead to no live root any more."""
        with self._lock:
            self._forget(trace, [one for one in list(trace.ended) if trace.live_root_of(one) is None])
            trace.may_keep = 2 * len(trace.ended) + _FEW

    def _forget(self, trace: _Trace, spans: Sequence[int]) -> None:
        for span_id in spans:
            trace.ended.pop(span_id, None)
        self._ended -= len(spans)
