"""What happens when something here fails: the application never notices, the log says it once.

One WARNING per kind of failure, then DEBUG. A message names the type of the exception and the place where it was
raised, not its text: that may hold a payload or a key. Only where the exception comes from a wrapped processor or a
setting, it says the text as well, for that says what to do.

Only an `Exception` is a failure. What is none (KeyboardInterrupt, SystemExit, gevent's Timeout) is somebody's wish and
is never caught here.
"""

from __future__ import annotations

import contextlib
import logging

logger = logging.getLogger("braintrust_run_output")

_seen: dict[str, object] = {}  # without a lock: one that is held when the process forks would stop the child


def contain(doing: str, error: Exception, *, says: bool = False) -> None:
    """Report an exception that must not reach the application: as WARNING the first time, as DEBUG after that.

    Args:
        doing: What failed, as the log shall name it ("Reading a completion").
        error: What it failed with.
        says: Whether its message can be logged: it comes from a wrapped processor or a setting. Default False.
    """
    with contextlib.suppress(RecursionError):  # the application is so deep in calls that there is no room to say it
        kind = type(error).__name__
        said = f" ({error})" if says and str(error) else ""
        warn_once(f"{doing}: {kind}", "%s failed with %s%s at %s", doing, kind, said, _place(error))


def warn_once(kind: str, message: str, *args: object) -> None:
    """Log ``message`` as WARNING the first time that ``kind`` is seen, as DEBUG after that."""
    mine = object()
    level = logging.WARNING if _seen.setdefault(kind, mine) is mine else logging.DEBUG
    with contextlib.suppress(Exception):  # a handler of the application's may raise
        logger.log(level, message, *args)


def forget() -> None:
    """Start anew with what has been warned about (for tests)."""
    _seen.clear()


def _place(error: BaseException) -> str:
    traceback = error.__traceback__
    if traceback is None:
        return "an unknown place"
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return f"{traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno}"
