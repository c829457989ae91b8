"""Braintrust's REST interface, in the shapes that the real SDK sends (tests/braintrust_sdk has the SDK itself)."""

from __future__ import annotations

import gzip
import json
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from braintrust_run_output.local import LocalIntake
from braintrust_run_output.local.intake.store import LOCAL_PROJECT
from local.calls import call

KEY = "the-key"


@pytest.fixture
def intake():
    with LocalIntake(api_key=KEY) as running:
        yield running


@pytest.fixture
def ask(intake):
    def ask(method, path, body=None, *, key=KEY, raw=None, **headers):
        content = raw if raw is not None else (b"" if body is None else json.dumps(body).encode())
        status, _, answer = call(intake, method, path, content, Authorization=f"Bearer {key}", **headers)
        return status, json.loads(answer)

    return ask


@pytest.fixture
def project(ask):
    return ask("POST", "/v1/project", {"name": "shop", "org_name": "local"})[1]


@pytest.mark.parametrize("key", ["wrong", "", "the-key2"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/apikey/login"), ("GET", "/version"), ("POST", "/logs3"), ("POST", "/btql"),
        ("POST", "/v1/project"), ("GET", "/v1/project"), ("GET", "/v1/dataset/x"), ("POST", "/v1/dataset/x/insert"),
        ("POST", "/v1/dataset/x/fetch"), ("POST", "/v1/project_logs/x/insert"), ("POST", "/v1/experiment"),
    ],
)  # fmt: skip
def test_a_wrong_key_is_refused_everywhere(ask, method, path, key):
    assert ask(method, path, {}, key=key)[0] == 401


def test_any_key_is_taken_by_default():
    with LocalIntake() as intake:
        assert call(intake, "GET", "/version", Authorization="Bearer x")[0] == 200
        assert call(intake, "GET", "/version")[0] == 401


def test_the_login_says_where_the_api_is(ask, intake):
    status, answer = ask("POST", "/api/apikey/login")

    assert status == 200
    assert answer["org_info"][0]["api_url"] == intake.url


def test_names_are_registered_once(ask, project):
    assert ask("POST", "/v1/project", {"name": "shop"})[1] == project
    assert ask("GET", "/v1/project?project_name=shop")[1]["objects"] == [project]
    assert ask("GET", "/v1/project?project_name=nope")[1]["objects"] == []
    assert ask("GET", f"/v1/project/{project['id']}")[1] == project
    dataset = ask("POST", "/v1/dataset", {"name": "d", "project_id": project["id"]})[1]
    assert ask("POST", "/v1/dataset", {"name": "d", "project_id": project["id"]})[1] == dataset
    assert ask("GET", "/v1/dataset?dataset_name=d&project_name=shop")[1]["objects"] == [dataset]
    assert ask("GET", "/v1/dataset?dataset_name=d&project_name=nope")[1]["objects"] == []


def test_a_new_experiment_gets_a_name_of_its_own(ask, project):
    asked = {"project_id": project["id"], "name": "e", "ensure_new": True}

    names = [ask("POST", "/v1/experiment", asked)[1]["name"] for _ in range(3)]

    assert names == ["e", "e-1", "e-2"]
    assert ask("POST", "/v1/experiment", {**asked, "ensure_new": False})[1]["name"] == "e"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/project/nope", None),
        ("POST", "/v1/dataset", {"name": "d", "project_id": "nope"}),
        ("POST", "/v1/experiment", {"name": "d", "project_id": "nope"}),
        ("POST", "/v1/dataset/nope/insert", {"events": []}),
        ("POST", "/v1/dataset/nope/fetch", {}),
        ("POST", "/v1/project_logs/nope/insert", {"events": []}),
        ("POST", "/logs3", {"rows": [{"id": "r", "project_id": "nope"}]}),
    ],
)
def test_what_does_not_exist_is_not_found(ask, method, path, body):
    assert ask(method, path, body)[0] == 404


@pytest.mark.parametrize("raw", [b"secret", b'["secret"]', b"{}", b'{"events": "secret"}', b'{"events": ["secret"]}'])
def test_a_bad_body_is_refused_without_quoting_it(ask, project, raw):
    status, answer = ask("POST", f"/v1/project_logs/{project['id']}/insert", raw=raw)

    assert status == 400
    assert "secret" not in str(answer)


def test_rows_are_merged_deeply(ask, project, intake):
    path = f"/v1/project_logs/{project['id']}/insert"
    ask("POST", path, {"events": [{"id": "r", "input": 1, "metadata": {"a": {"b": 1}}}]})
    status, answer = ask("POST", path, {"events": [{"id": "r", "_is_merge": True, "metadata": {"a": {"c": 2}}}]})

    assert (status, answer) == (200, {"row_ids": ["r"]})
    assert intake.store.rows(project["id"]) == [{"id": "r", "input": 1, "metadata": {"a": {"b": 1, "c": 2}}}]


def test_logs3_takes_each_row_where_it_belongs(ask, project, intake):
    dataset = ask("POST", "/v1/dataset", {"name": "d", "project_id": project["id"]})[1]
    rows = [
        {"id": "log", "project_id": project["id"], "log_id": "g", "input": 1},
        {"id": "example", "dataset_id": dataset["id"], "input": 2},
    ]

    status, _ = ask("POST", "/logs3", raw=gzip.compress(json.dumps({"rows": rows}).encode()), Content_Encoding="gzip")

    assert status == 200
    assert [row["id"] for row in intake.store.rows(project["id"])] == ["log"]
    assert [row["id"] for row in intake.store.dataset(dataset["id"])] == ["example"]
    assert ask("POST", "/logs3", {"rows": [{"id": "nowhere"}]})[0] == 400


def test_a_dataset_is_fetched_in_pages(ask, project):
    dataset = ask("POST", "/v1/dataset", {"name": "d", "project_id": project["id"]})[1]
    path = f"/v1/dataset/{dataset['id']}"
    ask("POST", f"{path}/insert", {"events": [{"id": str(n)} for n in range(5)]})

    found, cursor = [], None
    while True:
        _, page = ask("POST", f"{path}/fetch", {"limit": 2, **({"cursor": cursor} if cursor else {})})
        found += [row["id"] for row in page["events"]]
        cursor = page["cursor"]
        if not cursor:
            break

    assert sorted(found) == list("01234")
    assert ask("POST", f"{path}/fetch", {"cursor": "x"})[0] == 400


def test_a_query_that_is_not_understood_is_refused(ask):
    assert ask("POST", "/btql", {"query": "select: *"})[0] == 400


def test_traces_go_to_the_project_that_the_exporter_names(intake):
    from local.otlp_requests import export_request, span

    body = export_request(span()).SerializeToString()
    for headers in ({"x_bt_parent": "project_name:shop"}, {}, {"x_bt_parent": "project_id:nope"}):
        call(intake, "POST", "/otel/v1/traces", body, Content_Type="application/x-protobuf", **headers)

    (shop,) = intake.store.objects("project", name="shop")
    assert len(intake.store.rows(shop.id)) == len(intake.store.rows(LOCAL_PROJECT)) == 1


def test_failures_on_order(ask, intake):
    intake.faults.add(429, path="/version", times=2, skip=1, retry_after="7")

    assert [ask("GET", "/version")[0] for _ in range(4)] == [200, 429, 429, 200]
    intake.faults.add(500)
    intake.faults.clear()
    assert ask("GET", "/version")[0] == 200


# --- what bt and the SDKs ask ------------------------------------------------------------------------------------


def test_projects_datasets_and_experiments_are_registered(ask):
    project = ask("POST", "/api/project/register", {"project_name": "shop", "org_id": "any"})[1]["project"]
    asked = {"project_name": "shop", "dataset_name": "examples", "org_id": "any"}
    first = ask("POST", "/api/dataset/register", asked)[1]
    second = ask("POST", "/api/dataset/register", {"project_id": project["id"], "dataset_name": "examples"})[1]
    experiment = ask("POST", "/api/experiment/register", {"project_name": "shop", "experiment_name": "e"})[1]

    assert first["project"] == second["project"] == experiment["project"] == project
    assert first["dataset"] == second["dataset"]
    assert (first["found_existing"], second["found_existing"]) == (False, True)
    assert experiment["experiment"]["name"] == "e"
    assert ask("POST", "/api/dataset/register", {"project_name": "shop"})[0] == 400
    assert ask("POST", "/api/dataset/register", {"project_id": "nope", "dataset_name": "d"})[0] == 404


def test_objects_are_looked_up_by_query_string(ask, project):
    for query in (
        "project_name=shop",
        "name=shop",
        f"ids={project['id']}",
        f"id={project['id']}",
        "name=shop&org_name=local",
    ):
        assert ask("GET", f"/v1/project?{query}")[1]["objects"] == [project], query
    for query in ("name=nope", "name=shop&org_name=another", "ids=nope", "name=shop&limit=0"):
        assert ask("GET", f"/v1/project?{query}")[1]["objects"] == [], query
    assert ask("GET", "/v1/project?limit=many")[0] == 400


@pytest.fixture
def logs(ask, project):
    """Two traces, each of a root and two calls of a model."""
    rows = []
    for number in range(2):
        rows.append(
            {"id": f"r{number}", "root_span_id": f"t{number}", "input": "long " * 50, "metadata": {"n": number}}
        )
        rows += [
            {"id": f"c{number}{n}", "root_span_id": f"t{number}", "span_parents": [f"r{number}"],
             "metrics": {"tokens": 10 + n, "start": 1, "end": 2}} for n in range(2)
        ]  # fmt: skip
    ask("POST", f"/v1/project_logs/{project['id']}/insert", {"events": rows})
    return f"project_logs('{project['id']}')"


def test_a_query_answers_the_fields_that_it_selects(ask, logs):
    query = f"select: id, metadata.n as number | from: {logs} | filter: is_root | sort: metadata.n desc"

    assert ask("POST", "/btql", {"query": query})[1]["data"] == [{"id": "r1", "number": 1}, {"id": "r0", "number": 0}]


def test_a_preview_is_cut(ask, logs):
    for length, shown in ((10, "long long ..."), (-1, "long " * 50), (1000, "long " * 50)):
        query = f"select: input | from: {logs} | filter: id = 'r0' | preview_length: {length}"
        assert ask("POST", "/btql", {"query": query})[1]["data"] == [{"input": shown}]


def test_a_summary_is_of_the_whole_trace(ask, logs):
    data = ask("POST", "/btql", {"query": f"select: * | from: {logs} summary | filter: id = 'c11'"})[1]["data"]

    assert [(row["id"], row["metrics"]["tokens"]) for row in data] == [("r1", 21)]


def test_lines_of_json_have_their_cursor_in_a_header(intake, ask, logs):
    found, cursor = [], None
    for _ in range(5):
        query = {
            "query": f"select: id | from: {logs} | limit: 4" + (f" | cursor: '{cursor}'" if cursor else ""),
            "fmt": "jsonl",
        }
        connection = HTTPConnection(urlsplit(intake.url).netloc, timeout=60)
        connection.request("POST", "/btql", json.dumps(query), {"Authorization": f"Bearer {KEY}"})
        answer = connection.getresponse()
        lines = answer.read().splitlines()
        cursor = answer.headers["x-bt-cursor"]
        connection.close()
        found += [json.loads(line)["id"] for line in lines]
        if not lines:
            break

    assert cursor is None
    assert found == ["c11", "c10", "r1", "c01", "c00", "r0"]
    assert ask("POST", "/btql", {"query": f"select: id | from: {logs}", "fmt": "parquet"})[0] == 400
