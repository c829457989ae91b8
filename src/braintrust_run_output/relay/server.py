"""The relay's life: what is opened at its start, and in which order it ends at SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import shutil
import signal
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import uvicorn

from .forwarding import Forwarder, shown
from .grpc_receiving import make_grpc_server
from .metrics import Metrics
from .receiving import Intake
from .relay import Relay
from .settings import Address
from .spool import Spool, SpoolError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..config import RunOutputConfig
    from .settings import RelaySettings

_PATIENCE = 10.0
"""How long a stop waits: for requests to end, and for the next hop to take roots, each, in seconds."""
_KEEP_ALIVE = 65
"""How long a connection may be idle, in seconds: longer than exporters wait between requests."""


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
