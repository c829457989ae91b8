"""What is answered when a request fails: JSON for programs, a page for browsers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from starlette.exceptions import HTTPException

from .intake.database import BusyError, SlowQueryError
from .intake.requests import respond
from .page import pages

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response

_RETRY_AFTER = "1"
"""In seconds: who writes to the database next to this server is done soon."""
_TITLES = {404: "There is no such page", 405: "This address is not for looking at"}


def _refuse(request: Request, error: Exception) -> Response:
    refused = cast("HTTPException", error)
    if "text/html" in request.headers.get("accept", ""):
        title = _TITLES.get(refused.status_code, refused.detail)
        return pages.show_error(request, refused.status_code, title, "What there is to see begins with the traces.")
    return respond({"error": refused.detail}, refused.status_code, refused.headers)


def _wait(_: Request, error: Exception) -> Response:
    return respond({"error": f"{error}: try again"}, 503, {"Retry-After": _RETRY_AFTER})


def _give_up(_: Request, error: Exception) -> Response:
    return respond({"error": f"{error}: ask for less"}, 504)


HANDLERS: dict[Any, Callable[[Request, Exception], Response]] = {
    HTTPException: _refuse,
    BusyError: _wait,
    SlowQueryError: _give_up,
}
