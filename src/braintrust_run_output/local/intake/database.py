"""The SQLite database behind a `Store`: its tables, its connections, and what happens while another process writes."""

from __future__ import annotations

import re
import sqlite3
import threading
import time
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

_VERSION = 2
_BUSY_SECONDS = 0.25
MOST_SECONDS = 30
"""How long one statement may take; Braintrust's own queries have as much."""
_STEPS = 100_000
"""After so many steps of SQLite it is looked at the clock."""
_TABLES = """
CREATE TABLE IF NOT EXISTS objects (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    project_id TEXT NOT NULL,
    created TEXT NOT NULL,
    UNIQUE (kind, project_id, name)
);
CREATE TABLE IF NOT EXISTS traces (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    started TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS traces_by_start ON traces (started, position);
CREATE TABLE IF NOT EXISTS spans (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    object_id TEXT NOT NULL,
    id TEXT NOT NULL,
    trace_id TEXT NOT NULL,
    is_root INTEGER NOT NULL,
    created TEXT NOT NULL,
    service TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (object_id, id)
);
CREATE INDEX IF NOT EXISTS spans_of_trace ON spans (trace_id);
CREATE TABLE IF NOT EXISTS examples (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    object_id TEXT NOT NULL,
    id TEXT NOT NULL,
    trace_id TEXT NOT NULL,
    is_root INTEGER NOT NULL DEFAULT 1,
    created TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (object_id, id)
);
"""


class BusyError(Exception):
    """Another process is writing to the database, for longer than is waited here. Try again."""


class SlowQueryError(Exception):
    """A query took longer than it may, and was stopped."""


class Database:
    """Two connections to one database: one that writes, one that reads and never waits for the other.

    Each has a lock of its own, under which all its statements run. A database in memory has one connection.

    Args:
        path: Where the database lives, or ``:memory:``.

    Raises:
        sqlite3.Error: It cannot be opened, or an older release has made it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.changed = threading.Condition()
        """Told of every change that is made here. Its lock is re-entrant, and that of the writing connection."""
        self._writer = _connect(path)
        _prepare(self._writer)
        in_memory = str(path) == ":memory:"
        self._reader = self._writer if in_memory else _connect(path)
        self._reading = self.changed if in_memory else threading.RLock()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give a transaction, committed at the end or rolled back; then tell those who wait for a change.

        Raises:
            BusyError: Another process is writing.
        """
        with self.changed:
            try:
                with self._writer:
                    yield self._writer
            except sqlite3.OperationalError as error:
                raise _as_busy(error) from None
            self.changed.notify_all()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give the connection that reads.

        Raises:
            BusyError: Another process is changing the whole database.
            SlowQueryError: A statement takes too long: as long as it runs, no other does.
        """
        with self._reading:
            end = time.monotonic() + MOST_SECONDS
            self._reader.set_progress_handler(lambda: time.monotonic() > end, _STEPS)
            try:
                yield self._reader
            except sqlite3.OperationalError as error:
                raise _as_busy(error) from None
            finally:
                self._reader.set_progress_handler(None, 0)

    def version(self) -> str:
        """Return a text that is another one after every change, also by another process."""
        with self.reading() as database:
            (elsewhere,) = database.execute("PRAGMA data_version").fetchone()
        return f"{elsewhere}-{self._writer.total_changes}"

    def close(self) -> None:
        """Close both connections."""
        self._reader.close()
        self._writer.close()


def _connect(path: str | os.PathLike[str]) -> sqlite3.Connection:
    database = sqlite3.connect(path, check_same_thread=False, timeout=_BUSY_SECONDS)
    database.create_function("like_pattern", 2, _is_like, deterministic=True)
    return database


def _is_like(text: object, pattern: str) -> bool:
    """Whether a text is as a pattern of SQL's LIKE says: SQLite's own takes forever for some patterns."""
    if not isinstance(text, str):
        return False
    first, *rest = pattern.split("%")
    found = _chunk(first).match(text)
    if found is None or not rest:
        return found is not None and found.end() == len(text)
    *middle, last = rest
    position = found.end()
    for chunk in middle:
        found = _chunk(chunk).search(text, position)
        if found is None:
            return False
        position = found.end()
    return len(text) - len(last) >= position and _chunk(last).match(text, len(text) - len(last)) is not None


@lru_cache(maxsize=256)
def _chunk(pattern: str) -> re.Pattern[str]:
    return re.compile("".join("." if char == "_" else re.escape(char) for char in pattern), re.DOTALL)


def _prepare(database: sqlite3.Connection) -> None:
    (version,) = database.execute("PRAGMA user_version").fetchone()
    (tables,) = database.execute("SELECT COUNT(*) FROM sqlite_master WHERE type = 'table'").fetchone()
    if version == _VERSION:
        return
    if version or tables:
        raise sqlite3.DatabaseError("it was made by another release or another program: name a new file")
    # With a write-ahead log, who reads never waits for who writes.
    database.execute("PRAGMA journal_mode = WAL")
    database.executescript(_TABLES)
    database.execute(f"PRAGMA user_version = {_VERSION}")


def _as_busy(error: sqlite3.OperationalError) -> Exception:
    text = str(error)
    if "interrupted" in text:
        return SlowQueryError(f"the query took longer than {MOST_SECONDS} s")
    return BusyError("another process is writing to the database") if "locked" in text or "busy" in text else error
