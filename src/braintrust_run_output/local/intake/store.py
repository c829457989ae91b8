"""The rows of the local intake: the logs of its projects, its experiments and its datasets."""

from __future__ import annotations

import json
import uuid
import weakref
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, cast

from .database import Database
from .values import deep_merge, iso_time, now

if TYPE_CHECKING:
    import os
    import sqlite3
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from .btql.query import Query
    from .rows import DatasetRow, Row
    from .values import Json

LOCAL = "local"
"""The name of the project, and of the dataset in it, where rows go unless another one is named."""

_NEWEST = 2**63 - 1
_MANY_ROOTS = 10  # a trace should have one


def object_id(kind: str, name: str, project_id: str = "") -> str:
    """Return the id of a project, dataset or experiment: a UUID, always the same for the same name."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{kind}/{project_id}/{name}"))


LOCAL_PROJECT = object_id("project", LOCAL)
"""The id of that project."""
LOCAL_DATASET = object_id("dataset", LOCAL, LOCAL_PROJECT)
"""The id of that dataset."""
ORGANIZATION = object_id("organization", LOCAL)
"""The id of the one organization."""


class StoredObject(NamedTuple):
    """A project, dataset or experiment. A project's ``project_id`` is empty."""

    id: str
    kind: str
    name: str
    project_id: str
    created: str


class StoredRow(NamedTuple):
    """A row as it was sent, and what the store knows of it."""

    body: dict[str, Json]
    position: int
    created: str
    trace_id: str
    is_root: bool


@dataclass(frozen=True)
class TraceSummary:
    """One line in a list of traces."""

    root_span_id: str
    cursor: int
    """Position in the list: pass it as ``before`` to get the traces that come after this one."""
    span_count: int
    root: Row | None
    """The root span's row, ``None`` until it arrives."""
    project: str = LOCAL
    """The name of the project that its root, or else its first span, is in."""
    services: tuple[str, ...] = ()
    """The services that its spans come from, in the order of their first spans; without a name they do not count."""


class TraceFilter(NamedTuple):
    """Which traces are asked for; what is None does not matter."""

    project_id: str | None = None
    service: str | None = None
    """One of its spans is of the service with this name."""
    lacks: str | None = None
    """No root that it has has such a metadata key."""


class Store:
    """Projects with their logs, experiments and datasets, as Braintrust keeps them. Safe for use by many threads.

    While another process writes to its file, a write raises `BusyError` after a quarter of a second.

    Args:
        path: Where the SQLite database lives; the default keeps it in memory.

    Raises:
        sqlite3.Error: The database cannot be opened, or another release has made it.
    """

    def __init__(self, path: str | os.PathLike[str] = ":memory:") -> None:
        self._database = Database(path)
        weakref.finalize(self, self._database.close)
        self.register("project", LOCAL)

    # --- projects, datasets, experiments ---------------------------------------------------------------------

    def register(self, kind: str, name: str, project_id: str = "") -> StoredObject:
        """Return the object of this name, made if there is none.

        Args:
            kind: ``project``, ``dataset`` or ``experiment``.
            name: Its name, unique within its kind and project.
            project_id: The project that it belongs to; empty for a project.
        """
        new_id = object_id(kind, name, project_id)
        found = self.find(kind, new_id)
        if found is not None:
            return found
        made = StoredObject(new_id, kind, name, project_id, now())
        with self._database.writing() as database:
            database.execute(
                "INSERT OR IGNORE INTO objects (id, kind, name, project_id, created) VALUES (?, ?, ?, ?, ?)", made
            )
        return self.find(kind, new_id) or made

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

    def remove(self, kind: str, object_id: str) -> None:
        """Remove a dataset or experiment with its rows; does nothing if it is not there."""
        with self._database.writing() as database:
            database.execute("DELETE FROM objects WHERE kind = ? AND id = ?", (kind, object_id))
            database.execute(f"DELETE FROM {_table_of(kind)} WHERE object_id = ?", (object_id,))  # noqa: S608

    # --- logs ------------------------------------------------------------------------------------------------

    def insert(self, rows: Iterable[Row], object_id: str = LOCAL_PROJECT) -> list[str]:
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
            BusyError: Another process is writing.
        """
        prepared = [_prepared(cast("dict[str, Json]", row)) for row in rows]
        with self._database.writing() as database:
            return [_insert_span(database, object_id, row) for row in prepared]

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
        return self._count("SELECT COUNT(*) FROM spans")

    def version(self) -> str:
        """Return a text that is another one after every change, also by another process."""
        return self._database.version()

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

    def project_of(self, root_span_id: str) -> StoredObject:
        """Return the project that a trace's root, or else its first span, is in; the local one if it is nowhere."""
        with self._database.reading() as database:
            found = database.execute(
                "SELECT object_id FROM spans WHERE trace_id = ? ORDER BY is_root DESC, position LIMIT 1",
                _writable([root_span_id]),
            ).fetchone() or (LOCAL_PROJECT,)
        return self.find("project", found[0]) or self.register("project", LOCAL)

    def count_traces(self, asked: TraceFilter | None = None) -> int:
        """Return the number of traces, of all or of those that a filter asks for."""
        condition, parameters = _trace_condition(asked or TraceFilter())
        return self._count(f"SELECT COUNT(*) FROM traces WHERE {condition}", *parameters)  # noqa: S608

    def count_spans(self, root_span_id: str) -> int:
        """Return the number of rows of one trace."""
        return self._count("SELECT COUNT(*) FROM spans WHERE trace_id = ?", root_span_id)

    def services(self) -> Counter[str]:
        """Return the services that spans came from, with the numbers of their traces."""
        with self._database.reading() as database:
            found = database.execute(
                "SELECT service, COUNT(DISTINCT trace_id) FROM spans WHERE service <> '' GROUP BY service"
            ).fetchall()
        return Counter(dict(found))

    def projects(self) -> Counter[StoredObject]:
        """Return the projects that have traces, with the numbers of these."""
        with self._database.reading() as database:
            found: dict[str, int] = dict(
                database.execute("SELECT object_id, COUNT(DISTINCT trace_id) FROM spans GROUP BY object_id").fetchall()
            )
        return Counter({one: found[one.id] for one in self.objects("project") if one.id in found})

    def traces(
        self, *, limit: int = 100, before: int | None = None, asked: TraceFilter | None = None
    ) -> list[TraceSummary]:
        """Return one page of the traces, by the start of their first span, newest first.

        Args:
            limit: Greatest number of traces in the page.
            before: The ``cursor`` of the previous page's last trace; ``None`` starts with the newest.
            asked: Which traces; all by default.

        Returns:
            The page; empty after the last one.
        """
        condition, parameters = _trace_condition(asked or TraceFilter())
        if before is not None:
            condition += " AND (started, position) < (SELECT started, position FROM traces WHERE position = ?)"
            parameters = (*parameters, before)
        with self._database.reading() as database:
            found = database.execute(
                f"SELECT position, id FROM traces WHERE {condition} "  # noqa: S608
                "ORDER BY started DESC, position DESC LIMIT ?",
                (*parameters, limit),
            ).fetchall()
            return [self._summary(database, position, trace_id) for position, trace_id in found]

    def summary(self, root_span_id: str) -> TraceSummary:
        """Return one line of the list of traces; its position is 0."""
        with self._database.reading() as database:
            return self._summary(database, 0, root_span_id)

    def select(self, asked: Query) -> list[StoredRow]:
        """Return a page of the rows of a project, experiment or dataset that a query asks for."""
        condition, parameters = asked.where()
        with self._database.reading() as database:
            found = database.execute(
                "SELECT body, position, created, trace_id, is_root "  # noqa: S608
                f"FROM {_table_of(asked.kind)} WHERE {condition} ORDER BY {asked.order} LIMIT ? OFFSET ?",
                (*parameters, asked.limit, asked.offset),
            ).fetchall()
        return [
            StoredRow(json.loads(body), position, created, trace_id, bool(is_root))
            for body, position, created, trace_id, is_root in found
        ]

    def aggregate(self, asked: Query) -> list[tuple[object, ...]]:
        """Return what a query computes, group by group, in the order of what it selects."""
        condition, parameters = asked.where()
        computed, more, grouping = asked.computed()
        with self._database.reading() as database:
            return database.execute(
                f"SELECT {computed} FROM {_table_of(asked.kind)} WHERE {condition} {grouping} LIMIT ?",  # noqa: S608
                (*more, *parameters, asked.limit),
            ).fetchall()

    # --- datasets --------------------------------------------------------------------------------------------

    def datasets(self) -> list[tuple[StoredObject, int]]:
        """Return the datasets with the numbers of their rows, those first that got a row last."""
        with self._database.reading() as database:
            found: list[tuple[str, int]] = database.execute(
                "SELECT objects.id, COUNT(examples.id) FROM objects LEFT JOIN examples ON object_id = objects.id "
                "WHERE kind = 'dataset' GROUP BY objects.id ORDER BY MAX(examples.position) DESC, objects.position DESC"
            ).fetchall()
        known = {one.id: one for one in self.objects("dataset")}
        return [(known[dataset_id], count) for dataset_id, count in found if dataset_id in known]

    def insert_dataset_row(self, row: DatasetRow, dataset_id: str = LOCAL_DATASET) -> None:
        """Insert a row into a dataset; it replaces the stored one of the same ``id``."""
        self.insert_dataset_rows([cast("dict[str, Json]", row)], dataset_id)

    def insert_dataset_rows(self, rows: Iterable[Mapping[str, Json]], dataset_id: str = LOCAL_DATASET) -> list[str]:
        """Insert rows into a dataset, all or none, by the rules of `insert`.

        Args:
            rows: The rows.
            dataset_id: The dataset.

        Returns:
            Their ids, in order.

        Raises:
            TypeError: A row cannot be written as JSON.
            BusyError: Another process is writing.
        """
        prepared = [_prepared(row) for row in rows]
        if dataset_id == LOCAL_DATASET:
            self.register("dataset", LOCAL, LOCAL_PROJECT)
        with self._database.writing() as database:
            return [_insert_example(database, dataset_id, row) for row in prepared]

    def dataset(self, dataset_id: str = LOCAL_DATASET) -> list[DatasetRow]:
        """Return the rows of a dataset, in order of arrival."""
        found = self._bodies("SELECT body FROM examples WHERE object_id = ? ORDER BY position", dataset_id)
        return cast("list[DatasetRow]", found)

    def newest_of_dataset(self, dataset_id: str, *, limit: int, offset: int = 0) -> list[DatasetRow]:
        """Return some rows of a dataset, the newest first.

        Args:
            dataset_id: The dataset.
            limit: How many rows at most.
            offset: How many newer ones to pass over.
        """
        query = "SELECT body FROM examples WHERE object_id = ? ORDER BY position DESC LIMIT ? OFFSET ?"
        return cast("list[DatasetRow]", self._bodies(query, dataset_id, limit, offset))

    def dataset_row(self, row_id: str, dataset_id: str = LOCAL_DATASET) -> DatasetRow | None:
        """Return the row of a dataset with this ``id``, or ``None``."""
        found = self._bodies("SELECT body FROM examples WHERE object_id = ? AND id = ?", dataset_id, row_id)
        return cast("DatasetRow", found[0]) if found else None

    def remove_dataset_row(self, row_id: str, dataset_id: str = LOCAL_DATASET) -> None:
        """Remove a row from a dataset; does nothing if it is not there."""
        with self._database.writing() as database:
            database.execute("DELETE FROM examples WHERE object_id = ? AND id = ?", (dataset_id, row_id))

    def count_dataset(self, dataset_id: str | None = None, *, origin_id: str | None = None) -> int:
        """Return the number of rows of a dataset, or of all.

        Args:
            dataset_id: The dataset.
            origin_id: Only those made of the span with this id.
        """
        return self._count(
            "SELECT COUNT(*) FROM examples WHERE (? IS NULL OR object_id = ?) "
            "AND (? IS NULL OR json_extract(body, '$.origin.id') = ?)",
            *(dataset_id, dataset_id, origin_id, origin_id),
        )

    # --- waiting ---------------------------------------------------------------------------------------------

    def wait_for(self, condition: Callable[[], bool], *, timeout: float = 10.0) -> None:
        """Block until a condition on this store holds.

        Args:
            condition: Looked at now and after every change. It may read the store.
            timeout: How long to wait, in seconds.

        Raises:
            TimeoutError: The condition still does not hold.
        """
        with self._database.changed:
            if not self._database.changed.wait_for(condition, timeout):
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

    # --- reading ---------------------------------------------------------------------------------------------

    def _find(self, condition: str, *parameters: str | None) -> list[StoredObject]:
        query = f"SELECT id, kind, name, project_id, created FROM objects WHERE {condition} ORDER BY position"  # noqa: S608
        with self._database.reading() as database:
            return [StoredObject(*found) for found in database.execute(query, _writable(parameters)).fetchall()]

    def _bodies(self, query: str, *parameters: str | int | None) -> list[dict[str, Json]]:
        with self._database.reading() as database:
            return _bodies(database, query, *parameters)

    def _count(self, query: str, *parameters: str | int | None) -> int:
        with self._database.reading() as database:
            (count,) = database.execute(query, _writable(parameters)).fetchone()
        return int(count)

    def _summary(self, database: sqlite3.Connection, position: int, trace_id: str) -> TraceSummary:
        services = [
            (service, count)
            for service, count in database.execute(
                "SELECT service, COUNT(*) FROM spans WHERE trace_id = ? GROUP BY service ORDER BY MIN(position)",
                (trace_id,),
            ).fetchall()
        ]
        return TraceSummary(
            trace_id,
            position,
            sum(count for _, count in services),
            find_root(self.trace(trace_id, limit=_MANY_ROOTS)),
            self.project_of(trace_id).name,
            tuple(service for service, _ in services if service),
        )


def find_root(rows: Iterable[Row]) -> Row | None:
    """Return the first of the rows that is a root span, or ``None``."""
    return next((row for row in rows if _is_root(cast("dict[str, Json]", row))), None)


# --- writing -----------------------------------------------------------------------------------------------------


class _Prepared(NamedTuple):
    """What is to be written of a row: its text, so that many rows together take no more memory than they need."""

    id: str
    trace_id: str
    is_root: bool
    created: str
    service: str
    body: str
    merged: dict[str, Json] | None = None
    """The row itself, if it is to be laid over the stored one."""


def _prepared(row: Mapping[str, Json]) -> _Prepared:
    given = row.get("id")
    row_id = _text(given if given is None or isinstance(given, str) else json.dumps(given)) or str(uuid.uuid4())
    new: dict[str, Json] = {key: value for key, value in row.items() if key != "_is_merge"} | {"id": row_id}
    return _Prepared(
        row_id,
        _text(new.get("root_span_id")) or row_id,
        _is_root(new),
        iso_time(new.get("created")) or now(),
        _service_of(new),
        json.dumps(new),
        new if row.get("_is_merge") else None,
    )


def _insert_span(database: sqlite3.Connection, object_id: str, row: _Prepared) -> str:
    row = _merged(database, "spans", object_id, row)
    database.execute(
        "INSERT INTO traces (id, started) VALUES (?, ?) "
        "ON CONFLICT (id) DO UPDATE SET started = excluded.started WHERE excluded.started < started",
        (row.trace_id, row.created),
    )
    database.execute(
        "INSERT INTO spans (object_id, id, trace_id, is_root, created, service, body) VALUES (?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (object_id, id) DO UPDATE SET trace_id = excluded.trace_id, is_root = excluded.is_root, "
        "created = excluded.created, service = excluded.service, body = excluded.body",
        (object_id, row.id, row.trace_id, row.is_root, row.created, row.service, row.body),
    )
    return row.id


def _insert_example(database: sqlite3.Connection, object_id: str, row: _Prepared) -> str:
    row = _merged(database, "examples", object_id, row)
    database.execute(
        "INSERT INTO examples (object_id, id, trace_id, created, body) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (object_id, id) DO UPDATE SET body = excluded.body",
        (object_id, row.id, str(uuid.uuid4()), row.created, row.body),
    )
    return row.id


def _merged(database: sqlite3.Connection, table: str, object_id: str, row: _Prepared) -> _Prepared:
    """Return a row laid over the stored one, if it is to be and there is one."""
    if row.merged is None:
        return row
    query = f"SELECT body FROM {table} WHERE object_id = ? AND id = ?"  # noqa: S608
    stored = _bodies(database, query, object_id, row.id)
    return _prepared(deep_merge(stored[0], row.merged)) if stored else row


def _bodies(database: sqlite3.Connection, query: str, *parameters: str | int | None) -> list[dict[str, Json]]:
    return [json.loads(body) for (body,) in database.execute(query, _writable(parameters)).fetchall()]


def _is_root(row: Mapping[str, Json]) -> bool:
    return bool(row.get("is_root", not row.get("span_parents")))


def _service_of(row: Mapping[str, Json]) -> str:
    context = row.get("context")
    resource = context.get("resource") if isinstance(context, dict) else None
    return _text(resource.get("service.name")) if isinstance(resource, dict) else ""


def _text(value: Json) -> str:
    """Return a text that SQLite can hold: without lone surrogates. Empty if it is none."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _writable(parameters: Sequence[str | int | None]) -> list[str | int | None]:
    return [_text(one) if isinstance(one, str) else one for one in parameters]


def _table_of(kind: str) -> str:
    return "examples" if kind == "dataset" else "spans"


def _trace_condition(asked: TraceFilter) -> tuple[str, tuple[str | int | None, ...]]:
    conditions: list[str] = ["EXISTS (SELECT 1 FROM spans WHERE trace_id = traces.id)"]
    parameters: list[str | int | None] = []
    if asked.project_id is not None:
        conditions.append("EXISTS (SELECT 1 FROM spans WHERE trace_id = traces.id AND object_id = ?)")
        parameters.append(asked.project_id)
    if asked.service is not None:
        conditions.append("EXISTS (SELECT 1 FROM spans WHERE trace_id = traces.id AND service = ?)")
        parameters.append(asked.service)
    if asked.lacks is not None:
        conditions.append(
            "NOT EXISTS (SELECT 1 FROM spans WHERE trace_id = traces.id AND is_root "
            "AND json_extract(body, ?) IS NOT NULL)"
        )
        parameters.append("$.metadata." + json.dumps(asked.lacks))
    return " AND ".join(conditions), tuple(_writable(parameters))
