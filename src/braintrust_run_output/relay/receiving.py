"""Where requests come in: OTLP over HTTP, as an ASGI application, within bounds; and what is answered."""

from __future__ import annotations

import asyncio
import contextlib
import json
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from .. import _faults
from ..otlp import (
    CONTENT_ENCODINGS,
    CONTENT_TYPES,
    JSON,
    PROTOBUF,
    BadPayloadError,
    Body,
    BodyTooLargeError,
    as_protobuf,
    failure,
    success,
)
from .forwarding import RefusedError, UnavailableError
from .relay import BusyError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from .metrics import Metrics
    from .relay import Relay
    from .settings import RelaySettings

    Scope: TypeAlias = "dict[str, Any]"
    Receive: TypeAlias = Callable[[], Awaitable[dict[str, Any]]]
    Send: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]

NAME = "braintrust-run-output relay"
"""What ``/health`` calls itself."""

_SIGNALS = {
    "/v1/traces": "traces",
    "/otel/v1/traces": "traces",  # as Braintrust's own exporters have it
    "/v1/logs": "logs",
    "/otel/v1/logs": "logs",
}
_ENCODINGS = ", ".join(sorted(CONTENT_ENCODINGS - {"identity"})) + " or none"
_RETRY_AFTER = 1
_LONGEST_PAUSE = 30.0
"""How long a sender may pause within a body, in seconds: what it has sent takes room that others need."""
_IN_A_THREAD = 512 * 1024
"""From how many bytes on a request in JSON is not read between others."""


class SlowSenderError(Exception):
    """A sender has paused for too long within a body."""


class Answer(NamedTuple):
    """What is answered to a request."""

    status: int
    body: bytes = b""
    content_type: str = JSON
    retry_after: float | None = None


class Intake:
    """Takes requests, whatever way they come, within ``max_in_flight_bytes``.

    Args:
        relay: Where they go.
        settings: The relay's settings.
        metrics: What is counted.
    """

    def __init__(self, relay: Relay, settings: RelaySettings, metrics: Metrics) -> None:
        self._relay, self._settings, self._metrics = relay, settings, metrics
        self._in_flight = 0
        metrics.watch("in_flight_bytes", "What requests that are being worked on take.", lambda: self._in_flight)

    @contextlib.contextmanager
    def room(self) -> Iterator[Callable[[int], None]]:
        """Yield what takes room for bytes of a request, or raises BusyError; afterwards it is given back."""
        taken = 0

        def take(size: int) -> None:
            nonlocal taken
            others = self._in_flight - taken
            if others and self._in_flight + size > self._settings.max_in_flight_bytes:
                raise BusyError
            taken += size
            self._in_flight += size

        try:
            yield take
        finally:
            self._in_flight -= taken

    async def take(self, signal_name: str, body: bytes, headers: Mapping[str, str], protocol: str) -> None:
        """Take a protobuf request, and count what became of it.

        Raises:
            BadPayloadError, BusyError, UnavailableError, RefusedError: See `Relay.take_traces`.
        """
        onward = self._relay.headers_of(headers)
        take = self._relay.take_traces if signal_name == "traces" else self._relay.take_logs
        result = "accepted"
        try:
            await take(body, onward)
        except (BusyError, UnavailableError):
            result = "busy"
            raise
        except (BadPayloadError, RefusedError):
            result = "refused"
            raise
        finally:
            self._metrics.requests.labels(protocol, signal_name, result).inc()

    # --- HTTP ----------------------------------------------------------------------------------------------------

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as an ASGI application."""
        if scope["type"] != "http":
            return
        answer = await self._answer(scope, receive)
        headers = [
            (b"content-type", answer.content_type.encode()),
            (b"content-length", b"%d" % len(answer.body)),
        ]
        if answer.retry_after is not None:
            headers.append((b"retry-after", b"%d" % max(1, round(answer.retry_after))))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        path, method = scope["path"], scope["method"]
        signal_name = _SIGNALS.get(path)
        if path == "/health" and method in ("GET", "HEAD"):
            return Answer(200, json.dumps(self.health()).encode())
        if signal_name is None:
            return _refusal(404, JSON, "there is nothing here: send traces to /v1/traces and logs to /v1/logs")
        if method != "POST":
            return _refusal(405, JSON, "use POST")
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type not in CONTENT_TYPES:
            return _refusal(415, JSON, f"use Content-Type {PROTOBUF} or {JSON}")
        encoding = headers.get("content-encoding", "identity").strip().lower()
        if encoding not in CONTENT_ENCODINGS:
            return _refusal(415, content_type, f"use Content-Encoding {_ENCODINGS}")
        try:
            with self.room() as take_room:
                body = await self._read(receive, encoding, take_room)
                await self.take(signal_name, await _to_protobuf(body, content_type, signal_name), headers, "http")
        except Exception as error:  # noqa: BLE001 (each has its answer)
            return answer_to(error, content_type)
        return Answer(200, success(content_type), content_type)

    async def _read(self, receive: Receive, encoding: str, take_room: Callable[[int], None]) -> bytes:
        body = Body(encoding=encoding, limit=self._settings.max_request_bytes)
        event = await receive()
        while True:
            if event["type"] == "http.disconnect":
                raise BadPayloadError("the body ends too early")
            before = body.size
            body.add(event.get("body", b""))
            take_room(body.size - before)
            if not event.get("more_body"):
                before, whole = body.size, body.whole()
                take_room(body.size - before)
                return whole
            try:
                event = await asyncio.wait_for(receive(), _LONGEST_PAUSE)
            except asyncio.TimeoutError:
                raise SlowSenderError from None

    def health(self) -> dict[str, object]:
        """Return what ``/health`` answers."""
        return {
            "name": NAME,
            "version": _version(),
            "next_hop": "ok" if self._relay.reaches_next_hop else "unavailable",
        }


async def _to_protobuf(body: bytes, content_type: str, signal_name: str) -> bytes:
    if content_type != JSON:
        return body
    if len(body) < _IN_A_THREAD:
        return as_protobuf(body, content_type, signal_name, encodable=True)
    return await asyncio.to_thread(as_protobuf, body, content_type, signal_name, encodable=True)


def _refusal(status: int, content_type: str, message: str, retry_after: float | None = None) -> Answer:
    return Answer(status, failure(content_type, message), content_type, retry_after)


def answer_to(error: Exception, content_type: str) -> Answer:
    """Return what is answered where a request could not be taken."""
    if isinstance(error, BodyTooLargeError):
        return _refusal(413, content_type, str(error))
    if isinstance(error, SlowSenderError):
        return _refusal(408, content_type, f"nothing has come for {_LONGEST_PAUSE:g} seconds")
    if isinstance(error, BadPayloadError):
        return _refusal(400, content_type, str(error))
    if isinstance(error, RefusedError):
        return _refusal(error.status, content_type, f"the next hop refuses it with status {error.status}")
    if isinstance(error, BusyError):
        return _refusal(503, content_type, "there is no room for it now", _RETRY_AFTER)
    if isinstance(error, UnavailableError):
        return _refusal(503, content_type, "the next hop cannot be reached", error.retry_after or _RETRY_AFTER)
    _faults.contain("Taking a request", error)
    return _refusal(500, content_type, "the relay failed")


def _version() -> str:
    try:
        return version("braintrust-run-output")
    except PackageNotFoundError:  # run from its files alone
        return ""
