"""What happens when something here fails: the application never notices, the log says it once.

One WARNING per kind of failure, then DEBUG. A message names the type of the exception and the place where it was
raised, not its text: that may hold a payload or a key. Only where the exception comes from a wrapped processor it says
the text as well, for that says what to do ("Please specify an API key"), unless there is content of the span in it.

Only an `Exception` is a failure. What is none (KeyboardInterrupt, SystemExit, gevent's Timeout) is somebody's wish and
is never caught here.
"""

from __future__ import annotations

import contextlib
import logging
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger("braintrust_run_output")

_seen: dict[str, object] = {}  # without a lock: one that is held when the process forks would stop the child


def contain(doing: str, error: Exception, *, content: Mapping[str, object] | None = None) -> None:
    """Report an exception that must not reach the application: as WARNING the first time, as DEBUG after that.

    Args:
        doing: What failed, as the log shall name it ("Reading a completion").
        error: What it failed with.
        content: Where the exception comes from a wrapped processor: the attributes of the span that it was given. Then
            its message is logged as well, for that says what to do, unless it has some of these, or a key, in it.
    """
    with contextlib.suppress(RecursionError):  # the application is so deep in calls that there is no room to say it
        kind, place = type(error).__name__, _place(error)
        message = "" if content is None else _message(error, content)
        warn_once(f"{kind} at {place}", "%s failed with %s%s at %s", doing, kind, message, place)


def warn_once(kind: str, message: str, *args: object) -> None:
    """Log ``message`` as WARNING the first time that ``kind`` is seen, as DEBUG after that."""
    mine = object()
    level = logging.WARNING if _seen.setdefault(kind, mine) is mine else logging.DEBUG
    with contextlib.suppress(Exception):  # a handler of the application's may raise
        logger.log(level, message, *args)


def forget() -> None:
    """Start anew with what has been warned about (for tests)."""
    _seen.clear()


_LONGEST_MESSAGE = 300
_SHORTEST_SECRET = 4
_SECRET_NAMES = ("KEY", "TOKEN", "SECRET", "PASSWORD", "HEADERS")


def _message(error: Exception, content: Mapping[str, object]) -> str:
    """Return an exception's message to be logged, empty if it has something in it that must not be."""
    message = str(error).strip()[:_LONGEST_MESSAGE]
    keys = (value for name, value in os.environ.items() if any(part in name.upper() for part in _SECRET_NAMES))
    secrets = (text for text in (*content.values(), *keys) if isinstance(text, str) and len(text) >= _SHORTEST_SECRET)
    return f" ({message})" if message and not any(secret in message for secret in secrets) else ""


def _place(error: BaseException) -> str:
    traceback = error.__traceback__
    if traceback is None:
        return "an unknown place"
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return f"{traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno}"
