"""The REST client and the real service's limits: large answers, large requests, long waits, pages that lead nowhere."""

from __future__ import annotations

import gzip
import json
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from braintrust_run_output import RunOutputConfig
from braintrust_run_output.braintrust import api as api_module
from braintrust_run_output.braintrust import connection
from braintrust_run_output.braintrust.api import ApiError, BraintrustApi, NamedObject, between, compare
from braintrust_run_output.braintrust.backfill import backfill
from braintrust_run_output.braintrust.connection import Connection
from braintrust_run_output.braintrust.datasets import insert, traces_of_logs
from braintrust_run_output.braintrust.verify import verify
from braintrust_sdk.hostile import HostileServer, Reply, unlabelled_gzip
from braintrust_sdk.stored import KEY
from support import examples

PROJECT = NamedObject("p", "shop")
DATASET = NamedObject("d", "examples")
NOW = datetime.now(timezone.utc)
LAST_DAY = between(NOW - timedelta(days=1), NOW)
ROWS = [{"id": f"r{number}", "n": number} for number in range(5)]


@pytest.fixture
def connect(monkeypatch):
    """Start a server that answers with a function, and connect to it: the API, the server, what was said and waited."""
    servers = []

    def connect(answer, **options):
        server = HostileServer(answer).__enter__()
        servers.append(server)
        server.said, server.waited = [], []
        monkeypatch.setattr(connection, "sleep", server.waited.append)
        options = {"api_key": KEY, "app_url": server.url, "backoff": 0, "notify": server.said.append, **options}
        return BraintrustApi(**options), server

    yield connect
    for server in servers:
        server.__exit__()


def rows_of(api):
    return [row for page in api.logs(PROJECT, LAST_DAY) for row in page]


# --- answers -------------------------------------------------------------------------------------------------------


def test_an_answer_that_is_gzip_without_saying_so(connect):
    api, _ = connect(lambda asked: unlabelled_gzip({"data": ROWS}))

    assert rows_of(api) == ROWS


@pytest.mark.parametrize(
    "body",
    [b"\x1f\x8b", gzip.compress(b"{}" * 100, mtime=0)[:-4], b"\x1f\x8bxxxx" * 9],
    ids=["two bytes", "cut", "noise"],
)
def test_gzip_that_is_damaged(connect, body):
    api, _ = connect(lambda asked: Reply(body=body))

    with pytest.raises(ApiError, match="damaged"):
        rows_of(api)


def test_a_large_answer_is_fetched_from_where_it_is_without_the_key(connect):
    def answer(asked):
        if asked.path == "/presigned":
            return unlabelled_gzip({"data": ROWS})
        return Reply(status=303, headers={"Location": "/presigned?signature=x"})

    api, server = connect(answer)

    assert rows_of(api) == ROWS
    (fetched,) = server.to("/presigned")
    assert (fetched.method, fetched.params) == ("GET", {"signature": "x"})
    assert "Authorization" not in fetched.headers
    assert KEY not in str(fetched.headers)
    assert all("Authorization" in asked.headers for asked in server.to("/btql"))


def test_an_address_that_has_expired_is_asked_for_again(connect):
    expired = iter([True])

    def answer(asked):
        if asked.path == "/presigned":
            return Reply({"Message": "expired"}, 403) if next(expired, False) else Reply({"data": ROWS})
        return Reply(status=303, headers={"Location": "/presigned"})

    api, server = connect(answer)

    assert rows_of(api) == ROWS
    assert len(server.to("/btql")) == 2


@pytest.mark.parametrize(
    ("status", "location"), [(307, "http://127.0.0.1:1/"), (303, "ftp://example.com/x"), (303, "file:///etc/passwd")]
)
def test_other_redirects_are_not_followed(connect, status, location):
    api, _ = connect(lambda asked: Reply(status=status, headers={"Location": location}))

    with pytest.raises(ApiError, match="redirects elsewhere: check BRAINTRUST_API_URL"):
        rows_of(api)


def test_a_redirect_to_what_is_no_address(connect):
    api, _ = connect(lambda asked: Reply(status=303, headers={"Location": "http://["}))

    with pytest.raises(ApiError, match="check the network and BRAINTRUST_API_URL"):
        rows_of(api)


def test_redirects_without_an_end(connect):
    api, server = connect(lambda asked: Reply(status=303, headers={"Location": "/presigned"}))

    with pytest.raises(ApiError, match="redirects without an end"):
        rows_of(api)
    assert len(server.to("/presigned")) < 10


def test_the_password_of_a_netrc_is_not_sent_in_the_keys_place(connect, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("default login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    api, server = connect(lambda asked: Reply({"data": []}))

    rows_of(api)

    assert {asked.headers["Authorization"] for asked in server.asked} == {f"Bearer {KEY}"}


# --- pages ---------------------------------------------------------------------------------------------------------


def paged(asked, rows):
    """Answer a query as a server that gives a cursor until a page is empty."""
    query = asked.json["query"]
    start = int(query.get("cursor") or 0)
    page = rows[start : start + query["limit"]]
    return Reply({"data": page, "cursor": str(start + len(page))})


@pytest.mark.parametrize("status", [500, 504])
def test_a_page_that_is_too_much_for_the_server_is_asked_for_in_smaller_ones(connect, status):
    rows = [{"id": str(number)} for number in range(50)]
    api, server = connect(lambda a: paged(a, rows) if a.json["query"]["limit"] <= 7 else Reply({}, status))

    assert rows_of(api) == rows
    assert server.waited == []


def test_a_server_that_cannot_give_a_single_row_is_given_up(connect):
    api, server = connect(lambda asked: Reply({}, 504))

    with pytest.raises(ApiError, match="answers 504 to POST /btql, however often"):
        rows_of(api)
    assert server.to("/btql")[-1].json["query"]["limit"] == 1


def test_an_answer_that_memory_does_not_take_is_asked_for_in_smaller_pages(connect, monkeypatch):
    monkeypatch.setattr(connection, "MAX_ANSWER", 100_000)
    rows = [{"id": str(number), "output": "x" * 10_000} for number in range(30)]
    for pack in (lambda reply: reply, lambda reply: unlabelled_gzip(reply.value)):
        api, _ = connect(lambda asked, pack=pack: pack(paged(asked, rows)))

        assert rows_of(api) == rows


def test_pages_grow_while_they_are_small(connect):
    rows = [{"id": str(number)} for number in range(3000)]
    api, server = connect(lambda asked: paged(asked, rows))

    assert rows_of(api) == rows
    limits = [asked.json["query"]["limit"] for asked in server.to("/btql")]
    assert limits[:5] == [100, 200, 400, 800, 1000]


def test_a_row_that_a_later_page_repeats_comes_once(connect):
    pages = [[{"id": "a", "v": 2}, {"id": "b"}], [{"id": "a", "v": 1}, {"id": "c"}], []]
    api, _ = connect(lambda a: Reply({"data": pages[int(a.json["query"].get("cursor") or 0)], "cursor": cursor(a)}))

    assert rows_of(api) == [{"id": "a", "v": 2}, {"id": "b"}, {"id": "c"}]


def cursor(asked):
    return str(int(asked.json["query"].get("cursor") or 0) + 1)


@pytest.mark.parametrize(
    "following",
    [lambda asked: "the same", lambda asked: cursor(asked), lambda asked: 7, lambda asked: {"a": 1}],
    ids=["repeated", "endless", "number", "object"],
)
def test_pages_that_lead_nowhere_are_an_error(connect, following):
    api, server = connect(lambda asked: Reply({"data": ROWS, "cursor": following(asked)}))

    with pytest.raises(ApiError, match="pages lead nowhere"):
        rows_of(api)
    assert len(server.to("/btql")) < 10


def test_a_datasets_pages_too(connect):
    api, _ = connect(lambda asked: Reply({"events": ROWS, "cursor": "the same"}))

    with pytest.raises(ApiError, match="pages lead nowhere"):
        list(api.dataset_rows(DATASET))


@pytest.mark.parametrize("odd", [None, 7, "text", [], {}, {"id": None}, {"id": 5}, {"id": ""}, {"no": "id"}])
def test_what_is_no_row_costs_itself_and_a_line(connect, odd):
    api, server = connect(lambda asked: Reply({"data": [ROWS[0], odd, ROWS[1]]}))

    assert rows_of(api) == ROWS[:2]
    assert server.said == ["1 rows of a page were passed over: they are no objects with an id"]


@pytest.mark.parametrize("answer", [{"data": "text"}, {"data": {"id": "x"}}, [], "text", None])
def test_what_is_no_answer_is_an_error(connect, answer):
    api, _ = connect(lambda asked: Reply(answer))

    with pytest.raises(ApiError, match="check BRAINTRUST_API_URL"):
        rows_of(api)


def test_json_that_nests_without_an_end_is_no_answer(connect):
    api, _ = connect(lambda asked: Reply(body=b'{"data":' + b"[" * 200_000))

    with pytest.raises(ApiError, match="not Braintrust's"):
        rows_of(api)


# --- waits ---------------------------------------------------------------------------------------------------------


def busy(times, status=429, **headers):
    left = iter(range(times))
    return lambda asked: Reply({"data": ROWS}) if next(left, None) is None else Reply({}, status, headers)


def test_a_long_wait_is_said_aloud_with_its_end(connect):
    api, server = connect(busy(1, **{"Retry-After": "90"}))

    assert rows_of(api) == ROWS
    assert server.waited == [90]
    (said,) = server.said
    assert said.startswith("Braintrust answers 429: waiting 90 s, until ")


def test_one_that_is_longer_than_allowed_ends_the_work_and_says_when_to_come_back(connect):
    api, server = connect(busy(1, **{"Retry-After": "3600"}), max_wait=60)

    with pytest.raises(ApiError, match=r"wants 3600 s until the next call.*--max-wait \(60 s\): try again at \d\d"):
        rows_of(api)
    assert server.waited == []


def test_all_waits_of_a_call_count(connect):
    api, server = connect(busy(9, **{"Retry-After": "25"}), max_wait=60)

    with pytest.raises(ApiError, match="--max-wait"):
        rows_of(api)
    assert server.waited == [25, 25]


@pytest.mark.parametrize("value", ["soon", "-1", "", "Wed, 99 Foo 2015 07:28:00 GMT"])
def test_a_retry_after_that_says_nothing_is_no_order(connect, value):
    api, _ = connect(busy(2, **{"Retry-After": value}))

    assert rows_of(api) == ROWS


def test_waits_grow(connect):
    api, server = connect(busy(5, 503), backoff=1)

    rows_of(api)

    assert [0.75 * 2**n <= waited <= 2**n for n, waited in enumerate(server.waited)] == [True] * 5


# --- names ---------------------------------------------------------------------------------------------------------


def test_every_name_is_looked_up_in_the_organization(connect):
    api, server = connect(lambda asked: Reply({}))

    api.dataset("examples", api.project("shop"))

    assert [asked.params for asked in server.asked if asked.method == "GET"] == [
        {"project_name": "shop", "org_name": "acme"},
        {"dataset_name": "examples", "project_id": "project-shop", "org_name": "acme"},
    ]


# --- requests ------------------------------------------------------------------------------------------------------


def takes(limit, taken):
    """A server that takes requests of so many bytes."""

    def answer(asked):
        if len(asked.body) > limit:
            return Reply({}, 413)
        taken.extend(asked.json["events"])
        return Reply({"row_ids": []})

    return answer


def test_requests_are_bounded_in_bytes(connect):
    taken: list[dict[str, object]] = []
    api, server = connect(takes(6 * 1024 * 1024, taken))
    rows = [{"id": str(number), "metadata": {"run_output": "日" * 600_000}} for number in range(20)]

    assert api.merge_logs(PROJECT, rows) == 0
    assert taken == [{**row, "_is_merge": True} for row in rows]
    assert len(server.to("/insert")) == 7  # three of 1,800,000 bytes in each


def test_a_server_that_takes_less_gets_halves_and_then_less_at_once(connect):
    taken: list[dict[str, object]] = []
    api, server = connect(takes(50_000, taken))
    rows = [{"id": str(number), "input": "x" * 1000} for number in range(1000)]
    counted = []

    assert api.insert_dataset_rows(DATASET, rows, counted.append) == 0
    assert taken == rows
    assert sum(counted) == 1000
    refused = [asked for asked in server.to("/insert") if len(asked.body) > 50_000]
    assert len(refused) == 1 + 2 + 4  # the first two hundred rows, their halves and quarters


def test_a_row_that_no_request_can_hold_is_passed_over(connect):
    taken: list[dict[str, object]] = []
    api, server = connect(takes(6 * 1024 * 1024, taken))
    rows = [{"id": "a"}, {"id": "huge", "input": "x" * 7_000_000}, {"id": "b"}]

    assert api.insert_dataset_rows(DATASET, rows) == 1
    assert [row["id"] for row in taken] == ["a", "b"]
    assert "passed over" in server.said[0]
    assert "xxx" not in server.said[0]


def test_half_of_a_surrogate_pair_can_be_sent(connect):
    taken: list[dict[str, object]] = []
    api, _ = connect(takes(10_000, taken))

    api.insert_dataset_rows(DATASET, [{"id": "a", "input": "\ud83d"}])

    assert taken == [{"id": "a", "input": "\ud83d"}]


@given(sizes=st.lists(st.integers(0, 3000), max_size=60), limit=st.integers(3100, 20_000))
def test_whatever_the_sizes_each_row_is_sent_once_and_in_order(sizes, limit):
    taken: list[dict[str, object]] = []
    api = BraintrustApi.__new__(BraintrustApi)
    api.notify, api._max_request = print, api_module.MAX_REQUEST

    def call(method, path, *, data, headers):
        if len(data) > limit:
            raise ApiError("too large", 413)
        taken.extend(json.loads(data)["events"])

    api._call = call
    rows = [{"id": str(number), "x": "y" * size} for number, size in enumerate(sizes)]

    assert api.insert_dataset_rows(DATASET, rows) == 0
    assert taken == rows


def test_what_a_query_asks_is_bounded_by_time_on_both_sides(connect):
    api, server = connect(lambda asked: Reply({"data": []}))

    rows_of(api)

    bounds = server.to("/btql")[0].json["query"]["filter"]["children"]
    assert [(one["op"], one["left"]["name"]) for one in bounds] == [("ge", ["created"]), ("lt", ["created"])]
    assert compare("created", "lt", "x")["op"] == "lt"


# --- whatever the server does --------------------------------------------------------------------------------------


def test_an_answer_that_is_cut_off_is_asked_for_again(connect):
    cut = iter([True, True])

    def answer(asked):
        if next(cut, False):
            return Reply({}, headers={"Content-Length": "1000", "Connection": "close"})
        return Reply({"data": ROWS})

    api, server = connect(answer)

    assert rows_of(api) == ROWS
    assert len(server.to("/btql")) == 3


def test_an_address_that_is_none_is_said_at_once(connect):
    for url in ("api.example.com", "ftp://example.com", "http://[", "https://"):
        api, server = connect(lambda asked: Reply({}), api_url=url)
        with pytest.raises(ApiError, match="check the network and BRAINTRUST_API_URL"):
            rows_of(api)
        assert server.waited == []


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
_TIMES = st.sampled_from([None, "soon", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-11-27T12:00:00.123Z", 5])
_ROWS = st.fixed_dictionaries(
    {},
    optional={
        "id": st.sampled_from(["a", "b", "", 1]) | _JSON,
        "root_span_id": st.sampled_from(["a", "b"]) | _JSON,
        "is_root": st.booleans(),
        "span_parents": _JSON,
        "created": _TIMES,
        "metadata": _JSON | st.just({"run_output": "x"}),
        "metrics": _JSON | st.fixed_dictionaries({"start": _JSON, "end": _JSON | st.just(1e300)}),
        "span_attributes": _JSON | st.just({"type": "llm", "name": "m"}),
        "output": _JSON,
        "input": _JSON,
    },
)
_ANSWERS = st.fixed_dictionaries({}, optional={"data": st.lists(_ROWS | _JSON, max_size=4) | _JSON, "cursor": _JSON})


@examples(300)
@given(st.lists(_ANSWERS, min_size=1, max_size=8))
def test_whatever_is_answered_there_is_a_report_or_one_line(answers):
    """backfill and insert, from a server whose every answer is odd."""
    api = BraintrustApi.__new__(BraintrustApi)
    api.notify, api._max_request, api._page = (lambda line: None), api_module.MAX_REQUEST, 100
    api._connection = Connection.__new__(Connection)
    api._connection.received = 0
    left = iter(answers)
    api._call = lambda method, path, **options: next(left, {}) if path == "/btql" else {}
    config = RunOutputConfig()

    for work in (
        lambda: backfill(api, PROJECT, since=NOW - timedelta(days=1), config=config, apply=True).roots,
        lambda: (
            insert(
                traces_of_logs(api, PROJECT, since=NOW - timedelta(days=1)), DATASET, api, config=config, apply=True
            ).traces
        ),
    ):
        left = iter(answers)
        try:
            said = str(work())
        except ApiError as error:
            said = str(error)
        assert said.isprintable()


def test_verify_of_a_dataset_whose_pages_repeat_a_row_in_an_older_version(connect):
    new, old = ({"id": "a", "_xact_id": x, "metadata": {"run_output": v}} for x, v in (("12", "x"), ("9", None)))
    pages = {None: ([new, {**new, "id": "b"}], "1"), "1": ([old], "2"), "2": ([], "3")}
    api, _ = connect(lambda asked: Reply(dict(zip(("events", "cursor"), pages[asked.json.get("cursor")], strict=True))))

    report = verify(api.dataset_rows(DATASET))

    assert (report.ok, report.rows, report.repeated) == (True, 2, 1)
