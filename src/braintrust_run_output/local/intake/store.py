"""The rows of the local intake, in SQLite: the logs of its projects, its experiments and its datasets."""

from __future__ import annotations

import json
import sqlite3
import threading
import uuid
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, cast

from .values import deep_merge, iso_time

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from .rows import DatasetRow, Row
    from .values import Json

LOCAL = "local"
"""The id of the project, and of the dataset, where rows go unless another one is named."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    project_id TEXT NOT NULL,
    UNIQUE (kind, project_id, name)
);
CREATE TABLE IF NOT EXISTS traces (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE
);
CREATE TABLE IF NOT EXISTS spans (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    object_id TEXT NOT NULL,
    id TEXT NOT NULL,
    trace_id TEXT NOT NULL,
    is_root INTEGER NOT NULL,
    created TEXT,
    body TEXT NOT NULL,
    UNIQUE (object_id, id)
);
CREATE INDEX IF NOT EXISTS spans_of_trace ON spans (trace_id);
CREATE TABLE IF NOT EXISTS dataset (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    dataset_id TEXT NOT NULL,
    id TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (dataset_id, id)
);
"""
_NEWEST = 2**63 - 1
_MANY_ROOTS = 10  # a trace should have one


class StoredObject(NamedTuple):
    """A project, dataset or experiment. A project's ``project_id`` is empty."""

    id: str
    kind: str
    name: str
    project_id: str


@dataclass(frozen=True)
class TraceSummary:
    """One line in a list of traces."""

    root_span_id: str
    cursor: int
    """Position in the list: pass it as ``before`` to get the traces that come after this one."""
    span_count: int
    root: Row | None
    """The root span's row, ``None`` until it arrives."""


class Page(NamedTuple):
    """Some rows, and where the next ones begin."""

    rows: list[dict[str, Json]]
    cursor: int | None
    """Pass it on to get the next page; ``None`` after the last one."""


class Store:
    """Projects with their logs, experiments and datasets, as Braintrust keeps them. Safe for use by many threads.

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
        self._add_object(StoredObject(LOCAL, "project", LOCAL, ""))

    # --- projects, datasets, experiments ---------------------------------------------------------------------

    def register(self, kind: str, name: str, project_id: str = "") -> StoredObject:
        """Return the object of this name, made if there is none.

        Args:
            kind: ``project``, ``dataset`` or ``experiment``.
            name: Its name, unique within its kind and project.
            project_id: The project that it belongs to; empty for a project.
        """
        new_id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{kind}/{project_id}/{name}"))
        self._add_object(StoredObject(new_id, kind, name, project_id))
        return self.objects(kind, name=name, project_id=project_id)[0]

    def find(self, kind: str, object_id: str) -> StoredObject | None:
        """Return the object of this kind and id, or ``None``."""
        return next(iter(self._find("kind = ? AND id = ?", kind, object_id)), None)

    def objects(self, kind: str, *, name: str | None = None, project_id: str | None = None) -> list[StoredObject]:
        """Return the objects of a kind, in the order in which they were made.

        Args:
            kind: ``project``, ``dataset`` or ``experiment``.
            name: Only those of this name.
            project_id: Only those of this project.
        """
        return self._find(
            "kind = ? AND (? IS NULL OR name = ?) AND (? IS NULL OR project_id = ?)",
            *(kind, name, name, project_id, project_id),
        )

    # --- logs ------------------------------------------------------------------------------------------------

    def insert(self, rows: Iterable[Row], object_id: str = LOCAL) -> list[str]:
        """Insert rows into the logs of a project or experiment, all or none.

        A row replaces the stored one of the same ``id``, or is deep-merged into it if it says
        ``"_is_merge": true``. A row without an ``id`` gets one.

        Args:
            rows: The rows.
            object_id: The project or experiment.

        Returns:
            Their ids, in order.

        Raises:
            TypeError: A row cannot be written as JSON.
        """
        with self._changed, self._database:
            ids = [self._insert_one(object_id, cast("dict[str, Json]", row)) for row in rows]
            self._changed.notify_all()
        return ids

    def rows(self, object_id: str | None = None) -> list[Row]:
        """Return the rows of one project's or experiment's logs, or of all, in order of arrival."""
        found = self._bodies(
            "SELECT body FROM spans WHERE (? IS NULL OR object_id = ?) ORDER BY position", object_id, object_id
        )
        return cast("list[Row]", found)

    def row(self, row_id: str) -> Row | None:
        """Return the row with this ``id``, or ``None``."""
        found = self._bodies("SELECT body FROM spans WHERE id = ?", row_id)
        return cast("Row", found[0]) if found else None

    def count(self) -> int:
        """Return the number of rows in the logs."""
        with self._changed:
            (count,) = self._database.execute("SELECT COUNT(*) FROM spans").fetchone()
        return int(count)

    def version(self) -> str:
        """Return a text that is another one after every change, also by another process."""
        with self._changed:
            (elsewhere,) = self._database.execute("PRAGMA data_version").fetchone()
            return f"{elsewhere}-{self._database.total_changes}"

    def trace(self, root_span_id: str, *, limit: int | None = None) -> list[Row]:
        """Return the rows of one trace by start time; empty if there is no such trace.

        Args:
            root_span_id: The trace id.
            limit: Greatest number of rows, of which the root is one; ``None``, the default, means all.
        """
        found = self._bodies(
            "SELECT body FROM spans WHERE trace_id = ? ORDER BY is_root DESC, position LIMIT ?",
            *(root_span_id, -1 if limit is None else limit),
        )
        return cast("list[Row]", sorted(found, key=lambda row: str(row.get("created") or "")))

    def count_traces(self) -> int:
        """Return the number of traces."""
        with self._changed:
            (count,) = self._database.execute("SELECT COUNT(*) FROM traces").fetchone()
        return int(count)

    def count_spans(self, root_span_id: str) -> int:
        """Return the number of rows of one trace."""
        with self._changed:
            (count,) = self._database.execute(
                "SELECT COUNT(*) FROM spans WHERE trace_id = ?", (root_span_id,)
            ).fetchone()
        return int(count)

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
                TraceSummary(trace_id, position, count, find_root(self.trace(trace_id, limit=_MANY_ROOTS)))
                for position, trace_id, count in found
            ]

    def select(
        self, object_id: str, condition: str, parameters: Sequence[object], *, limit: int, before: int | None = None
    ) -> Page:
        """Return a page of the rows of a project, experiment or dataset that meet a condition, newest first.

        Args:
            object_id: The project, experiment or dataset.
            condition: An SQL condition over the columns ``id``, ``trace_id``, ``is_root``, ``created`` and ``body``
                (JSON), as `braintrust_run_output.local.intake.btql` writes it. Never text from outside.
            parameters: What its question marks stand for.
            limit: Greatest number of rows in the page.
            before: The ``cursor`` of the previous page.
        """
        table, owner = ("dataset", "dataset_id") if self.find("dataset", object_id) else ("spans", "object_id")
        with self._changed:
            found = self._database.execute(
                f"SELECT position, body FROM {table} WHERE {owner} = ? AND position < ? AND ({condition}) "  # noqa: S608
                "ORDER BY position DESC LIMIT ?",
                (object_id, _NEWEST if before is None else before, *parameters, limit),
            ).fetchall()
        rows = [{**json.loads(body), "_xact_id": f"{position:020d}"} for position, body in found]
        return Page(rows, found[-1][0] if len(found) == limit else None)

    # --- datasets --------------------------------------------------------------------------------------------

    def insert_dataset_row(self, row: DatasetRow, dataset_id: str = LOCAL) -> None:
        """Insert a row into a dataset; it replaces the stored one of the same ``id``."""
        self.insert_dataset_rows([cast("dict[str, Json]", row)], dataset_id)

    def insert_dataset_rows(self, rows: Iterable[Mapping[str, Json]], dataset_id: str = LOCAL) -> list[str]:
        """Insert rows into a dataset, all or none, by the rules of `insert`.

        Args:
            rows: The rows.
            dataset_id: The dataset.

        Returns:
            Their ids, in order.
        """
        ids = []
        with self._changed, self._database:
            for row in rows:
                row_id = str(row.get("id") or uuid.uuid4())
                new = self._merged("SELECT body FROM dataset WHERE dataset_id = ? AND id = ?", dataset_id, row_id, row)
                self._database.execute(
                    "INSERT INTO dataset (dataset_id, id, body) VALUES (?, ?, ?) "
                    "ON CONFLICT (dataset_id, id) DO UPDATE SET body = excluded.body",
                    (dataset_id, row_id, json.dumps(new)),
                )
                ids.append(row_id)
            self._changed.notify_all()
        return ids

    def dataset(self, dataset_id: str = LOCAL) -> list[DatasetRow]:
        """Return the rows of a dataset, in order of arrival."""
        found = self._bodies("SELECT body FROM dataset WHERE dataset_id = ? ORDER BY position", dataset_id)
        return cast("list[DatasetRow]", found)

    def dataset_row(self, row_id: str, dataset_id: str = LOCAL) -> DatasetRow | None:
        """Return the row of a dataset with this ``id``, or ``None``."""
        found = self._bodies("SELECT body FROM dataset WHERE dataset_id = ? AND id = ?", dataset_id, row_id)
        return cast("DatasetRow", found[0]) if found else None

    def remove_dataset_row(self, row_id: str, dataset_id: str = LOCAL) -> None:
        """Remove a row from a dataset; does nothing if it is not there."""
        with self._changed, self._database:
            self._database.execute("DELETE FROM dataset WHERE dataset_id = ? AND id = ?", (dataset_id, row_id))
            self._changed.notify_all()

    def count_dataset(self, dataset_id: str = LOCAL, *, origin_id: str | None = None) -> int:
        """Return the number of rows of a dataset.

        Args:
            dataset_id: The dataset.
            origin_id: Only those made of the span with this id.
        """
        with self._changed:
            (count,) = self._database.execute(
                "SELECT COUNT(*) FROM dataset WHERE dataset_id = ? "
                "AND (? IS NULL OR json_extract(body, '$.origin.id') = ?)",
                (dataset_id, origin_id, origin_id),
            ).fetchone()
        return int(count)

    # --- waiting ---------------------------------------------------------------------------------------------

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

    # --- the database ----------------------------------------------------------------------------------------

    def _add_object(self, new: StoredObject) -> None:
        with self._changed, self._database:
            self._database.execute(
                "INSERT OR IGNORE INTO objects (id, kind, name, project_id) VALUES (?, ?, ?, ?)", new
            )

    def _find(self, condition: str, *parameters: str | None) -> list[StoredObject]:
        query = f"SELECT id, kind, name, project_id FROM objects WHERE {condition} ORDER BY position"  # noqa: S608
        with self._changed:
            return [StoredObject(*found) for found in self._database.execute(query, parameters).fetchall()]

    def _insert_one(self, object_id: str, row: dict[str, Json]) -> str:
        row_id = str(row.get("id") or uuid.uuid4())
        new = self._merged("SELECT body FROM spans WHERE object_id = ? AND id = ?", object_id, row_id, row)
        trace_id = str(new.get("root_span_id") or row_id)
        is_root = bool(new.get("is_root", not new.get("span_parents")))
        self._database.execute("INSERT OR IGNORE INTO traces (id) VALUES (?)", (trace_id,))
        self._database.execute(
            "INSERT INTO spans (object_id, id, trace_id, is_root, created, body) VALUES (?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (object_id, id) DO UPDATE SET trace_id = excluded.trace_id, is_root = excluded.is_root, "
            "created = excluded.created, body = excluded.body",
            (object_id, row_id, trace_id, is_root, iso_time(new.get("created")), json.dumps(new)),
        )
        return row_id

    def _merged(self, query: str, object_id: str, row_id: str, row: Mapping[str, Json]) -> dict[str, Json]:
        new: dict[str, Json] = {key: value for key, value in row.items() if key != "_is_merge"} | {"id": row_id}
        stored = self._bodies(query, object_id, row_id) if row.get("_is_merge") else []
        return deep_merge(stored[0], new) if stored else new

    def _bodies(self, query: str, *parameters: str | int | None) -> list[dict[str, Json]]:
        with self._changed:
            found = self._database.execute(query, parameters).fetchall()
        return [json.loads(body) for (body,) in found]


def find_root(rows: Iterable[Row]) -> Row | None:
    """Return the first of the rows that is a root span, or ``None``."""
    return next((row for row in rows if row.get("is_root", not row.get("span_parents"))), None)
