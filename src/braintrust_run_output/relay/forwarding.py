"""Sending requests on to the next hop, several small ones together, and telling what it says to them."""

from __future__ import annotations

import asyncio
import gzip
import time
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import aiohttp

from .. import _faults
from ..otlp import PROTOBUF

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from .metrics import Metrics
    from .settings import RelaySettings

    _Waiting: TypeAlias = "tuple[bytes, asyncio.Future[None]]"

Headers: TypeAlias = "tuple[tuple[str, str], ...]"
"""Headers of a sender's that go on."""

_AT_ONCE = 2
"""How many requests are on their way to one destination at a time; what comes meanwhile goes together."""
_TOGETHER = 4 * 1024 * 1024
"""How many bytes go together at the most. Braintrust takes 6 MiB."""
_MAY_PASS = frozenset({408, 425, 429})
"""Refusals, below 500, that may pass."""
_LONGEST_WAIT = 120.0
_LONGEST_ANSWER = 64 * 1024
"""How many bytes of an answer are read."""


class UnavailableError(Exception):
    """The next hop cannot be reached, or says that it is busy: to be tried again.

    Args:
        retry_after: After how many seconds, as it says; default it does not.
    """

    def __init__(self, retry_after: float | None = None) -> None:
        super().__init__(retry_after)
        self.retry_after = retry_after


class RefusedError(Exception):
    """The next hop refuses a request for good.

    Args:
        status: Its HTTP status.
    """

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Forwarder:
    """Sends requests on.

    Args:
        settings: Where, and how.
        metrics: What is counted.
    """

    def __init__(self, settings: RelaySettings, metrics: Metrics) -> None:
        self._settings, self._metrics = settings, metrics
        self._session: aiohttp.ClientSession | None = None
        self._lanes: dict[tuple[str, Headers], _Lane] = {}
        self.is_reached = True
        """Whether the next hop took the last request."""

    async def send(self, signal: str, body: bytes, headers: Headers = ()) -> None:
        """Send a request on, and return once the next hop has taken it.

        Args:
            signal: ``traces`` or ``logs``.
            body: The request.
            headers: The sender's headers that go with it.

        Raises:
            UnavailableError: It is to be tried again.
            RefusedError: It is not.
        """
        lane = self._lanes.get((signal, headers))
        if lane is None:
            # It goes once it is idle: a sender may come with a new key every day.
            lane = _Lane(partial(self.post, signal, headers=headers), lambda: self._lanes.pop((signal, headers), None))
            self._lanes[signal, headers] = lane
        await lane.send(body)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def post(self, signal: str, body: bytes, headers: Headers) -> None:
        """Send one request on, alone."""
        settings = self._settings
        url = settings.traces_to if signal == "traces" else settings.logs_to
        sent: dict[str, str] = {"content-type": PROTOBUF, **settings.headers, **dict(headers)}
        if settings.compression == "gzip":
            body = await asyncio.get_running_loop().run_in_executor(None, gzip.compress, body, 1)
            sent["content-encoding"] = "gzip"
        began = time.perf_counter()
        try:
            answer = await self._ask(str(url), body, sent)
        except (aiohttp.ClientError, OSError, asyncio.TimeoutError) as error:
            self._note(signal, "unavailable", f"cannot be reached ({type(error).__name__})")
            raise UnavailableError from None
        self._metrics.forward_seconds.observe(time.perf_counter() - began)
        self._judge(signal, answer)

    async def _ask(self, url: str, body: bytes, headers: Mapping[str, str]) -> _Answer:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                timeout=aiohttp.ClientTimeout(total=self._settings.timeout),
                headers={"accept-encoding": "identity"},
                auto_decompress=False,
            )
        async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as response:
            return _Answer(response.status, response.headers.get("retry-after", ""), await _read(response))

    def _judge(self, signal: str, answer: _Answer) -> None:
        status = answer.status
        if 200 <= status < 300:
            self._note(signal, "accepted")
            if answer.body and signal == "traces":
                self._count_rejected(answer.body)
            return
        if 400 <= status < 500 and status not in _MAY_PASS:
            self._note(signal, "refused", f"refuses requests for good with status {status}")
            raise RefusedError(status)
        self._note(signal, "unavailable", f"answers with status {status}")
        raise UnavailableError(_seconds(answer.retry_after))

    def _note(self, signal: str, result: str, trouble: str = "") -> None:
        self._metrics.forwards.labels(signal, result).inc()
        self.is_reached = result != "unavailable"
        if trouble:
            url = self._settings.traces_to if signal == "traces" else self._settings.logs_to
            _faults.warn_once(f"next hop {trouble}", "the next hop %s %s", shown(str(url)), trouble)

    def _count_rejected(self, body: bytes) -> None:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

        try:
            rejected = ExportTraceServiceResponse.FromString(body).partial_success.rejected_spans
        except Exception:  # noqa: BLE001 (some answer in JSON, or with a page: it is a success all the same)
            return
        if rejected > 0:
            self._metrics.rejected.inc(rejected)
            _faults.warn_once("rejected spans", "the next hop took a request without some of its spans")


class _Answer(NamedTuple):
    status: int
    retry_after: str
    body: bytes


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Return what the next hop says beside its status; nothing if that is very long, or cannot be read to its end.

    The status has decided by then: a request that was taken is not to be sent again.
    """
    body = bytearray()
    try:
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > _LONGEST_ANSWER:
                response.close()
                return b""
    except (aiohttp.ClientError, OSError, asyncio.TimeoutError):
        return b""
    return bytes(body)


class _Lane:
    """The way to one destination with one sender's headers. What cannot go at once goes together.

    Requests in protobuf can be joined by writing one after the other. What the next hop refuses of several goes again,
    one by one, so that nobody pays for another.
    """

    def __init__(self, post: Callable[[bytes], Awaitable[None]], on_idle: Callable[[], object]) -> None:
        self._post, self._on_idle = post, on_idle
        self._waiting: list[_Waiting] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def send(self, body: bytes) -> None:
        taken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((body, taken))
        if len(self._tasks) < _AT_ONCE:
            task = asyncio.create_task(self._empty())
            self._tasks.add(task)
            task.add_done_callback(self._has_ended)
        await taken

    def _has_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not self._waiting and not self._tasks:
            self._on_idle()

    async def _empty(self) -> None:
        while self._waiting:
            await self._send_together(self._take())

    def _take(self) -> list[_Waiting]:
        together = [self._waiting.pop(0)]
        size = len(together[0][0])
        while self._waiting and size + len(self._waiting[0][0]) <= _TOGETHER:
            together.append(self._waiting.pop(0))
            size += len(together[-1][0])
        return together

    async def _send_together(self, together: list[_Waiting]) -> None:
        try:
            await self._post(b"".join(body for body, _ in together))
        except RefusedError as error:
            if len(together) == 1:
                _finish(together, error)
            else:
                for one in together:
                    await self._send_together([one])
        except UnavailableError as error:
            _finish(together, error)
        except BaseException as error:
            _finish(together, UnavailableError())
            if not isinstance(error, Exception):
                raise
            _faults.contain("Sending a request on", error)  # and on with those that wait
        else:
            _finish(together, None)


def _finish(together: list[_Waiting], error: Exception | None) -> None:
    for _, taken in together:
        if taken.done():  # whoever waited was cancelled
            continue
        if error is None:
            taken.set_result(None)
        else:
            taken.set_exception(error)


def _seconds(text: str) -> float | None:
    """Return the seconds of a ``Retry-After``; None where it is a date, or nothing."""
    try:
        return min(max(0.0, float(text)), _LONGEST_WAIT)  # 0 for what is no number: "nan" is greater than nothing
    except ValueError:
        return None


def shown(url: str) -> str:
    """Return an address without a user, password or query, which may be secret."""
    scheme, separator, rest = url.rpartition("//")
    return scheme + separator + rest.partition("?")[0].rpartition("@")[2]
