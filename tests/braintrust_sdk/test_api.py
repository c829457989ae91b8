"""The REST client: keys, names, and servers that are busy, broken or away."""

from __future__ import annotations

import socket

import pytest

from braintrust_run_output.braintrust.api import ApiError, BraintrustApi, all_of, compare, is_null
from braintrust_sdk.stored import KEY


def connect(intake, **options):
    return BraintrustApi(**{"api_key": KEY, "app_url": intake.url, "api_url": intake.url, "backoff": 0, **options})


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_or_broken_server_is_asked_again(api, intake, status):
    intake.store.register("project", "shop")
    intake.faults.add(status, path="/v1/project", times=3, retry_after="0")

    assert api.project("shop").name == "shop"


@pytest.mark.parametrize("status", [429, 500])
def test_one_that_stays_so_is_given_up(api, intake, status):
    intake.faults.add(status, times=100, retry_after="0")

    with pytest.raises(ApiError, match=rf"answers {status} to GET /v1/project"):
        api.project("shop")


def test_a_write_is_repeated_too_and_written_once(api, intake, project):
    intake.faults.add(503, path="/insert", times=2)
    api.merge_logs(project, [{"id": "r", "metadata": {"a": 1}}])

    assert [row["metadata"] for row in intake.store.rows()] == [{"a": 1}]


@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_key(intake, status):
    if status == 403:
        intake.faults.add(status)
    with pytest.raises(ApiError, match="refused the API key") as caught:
        connect(intake, api_key="wrong-key" if status == 401 else KEY)
    assert "wrong-key" not in str(caught.value)


def test_no_key(environment, monkeypatch):
    monkeypatch.delenv("BRAINTRUST_API_KEY")

    with pytest.raises(ApiError, match="set BRAINTRUST_API_KEY"):
        BraintrustApi()


def test_a_key_in_the_file_that_the_sdk_reads(environment, monkeypatch, tmp_path):
    monkeypatch.delenv("BRAINTRUST_API_KEY")
    (tmp_path / ".env.braintrust").write_text(f"BRAINTRUST_API_KEY={KEY}\n")

    BraintrustApi().close()


def test_no_network(intake):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
        with pytest.raises(ApiError, match=r"cannot reach 127\.0\.0\.1:\d+ .*BRAINTRUST_APP_URL"):
            connect(intake, app_url=url)


def test_another_organization(intake):
    with pytest.raises(ApiError, match="BRAINTRUST_ORG_NAME"):
        connect(intake, org_name="theirs")


def test_the_login_says_where_the_data_is(intake):
    with connect(intake, api_url=None) as api:
        assert api.url == intake.url


def test_unknown_names(api, project):
    with pytest.raises(ApiError, match="no project named 'nope'"):
        api.project("nope")
    with pytest.raises(ApiError, match="no dataset named 'nope' in project 'shop'"):
        api.dataset("nope", project)


def test_what_the_server_says_of_a_query_is_passed_on_and_of_rows_is_not(api, project, intake):
    with pytest.raises(ApiError, match="400 to POST /btql: the operator 'pivot'"):
        list(api.logs(project, {"op": "pivot"}))
    intake.faults.add(422, path="/insert")
    with pytest.raises(ApiError, match=r"answered 422 to POST [^:]*$"):
        api.merge_logs(project, [{"id": "r"}])


def test_queries_are_paged(api, project, intake):
    intake.store.insert(
        [{"id": f"r{n}", "created": f"2026-01-{n:02}", "metadata": {"x": n} if n % 2 else {}} for n in range(1, 10)],
        project.id,
    )
    wanted = all_of(
        compare("is_root", "eq", value=True), is_null("metadata", "x"), compare("created", "ge", "2026-01-03")
    )

    pages = list(api.logs(project, wanted, page=2))

    assert [[row["id"] for row in page] for page in pages] == [["r8", "r6"], ["r4"]]


def test_a_server_that_is_none_of_braintrusts(environment, provider):
    with pytest.raises(ApiError, match="404 to POST /api/apikey/login"):
        BraintrustApi(app_url=provider.url)
