"""What the relay remembers of traces: what their spans said, who is whose parent, and the roots that wait.

By trace **and by who may see it**: the forwarded authorization, so that a forged ``traceparent`` fetches nobody else's
answer. Nothing here waits, sends or writes.
"""

from __future__ import annotations

import heapq
import struct
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from ..outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from ..outcome import SpanId
    from .codec import Root

    Parents: TypeAlias = dict[SpanId, SpanId | None]
    """The id of each span's parent."""

_LINK = 16
"""How many bytes a span's id and its parent's take."""
_TRACE_BYTES = 600
"""About what a trace costs beside what it holds."""
_OUTCOME_BYTES = 700
"""About what an outcome costs beside its texts."""
_FEW_LINKS = 256


class TraceKey(NamedTuple):
    """A trace, and who may see it."""

    trace_id: bytes
    tenant: bytes
    """A digest of the forwarded authorization; empty where none is forwarded."""


@dataclass(slots=True, eq=False)
class Spooled:
    """A row of the spool with the roots of one request."""

    row: int
    left: int
    """How many of them have not gone."""


@dataclass(slots=True, eq=False)
class HeldRoot:
    """A root that waits."""

    key: TraceKey
    root: Root
    headers: tuple[tuple[str, str], ...]
    """The forwarded headers that it goes on with."""
    arrived: float
    spooled: Spooled
    """Where it is in the spool."""
    is_due: bool = False
    """Whether it is on its way."""
    not_before: float = 0.0
    """When it may be tried again, after a failure."""

    @property
    def size(self) -> int:
        """About how many bytes it takes."""
        return len(self.root.raw) + _TRACE_BYTES


class Recorded(NamedTuple):
    """What a log record said."""

    outcome: Outcome
    continues: bool | None
    """Whether it is another choice of what the record before it said; None if it does not say."""


@dataclass(slots=True, eq=False)
class Trace:
    """What is remembered of one trace."""

    seen: float
    """When one of its spans came last."""
    outcomes: dict[bytes, Outcome] = field(default_factory=dict)
    """What its spans said, by span id."""
    records: dict[bytes, dict[Hashable, Recorded]] = field(default_factory=dict)
    """What log records said, by the id of the span that they name, and by when and what it was."""
    links: bytearray = field(default_factory=bytearray)
    """Each span's id and its parent's, 8 bytes each."""
    compacted: int = 0
    """How long the links were when repetitions were last taken out."""
    roots: dict[bytes, HeldRoot] = field(default_factory=dict)
    """Its roots that wait, by span id."""
    released: tuple[bytes, ...] = ()
    """The ids of those that went; a tuple, as nearly always it is one, and a set would take more than all else."""
    is_without: bool = False
    """Whether one went without a run output."""
    is_restored: bool = False
    """Whether it is known from a former process: its root may have gone then."""
    size: int = _TRACE_BYTES
    has_answer: bool = False
    """Whether a model's output has come."""

    def parents(self) -> Parents:
        """Return the id of each span's parent, None for the roots that are known."""
        ids = struct.unpack(f">{len(self.links) // 8}Q", self.links)
        roots = (int.from_bytes(one, "big") for one in (*self.roots, *self.released))
        return {**dict(zip(ids[::2], ids[1::2], strict=True)), **dict.fromkeys(roots)}

    def said(self) -> Iterator[Outcome]:
        """Return what its spans and records said; of a span that said something itself no records."""
        yield from self.outcomes.values()
        for span_id in self.records:
            span = self.outcomes.get(span_id)
            if span is None:
                yield from self.recorded(span_id)
            elif span.completion is None and not span.has_failed:
                for outcome in self.recorded(span_id):
                    outcome.end = span.end or outcome.end
                    yield outcome

    def recorded(self, span_id: bytes) -> list[Outcome]:
        """Return what log records said for a span, in the order of their times, the choices of one call as one."""
        outcomes: list[Outcome] = []
        is_root = span_id in self.roots or span_id in self.released
        for outcome, continues in sorted(self.records.get(span_id, {}).values(), key=lambda one: one.outcome.order):
            before = outcomes[-1].completion if outcomes else None
            # A root may be named by several calls.
            if before is not None and outcome.completion and (not is_root if continues is None else continues):
                outcomes[-1].completion = before.joined(outcome.completion)
            else:
                outcomes.append(
                    Outcome(
                        outcome.key,
                        start=outcome.start,
                        end=outcome.end,
                        completion=outcome.completion,
                        input=outcome.unread_input,
                    )
                )
        return outcomes


class State:
    """All traces that are remembered, and the roots among them that wait.

    Args:
        hold: How long a trace must be quiet before its roots go on, in seconds.
        max_hold: How long a root waits at the most, in seconds.
        remember: How long after its last span a trace is remembered, in seconds.
    """

    def __init__(self, *, hold: float, max_hold: float, remember: float) -> None:
        self._hold, self._max_hold, self._remember = hold, max(hold, max_hold), remember
        self._traces: OrderedDict[TraceKey, Trace] = OrderedDict()  # the one that was quiet longest first
        self._due: list[tuple[float, int, HeldRoot]] = []
        self._count = 0
        self.remembered_bytes = 0
        self.held_bytes = 0
        self.held_roots = 0

    def __len__(self) -> int:
        return len(self._traces)

    def get(self, key: TraceKey) -> Trace | None:
        """Return what is remembered of a trace, None if nothing is."""
        return self._traces.get(key)

    def touch(self, key: TraceKey, now: float) -> Trace:
        """Return what is remembered of a trace of which a span has come."""
        trace = self._traces.get(key)
        if trace is None:
            trace = self._traces[key] = Trace(now)
            self.remembered_bytes += trace.size
        else:
            trace.seen = now
            self._traces.move_to_end(key)
        return trace

    def add_outcome(self, trace: Trace, span_id: bytes, outcome: Outcome, size: int) -> None:
        """Remember what a span said. Of one that is sent again, the last time counts."""
        if span_id not in trace.outcomes:
            self._grow(trace, size + _OUTCOME_BYTES)
        trace.outcomes[span_id] = outcome
        trace.has_answer = trace.has_answer or outcome.completion is not None

    def add_record(self, trace: Trace, span_id: bytes, recorded: Recorded, size: int) -> None:
        """Remember what a log record said, unless it is sent again."""
        records = trace.records.setdefault(span_id, {})
        said = recorded.outcome.start, recorded.outcome.completion
        if said not in records:
            records[said] = recorded
            self._grow(trace, size + _OUTCOME_BYTES)
        trace.has_answer = True

    def add_links(self, trace: Trace, links: bytes | bytearray) -> None:
        """Remember who is whose parent; what is sent again does not add up."""
        before = len(trace.links)
        trace.links += links
        if len(trace.links) > 2 * trace.compacted + _FEW_LINKS * _LINK:
            whole = bytes(trace.links)
            once = dict.fromkeys(whole[at : at + _LINK] for at in range(0, len(whole), _LINK))
            trace.links = bytearray(b"".join(once))
            trace.compacted = len(trace.links)
        self._grow(trace, len(trace.links) - before)

    def _grow(self, trace: Trace, size: int) -> None:
        trace.size += size
        self.remembered_bytes += size

    # --- roots that wait -----------------------------------------------------------------------------------------

    def hold(self, held: HeldRoot) -> bool:
        """Have a root wait; False if it is waiting already: it was sent again."""
        trace = self.touch_quietly(held.key, held.arrived)
        if held.root.span_id in trace.roots:
            return False
        trace.roots[held.root.span_id] = held
        self.held_bytes += held.size
        self.held_roots += 1
        self._push(held, self._when(held, trace))
        return True

    def touch_quietly(self, key: TraceKey, now: float) -> Trace:
        """Return what is remembered of a trace, without counting this as a span of it that has come."""
        return self._traces.get(key) or self.touch(key, now)

    def _push(self, held: HeldRoot, when: float) -> None:
        self._count += 1
        heapq.heappush(self._due, (when, self._count, held))

    def _when(self, held: HeldRoot, trace: Trace) -> float:
        """Return when a root may go: once its trace has been quiet for long enough.

        One that comes after what was said waits for no more than it would if it had come before; not if another root
        of its trace has gone, for that may have been said below the other one.
        """
        comes_after = trace.has_answer and not trace.released
        quiet_since = trace.seen if comes_after else max(trace.seen, held.arrived)
        return max(held.not_before, min(quiet_since + self._hold, held.arrived + self._max_hold))

    def take_due(self, now: float) -> Iterator[HeldRoot]:
        """Return the roots that may go now; each once."""
        while self._due and self._due[0][0] <= now:
            _, _, held = heapq.heappop(self._due)
            trace = self._traces.get(held.key)
            if trace is None or held.is_due or trace.roots.get(held.root.span_id) is not held:
                continue
            when = self._when(held, trace)
            if when > now:
                self._push(held, when)
                continue
            held.is_due = True
            yield held

    def next_due(self) -> float | None:
        """Return when the next root may go, None if none waits."""
        return self._due[0][0] if self._due else None

    def take_oldest(self, share: float = 1.0) -> list[HeldRoot]:
        """Return a share of the roots that wait, the oldest, to go now."""
        waiting = [held for _, _, held in self._due if not held.is_due]
        oldest = heapq.nsmallest(max(1, int(len(waiting) * share)), waiting, key=lambda held: held.arrived)
        for held in oldest:
            held.is_due = True
        if oldest:
            self._due = [one for one in self._due if not one[2].is_due]
            heapq.heapify(self._due)
        return oldest

    def is_held(self, held: HeldRoot) -> bool:
        """Whether a root has not gone."""
        trace = self._traces.get(held.key)
        return trace is not None and trace.roots.get(held.root.span_id) is held

    def put_back(self, held: HeldRoot, when: float) -> None:
        """Have a root that did not go wait until another time."""
        held.is_due = False
        held.not_before = when
        self._push(held, when)

    def let_go(self, held: HeldRoot) -> Trace:
        """Have a root wait no more, and return its trace."""
        self.held_bytes -= held.size
        self.held_roots -= 1
        trace = self._traces[held.key]  # a trace with a root that waits is not forgotten
        del trace.roots[held.root.span_id]
        if not trace.roots:
            trace.roots = {}  # a dictionary that has been in use keeps its size
        return trace

    # --- forgetting ----------------------------------------------------------------------------------------------

    def forget_old(self, now: float) -> Iterator[Trace]:
        """Forget the traces of which nothing has come for long, and return them."""
        while self._traces:
            key, trace = next(iter(self._traces.items()))
            if now - trace.seen <= self._remember:
                return
            if trace.roots:  # it waits for the next hop
                self.touch(key, now)
                continue
            yield self._forget(key, trace)

    def forget_oldest(self, most: int) -> Iterator[Trace]:
        """Forget the oldest traces until no more than so many bytes are remembered; those with waiting roots stay."""
        if self.remembered_bytes <= most:
            return
        for key, trace in list(self._traces.items()):
            if self.remembered_bytes <= most:
                return
            if not trace.roots:
                yield self._forget(key, trace)

    def _forget(self, key: TraceKey, trace: Trace) -> Trace:
        del self._traces[key]
        self.remembered_bytes -= trace.size
        return trace
