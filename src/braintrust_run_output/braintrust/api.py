"""The few calls of Braintrust's REST interface that datasets and backfill need.

Each failure is an `ApiError` whose message is one line that says what to do. Queries come in pages, of fewer rows where
the server finds them too much; what is written goes in requests of at most 6 MiB.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from .connection import BUSY, MAX_WAIT, TOO_LARGE, Answer, ApiError, Connection
from .since import as_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from typing_extensions import Self

__all__ = [
    "ApiError", "BraintrustApi", "Filter", "NamedObject", "Row", "all_of", "between", "compare", "is_null",
]  # fmt: skip

Row: TypeAlias = "dict[str, object]"
"""A row, as JSON has it."""
Filter: TypeAlias = "dict[str, object]"
"""A filter, in BTQL's JSON form."""

APP_URL = "https://www.braintrust.dev"
MAX_REQUEST = 6 * 1024 * 1024 - 4096
"""Greatest size of a request, in UTF-8 bytes: Braintrust takes 6 MiB."""
MAX_ROWS = 200
"""Greatest number of rows in a request."""
MAX_PAGE = 1000
"""Greatest number of rows in a page."""
_FIRST_PAGE = 100
_LARGE_PAGE = 8 * 1024 * 1024
_SMALL_PAGE = 1024 * 1024
_TOO_MUCH = frozenset({500, 504, TOO_LARGE})
"""What a server answers that a page is too much for: a query may take 30 seconds."""
_STALE_PAGES = 3


class NamedObject(NamedTuple):
    """A project or dataset."""

    id: str
    name: str


class BraintrustApi:
    """A logged-in connection to Braintrust. Logs in when it is made.

    Args:
        api_key: The API key; default ``BRAINTRUST_API_KEY``, then the nearest ``.env.braintrust`` file.
        app_url: Where to log in; default ``BRAINTRUST_APP_URL``, then Braintrust's cloud.
        api_url: Where the data is; default ``BRAINTRUST_API_URL``, then what the login says.
        org_name: The organization; default ``BRAINTRUST_ORG_NAME``, then the first of the key's. Every project and
            dataset is looked up in it.
        backoff: The first wait before a call is repeated, in seconds; it doubles each time.
        max_wait: How long one call may wait for a busy server, all in all, in seconds; default ten minutes.
        notify: Told of what takes long or is passed over, each time in a line; default nobody.

    Raises:
        ApiError: There is no key, it was refused, or Braintrust cannot be reached.
    """

    def __init__(
        self,
        *,
        api_key: str | None = None,
        app_url: str | None = None,
        api_url: str | None = None,
        org_name: str | None = None,
        backoff: float = 1.0,
        max_wait: float = MAX_WAIT,
        notify: Callable[[str], object] | None = None,
    ) -> None:
        key = api_key or os.environ.get("BRAINTRUST_API_KEY") or _key_of_file()
        if not key or not key.strip():
            raise ApiError("no API key: set BRAINTRUST_API_KEY to your Braintrust API key")
        self.notify = notify or _to_nobody
        self._connection = Connection(key.strip(), backoff=backoff, max_wait=max_wait, notify=self.notify)
        self._max_request = MAX_REQUEST
        self._page = _FIRST_PAGE
        app_url = app_url or os.environ.get("BRAINTRUST_APP_URL") or APP_URL
        organization = self._login(app_url.rstrip("/"), org_name or os.environ.get("BRAINTRUST_ORG_NAME"))
        self.org_name = str(organization.get("name") or "")
        url = api_url or os.environ.get("BRAINTRUST_API_URL") or organization.get("api_url")
        if not url:
            raise ApiError("the login named no API server: set BRAINTRUST_API_URL")
        self.url = str(url).rstrip("/")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def received(self) -> int:
        """How many bytes of answers have been read so far."""
        return self._connection.received

    # --- projects and datasets ---------------------------------------------------------------------------------

    def project(self, name: str) -> NamedObject:
        """Return the project of this name.

        Raises:
            ApiError: There is none.
        """
        found = self._find("project", name)
        if found is None:
            raise ApiError(
                f"no project named {name!r} in organization {self.org_name!r} for this API key: check --project and "
                "BRAINTRUST_ORG_NAME"
            )
        return found

    def dataset(self, name: str, project: NamedObject) -> NamedObject:
        """Return the dataset of this name.

        Raises:
            ApiError: There is none.
        """
        found = self.find_dataset(name, project)
        if found is None:
            raise ApiError(f"no dataset named {name!r} in project {project.name!r}: check --dataset")
        return found

    def find_dataset(self, name: str, project: NamedObject) -> NamedObject | None:
        """Return the dataset of this name, None if there is none."""
        return self._find("dataset", name, project_id=project.id)

    def create_dataset(self, name: str, project: NamedObject) -> NamedObject:
        """Return the dataset of this name, made if there is none."""
        made = _named(self._call("POST", "/v1/dataset", json={"name": name, "project_id": project.id}))
        if made is None:
            raise ApiError("the answer to POST /v1/dataset is not Braintrust's: check BRAINTRUST_API_URL")
        return made

    # --- reading rows ------------------------------------------------------------------------------------------

    def dataset_rows(self, dataset: NamedObject) -> Iterator[Row]:
        """Yield the rows of a dataset; one that a later page repeats comes again, with its ``_xact_id``."""
        path = f"/v1/dataset/{dataset.id}/fetch"
        for page in self._pages(path, "events", dict, drop_repeated=False):
            yield from page

    def dataset_rows_of(self, dataset: NamedObject, ids: Sequence[str]) -> dict[str, Row]:
        """Return the rows of a dataset that have these ids, by their ids."""
        if not ids:
            return {}
        pages = self._query("dataset", dataset.id, compare("id", "in", list(ids)))
        return {str(row["id"]): row for page in pages for row in page}

    def logs(self, project: NamedObject, filter: Filter, *, page: int = MAX_PAGE) -> Iterator[list[Row]]:  # noqa: A002 (BTQL's word)
        """Yield the rows of a project's logs that pass a filter, with full values, page by page, each row once.

        Args:
            project: The project.
            filter: The filter, in BTQL's JSON form: see `all_of`, `between`, `compare` and `is_null`. It should bound
                ``created`` on both sides, or the server looks at everything.
            page: Greatest number of rows in a page; the first ones have fewer.

        Raises:
            ApiError: Braintrust could not be asked, or its pages lead nowhere.
        """
        return self._query("project_logs", project.id, filter, page)

    def _query(self, kind: str, object_id: str, condition: Filter, page: int = MAX_PAGE) -> Iterator[list[Row]]:
        query = {
            "select": [{"op": "star"}],
            "from": {
                "op": "function",
                "name": {"op": "ident", "name": [kind]},
                "args": [{"op": "literal", "value": object_id}],
            },
            "filter": condition,
            "preview_length": -1,
        }
        return self._pages("/btql", "data", lambda asked: {"query": {**query, **asked}, "fmt": "json"}, page=page)

    def _pages(
        self,
        path: str,
        key: str,
        make_body: Callable[[Answer], Answer],
        *,
        page: int = MAX_PAGE,
        drop_repeated: bool = True,
    ) -> Iterator[list[Row]]:
        """Yield pages, each as large as the server and our memory take it.

        Args:
            path: What to call.
            key: Where the rows are in the answer.
            make_body: Makes the request of its ``limit`` and ``cursor``.
            page: Greatest number of rows in a page.
            drop_repeated: Yield each row once: a later page may have an older version of it.
        """
        cursor: str | None = None
        cursors, seen, stale = set[str](), set[int](), 0
        while True:
            rows, is_last, following = self._read_page(path, key, make_body, cursor, page)
            new = {str(row["id"]): row for row in rows if hash(row["id"]) not in seen}
            seen.update(map(hash, new))
            if new or (rows and not drop_repeated):
                yield list(new.values()) if drop_repeated else rows
            if is_last:
                return
            stale = 0 if new else stale + 1
            if not isinstance(following, str) or following in cursors or stale == _STALE_PAGES:
                raise ApiError("Braintrust's pages lead nowhere: it repeats a page or a cursor; try again later")
            cursors.add(following)
            cursor = following

    def _read_page(
        self, path: str, key: str, make_body: Callable[[Answer], Answer], cursor: str | None, most: int
    ) -> tuple[list[Row], bool, object]:
        """Return the rows of a page, whether it is the last one, and the cursor of the next."""
        while True:
            before, size = self.received, min(most, self._page)
            asked = {"limit": size} if cursor is None else {"limit": size, "cursor": cursor}
            repeated = BUSY - _TOO_MUCH if size > 1 else BUSY
            try:
                answer = self._call("POST", path, json=make_body(asked), repeated=repeated)
            except ApiError as error:
                if error.status not in _TOO_MUCH or size == 1:
                    raise
                self._page = max(1, size // 4)
                continue
            found, following = answer.get(key), answer.get("cursor")
            rows = self._rows_in(found)
            received = self.received - before
            if received > _LARGE_PAGE:
                self._page = max(1, size // 2)
            elif received < _SMALL_PAGE and len(rows) == size:
                self._page = min(MAX_PAGE, max(self._page, size * 2))
            return rows, not following or not found, following

    def _rows_in(self, found: object) -> list[Row]:
        """Return what of a page is a row; the rest costs itself and a line."""
        if found is None:
            return []
        if not isinstance(found, list):
            raise ApiError("an answer of Braintrust's holds no list of rows: check BRAINTRUST_API_URL")
        rows = [row for row in found if isinstance(row, dict) and isinstance(row.get("id"), str) and row["id"]]
        if len(rows) < len(found):
            self.notify(f"{len(found) - len(rows)} rows of a page were passed over: they are no objects with an id")
        return rows

    # --- writing rows ------------------------------------------------------------------------------------------

    def insert_dataset_rows(
        self, dataset: NamedObject, rows: Iterable[Row], written: Callable[[int], object] | None = None
    ) -> int:
        """Insert rows into a dataset; one that says ``_is_merge`` is merged into the stored row of its id.

        Args:
            dataset: The dataset.
            rows: The rows.
            written: Told after each request how many rows it wrote.

        Returns:
            How many rows were not written: each is larger than a request may be, which `notify` is told.
        """
        return self._send(f"/v1/dataset/{dataset.id}/insert", rows, written or _to_nobody)

    def merge_logs(
        self, project: NamedObject, rows: Iterable[Row], written: Callable[[int], object] | None = None
    ) -> int:
        """Merge fields into rows of a project's logs, by their ids; the rest of a row stays as it is.

        Args:
            project: The project.
            rows: The rows.
            written: Told after each request how many rows it wrote.

        Returns:
            How many rows were not written, as for `insert_dataset_rows`.
        """
        merged = ({**row, "_is_merge": True} for row in rows)
        return self._send(f"/v1/project_logs/{project.id}/insert", merged, written or _to_nobody)

    def _send(self, path: str, rows: Iterable[Row], written: Callable[[int], object]) -> int:
        refused = 0
        batch: list[bytes] = []
        size = 0
        for row in rows:
            event = _encode(row)
            if batch and (size + len(event) >= self._max_request or len(batch) == MAX_ROWS):
                refused += self._post(path, batch, written)
                batch, size = [], 0
            batch.append(event)
            size += len(event) + 1
        return refused + (self._post(path, batch, written) if batch else 0)

    def _post(self, path: str, events: list[bytes], written: Callable[[int], object]) -> int:
        """Write rows, in halves where they are too large; return how many cannot be written."""
        body = b'{"events":[' + b",".join(events) + b"]}"
        if self._takes(path, body):
            written(len(events))
            return 0
        if len(events) == 1:
            self.notify(f"a row of {len(body)} bytes was passed over: it is larger than a request may be")
            return 1
        self._max_request = max(1, len(body) // 2)  # this server takes less
        half = len(events) // 2
        return self._post(path, events[:half], written) + self._post(path, events[half:], written)

    def _takes(self, path: str, body: bytes) -> bool:
        """Write a request, unless it is too large."""
        if len(body) > MAX_REQUEST:
            return False
        try:
            self._call("POST", path, data=body, headers={"Content-Type": "application/json"})
        except ApiError as error:
            if error.status != TOO_LARGE:
                raise
            return False
        return True

    # --- a call ------------------------------------------------------------------------------------------------

    def _login(self, app_url: str, org_name: str | None) -> Answer:
        answer = self._connection.call("POST", app_url, "/api/apikey/login", variable="BRAINTRUST_APP_URL")
        organizations = answer.get("org_info")
        for organization in organizations if isinstance(organizations, list) else ():
            if isinstance(organization, dict) and org_name in (None, organization.get("name")):
                return organization
        raise ApiError(
            "this API key belongs to no organization"
            if org_name is None
            else f"this API key does not belong to organization {org_name!r}: check BRAINTRUST_ORG_NAME"
        )

    def _find(self, kind: str, name: str, **asked: str) -> NamedObject | None:
        params = {f"{kind}_name": name, "org_name": self.org_name, **asked}
        found = self._call("GET", f"/v1/{kind}", params=params).get("objects")
        named = (_named(one) for one in (found if isinstance(found, list) else ()))
        return next((one for one in named if one is not None and one.name == name), None)

    def _call(self, method: str, path: str, **options: Any) -> Answer:
        return self._connection.call(method, self.url, path, variable="BRAINTRUST_API_URL", **options)


# --- filters, in BTQL's JSON form --------------------------------------------------------------------------------


def all_of(*conditions: Filter) -> Filter:
    """Return the filter that all of some filters pass."""
    return {"op": "and", "children": list(conditions)}


def between(since: datetime, until: datetime) -> Filter:
    """Return the filter that rows pass which were created since a moment, and before another one."""
    return all_of(compare("created", "ge", as_text(since)), compare("created", "lt", as_text(until)))


def compare(path: str, op: str, value: object) -> Filter:
    """Return the filter that compares a field, ``metadata.x`` for one inside, with a value.

    Args:
        path: The field, its parts joined by dots.
        op: ``eq``, ``ne``, ``lt``, ``le``, ``gt``, ``ge``, or ``in`` for a list of values.
        value: The value.
    """
    return {"op": op, "left": _ident(path.split(".")), "right": {"op": "literal", "value": value}}


def is_null(*path: str) -> Filter:
    """Return the filter that a field is null or missing."""
    return {"op": "isnull", "expr": _ident(path)}


def _ident(path: Iterable[str]) -> Filter:
    return {"op": "ident", "name": list(path)}


def _encode(row: Row) -> bytes:
    try:
        return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # half of a surrogate pair, that somebody's row had
        return json.dumps(row, separators=(",", ":")).encode()


def _named(one: object) -> NamedObject | None:
    if isinstance(one, dict) and isinstance(one.get("id"), str) and isinstance(one.get("name"), str):
        return NamedObject(one["id"], one["name"])
    return None


def _to_nobody(_: object) -> None:
    pass


def _key_of_file() -> str | None:
    """Return the key in the nearest ``.env.braintrust``, where the Braintrust SDK looks for it."""
    try:
        from braintrust.env import BraintrustEnv

        key: object = BraintrustEnv.API_KEY.get(None, use_dotenv=True)
    except Exception:  # noqa: BLE001 (the SDK is missing, or is another one than this was written for)
        return None
    return key if isinstance(key, str) else None
