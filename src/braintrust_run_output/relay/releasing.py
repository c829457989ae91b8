"""Roots that wait, on their way: when they go, with what, and what happens where the next hop does not take them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, NamedTuple

from .. import _faults
from ..outcome import Outcome
from ..run import counting_for
from .codec import put_together, with_attributes
from .deciding import Verdict
from .forwarding import RefusedError, UnavailableError
from .spool import RootsRow, SpoolError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ..outcome import SpanId
    from .codec import Root
    from .deciding import Deciding
    from .forwarding import Forwarder, Headers
    from .metrics import Metrics
    from .spool import Spool
    from .state import HeldRoot, Parents, Spooled, State, Trace, TraceKey

_AT_ONCE = 200
"""How many roots go in one request at the most."""
_BYTES_AT_ONCE = 4 * 1024 * 1024
_GATE = 2
"""How many such requests with the same headers are tried at a time."""
_SHORTEST_RETRY, _LONGEST_RETRY = 0.2, 30.0
_EARLY_SHARE = 0.25
"""Which share of the roots that wait goes on early where there is no room for more."""


class _Decided(NamedTuple):
    """A root as it goes on, and what it got."""

    raw: bytes
    verdict: Verdict


class Releaser:
    """Sends roots on, decided anew at each attempt. What has begun is awaited, never cancelled.

    Args:
        deciding: What roots get.
        state: What is remembered, and which roots wait.
        spool: Where they survive a restart.
        forwarder: Sends on.
        metrics: What is counted.
        clock: Returns the time in seconds, from whatever point.
    """

    def __init__(
        self,
        deciding: Deciding,
        state: State,
        spool: Spool,
        forwarder: Forwarder,
        metrics: Metrics,
        clock: Callable[[], float],
    ) -> None:
        self._deciding, self._state, self._spool = deciding, state, spool
        self._forwarder, self._metrics, self._clock = forwarder, metrics, clock
        self._gates: dict[Headers, asyncio.Semaphore] = {}
        self._give_up_at = float("inf")
        self.is_stopping = asyncio.Event()
        """Set: nothing waits for long any more."""
        self.tasks: set[asyncio.Task[None]] = set()
        """What is on its way."""
        self.set_aside_bytes = 0
        """What the roots take that the next hop refused for good."""

    def release_due(self) -> None:
        """Start to send on the roots that are due."""
        self._start(self._state.take_due(self._clock()))

    def release_early(self, most: int) -> None:
        """Start to send on the oldest roots, as there is no room for more than so many bytes of them."""
        oldest = self._state.take_oldest(_EARLY_SHARE)
        if oldest:
            self._metrics.early.inc(len(oldest))
            _faults.warn_once(
                "held bytes",
                "roots go on early, perhaps without their output: there is no room for more than --max-held-bytes=%d",
                most,
            )
        self._start(oldest)

    def _start(self, due: Iterable[HeldRoot]) -> None:
        by_headers: dict[Headers, list[HeldRoot]] = {}
        for held in due:
            by_headers.setdefault(held.headers, []).append(held)
        for headers, roots in by_headers.items():
            for batch in _batches(roots):
                task = asyncio.create_task(self._release_in_turn(batch, headers))
                self.tasks.add(task)
                task.add_done_callback(self.tasks.discard)

    async def _release_in_turn(self, batch: Sequence[HeldRoot], headers: Headers) -> None:
        """Send roots on, once few others with the same headers are trying to."""
        gate = self._gates.get(headers)
        if gate is None:
            gate = self._gates[headers] = asyncio.Semaphore(_GATE)
        async with gate:
            try:
                await self._release(batch, headers)
            except Exception as error:  # noqa: BLE001 (they are tried again)
                _faults.contain("Sending roots on", error)
                for held in batch:
                    if self._state.is_held(held):
                        self._state.put_back(held, self._clock() + _LONGEST_RETRY)
        if not gate.locked():
            self._gates.pop(headers, None)

    async def _release(self, batch: Sequence[HeldRoot], headers: Headers) -> None:
        """Send roots on, however long it takes."""
        wait = _SHORTEST_RETRY
        while True:
            decided = self._decide_all(batch)  # anew each time: more may have come
            body = put_together((held.root.envelope, one.raw) for held, one in zip(batch, decided, strict=True))
            try:
                await self._forwarder.send("traces", body, headers)
            except UnavailableError as error:
                if self._clock() >= self._give_up_at:
                    return  # it stays in the spool
                await self.pause(error.retry_after or wait)
                wait = min(wait * 2, _LONGEST_RETRY)
            except RefusedError as error:
                await self._halve(batch, headers, error)
                return
            else:
                self._let_go(batch, decided)
                return

    async def pause(self, seconds: float) -> None:
        """Wait, but not for long once the relay is to stop."""
        if self.is_stopping.is_set():
            await asyncio.sleep(min(seconds, 1.0))
            return
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.is_stopping.wait(), seconds)

    async def _halve(self, batch: Sequence[HeldRoot], headers: Headers, error: RefusedError) -> None:
        """Send each half on, to find what is refused; one root that is refused alone is set aside."""
        if len(batch) > 1:
            middle = len(batch) // 2
            await self._release(batch[:middle], headers)
            await self._release(batch[middle:], headers)
            return
        (held,) = batch
        self._metrics.set_aside.inc()
        _faults.warn_once(
            f"set aside {error.status}",
            "the next hop refuses a root for good with status %d: it is set aside, and tried again when the relay "
            "starts anew with the same --state-dir",
            error.status,
        )
        self._state.let_go(held).released += (held.root.span_id,)
        self.set_aside_bytes += held.size
        with contextlib.suppress(SpoolError):  # it stays where it is
            await self._spool.write(roots_row(held.key.tenant, [held.root], headers), None)
            self.erase(held.spooled)

    def _let_go(self, batch: Sequence[HeldRoot], decided: Sequence[_Decided]) -> None:
        now = self._clock()
        for held, (_, verdict) in zip(batch, decided, strict=True):
            self._metrics.hold_seconds.observe(max(0.0, now - held.arrived))
            self.note_gone(self._state.let_go(held), held.root.span_id, verdict)
            self.erase(held.spooled)

    def _decide_all(self, batch: Iterable[HeldRoot]) -> list[_Decided]:
        known: dict[TraceKey, tuple[Callable[[SpanId], list[Outcome]], Parents]] = {}
        decided = []
        for held in batch:
            if held.key not in known:
                trace = self._state.get(held.key)
                parents = {} if trace is None else trace.parents()
                known[held.key] = counting_for(() if trace is None else trace.said(), parents), parents
            said_for, parents = known[held.key]
            decided.append(self._decide(held.root, said_for(int.from_bytes(held.root.span_id, "big")), parents))
        return decided

    def _decide(self, root: Root, said: list[Outcome], parents: Parents) -> _Decided:
        """Return what a root gets; nothing if that fails: it goes on as it came."""
        try:
            if root.is_silent and not self._deciding.reads_silent_roots:
                span = root.as_silent()
                outcome = Outcome(span.key)
            else:
                span = root.read()
                outcome = self._deciding.read_root(span)
            verdict = self._deciding.root_gets(span, outcome, said, parents)
            written = verdict.written
            return _Decided(with_attributes(root.raw, written, span.attributes) if written else root.raw, verdict)
        except Exception as error:  # noqa: BLE001
            _faults.contain("Deciding on a root's output", error)
            return _Decided(root.raw, Verdict({}, "none", "failed"))

    def note_gone(self, trace: Trace, span_id: bytes, verdict: Verdict) -> None:
        """Note what a root went with; one that is sent again counts once."""
        if span_id in trace.released:
            return
        trace.released += (span_id,)
        trace.is_without = trace.is_without or verdict.got in ("", "none")
        if not verdict.got:
            self._metrics.plain_roots.inc()
            return
        self._metrics.roots_that_got(verdict.got).inc()
        if verdict.got == "none":
            self._metrics.none.labels(verdict.reason or "no_content").inc()

    def erase(self, spooled: Spooled) -> None:
        """Note that a root need not survive a restart any more: its row goes with the last one in it."""
        spooled.left -= 1
        if not spooled.left:
            self._spool.doom(spooled.row)

    async def stop(self, patience: float = 10.0) -> int:
        """Send on every root that waits, and return how many are left in the spool.

        Args:
            patience: How long the next hop may be unavailable before they are left in the spool, in seconds.
        """
        self._give_up_at = self._clock() + patience
        self.is_stopping.set()
        while self._state.held_roots or self.tasks:
            self._start(self._state.take_oldest())
            if not self.tasks:
                break
            await asyncio.wait(set(self.tasks))
        return self._state.held_roots


def roots_row(tenant: bytes, roots: Sequence[Root], headers: Headers) -> RootsRow:
    """Return the row that has roots survive a restart."""
    return RootsRow(tenant, json.dumps(headers), put_together((root.envelope, root.raw) for root in roots))


def _batches(roots: Sequence[HeldRoot]) -> Iterable[list[HeldRoot]]:
    batch: list[HeldRoot] = []
    size = 0
    for held in roots:
        if batch and (len(batch) >= _AT_ONCE or size + held.size > _BYTES_AT_ONCE):
            yield batch
            batch, size = [], 0
        batch.append(held)
        size += held.size
    if batch:
        yield batch
