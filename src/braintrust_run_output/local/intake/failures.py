"""What is answered when a request fails: JSON for programs, a page for browsers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from starlette.exceptions import HTTPException

from .database import BusyError
from .requests import respond

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response

_RETRY_AFTER = "1"
"""In seconds: who writes to the database next to this server is done soon."""


def _refuse(_: Request, error: Exception) -> Response:
    refused = cast("HTTPException", error)
    return respond({"error": refused.detail}, refused.status_code, refused.headers)


def _wait(_: Request, error: Exception) -> Response:
    return respond({"error": f"{error}: try again"}, 503, {"Retry-After": _RETRY_AFTER})


HANDLERS: dict[Any, Callable[[Request, Exception], Response]] = {HTTPException: _refuse, BusyError: _wait}
