"""The rows of the local intake, in SQLite."""

from __future__ import annotations

import json
import sqlite3
import threading
import uuid
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from .values import deep_merge

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable

    from .rows import DatasetRow, Row
    from .values import Json

_SCHEMA = """
CREATE TABLE IF NOT EXISTS traces (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE
);
CREATE TABLE IF NOT EXISTS spans (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    trace_id TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS spans_of_trace ON spans (trace_id);
CREATE TABLE IF NOT EXISTS dataset (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL
);
"""
_NEWEST = 2**63 - 1


@dataclass(frozen=True)
class TraceSummary:
    """One line in a list of traces."""

    root_span_id: str
    cursor: int
    """Position in the list: pass it as ``before`` to get the traces that come after this one."""
    span_count: int
    root: Row | None
    """The root span's row, ``None`` until it arrives."""


class Store:
    """A project's logs and one dataset, as Braintrust keeps them. Safe to use from several threads.

    Args:
        path: Where the SQLite database lives; the default keeps it in memory.

    Raises:
        sqlite3.Error: The database cannot be opened.
    """

    def __init__(self, path: str | os.PathLike[str] = ":memory:") -> None:
        # Its lock is re-entrant and guards the connection as well: every statement runs under it.
        self._changed = threading.Condition()
        self._database = sqlite3.connect(path, check_same_thread=False)
        self._database.executescript(_SCHEMA)
        weakref.finalize(self, self._database.close)

    def insert(self, rows: Iterable[Row]) -> list[str]:
        """Insert rows into the logs, all or none.

        A row replaces the stored one of the same ``id``, or is deep-merged into it if it says
        ``"_is_merge": true``. A row without an ``id`` gets one.

        Args:
            rows: The rows.

        Returns:
            Their ids, in order.

        Raises:
            TypeError: A row cannot be written as JSON.
        """
        with self._changed, self._database:
            ids = [self._insert_one(cast("dict[str, Json]", row)) for row in rows]
            self._changed.notify_all()
        return ids

    def rows(self) -> list[Row]:
        """Return every row of the logs, in order of arrival."""
        return self._read_rows("SELECT body FROM spans ORDER BY position")

    def row(self, row_id: str) -> Row | None:
        """Return the row with this ``id``, or ``None``."""
        return next(iter(self._read_rows("SELECT body FROM spans WHERE id = ?", row_id)), None)

    def count(self) -> int:
        """Return the number of rows in the logs."""
        with self._changed:
            (count,) = self._database.execute("SELECT COUNT(*) FROM spans").fetchone()
        return int(count)

    def trace(self, root_span_id: str) -> list[Row]:
        """Return the rows of one trace by start time; empty if there is no such trace."""
        rows = self._read_rows("SELECT body FROM spans WHERE trace_id = ? ORDER BY position", root_span_id)
        return sorted(rows, key=lambda row: str(row.get("created") or ""))

    def traces(self, *, limit: int = 100, before: int | None = None) -> list[TraceSummary]:
        """Return one page of the traces, newest first.

        Args:
            limit: Greatest number of traces in the page.
            before: The ``cursor`` of the previous page's last trace; ``None`` starts with the newest.

        Returns:
            The page; empty after the last one.
        """
        with self._changed:
            found = self._database.execute(
                "SELECT traces.position, traces.id, COUNT(*) FROM traces JOIN spans ON trace_id = traces.id "
                "WHERE traces.position < ? GROUP BY traces.position ORDER BY traces.position DESC LIMIT ?",
                (_NEWEST if before is None else before, limit),
            ).fetchall()
            return [
                TraceSummary(trace_id, position, count, find_root(self.trace(trace_id)))
                for position, trace_id, count in found
            ]

    def insert_dataset_row(self, row: DatasetRow) -> None:
        """Insert a row into the dataset; it replaces the stored one of the same ``id``."""
        with self._changed, self._database:
            self._database.execute(
                "INSERT INTO dataset (id, body) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body",
                (row["id"], json.dumps(row)),
            )
            self._changed.notify_all()

    def dataset(self) -> list[DatasetRow]:
        """Return the rows of the dataset, in order of arrival."""
        with self._changed:
            found = self._database.execute("SELECT body FROM dataset ORDER BY position").fetchall()
        return [json.loads(body) for (body,) in found]

    def wait_for(self, condition: Callable[[], bool], *, timeout: float = 10.0) -> None:
        """Block until a condition on this store holds.

        Args:
            condition: Looked at now and after every change. It may read the store.
            timeout: How long to wait, in seconds.

        Raises:
            TimeoutError: The condition still does not hold.
        """
        with self._changed:
            if not self._changed.wait_for(condition, timeout):
                raise TimeoutError(f"the store did not get there within {timeout} s: {self.count()} rows so far")

    def wait_for_rows(self, count: int, *, timeout: float = 10.0) -> list[Row]:
        """Block until the logs have at least ``count`` rows.

        Args:
            count: How many rows.
            timeout: How long to wait, in seconds.

        Returns:
            All rows, in order of arrival.

        Raises:
            TimeoutError: Fewer rows came.
        """
        self.wait_for(lambda: self.count() >= count, timeout=timeout)
        return self.rows()

    def _insert_one(self, row: dict[str, Json]) -> str:
        row_id = str(row.get("id") or uuid.uuid4())
        new: dict[str, Json] = {key: value for key, value in row.items() if key != "_is_merge"} | {"id": row_id}
        stored = self.row(row_id) if row.get("_is_merge") else None
        if stored:
            new = deep_merge(cast("dict[str, Json]", stored), new)
        trace_id = str(new.get("root_span_id") or row_id)
        self._database.execute("INSERT OR IGNORE INTO traces (id) VALUES (?)", (trace_id,))
        self._database.execute(
            "INSERT INTO spans (id, trace_id, body) VALUES (?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET trace_id = excluded.trace_id, body = excluded.body",
            (row_id, trace_id, json.dumps(new)),
        )
        return row_id

    def _read_rows(self, query: str, *parameters: str) -> list[Row]:
        with self._changed:
            found = self._database.execute(query, parameters).fetchall()
        return [json.loads(body) for (body,) in found]


def find_root(rows: Iterable[Row]) -> Row | None:
    """Return the first of the rows that is a root span, or ``None``."""
    return next((row for row in rows if row.get("is_root", not row.get("span_parents"))), None)
