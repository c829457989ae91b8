"""Failures on order: the next requests to a path get an error, as a busy or broken server would give it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


@dataclass
class _Fault:
    status: int
    path: str
    headers: dict[str, str]
    skip: int
    times: int


@dataclass
class Faults:
    """What is to fail. Safe for use by many threads."""

    _waiting: list[_Fault] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(
        self, status: int, *, path: str = "", times: int = 1, skip: int = 0, retry_after: str | None = None
    ) -> None:
        """Answer requests with an error instead of serving them.

        Args:
            status: The HTTP status to answer with.
            path: Only requests whose path ends with this.
            times: How many requests.
            skip: How many such requests to serve first.
            retry_after: The answer's ``Retry-After`` header, in seconds; default none.
        """
        headers = {} if retry_after is None else {"Retry-After": retry_after}
        with self._lock:
            self._waiting.append(_Fault(status, path, headers, skip, times))

    def clear(self) -> None:
        """Let every request through from now on."""
        with self._lock:
            self._waiting.clear()

    def next_for(self, path: str) -> tuple[int, dict[str, str]] | None:
        """Return the status and headers that a request to ``path`` must fail with; ``None`` if it need not."""
        with self._lock:
            for fault in self._waiting:
                if fault.times and path.endswith(fault.path):
                    if fault.skip:
                        fault.skip -= 1
                        return None
                    fault.times -= 1
                    return fault.status, fault.headers
        return None


class FaultInjection:
    """ASGI middleware that answers with the failures of a `Faults`."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or fail."""
        fault = self._faults.next_for(scope["path"]) if scope["type"] == "http" else None
        if fault is None:
            await self._app(scope, receive, send)
        else:
            status, headers = fault
            await JSONResponse({"error": "failing on order"}, status, headers)(scope, receive, send)
