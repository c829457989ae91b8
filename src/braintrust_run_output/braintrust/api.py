"""The few calls of Braintrust's REST interface that datasets and backfill need.

Each failure is an `ApiError` whose message is one line that says what to do. A busy or broken server is asked again,
with growing waits, as long as it says itself (``Retry-After``) where it does: every call here can safely be repeated.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import requests
    from typing_extensions import Self

Row: TypeAlias = "dict[str, object]"
"""A row, as JSON has it."""
Filter: TypeAlias = "dict[str, object]"
"""A filter, in BTQL's JSON form."""
_Answer: TypeAlias = "dict[str, Any]"

APP_URL = "https://www.braintrust.dev"
_RETRIED = (408, 429, 500, 502, 503, 504)
_RETRIES = 8
_TIMEOUT = (10, 120)
_PAGE = 1000
_REFUSED = (401, 403)
_NOT_FOUND = 404
_LONGEST_REASON = 300


class ApiError(Exception):
    """Braintrust could not be asked, or refused. The message is one line and holds no payload and no key."""


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
        org_name: The organization; default ``BRAINTRUST_ORG_NAME``, then the first of the key's.
        backoff: The first wait before a call is repeated, in seconds; it doubles each time.

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
    ) -> None:
        key = api_key or os.environ.get("BRAINTRUST_API_KEY") or _key_of_file()
        if not key or not key.strip():
            raise ApiError("no API key: set BRAINTRUST_API_KEY to your Braintrust API key")
        self._session = _session(key.strip(), backoff)
        app_url = app_url or os.environ.get("BRAINTRUST_APP_URL") or APP_URL
        organization = self._login(app_url, org_name or os.environ.get("BRAINTRUST_ORG_NAME"))
        url = api_url or os.environ.get("BRAINTRUST_API_URL") or organization.get("api_url")
        if not url:
            raise ApiError("the login named no API server: set BRAINTRUST_API_URL")
        self.url = str(url).rstrip("/")

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- projects and datasets ---------------------------------------------------------------------------------

    def project(self, name: str) -> NamedObject:
        """Return the project of this name.

        Raises:
            ApiError: There is none.
        """
        found = self._call("GET", "/v1/project", params={"project_name": name}).get("objects")
        return _only(found, f"no project named {name!r} for this API key: check --project and BRAINTRUST_ORG_NAME")

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
        asked = {"dataset_name": name, "project_id": project.id}
        found = self._call("GET", "/v1/dataset", params=asked).get("objects")
        return NamedObject(found[0]["id"], found[0]["name"]) if found else None

    def create_dataset(self, name: str, project: NamedObject) -> NamedObject:
        """Return the dataset of this name, made if there is none."""
        made = self._call("POST", "/v1/dataset", json={"name": name, "project_id": project.id})
        return NamedObject(made["id"], made["name"])

    # --- rows --------------------------------------------------------------------------------------------------

    def dataset_rows(self, dataset: NamedObject) -> Iterator[Row]:
        """Yield the rows of a dataset, a page at a time."""
        cursor = None
        while True:
            asked = {"limit": _PAGE} if cursor is None else {"limit": _PAGE, "cursor": cursor}
            page = self._call("POST", f"/v1/dataset/{dataset.id}/fetch", json=asked)
            yield from page.get("events") or ()
            cursor = page.get("cursor")
            if not cursor:
                return

    def insert_dataset_rows(self, dataset: NamedObject, rows: Iterable[Row]) -> None:
        """Insert rows into a dataset; one that says ``_is_merge`` is merged into the stored row of its id."""
        self._call("POST", f"/v1/dataset/{dataset.id}/insert", json={"events": list(rows)})

    def merge_logs(self, project: NamedObject, rows: Iterable[Row]) -> None:
        """Merge fields into rows of a project's logs, by their ids; the rest of a row stays as it is."""
        merged = [{**row, "_is_merge": True} for row in rows]
        self._call("POST", f"/v1/project_logs/{project.id}/insert", json={"events": merged})

    def logs(self, project: NamedObject, filter: Filter, *, page: int = _PAGE) -> Iterator[list[Row]]:  # noqa: A002 (BTQL's word)
        """Yield the rows of a project's logs that pass a filter, with full values, page by page.

        Args:
            project: The project.
            filter: The filter, in BTQL's JSON form: see `all_of`, `compare` and `is_null`.
            page: Greatest number of rows in a page.
        """
        query: dict[str, Any] = {
            "select": [{"op": "star"}],
            "from": {
                "op": "function",
                "name": {"op": "ident", "name": ["project_logs"]},
                "args": [{"op": "literal", "value": project.id}],
            },
            "filter": filter,
            "limit": page,
            "preview_length": -1,
        }
        while True:
            answer = self._call("POST", "/btql", json={"query": query, "fmt": "json"})
            rows = answer.get("data") or []
            if rows:
                yield rows
            cursor = answer.get("cursor")
            if not cursor or not rows:
                return
            query["cursor"] = cursor

    # --- a call ------------------------------------------------------------------------------------------------

    def _login(self, app_url: str, org_name: str | None) -> _Answer:
        self.url = app_url.rstrip("/")
        organizations = self._call("POST", "/api/apikey/login", variable="BRAINTRUST_APP_URL").get("org_info") or []
        for organization in organizations:
            if org_name is None or organization.get("name") == org_name:
                return dict(organization)
        raise ApiError(
            "this API key belongs to no organization"
            if org_name is None
            else f"this API key does not belong to organization {org_name!r}: check BRAINTRUST_ORG_NAME"
        )

    def _call(self, method: str, path: str, *, variable: str = "BRAINTRUST_API_URL", **options: Any) -> _Answer:
        import requests

        where = f"{method} {path}"
        try:
            response = self._session.request(method, self.url + path, timeout=_TIMEOUT, **options)
        except requests.RequestException as error:
            host = urlsplit(self.url).netloc
            raise ApiError(f"cannot reach {host} ({type(error).__name__}): check the network and {variable}") from None
        if response.status_code in _REFUSED:
            raise ApiError(f"Braintrust refused the API key ({response.status_code}): check BRAINTRUST_API_KEY")
        if response.status_code in _RETRIED:
            raise ApiError(f"Braintrust answers {response.status_code} to {where}, however often: try again later")
        if not response.ok:
            raise ApiError(f"Braintrust answered {response.status_code} to {where}{_reason(response, path)}")
        try:
            answer = response.json()
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise ApiError(f"the answer to {where} is not Braintrust's: check {variable}")
        return answer


# --- filters, in BTQL's JSON form --------------------------------------------------------------------------------


def all_of(*conditions: Filter) -> Filter:
    """Return the filter that all of some filters pass."""
    return {"op": "and", "children": list(conditions)}


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


def _session(key: str, backoff: float) -> requests.Session:
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry

    retry = Retry(
        total=_RETRIES,
        connect=1,
        read=2,
        status_forcelist=_RETRIED,
        allowed_methods=None,
        backoff_factor=backoff,
        raise_on_status=False,
    )
    session = requests.Session()
    session.mount("https://", HTTPAdapter(max_retries=retry))
    session.mount("http://", HTTPAdapter(max_retries=retry))
    session.headers["Authorization"] = f"Bearer {key}"
    return session


def _key_of_file() -> str | None:
    """Return the key in the nearest ``.env.braintrust``, where the Braintrust SDK looks for it."""
    try:
        from braintrust.env import BraintrustEnv

        key: object = BraintrustEnv.API_KEY.get(None, use_dotenv=True)
    except Exception:  # noqa: BLE001 (the SDK is missing, or is another one than this was written for)
        return None
    return key if isinstance(key, str) else None


def _only(found: Any, missing: str) -> NamedObject:
    if not found:
        raise ApiError(missing)
    return NamedObject(found[0]["id"], found[0]["name"])


def _reason(response: requests.Response, path: str) -> str:
    """Return what the server says of a query; of anything else it could quote a payload."""
    if path != "/btql":
        return ": the object may be gone" if response.status_code == _NOT_FOUND else ""
    try:
        answer = response.json()
    except ValueError:
        return ""
    reason = next((answer[key] for key in ("error", "Message", "message") if answer.get(key)), "")
    return f": {' '.join(str(reason).split())[:_LONGEST_REASON]}" if reason else ""
