"""Only this machine may talk to the local servers."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address means this machine alone.

    Args:
        host: ``localhost``, or an IPv4 or IPv6 address without brackets and port.

    Returns:
        ``False`` for any other name too: what it resolves to can change (DNS rebinding).
    """
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class LoopbackOnly:
    """ASGI middleware that answers 403 to a request addressed to, or sent by a page of, another host.

    Binding a loopback address is not enough: a web page can point its own host name at 127.0.0.1.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        app = self._app
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            origin = headers.get("origin")
            if not _names_loopback(f"//{headers.get('host', '')}") or not (origin is None or _names_loopback(origin)):
                app = PlainTextResponse("Host and Origin must be loopback, e.g. 127.0.0.1\n", status_code=403)
        await app(scope, receive, send)


def _names_loopback(url: str) -> bool:
    try:
        return is_loopback(urlsplit(url).hostname or "")
    except ValueError:
        return False
