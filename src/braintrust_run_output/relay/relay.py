"""The relay: what happens to a request, and what time does.

A request is read; what its spans say is remembered; its children go on, and once the next hop has taken them, its roots
are put into the spool; only then is it acknowledged. A root goes on when its trace has been quiet, with what there is,
decided anew at each attempt, and is erased once the next hop has taken it.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from typing import TYPE_CHECKING, NamedTuple

from .. import _faults
from ..otlp import read_log_records
from .codec import pack_excerpts, pack_links, take_apart
from .deciding import Deciding
from .releasing import Releaser, roots_row
from .restoring import restore
from .spool import SaidRow, SpoolError
from .state import HeldRoot, Recorded, Spooled, State, TraceKey

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from ..config import RunOutputConfig
    from ..otlp import Span
    from ..outcome import Outcome
    from .codec import Request, Root
    from .deciding import Found, Verdict
    from .forwarding import Forwarder, Headers
    from .looking import Looked
    from .metrics import Metrics
    from .settings import RelaySettings
    from .spool import RootsRow, Spool
    from .state import Trace

_TICK = 0.05
"""How often is looked for roots that are due, and whether the state directory is there, in seconds."""
_CLEAN_EVERY = 5.0
_IN_A_THREAD = 1024 * 1024
"""From how many bytes on a request is read in a thread, so that others go on meanwhile."""
_PASSED_ON = ("authorization", "x-bt-parent")
_TENANT_BYTES = 16


class BusyError(Exception):
    """There is no room for a request now: it is to be sent again."""


class _Said(NamedTuple):
    """What one request says of one trace."""

    spans: list[tuple[bytes, Found]]
    records: list[tuple[bytes, Found]]


class _Reading:
    """Reads the spans of one request, for `take_apart`."""

    def __init__(self, deciding: Deciding, recorded: Callable[[bytes, bytes], Sequence[Outcome]]) -> None:
        self._deciding, self._recorded = deciding, recorded
        self.says_nothing: Callable[[Iterable[str]], bool] = deciding.says_nothing
        self.looks_at_names = deciding.looks_at_names
        self.has_telling_event = deciding.has_telling_event
        self.has_telling_name = deciding.has_telling_name
        self.waits_if_silent = deciding.waits_if_silent
        self.said: dict[bytes, _Said] = {}
        self.decided: list[tuple[bytes, bytes, Verdict]] = []
        """The roots that need not wait: trace id, span id, and what they get."""

    def of(self, trace_id: bytes) -> _Said:
        """Return where it is put what is said in a trace."""
        said = self.said.get(trace_id)
        if said is None:
            said = self.said[trace_id] = _Said([], [])
        return said

    def read_child(self, looked: Looked) -> Mapping[str, str | bool]:
        """Read a span that has a parent."""
        trace_id, span_id = looked.glance.trace_id, looked.glance.span_id
        found = self._deciding.read(looked, self._recorded(trace_id, span_id))
        if found.outcome.counts_for_a_root():
            self.of(trace_id).spans.append((span_id, found))
        return found.written

    def read_root(self, span: Span) -> Mapping[str, str | bool] | None:
        """Read a span that has none; None if it is to wait."""
        root = self._deciding.read_root(span)
        if not self._deciding.is_decided(root):
            return None
        verdict = self._deciding.root_gets(span, root, (), {})
        self.decided.append((_bytes(span.trace_id, 16), _bytes(span.span_id, 8), verdict))
        return verdict.written


class Relay:
    """Takes requests, holds roots, sends on.

    Args:
        settings: The relay's settings.
        config: What is written.
        spool: Where what must survive a restart is.
        forwarder: Sends on.
        metrics: What is counted.
        clock: Returns the time in seconds, from whatever point.
    """

    def __init__(
        self,
        settings: RelaySettings,
        config: RunOutputConfig,
        spool: Spool,
        forwarder: Forwarder,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings, self._spool, self._forwarder, self._metrics = settings, spool, forwarder, metrics
        self._clock = clock
        self._deciding = Deciding(config)
        self._state = State(hold=settings.hold, max_hold=settings.max_hold, remember=settings.remember)
        self._releaser = Releaser(self._deciding, self._state, spool, forwarder, metrics, clock)
        self._runner: asyncio.Task[None] | None = None
        self._watch(metrics)

    def _watch(self, metrics: Metrics) -> None:
        state = self._state
        metrics.watch("held_roots", "Roots that wait.", lambda: state.held_roots)
        metrics.watch("held_bytes", "What the roots that wait take.", lambda: state.held_bytes)
        metrics.watch("remembered_traces", "Traces that are remembered.", lambda: len(state))
        metrics.watch("remembered_bytes", "What is remembered of traces.", lambda: state.remembered_bytes)
        metrics.watch("next_hop_reached", "Whether the next hop could last be reached.", lambda: self.reaches_next_hop)

    @property
    def reaches_next_hop(self) -> bool:
        """Whether the next hop could be reached when something was last sent to it."""
        return self._forwarder.is_reached

    def headers_of(self, given: Mapping[str, str]) -> Headers:
        """Return the headers of a sender's that go on.

        Args:
            given: Its headers, by name in lower case.
        """
        if not self._settings.forward_headers:
            return ()
        return tuple((name, given[name]) for name in _PASSED_ON if name in given)

    # --- a request -----------------------------------------------------------------------------------------------

    async def take_traces(self, body: bytes, headers: Headers = ()) -> None:
        """Take a protobuf ``ExportTraceServiceRequest``, and return once it may be acknowledged.

        Args:
            body: The request.
            headers: The sender's headers that go on.

        Raises:
            BadPayloadError: It cannot be read.
            BusyError: There is no room for it, or the state directory cannot be written.
            UnavailableError: The next hop cannot be reached.
            RefusedError: The next hop refuses it for good.
        """
        tenant = tenant_of(headers)
        reading = self._read(tenant)
        if len(body) < _IN_A_THREAD:
            taken = take_apart(body, reading)
        else:
            taken = await asyncio.to_thread(take_apart, body, reading)
        self._make_room(taken)
        said = self._remember(tenant, reading.said, taken.links)
        if taken.onward:
            await self._forwarder.send("traces", taken.onward, headers)
        await self._keep(tenant, taken.roots, said, headers)
        self._count(taken)
        for trace_id, span_id, verdict in reading.decided:
            self._releaser.note_gone(self._state.touch(TraceKey(trace_id, tenant), self._clock()), span_id, verdict)

    async def take_logs(self, body: bytes, headers: Headers = ()) -> None:
        """Take a protobuf ``ExportLogsServiceRequest``, and return once it may be acknowledged: see `take_traces`."""
        tenant = tenant_of(headers)
        reading = self._read(tenant)
        count = 0
        for record in read_log_records(body):
            count += 1
            found = self._deciding.read_record(record)
            if found is not None:
                reading.of(_bytes(record.trace_id, 16)).records.append((_bytes(record.span_id, 8), found))
        said = self._remember(tenant, reading.said, {})
        if self._settings.logs_to is not None and body:
            await self._forwarder.send("logs", body, headers)
        await self._keep(tenant, (), said, headers)
        self._metrics.log_records.inc(count)

    def _read(self, tenant: bytes) -> _Reading:
        def recorded(trace_id: bytes, span_id: bytes) -> Sequence[Outcome]:
            trace = self._state.get(TraceKey(trace_id, tenant))
            return trace.recorded(span_id) if trace is not None and trace.records else ()

        return _Reading(self._deciding, recorded)

    def _make_room(self, taken: Request) -> None:
        if not taken.roots:
            return
        more = sum(len(root.raw) for root in taken.roots)
        if self._state.held_bytes + more > self._settings.max_held_bytes:
            self._releaser.release_early(self._settings.max_held_bytes)
        if self._state.held_bytes + self._releaser.set_aside_bytes + more > 2 * self._settings.max_held_bytes:
            raise BusyError

    def _remember(self, tenant: bytes, said: Mapping[bytes, _Said], links: Mapping[bytes, bytearray]) -> SaidRow | None:
        """Remember what a request says, and return what is to survive a restart of it."""
        now, state = self._clock(), self._state
        spans: list[tuple[str, bytes]] = []
        records: list[tuple[str, bytes]] = []
        for trace_id in {**links, **said}:
            trace = state.touch(TraceKey(trace_id, tenant), now)
            had_answer = trace.has_answer
            if trace_id in links:
                state.add_links(trace, links[trace_id])
            found = said.get(trace_id)
            if found is not None:
                for span_id, one in found.spans:
                    state.add_outcome(trace, span_id, one.outcome, len(one.excerpt))
                    spans.append((one.scope, one.excerpt))
                for span_id, one in found.records:
                    state.add_record(trace, span_id, Recorded(one.outcome, one.continues), len(one.excerpt))
                    records.append((one.scope, one.excerpt))
            if trace.is_without and trace.has_answer and not had_answer:
                self._metrics.none.labels("late").inc()
                trace.is_without = False
        self._make_room_to_remember()
        if not links and not said:
            return None
        return SaidRow(tenant, time.time(), pack_excerpts(spans), pack_excerpts(records), pack_links(links))

    def _make_room_to_remember(self) -> None:
        forgotten = list(self._state.forget_oldest(self._settings.max_remembered_bytes))
        if forgotten:
            self._metrics.forgotten.inc(len(forgotten))
            self._count_rootless(forgotten)
            _faults.warn_once(
                "remembered bytes",
                "traces are forgotten early, so roots that come late may miss their output: there is no room for more "
                "than --max-remembered-bytes=%d",
                self._settings.max_remembered_bytes,
            )

    async def _keep(self, tenant: bytes, roots: Sequence[Root], said: SaidRow | None, headers: Headers) -> None:
        """Have roots and what was said survive a restart, then have the roots wait."""
        if not roots and said is None:
            return
        row = await self._write(roots_row(tenant, roots, headers) if roots else None, said)
        spooled, now = Spooled(row, len(roots)), self._clock()
        for root in roots:
            if not self._state.hold(HeldRoot(TraceKey(root.trace_id, tenant), root, headers, now, spooled)):
                self._releaser.erase(spooled)

    async def _write(self, roots: RootsRow | None, said: SaidRow | None) -> int:
        try:
            return await self._spool.write(roots, said)
        except SpoolError as error:
            self._metrics.spool_failures.inc()
            _faults.warn_once("spool", "requests are refused until this is mended: %s", error)
            raise BusyError from None

    def _count(self, taken: Request) -> None:
        self._metrics.spans.inc(taken.spans)
        if taken.unreadable:
            self._metrics.unreadable.inc(taken.unreadable)

    # --- time passes ---------------------------------------------------------------------------------------------

    async def start(self) -> int:
        """Take up what a former process left in the spool, and let time pass. Returns how many roots were left."""
        self.restore()
        self._runner = asyncio.create_task(self._run())
        return self._state.held_roots

    def restore(self) -> None:
        """Take up what a former process left in the spool."""
        restore(self._spool, self._state, self._deciding, now=self._clock(), remember=self._settings.remember)

    async def stop(self, patience: float = 10.0) -> int:
        """Send on every root that waits, and return how many are left in the spool.

        Args:
            patience: How long the next hop may be unavailable before they are left in the spool, in seconds.
        """
        self._releaser.is_stopping.set()
        if self._runner is not None:
            await self._runner
        return await self._releaser.stop(patience)

    async def _run(self) -> None:
        cleaned = self._clock()
        while not self._releaser.is_stopping.is_set():
            await self._releaser.pause(_TICK)
            now = self._clock()
            try:
                self._releaser.release_due()
                if now - cleaned >= _CLEAN_EVERY:
                    cleaned = now
                    await self.clean()
                await self._without_failure("looking after what waits", self._spool.look_after)
            except Exception as error:  # noqa: BLE001 (time goes on)
                _faults.contain("Releasing roots", error)

    async def clean(self) -> None:
        """Forget what is old, and erase what has gone."""
        self._count_rootless(self._state.forget_old(self._clock()))
        self._spool.forget_said(time.time() - self._settings.remember, self._settings.max_remembered_bytes)
        await self._without_failure("erasing what has gone", self._spool.flush)

    async def _without_failure(self, doing: str, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except SpoolError as error:
            self._metrics.spool_failures.inc()
            _faults.warn_once(doing, "%s failed, and is tried again: %s", doing, error)

    def _count_rootless(self, forgotten: Iterable[Trace]) -> None:
        for trace in forgotten:
            if trace.has_answer and not trace.released and not trace.is_restored:
                self._metrics.rootless.inc()
                _faults.warn_once(
                    "rootless",
                    "a trace had a model's output and never a root, so it has no row in Braintrust's logs: does the "
                    "service that starts it export elsewhere, or drop its first span (filter_ai_spans)?",
                )


def tenant_of(headers: Headers) -> bytes:
    """Return a digest of the authorization among a sender's headers, empty if there is none."""
    authorization = dict(headers).get("authorization")
    return hashlib.sha256(authorization.encode()).digest()[:_TENANT_BYTES] if authorization else b""


def _bytes(number: int, length: int) -> bytes:
    return number.to_bytes(length, "big")
