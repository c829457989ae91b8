"""Braintrust's REST interface, as far as the Braintrust SDK and this package use it.

Login, projects, datasets, experiments, ``/logs3``, inserts with merge, fetches and ``/btql`` (see `btql`). The shapes
are those that the SDK, version 0.47, sends and reads; whatever else Braintrust's API has is not here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, cast

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from . import otlp
from .btql import UnknownQueryError, parse_query
from .values import dump_json, parse_json

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from .rows import Row
    from .store import Store, StoredObject
    from .values import Json

Fields: TypeAlias = "dict[str, Json]"

_ORGANIZATION = "local"
_DEFAULT_PAGE = 1000


# --- login -------------------------------------------------------------------------------------------------------


async def login(request: Request) -> Response:
    """Tell the SDK who it is and where the API is: here."""
    _authorize(request)
    base = str(request.base_url).rstrip("/")
    organization = {"id": _ORGANIZATION, "name": _ORGANIZATION, "api_url": base, "proxy_url": base}
    return _answer({"org_info": [{**organization, "realtime_url": base, "is_universal_api": False}]})


async def version(request: Request) -> Response:
    """Tell the version; it names no limit, so the SDK keeps to its own."""
    _authorize(request)
    return _answer({"version": "local"})


# --- projects, datasets, experiments -----------------------------------------------------------------------------


async def add_project(request: Request) -> Response:
    """Return the project of this name, made if there is none."""
    fields = await _fields(request)
    return _answer(_describe(_store(request).register("project", _text(fields, "name"))))


async def add_dataset(request: Request) -> Response:
    """Return the dataset of this name in a project, made if there is none. 404: no such project."""
    fields = await _fields(request)
    project = _known(request, "project", _text(fields, "project_id"))
    return _answer(_describe(_store(request).register("dataset", _text(fields, "name"), project.id)))


async def add_experiment(request: Request) -> Response:
    """Return a new experiment in a project, under a name of its own. 404: no such project."""
    fields = await _fields(request)
    project = _known(request, "project", _text(fields, "project_id"))
    taken = {one.name for one in _store(request).objects("experiment", project_id=project.id)}
    name = str(fields.get("name") or "experiment")
    if name in taken and fields.get("ensure_new"):
        name = next(f"{name}-{n}" for n in range(1, len(taken) + 2) if f"{name}-{n}" not in taken)
    return _answer(_describe(_store(request).register("experiment", name, project.id)))


def _list(kind: str) -> Callable[[Request], Awaitable[Response]]:
    async def list_objects(request: Request) -> Response:
        _authorize(request)
        asked = request.query_params
        project_id = asked.get("project_id")
        if kind != "project" and "project_name" in asked:
            projects = _store(request).objects("project", name=asked["project_name"])
            project_id = projects[0].id if projects else "none"
        found = _store(request).objects(kind, name=asked.get(f"{kind}_name"), project_id=project_id)
        return _answer({"objects": [_describe(one) for one in found]})

    return list_objects


def _show(kind: str) -> Callable[[Request], Awaitable[Response]]:
    async def show_object(request: Request) -> Response:
        _authorize(request)
        return _answer(_describe(_known(request, kind, request.path_params["id"])))

    return show_object


async def summarize_experiment(request: Request) -> Response:
    """Summarize an experiment, without scores: nothing is computed here."""
    _authorize(request)
    experiment = _known(request, "experiment", request.path_params["id"])
    project = _known(request, "project", experiment.project_id)
    return _answer({
        "project_name": project.name, "experiment_name": experiment.name, "project_url": "", "experiment_url": "",
        "scores": {}, "metrics": {},
    })  # fmt: skip


async def no_base_experiment(request: Request) -> Response:
    """Say that there is no experiment to compare with."""
    _authorize(request)
    return _answer({"error": "no base experiment"}, 400)


# --- rows --------------------------------------------------------------------------------------------------------


async def log(request: Request) -> Response:
    """Take rows of any kind, each of which says where it belongs. 404: a row belongs nowhere; then none is taken."""
    fields = await _fields(request)
    rows = [(*_owner(request, row), row) for row in _objects(fields, "rows")]
    for owner, is_dataset, row in rows:
        if is_dataset:
            _store(request).insert_dataset_rows([row], owner)
        else:
            _store(request).insert([cast("Row", row)], owner)
    return _answer({"ids": [row.get("id") for _, _, row in rows]})


async def insert_logs(request: Request) -> Response:
    """Insert or merge rows into a project's logs. 404: no such project."""
    fields = await _fields(request)
    project = _known(request, "project", request.path_params["id"])
    events = [cast("Row", event) for event in _objects(fields, "events")]
    return _answer({"row_ids": _store(request).insert(events, project.id)})


async def insert_into_dataset(request: Request) -> Response:
    """Insert or merge rows into a dataset. 404: no such dataset."""
    fields = await _fields(request)
    dataset = _known(request, "dataset", request.path_params["id"])
    return _answer({"row_ids": _store(request).insert_dataset_rows(_objects(fields, "events"), dataset.id)})


def _fetch(kind: str) -> Callable[[Request], Awaitable[Response]]:
    async def fetch(request: Request) -> Response:
        fields = await _fields(request)
        owner = _known(request, kind, request.path_params["id"])
        limit, cursor = fields.get("limit") or _DEFAULT_PAGE, fields.get("cursor")
        if not isinstance(limit, int) or not (cursor is None or (isinstance(cursor, str) and cursor.isdecimal())):
            raise HTTPException(400, "limit must be a whole number, cursor one that this server gave")
        page = _store(request).select(owner.id, "1", (), limit=limit, before=int(cursor) if cursor else None)
        return _answer({"events": page.rows, "cursor": page.cursor and str(page.cursor)})

    return fetch


async def query(request: Request) -> Response:
    """Answer a query. 400: it is not understood here; 404: it asks for what does not exist."""
    fields = await _fields(request)
    try:
        asked = parse_query(fields.get("query"))
    except UnknownQueryError as error:
        raise HTTPException(400, str(error)) from None
    owner = _known(request, asked.kind, asked.object_id)
    page = _store(request).select(owner.id, asked.condition, asked.parameters, limit=asked.limit, before=asked.before)
    return _answer({"data": page.rows, "cursor": page.cursor and str(page.cursor)})


async def _refuse(_request: Request, error: Exception) -> Response:
    error = cast("HTTPException", error)
    return _answer({"error": error.detail}, error.status_code)


EXCEPTION_HANDLERS = {HTTPException: _refuse}
ROUTES = (
    Route("/api/apikey/login", login, methods=["POST"]),
    Route("/api/base_experiment/get_id", no_base_experiment, methods=["POST"]),
    Route("/version", version, methods=["GET"]),
    Route("/logs3", log, methods=["POST"]),
    Route("/btql", query, methods=["POST"]),
    Route("/v1/project", add_project, methods=["POST"]),
    Route("/v1/dataset", add_dataset, methods=["POST"]),
    Route("/v1/experiment", add_experiment, methods=["POST"]),
    *(Route(f"/v1/{kind}", _list(kind), methods=["GET"]) for kind in ("project", "dataset", "experiment")),
    *(Route(f"/v1/{kind}/{{id}}", _show(kind), methods=["GET"]) for kind in ("project", "dataset", "experiment")),
    *(Route(f"/v1/{kind}/{{id}}/fetch", _fetch(kind), methods=["POST"]) for kind in ("dataset", "experiment")),
    Route("/v1/experiment/{id}/summarize", summarize_experiment, methods=["GET"]),
    Route("/v1/dataset/{id}/insert", insert_into_dataset, methods=["POST"]),
    Route("/v1/project_logs/{id}/insert", insert_logs, methods=["POST"]),
)


def _authorize(request: Request) -> None:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    expected = request.app.state.api_key
    if scheme.lower() != "bearer" or not key.strip() or (expected is not None and key.strip() != expected):
        raise HTTPException(401, "Invalid authorization token")


def _store(request: Request) -> Store:
    return cast("Store", request.app.state.store)


async def _fields(request: Request) -> Fields:
    _authorize(request)
    limit = cast("int", request.app.state.max_body_bytes)
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in otlp.CONTENT_ENCODINGS:
        raise HTTPException(415, "use Content-Encoding gzip, deflate or none")
    try:
        body = parse_json(await otlp.read_body(request.stream(), encoding=encoding, limit=limit))
    except otlp.BodyTooLargeError as error:
        raise HTTPException(413, str(error)) from None
    except ValueError as error:
        raise HTTPException(400, str(error)) from None
    if not isinstance(body, dict):
        raise HTTPException(400, "the body must be a JSON object")
    return body


def _objects(fields: Fields, name: str) -> list[Fields]:
    values = fields.get(name)
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise HTTPException(400, f"{name} must be a list of objects")
    return cast("list[Fields]", values)


def _text(fields: Fields, name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise HTTPException(400, f"{name} must be a text")
    return value


def _known(request: Request, kind: str, object_id: str) -> StoredObject:
    found = _store(request).find(kind, object_id)
    if found is None:
        raise HTTPException(404, f"no {kind} with this id")
    return found


def _owner(request: Request, row: Fields) -> tuple[str, bool]:
    """Return where a row of ``/logs3`` belongs, and whether that is a dataset."""
    for kind in ("dataset", "experiment", "project"):
        if f"{kind}_id" in row:
            return _known(request, kind, str(row[f"{kind}_id"])).id, kind == "dataset"
    raise HTTPException(400, "a row has no project_id, experiment_id or dataset_id")


def _describe(one: StoredObject) -> Fields:
    described: Fields = {"id": one.id, "name": one.name, "org_id": _ORGANIZATION, "created": None}
    return described | ({"project_id": one.project_id} if one.project_id else {})


def _answer(value: object, status: int = 200) -> Response:
    return Response(dump_json(value), status, media_type=otlp.JSON)
