"""Where requests come in: OTLP over HTTP and gRPC, and what is answered. The relay's life from start to SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import shutil
import signal
import socket
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias
from urllib.parse import urlsplit

import uvicorn

from .. import _faults
from ..otlp import CONTENT_ENCODINGS, CONTENT_TYPES, JSON, PROTOBUF, BadPayloadError, BodyTooLargeError
from ..otlp.http import Body, as_protobuf, failure, success
from .forwarding import Forwarder, RefusedError, UnavailableError, shown
from .metrics import Metrics
from .relay import BusyError, Relay
from .settings import Address
from .spool import Spool, SpoolError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from ..config import RunOutputConfig
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
_RETRY_AFTER = 1
_IN_A_THREAD = 512 * 1024
"""From how many bytes on a request in JSON is not read between others."""
_PATIENCE = 10.0
_KEEP_ALIVE = 65


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
            return _refusal(415, content_type, "use Content-Encoding gzip, deflate or none")
        try:
            with self.room() as take_room:
                body = await self._read(receive, encoding, take_room)
                await self.take(signal_name, await _to_protobuf(body, content_type, signal_name), headers, "http")
        except Exception as error:  # noqa: BLE001 (each has its answer)
            return _answer_to(error, content_type)
        return Answer(200, success(content_type), content_type)

    async def _read(self, receive: Receive, encoding: str, take_room: Callable[[int], None]) -> bytes:
        body = Body(encoding=encoding, limit=self._settings.max_request_bytes)
        while True:
            event = await receive()
            if event["type"] == "http.disconnect":
                raise BadPayloadError("the body ends too early")
            before = body.size
            body.add(event.get("body", b""))
            take_room(body.size - before)
            if not event.get("more_body"):
                return body.whole()

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


def _answer_to(error: Exception, content_type: str) -> Answer:
    if isinstance(error, BodyTooLargeError):
        return _refusal(413, content_type, str(error))
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


# --- gRPC ----------------------------------------------------------------------------------------------------------


def make_grpc_server(intake: Intake, settings: RelaySettings) -> tuple[Any, Address]:
    """Make the server that takes OTLP over gRPC; return it with the address that it has.

    Raises:
        OSError: The address cannot be had.
    """
    import grpc  # type: ignore[import-untyped,unused-ignore]

    server = grpc.aio.server(options=[("grpc.max_receive_message_length", settings.max_request_bytes)])
    server.add_generic_rpc_handlers(
        tuple(
            grpc.method_handlers_generic_handler(
                f"opentelemetry.proto.collector.{package}.v1.{service}",
                {"Export": grpc.unary_unary_rpc_method_handler(_grpc_handler(intake, signal_name))},
            )
            for package, service, signal_name in (("trace", "TraceService", "traces"), ("logs", "LogsService", "logs"))
        )
    )
    wanted = settings.grpc or Address("127.0.0.1", 0)
    try:
        if settings.certificate is not None and settings.private_key is not None:
            pair = settings.private_key.read_bytes(), settings.certificate.read_bytes()
            port = server.add_secure_port(str(wanted), grpc.ssl_server_credentials([pair]))
        else:
            port = server.add_insecure_port(str(wanted))
    except RuntimeError as error:  # grpc's way to say it
        raise OSError(f"{wanted} cannot be had") from error
    return server, Address(wanted.host, port)


def _grpc_handler(intake: Intake, signal_name: str) -> Callable[[bytes, Any], Awaitable[bytes]]:
    async def export(body: bytes, context: Any) -> bytes:
        headers = {str(key): str(value) for key, value in context.invocation_metadata() or ()}
        try:
            # What has been begun is finished, whether or not the sender still waits for it.
            await asyncio.shield(_take_in_room(intake, signal_name, body, headers))
        except Exception as error:  # noqa: BLE001 (each has its answer)
            await context.abort(*_grpc_status(error))
        return b""

    return export


async def _take_in_room(intake: Intake, signal_name: str, body: bytes, headers: Mapping[str, str]) -> None:
    with intake.room() as take_room:
        take_room(len(body))
        await intake.take(signal_name, body, headers, "grpc")


def _grpc_status(error: Exception) -> tuple[Any, str]:
    import grpc

    answer = _answer_to(error, JSON)
    codes = {
        400: grpc.StatusCode.INVALID_ARGUMENT,
        401: grpc.StatusCode.UNAUTHENTICATED,
        403: grpc.StatusCode.PERMISSION_DENIED,
        404: grpc.StatusCode.NOT_FOUND,
        413: grpc.StatusCode.INVALID_ARGUMENT,
        500: grpc.StatusCode.INTERNAL,
        503: grpc.StatusCode.UNAVAILABLE,
    }
    return codes.get(answer.status, grpc.StatusCode.INVALID_ARGUMENT), json.loads(answer.body).get("message", "")


# --- the relay's life ------------------------------------------------------------------------------------------------


class _Server(uvicorn.Server):
    """Uvicorn, which leaves signals to the relay: roots are to be released before it ends."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def run(settings: RelaySettings, config: RunOutputConfig, write: Callable[[str], object]) -> int:
    """Run the relay until SIGINT or SIGTERM.

    Args:
        settings: The relay's settings.
        config: What is written.
        write: Where it is said what runs where.

    Returns:
        The exit code: 0; 1 if roots are left because the next hop cannot be reached; 2 if an address or the state
        directory cannot be had.
    """
    try:
        import uvloop
    except ImportError:  # there is none for Windows
        return asyncio.run(serve(settings, config, write))
    return uvloop.run(serve(settings, config, write))


async def serve(settings: RelaySettings, config: RunOutputConfig, write: Callable[[str], object]) -> int:
    """Do as `run`, on the loop that runs."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows has none: there Ctrl-C raises
            loop.add_signal_handler(one, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        try:
            running = await _start(settings, config, stack)
        except (OSError, SpoolError, ValueError) as error:
            write(f"{error}\n")
            return 2
        write(running.announcement)
        # What is there now stays: the collector need not look at it again and again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        await stop.wait()
        write("Sending on what waits.\n")
        return await running.stop(write)


class _Running(NamedTuple):
    relay: Relay
    spool: Spool
    http: _Server
    http_task: asyncio.Task[None]
    grpc: Any
    directory: Path
    is_temporary: bool
    announcement: str

    async def stop(self, write: Callable[[str], object]) -> int:
        """Take no more, finish what has been taken, send on what waits; return the exit code."""
        self.http.should_exit = True
        if self.grpc is not None:
            await self.grpc.stop(_PATIENCE)
        await self.http_task
        await self.relay.stop(_PATIENCE)
        left = await self.spool.close()
        if left:
            write(
                f"Root spans that the next hop did not take are left in {self.directory}. Start the relay with "
                f"--state-dir {self.directory} to try again.\n"
            )
            return 1
        if self.is_temporary:
            shutil.rmtree(self.directory, ignore_errors=True)
        return 0


async def _start(settings: RelaySettings, config: RunOutputConfig, stack: contextlib.AsyncExitStack) -> _Running:
    is_temporary = settings.state_dir is None
    listener = stack.enter_context(_listen(settings.listen))
    address = Address(settings.listen.host, listener.getsockname()[1])
    _refuse_loop(settings, address)
    directory = settings.state_dir or Path(tempfile.mkdtemp(prefix="braintrust-run-output-relay-"))
    spool = Spool(directory, settings.durability)
    metrics = Metrics()
    forwarder = Forwarder(settings, metrics)
    stack.push_async_callback(forwarder.close)
    relay = Relay(settings, config, spool, forwarder, metrics)
    intake = Intake(relay, settings, metrics)
    lines = [f"OTLP over HTTP is taken at {_scheme(settings)}://{address}/v1/traces"]
    if settings.metrics is not None:
        lines.append(f"Metrics are at http://{_serve_metrics(settings.metrics, metrics, stack)}/metrics")
    grpc_server = None
    if settings.grpc is not None:
        grpc_server, grpc_address = make_grpc_server(intake, settings)
        await grpc_server.start()
        lines.append(f"OTLP over gRPC is taken at {grpc_address}")
    waiting = await relay.start()
    http = _Server(_uvicorn_config(intake, settings))
    http_task = asyncio.create_task(http.serve(sockets=[listener]))
    lines.append(f"Traces go to {shown(settings.traces_to)}, log records {_where_logs_go(settings)}")
    if _lacks_key(settings):
        lines.append("There is no API key, so Braintrust will refuse it: set BRAINTRUST_API_KEY, or --forward-headers")
    if waiting:
        lines.append(f"{waiting} root spans of an earlier run wait")
    lines.append(
        f"What waits is in {directory}" + (", which is temporary: --state-dir keeps it" if is_temporary else "")
    )
    return _Running(
        relay, spool, http, http_task, grpc_server, directory, is_temporary, "".join(f"{line}.\n" for line in lines)
    )


def _listen(address: Address) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        return socket.create_server(address, family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        raise OSError(f"{address} cannot be had: {error}. Give another one with --listen") from error


def _refuse_loop(settings: RelaySettings, address: Address) -> None:
    to = urlsplit(settings.traces_to)
    is_here = to.hostname in ("localhost", "127.0.0.1", "::1", address.host)
    if is_here and (to.port or (443 if to.scheme == "https" else 80)) == address.port:
        raise ValueError(
            f"the relay would send to itself at {shown(settings.traces_to)}: give the next hop with --to (the "
            "variables OTEL_EXPORTER_OTLP_ENDPOINT and OTEL_EXPORTER_OTLP_TRACES_ENDPOINT count as well)"
        )


def _uvicorn_config(intake: Intake, settings: RelaySettings) -> uvicorn.Config:
    return uvicorn.Config(
        intake,
        log_config=None,
        log_level="warning",
        access_log=False,
        lifespan="off",
        ws="none",
        interface="asgi3",
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=int(_PATIENCE),
        ssl_certfile=settings.certificate,
        ssl_keyfile=settings.private_key,
    )


def _serve_metrics(address: Address, metrics: Metrics, stack: contextlib.AsyncExitStack) -> Address:
    from prometheus_client import start_http_server

    try:
        server, _ = start_http_server(address.port, address.host, registry=metrics.registry)
    except (OSError, OverflowError) as error:
        raise OSError(f"{address} cannot be had: {error}. Give another one with --metrics") from error
    stack.callback(server.shutdown)
    return Address(address.host, server.server_port)


def _lacks_key(settings: RelaySettings) -> bool:
    host = urlsplit(settings.traces_to).hostname or ""
    return host.endswith("braintrust.dev") and "authorization" not in settings.headers and not settings.forward_headers


def _scheme(settings: RelaySettings) -> str:
    return "https" if settings.certificate is not None else "http"


def _where_logs_go(settings: RelaySettings) -> str:
    return "nowhere: they are only read" if settings.logs_to is None else f"to {shown(settings.logs_to)}"
