"""``braintrust-run-output serve``: the intake and its pages, until it is stopped."""

from __future__ import annotations

import signal
import sqlite3
import threading
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from ..config import RunOutputConfig
from .intake.store import Store
from .local_intake import LocalIntake

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DEFAULT_PORT = 4319
"""One above OTLP's own, 4318."""
_LAST_PORT = 65_535


def serve(
    write: Callable[[str], object],
    *,
    port: int = DEFAULT_PORT,
    database: str | None = None,
    wait: Callable[[], object] | None = None,
) -> int:
    """Serve the intake and its pages on loopback.

    Args:
        write: Where the addresses and errors go, e.g. ``sys.stdout.write``.
        port: The port; 0 takes a free one.
        database: An SQLite file that keeps traces and dataset rows; by default they are gone with the process.
        wait: Returns when the server is to stop; by default SIGINT or SIGTERM stop it.

    Returns:
        The exit code: 0, or 2 if the port or the database cannot be had.
    """
    if not 0 <= port <= _LAST_PORT:
        write(f"--port {port}: there are ports from 1 to {_LAST_PORT}; 0 takes any that is free.\n")
        return 2
    try:
        store = Store(database or ":memory:")
    except sqlite3.Error as error:
        write(f"The database {database} cannot be opened: {error}.\n")
        return 2
    intake = LocalIntake(port=port, store=store, key=RunOutputConfig.from_env().key)
    try:
        intake.start()
    except OSError as error:
        write(f"Port {port} cannot be had: {error.strerror}. Give another one: --port 0 takes any that is free.\n")
        return 2
    try:
        with nullcontext(wait) if wait else stopped_by_signal() as until_stopped:
            write(_announce(intake, database))
            until_stopped()
    finally:
        intake.stop()
    return 0


def _announce(intake: LocalIntake, database: str | None) -> str:
    kept = f"Traces and dataset rows are kept in {database}." if database else "Nothing is kept when this ends."
    return (
        f"Open {intake.url}/\n\n"
        "Send traces here, and nothing else:\n\n"
        "  export OTEL_TRACES_EXPORTER=otlp OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf\n"
        f"  export OTEL_EXPORTER_OTLP_TRACES_ENDPOINT={intake.endpoint}\n"
        "  export OTEL_METRICS_EXPORTER=none OTEL_LOGS_EXPORTER=none\n\n"
        f"{kept} Stop with Ctrl-C.\n"
    )


@contextmanager
def stopped_by_signal() -> Iterator[Callable[[], object]]:
    """Give what waits for SIGINT or SIGTERM, which count from the beginning of the block."""
    stop = threading.Event()
    before = {one: signal.signal(one, lambda *_: stop.set()) for one in (signal.SIGINT, signal.SIGTERM)}

    def wait() -> None:
        while not stop.wait(1):  # with a timeout: Windows would not see Ctrl-C otherwise
            pass

    try:
        yield wait
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
