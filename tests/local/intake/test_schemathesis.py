"""Every address of the intake and its page, with whatever may be sent there: no answer is a server's error."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase

from braintrust_run_output.local import LocalIntake, Store, create_app
from local.otlp_requests import TRACE_ID
from support import examples, is_short

schemathesis = pytest.importorskip("schemathesis", reason="pip install schemathesis")

PHASES = (Phase.generate,) if is_short() else tuple(Phase)
"""In CI with what schemathesis itself makes of each description, too: a hundred requests to each address."""
ANYTHING = {}
NAME = {"type": "string", "minLength": 1}
LITERAL = {"type": "object", "properties": {"op": {"const": "literal"}, "value": ANYTHING}, "required": ["op", "value"]}
IDENT = {
    "type": "object",
    "properties": {"op": {"const": "ident"}, "name": {"type": "array", "items": NAME, "minItems": 1, "maxItems": 3}},
    "required": ["op", "name"],
}
FILTER = {
    "anyOf": [
        {
            "type": "object",
            "properties": {
                "op": {"enum": ["eq", "ne", "lt", "ge", "in", "like", "ilike", "match", "includes"]},
                "left": {"anyOf": [IDENT, LITERAL]},
                "right": LITERAL,
            },
            "required": ["op", "left", "right"],
        },
        {"type": "object", "properties": {"op": {"enum": ["isnull", "isnotnull", "not"]}, "expr": IDENT}, "required": ["op", "expr"]},
        {"type": "object", "properties": {"btql": {"type": "string"}}, "required": ["btql"]},
    ]
}  # fmt: skip
ROW = {
    "type": "object",
    "properties": {
        "id": ANYTHING, "root_span_id": ANYTHING, "span_parents": ANYTHING, "is_root": ANYTHING, "created": ANYTHING,
        "metadata": ANYTHING, "metrics": ANYTHING, "span_attributes": ANYTHING, "context": ANYTHING, "tags": ANYTHING,
        "_is_merge": ANYTHING, "input": ANYTHING, "project_id": {"enum": ["PROJECT", "nope", None, 1]},
    },
}  # fmt: skip


ATTRIBUTES = {"type": "array", "items": {"type": "object", "properties": {
    "key": NAME, "value": {"type": "object", "properties": dict.fromkeys(("stringValue", "intValue", "arrayValue", "kvlistValue", "bytesValue"), ANYTHING)},
}}}  # fmt: skip
SPAN = {"type": "object", "properties": {
    "traceId": {"enum": [TRACE_ID, "x", 1]}, "spanId": {"enum": ["b7ad6b7169203331", "0" * 16, "t61rcWkgMzE="]}, "parentSpanId": {"type": "string"},
    "name": ANYTHING, "kind": ANYTHING, "startTimeUnixNano": ANYTHING, "attributes": ATTRIBUTES, "events": ANYTHING, "status": ANYTHING,
}, "required": ["traceId", "spanId"]}  # fmt: skip


def all_of(name, items):
    return {"type": "object", "properties": {name: {"type": "array", "items": items}}, "required": [name]}


def body_of(path, project):
    if path.startswith("/otel"):
        return all_of("resourceSpans", all_of("scopeSpans", all_of("spans", SPAN)))
    if path == "/btql":
        source = {"type": "object", "properties": {
            "op": {"const": "function"}, "name": {"enum": [{"op": "ident", "name": ["project_logs"]}]},
            "args": {"enum": [[{"op": "literal", "value": project}]]}, "shape": {"enum": ["spans", "traces", "summary"]},
        }, "required": ["op", "name", "args"]}  # fmt: skip
        whole = {"type": "object", "properties": {
            "from": source, "filter": FILTER, "limit": ANYTHING, "cursor": ANYTHING, "preview_length": {"type": "integer"},
            "select": {"type": "array", "items": {"anyOf": [{"enum": [{"op": "star"}]}, {"type": "object", "properties": {"expr": IDENT, "alias": ANYTHING}, "required": ["expr"]}]}},
            "sort": {"type": "array", "items": {"type": "object", "properties": {"expr": IDENT, "dir": {"enum": ["asc", "desc", 1]}}, "required": ["expr"]}},
        }, "required": ["from"]}  # fmt: skip
        query = {"anyOf": [whole, {"type": "string"}, ANYTHING]}
        return {"type": "object", "properties": {"query": query, "fmt": ANYTHING}, "required": ["query"]}
    if path.endswith("/insert") or path == "/logs3":
        name = "rows" if path == "/logs3" else "events"
        return all_of(name, ROW)
    return {"type": "object", "properties": dict.fromkeys(
        ("name", "project_name", "project_id", "dataset_name", "experiment_name", "ensure_new", "limit", "cursor"), ANYTHING
    )}  # fmt: skip


def operation(path, method, project):
    known = {"enum": [project, TRACE_ID, "0", "a/b?"]}
    parameters = [
        {"in": "path", "name": name, "required": True, "schema": {"anyOf": [known, NAME]}}
        for name in ("id", "trace_id", "root_span_id", "row_id", "name")
        if f"{{{name}}}" in path
    ]
    asked = (
        "limit",
        "before",
        "cursor",
        "page",
        "span",
        "row",
        "added",
        "project_name",
        "name",
        "ids",
        "service",
        "show",
    )
    parameters += [{"in": "query", "name": name, "schema": {"type": "string"}} for name in asked]
    described = {"parameters": parameters, "responses": {"default": {"description": "any"}}}
    if method == "post":
        described["requestBody"] = {"content": {"application/json": {"schema": body_of(path, project)}}}
    return described


def description():
    """Describe the interface in OpenAPI: every route that there is."""
    store = Store()
    project = store.register("project", "shop").id
    paths = {}
    for route in create_app(store).routes:
        for method in sorted(route.methods - {"HEAD"}):
            paths.setdefault(route.path, {})[method.lower()] = operation(route.path, method.lower(), project)
    return {"openapi": "3.1.0", "info": {"title": "intake", "version": "1"}, "paths": paths}


SCHEMA = schemathesis.openapi.from_dict(description())


@pytest.fixture(scope="module")
def running():
    with LocalIntake() as intake:
        intake.store.register("project", "shop")
        intake.store.insert([{"id": "r", "root_span_id": TRACE_ID, "metadata": {"run_output": "x"}}])
        yield intake


@SCHEMA.parametrize()
@examples(20, phases=PHASES, derandomize=True, suppress_health_check=list(HealthCheck), database=None)
def test_no_request_is_a_server_error(case, running):
    response = case.call(base_url=running.url, headers={"Authorization": "Bearer any"})

    assert response.status_code < 500, response.text
