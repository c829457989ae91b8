"""An ASGI application on a loopback port, in a background thread."""

from __future__ import annotations

import os
import socket
import threading
from typing import TYPE_CHECKING

import uvicorn

from .loopback import LoopbackOnly, is_loopback

if TYPE_CHECKING:
    from types import TracebackType

    from starlette.types import ASGIApp
    from typing_extensions import Self


class BackgroundServer:
    """Serves an ASGI application to this machine. A context manager, or `start` and `stop`.

    Args:
        app: The application. Requests that name another host never reach it.
        host: A loopback address or ``localhost``.
        port: The port; 0, the default, takes a free one.

    Raises:
        ValueError: ``host`` is not loopback.
    """

    def __init__(self, app: ASGIApp, *, host: str = "127.0.0.1", port: int = 0) -> None:
        if not is_loopback(host):
            raise ValueError(f"host={host!r} is not loopback: use '127.0.0.1', '::1' or 'localhost'")
        self._app = LoopbackOnly(app)
        self._host = host
        self._port = port
        self._running: tuple[_Server, threading.Thread] | None = None

    @property
    def url(self) -> str:
        """Base URL without a trailing slash, e.g. ``http://127.0.0.1:50123``; final once started."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    def start(self) -> Self:
        """Start serving; requests are answered when this returns.

        Returns:
            This server.

        Raises:
            OSError: The port is taken.
            RuntimeError: The server already runs, or could not start.
            ValueError: ``localhost`` is not loopback on this machine.
        """
        if self._running:
            raise RuntimeError(f"{self.url} is already being served: stop() it first")
        listener = _listen(self._host, self._port)
        self._port = listener.getsockname()[1]
        # The application's own logging stays as it is: log_config=None.
        config = uvicorn.Config(
            self._app,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=1,
        )
        server = _Server(config)
        thread = threading.Thread(
            target=server.run, args=([listener],), name=f"{type(self).__name__} {self.url}", daemon=True
        )
        thread.start()
        server.ready.wait()
        if not server.started:
            thread.join()
            raise RuntimeError(f"{self.url} could not be served: the log of uvicorn says why")
        self._running = server, thread
        return self

    def stop(self) -> None:
        """Stop serving and wait for the thread to end. Does nothing if not started."""
        if self._running:
            server, thread = self._running
            self._running = None
            server.should_exit = True
            thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            super().run(sockets)
        finally:
            self.ready.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


def _listen(host: str, port: int) -> socket.socket:
    (family, kind, protocol, _, address), *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    if not is_loopback(str(address[0])):
        raise ValueError(f"host={host!r} is {address[0]} on this machine, not loopback: use '127.0.0.1'")
    listener = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # Elsewhere it would let two servers share a port.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener
