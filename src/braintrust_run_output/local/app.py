"""The ASGI application: what the `intake` takes and answers, and the `page` for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette

from . import failures
from .intake import api, receiving
from .page import pages

if TYPE_CHECKING:
    from .intake.store import Store

DEFAULT_MAX_BODY_BYTES = 64 * 1024 * 1024


def create_app(
    store: Store, *, max_body_bytes: int = DEFAULT_MAX_BODY_BYTES, api_key: str | None = None, key: str = "run_output"
) -> Starlette:
    """Make the intake's ASGI application.

    Args:
        store: Where rows go and come from.
        max_body_bytes: Greatest size of a request body after decompression, in bytes; 64 MiB by default.
        api_key: The key that Braintrust's REST interface wants; by default it takes any.
        key: The metadata key whose values the pages show as run outputs.

    Returns:
        The application. It trusts its caller: put it behind `LoopbackOnly`, as `LocalIntake` does.
    """
    app = Starlette(routes=[*pages.ROUTES, *receiving.ROUTES, *api.ROUTES], exception_handlers=failures.HANDLERS)
    app.state.store = store
    app.state.api_key = api_key
    app.state.key = key
    app.state.max_body_bytes = max_body_bytes
    return app
