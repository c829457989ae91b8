"""What happens when something here fails: the application never notices, the log says it once.

One WARNING per kind of failure, then DEBUG. A message names the type of the exception and the place where
it was raised, never its text: that may hold a payload or a key.
"""

from __future__ import annotations

import contextlib
import logging

logger = logging.getLogger("braintrust_run_output")

_seen: dict[str, object] = {}  # without a lock: one that is held when the process forks would stop the child


def contain(doing: str, error: BaseException) -> None:
    """Deal with an exception that must not reach the application: report it, or raise it if it means to stop.

    ``KeyboardInterrupt`` and ``SystemExit`` are raised again; everything else, other ``BaseException`` types included,
    ends here.

    Args:
        doing: What failed, as the log shall name it ("Reading a completion").
        error: What it failed with.
    """
    if isinstance(error, (KeyboardInterrupt, SystemExit)):
        raise error
    report(doing, error)


def report(doing: str, error: BaseException) -> None:
    """Log a contained failure: as WARNING the first time that this kind is seen, as DEBUG after that."""
    place = _place(error)
    warn_once(f"{doing}: {type(error).__name__}", "%s failed with %s at %s", doing, type(error).__name__, place)


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
