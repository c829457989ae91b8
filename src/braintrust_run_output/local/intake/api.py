"""Braintrust's REST interface, as far as its SDKs, its command line ``bt`` and this package use it.

Login, projects, datasets, experiments, ``/logs3``, inserts with merge, fetches and ``/btql`` (see `btql`). Answers have
the shapes of Braintrust's OpenAPI description; whatever else its interface has is not here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, cast

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from . import events
from .btql import Query, UnknownQueryError, parse_query
from .btql.expressions import Sql
from .requests import endpoint, respond
from .store import LOCAL, ORGANIZATION
from .values import dump_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .requests import Asked
    from .rows import Row
    from .store import StoredObject, StoredRow
    from .values import Json

    Fields: TypeAlias = dict[str, Json]

_PAGE = 1000
_KINDS = ("project", "dataset", "experiment")
_FETCHED = {"project_logs": "project", "dataset": "dataset", "experiment": "experiment"}


# --- login -------------------------------------------------------------------------------------------------------


def login(asked: Asked) -> Response:
    """Tell who it is that asks, and where the API is: here."""
    organization = {"id": ORGANIZATION, "name": LOCAL, "api_url": asked.base, "proxy_url": asked.base}
    extra = {"realtime_url": asked.base, "is_universal_api": False, "git_metadata": {"collect": "none"}}
    return respond({"org_info": [organization | extra]})


def version(_: Asked) -> Response:
    """Tell the version; it names no limit, so the SDK keeps to its own."""
    return respond({"version": LOCAL})


# --- projects, datasets, experiments -----------------------------------------------------------------------------


def add_project(asked: Asked) -> Response:
    """Return the project of this name, made if there is none."""
    return respond(_describe(asked.store.register("project", asked.text("name"))))


def add_dataset(asked: Asked) -> Response:
    """Return the dataset of this name in a project, made if there is none. 404: no such project."""
    project = asked.known("project", asked.text("project_id"))
    return respond(_describe(asked.store.register("dataset", asked.text("name"), project.id)))


def add_experiment(asked: Asked) -> Response:
    """Return an experiment in a project, a new one under a name of its own where one is wanted. 404: no project."""
    project = asked.known("project", asked.text("project_id"))
    return respond(_describe(_experiment(asked, project, asked.optional_text("name"))))


def register_project(asked: Asked) -> Response:
    """Return the project of this name, made if there is none, as an SDK asks for it."""
    return respond({"project": _describe(_project_of(asked))})


def register_dataset(asked: Asked) -> Response:
    """Return a project and a dataset in it, made if there are none."""
    project, name = _project_of(asked), asked.text("dataset_name")
    found = bool(asked.store.objects("dataset", name=name, project_id=project.id))
    dataset = asked.store.register("dataset", name, project.id)
    return respond({"project": _describe(project), "dataset": _describe(dataset), "found_existing": found})


def register_experiment(asked: Asked) -> Response:
    """Return a project and an experiment in it."""
    project = _project_of(asked)
    experiment = _experiment(asked, project, asked.optional_text("experiment_name"))
    return respond({"project": _describe(project), "experiment": _describe(experiment)})


def _list(kind: str) -> Callable[[Asked], Response]:
    def list_objects(asked: Asked) -> Response:
        parameters = asked.request.query_params
        project_id = parameters.get("project_id")
        if kind != "project" and "project_name" in parameters:
            projects = asked.store.objects("project", name=parameters["project_name"])
            project_id = projects[0].id if projects else "none"
        found = asked.store.objects(kind, name=parameters.get(f"{kind}_name", parameters.get("name")),
                                    project_id=project_id)  # fmt: skip
        ids = parameters.getlist("ids") + parameters.getlist("id")
        if ids:
            found = [one for one in found if one.id in ids]
        if parameters.get("org_name", LOCAL) != LOCAL:
            found = []
        return respond({"objects": [_describe(one) for one in _one_page(asked, found)]})

    return list_objects


def _one_page(asked: Asked, found: list[StoredObject]) -> list[StoredObject]:
    parameters = asked.request.query_params
    limit = parameters.get("limit", str(_PAGE))
    if not (limit.isascii() and limit.isdecimal() and len(limit) < 10):
        raise HTTPException(400, "limit must be a whole number")
    after = next((n + 1 for n, one in enumerate(found) if one.id == parameters.get("starting_after")), 0)
    return found[after:][: int(limit)]


def _show(kind: str) -> Callable[[Asked], Response]:
    def show_object(asked: Asked) -> Response:
        return respond(_describe(asked.known(kind)))

    return show_object


def _remove(kind: str) -> Callable[[Asked], Response]:
    def remove_object(asked: Asked) -> Response:
        found = asked.known(kind)
        asked.store.remove(kind, found.id)
        return respond(_describe(found))

    return remove_object


def summarize_experiment(asked: Asked) -> Response:
    """Summarize an experiment, without scores: nothing is computed here."""
    experiment = asked.known("experiment")
    project = asked.known("project", experiment.project_id)
    return respond({
        "project_name": project.name, "experiment_name": experiment.name, "project_url": "", "experiment_url": "",
        "scores": {}, "metrics": {},
    })  # fmt: skip


def no_base_experiment(_: Asked) -> Response:
    """Say that there is no experiment to compare with."""
    return respond({"error": "no base experiment"}, 400)


# --- rows --------------------------------------------------------------------------------------------------------


def log(asked: Asked) -> Response:
    """Take rows of any kind, each of which says where it belongs. 404: a row belongs nowhere; then none is taken."""
    rows = [(_owner(asked, row), row) for row in asked.objects("rows")]
    ids: list[str] = []
    for owner, row in rows:
        ids += _insert(asked, owner, [row])
    return respond({"ids": ids})


def insert_logs(asked: Asked) -> Response:
    """Insert or merge rows into a project's logs. 404: no such project."""
    return respond({"row_ids": _insert(asked, asked.known("project"), asked.objects("events"))})


def insert_into_dataset(asked: Asked) -> Response:
    """Insert or merge rows into a dataset. 404: no such dataset."""
    return respond({"row_ids": _insert(asked, asked.known("dataset"), asked.objects("events"))})


def insert_into_experiment(asked: Asked) -> Response:
    """Insert or merge rows into an experiment. 404: no such experiment."""
    return respond({"row_ids": _insert(asked, asked.known("experiment"), asked.objects("events"))})


def _fetch(kind: str) -> Callable[[Asked], Response]:
    def fetch(asked: Asked) -> Response:
        owner = asked.known(kind)
        # A GET has in its address what a POST has in its body.
        given: Fields = {**asked.request.query_params, **asked.fields}
        limit, cursor = given.get("limit"), given.get("cursor")
        whole = int(limit) if isinstance(limit, str) and limit.isascii() and limit[:9].isdecimal() else limit
        clauses: Fields = {"limit": _PAGE if whole is None else whole, "cursor": cursor}
        source: Fields = {"op": "function", "args": [{"op": "literal", "value": owner.id}]}
        names = {one: name for name, one in _FETCHED.items()}
        source["name"] = {"op": "ident", "name": [names[kind]]}
        try:
            query = parse_query({"from": source, **clauses})
        except UnknownQueryError as error:
            raise HTTPException(400, str(error)) from None
        rows = asked.store.select(query)
        return respond({"events": [events.event_of(row, owner) for row in rows], "cursor": _cursor(query, rows)})

    return fetch


def query(asked: Asked) -> Response:
    """Answer a query. 400: it is not understood here; 404: it asks for what does not exist."""
    try:
        wanted = parse_query(asked.fields.get("query"))
    except UnknownQueryError as error:
        raise HTTPException(400, str(error)) from None
    form = asked.fields.get("fmt") or "json"
    if form not in ("json", "jsonl"):
        raise HTTPException(400, "fmt must be json or jsonl here")
    owner = asked.known(wanted.kind, wanted.object_id)
    data, cursor = _answer(asked, wanted, owner)
    if form == "json":
        return respond({"data": data, "schema": {"type": "array", "items": {"type": "object"}}, "cursor": cursor})
    headers = {} if cursor is None else {"x-bt-cursor": cursor, "x-amz-meta-bt-cursor": cursor}
    return Response(b"".join(dump_json(one) + b"\n" for one in data), 200, headers, "application/x-jsonlines")


def _answer(asked: Asked, wanted: Query, owner: StoredObject) -> tuple[Sequence[Fields], str | None]:
    if wanted.is_aggregate:
        names = [one.name for one in (*wanted.groups, *(wanted.columns or ()))]
        computed = [dict(zip(names, values, strict=True)) for values in asked.store.aggregate(wanted)]
        # SQLite has no truth values.
        return cast("list[Fields]", [
            {name: bool(value) if name == "is_root" else value for name, value in row.items()} for row in computed
        ]), None  # fmt: skip
    rows = asked.store.select(wanted)
    found = [events.event_of(row, owner) for row in rows]
    if wanted.shape == "summary":
        found = [
            events.summarize(event, asked.store.select(_trace_of(wanted, row)))
            for event, row in zip(found, rows, strict=True)
        ]
    return events.shown(found, wanted), _cursor(wanted, rows)


def _trace_of(wanted: Query, root: StoredRow) -> Query:
    return Query(wanted.kind, wanted.object_id, filter=Sql("trace_id = ?", (root.trace_id,)))


def _cursor(wanted: Query, rows: Sequence[StoredRow]) -> str | None:
    """Return where the next page begins: as long as there are rows, for Braintrust says the end with an empty page."""
    return str(rows[-1].position) if rows and wanted.by_arrival else None


ROUTES = (
    Route("/api/apikey/login", endpoint(login, body=False), methods=["POST"]),
    Route("/api/project/register", endpoint(register_project), methods=["POST"]),
    Route("/api/dataset/register", endpoint(register_dataset), methods=["POST"]),
    Route("/api/experiment/register", endpoint(register_experiment), methods=["POST"]),
    Route("/api/base_experiment/get_id", endpoint(no_base_experiment, body=False), methods=["POST"]),
    Route("/version", endpoint(version, body=False), methods=["GET"]),
    Route("/logs3", endpoint(log), methods=["POST"]),
    Route("/btql", endpoint(query), methods=["POST"]),
    Route("/v1/project", endpoint(add_project), methods=["POST"]),
    Route("/v1/dataset", endpoint(add_dataset), methods=["POST"]),
    Route("/v1/experiment", endpoint(add_experiment), methods=["POST"]),
    *(Route(f"/v1/{kind}", endpoint(_list(kind), body=False), methods=["GET"]) for kind in _KINDS),
    *(Route(f"/v1/{kind}/{{id}}", endpoint(_show(kind), body=False), methods=["GET"]) for kind in _KINDS),
    *(
        Route(f"/v1/{kind}/{{id}}", endpoint(_remove(kind), body=False), methods=["DELETE"])
        for kind in ("dataset", "experiment")
    ),
    *(
        Route(f"/v1/{name}/{{id}}/fetch", endpoint(_fetch(kind), body=method == "POST"), methods=[method])
        for name, kind in _FETCHED.items()
        for method in ("POST", "GET")
    ),
    Route("/v1/experiment/{id}/summarize", endpoint(summarize_experiment, body=False), methods=["GET"]),
    Route("/v1/experiment/{id}/insert", endpoint(insert_into_experiment), methods=["POST"]),
    Route("/v1/dataset/{id}/insert", endpoint(insert_into_dataset), methods=["POST"]),
    Route("/v1/project_logs/{id}/insert", endpoint(insert_logs), methods=["POST"]),
)


def _project_of(asked: Asked) -> StoredObject:
    """Return the project that a registration names by id, or by name, made if there is none."""
    if asked.fields.get("project_id") is not None:
        return asked.known("project", asked.fields["project_id"])
    return asked.store.register("project", asked.text("project_name"))


def _experiment(asked: Asked, project: StoredObject, given: str | None) -> StoredObject:
    taken = {one.name for one in asked.store.objects("experiment", project_id=project.id)}
    name = given or "experiment"
    if name in taken and asked.fields.get("ensure_new"):
        name = next(f"{name}-{n}" for n in range(1, len(taken) + 2) if f"{name}-{n}" not in taken)
    return asked.store.register("experiment", name, project.id)


def _insert(asked: Asked, owner: StoredObject, rows: Sequence[Fields]) -> list[str]:
    if owner.kind == "dataset":
        return asked.store.insert_dataset_rows(rows, owner.id)
    return asked.store.insert(cast("Sequence[Row]", rows), owner.id)


def _owner(asked: Asked, row: Fields) -> StoredObject:
    """Return where a row of ``/logs3`` belongs."""
    for kind in ("dataset", "experiment", "project"):
        if row.get(f"{kind}_id") is not None:
            return asked.known(kind, row[f"{kind}_id"])
    raise HTTPException(400, "a row has no project_id, experiment_id or dataset_id")


def _describe(one: StoredObject) -> Fields:
    described: Fields = {
        "id": one.id, "org_id": ORGANIZATION, "name": one.name, "description": None, "created": one.created,
        "deleted_at": None, "user_id": None,
    }  # fmt: skip
    if one.kind == "project":
        return described | {"settings": None}
    described |= {"project_id": one.project_id, "metadata": None}
    return described | ({"public": False} if one.kind == "experiment" else {})
