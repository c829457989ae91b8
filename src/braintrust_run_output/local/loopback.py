"""Only this machine may talk to the local servers."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_REFUSAL = "Refused: the host, and the page that sends this, must be of this server, e.g. http://127.0.0.1:4319\n"


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
    """ASGI middleware that answers 403 to what a page of another server asks for.

    Binding a loopback address is not enough: a web page can point its own host name at 127.0.0.1, and a page of another
    port of this machine can send a form here. So a request must name this machine as its host; its page, if it comes
    from one, must be of this machine as well, and of this very server for anything but reading.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        app = self._app
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            if not _names_loopback(f"//{headers.get('host', '')}") or not _may_come_from_its_page(scope, headers):
                app = PlainTextResponse(_REFUSAL, status_code=403)
        await app(scope, receive, send)


def _may_come_from_its_page(scope: Scope, headers: Headers) -> bool:
    """Whether the page that sent a request, if one did, may send it."""
    origin = headers.get("origin")
    if scope["method"] in _READING:
        return origin is None or _names_loopback(origin)
    if origin is not None:
        return origin == f"{scope['scheme']}://{headers.get('host')}"
    # Browsers leave Origin away at times, but never this.
    return headers.get("sec-fetch-site", "none") in {"same-origin", "none"}


def _names_loopback(url: str) -> bool:
    try:
        return is_loopback(urlsplit(url).hostname or "")
    except ValueError:
        return False
