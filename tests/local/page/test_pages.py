"""The pages for people, as they are sent: what a browser makes of them is in tests/browser."""

from __future__ import annotations

import json
import re
from html import unescape
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from braintrust_run_output.local import LocalIntake
from braintrust_run_output.local.intake.store import LOCAL_DATASET
from braintrust_run_output.local.page.json_text import to_text
from braintrust_run_output.local.page.pages import DATASET_ROWS_PER_PAGE, TRACES_PER_PAGE
from braintrust_run_output.local.page.reasons import examine
from braintrust_run_output.local.page.shape import duration
from braintrust_run_output.local.page.views import SPANS_PER_PAGE, excerpt, span_lines

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{7*7}}"


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.text = response.read().decode()


def call(intake, path, method="GET", **headers):
    connection = HTTPConnection(urlsplit(intake.url).netloc, timeout=60)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        return Answer(connection.getresponse())
    finally:
        connection.close()


def trace(number=1, *, run_output="It is sunny.", name="POST /ask", children=1, **fields):
    trace_id = f"{number:032x}"
    spans = [
        {
            "id": f"{number:08x}{child:08x}",
            "span_id": f"{number:08x}{child:08x}",
            "root_span_id": trace_id,
            "is_root": child == 0,
            "span_parents": [f"{number:08x}{0:08x}"] if child else [],
            "created": f"2026-01-01T00:{child // 60:02}:{child % 60:02}.000000Z",
            "metrics": {"start": 1.0 + child, "end": 5.0 + child * (child < 4)},
            "span_attributes": {"name": name if child == 0 else f"call {child}", "type": "llm" if child else "task"},
            "metadata": {} if run_output is None else {"run_output": run_output},
            "input": None,
            "output": None,
            "context": {"scope": "opentelemetry.instrumentation.openai.v1", "kind": "SERVER", "resource": {}},
            **fields,
        }
        for child in range(children + 1)
    ]
    return trace_id, spans


@pytest.fixture
def stored(intake):
    trace_id, spans = trace()
    intake.store.insert(spans)
    return trace_id


def shown(answer):
    return unescape(re.sub(r"<[^>]+>", "", answer.text))


class TestTraces:
    def test_the_root_of_the_server_lists_them(self, intake, stored):
        page = call(intake, "/")

        assert page.status == 200
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert f'href="/ui/traces/{stored}"' in page.text
        assert "It is sunny." in page.text

    def test_none_yet_says_where_to_send_them(self, intake):
        assert f"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT={intake.endpoint}" in call(intake, "/").text

    def test_why_a_root_has_no_run_output(self, intake):
        intake.store.insert(trace(run_output=None)[1])

        assert "Content capture is off" in call(intake, "/").text

    def test_paging(self, intake):
        for number in range(1, TRACES_PER_PAGE + 3):
            intake.store.insert(trace(number, name=f"run {number}")[1])

        first = call(intake, "/")
        older = re.search(r'rel="next" href="([^"]+)"', first.text)
        second = call(intake, unescape(older[1]))

        assert first.text.count('class="name"') == TRACES_PER_PAGE
        assert "run 2<" not in first.text
        assert second.text.count('class="name"') == 2
        assert 'rel="next"' not in second.text
        assert "live.js" not in second.text

    def test_a_page_that_is_none(self, intake):
        assert call(intake, "/?before=x").status == 400

    def test_a_long_run_output_is_cut(self, intake):
        intake.store.insert(trace(run_output="long " * 100_000)[1])

        assert len(call(intake, "/").text) < 10_000

    def test_by_project_and_service(self, intake):
        shop, web = (intake.store.register("project", name).id for name in ("shop", "web"))
        resource = {"context": {"scope": "s", "kind": "SERVER", "resource": {"service.name": "billing"}}}
        intake.store.insert(trace(1, name="in shop")[1], shop)
        intake.store.insert(trace(2, name="of billing", **resource)[1], web)
        intake.store.insert(trace(3, name="in web")[1], web)

        def names(query):
            return re.findall(r'class="name"[^>]*>([^<]+)', call(intake, f"/?{query}").text)

        assert names("") == ["in web", "of billing", "in shop"]
        assert names(f"project={web}") == ["in web", "of billing"]
        assert names(f"project={web}&service=billing") == ["of billing"]
        assert names("service=none") == names("project=none") == []
        assert "No such trace" in call(intake, "/?service=none").text
        assert f'<option value="{web}" selected>web (2)' in call(intake, f"/?project={web}").text

    def test_those_without_a_run_output_and_why(self, intake):
        for number in range(1, 4):
            intake.store.insert(trace(number, run_output=None)[1])
        intake.store.insert(trace(4)[1])
        intake.store.insert(trace(5)[1][1:])

        everything, without = shown(call(intake, "/")), shown(call(intake, "/?without=1"))

        assert re.search(r"Without a run output\s+4", everything)
        assert "It is sunny." not in without
        assert re.search(r"content off\s+3\s+Content capture is off", without)
        assert re.search(r"no root yet\s+1", without)

    def test_the_newest_come_first_whenever_they_arrive(self, intake):
        for number, created in ((1, "2026-01-03"), (2, "2026-01-01"), (3, "2026-01-02")):
            intake.store.insert(trace(number, name=f"run {number}", created=created)[1])

        assert re.findall(r"run \d", call(intake, "/").text) == ["run 1", "run 3", "run 2"]


class TestTrace:
    def test_tree_source_metadata_and_row(self, intake, stored):
        page = call(intake, f"/ui/traces/{stored}")

        assert page.status == 200
        assert "metadata.run_output is on the root" in page.text
        assert "★ answer" in page.text
        assert '"run_output": "It is sunny."' in shown(page)
        assert "Add to dataset" in page.text

    def test_the_span_that_the_output_came_from_is_open(self, intake, stored):
        assert "call 1" in re.search(r'id="span-name">.*', call(intake, f"/ui/traces/{stored}").text)[0]

    def test_any_span_can_be_opened(self, intake, stored):
        root = intake.store.trace(stored)[0]

        page = call(intake, f"/ui/traces/{stored}?span={root['id']}")

        assert "POST /ask" in re.search(r'id="span-name">.*', page.text)[0]

    def test_reason_and_remedy(self, intake):
        trace_id, spans = trace(run_output=None)
        intake.store.insert(spans)

        page = call(intake, f"/ui/traces/{trace_id}")

        assert "export TRACELOOP_TRACE_CONTENT=true" in page.text

    def test_without_root(self, intake):
        trace_id, (_, child) = trace()
        intake.store.insert([child])

        page = call(intake, f"/ui/traces/{trace_id}")

        assert "Its root span has not arrived" in page.text
        assert "Add to dataset" not in page.text

    def test_an_unknown_one(self, intake):
        assert call(intake, "/ui/traces/nope").status == 404

    def test_a_large_one_has_pages(self, intake):
        trace_id, spans = trace(children=SPANS_PER_PAGE + 10, run_output=None)
        intake.store.insert(spans)

        first, second = (call(intake, f"/ui/traces/{trace_id}?page={page}").text for page in (1, 2))

        assert first.count("Level ") == SPANS_PER_PAGE
        assert second.count("Level ") == 11
        assert "Page 1 of 2" in first

    def test_a_span_on_a_later_page_opens_there(self, intake):
        trace_id, spans = trace(children=SPANS_PER_PAGE + 10, run_output=None)
        intake.store.insert(spans)

        assert "Page 2 of 2" in call(intake, f"/ui/traces/{trace_id}?span={spans[-1]['id']}").text

    def test_a_huge_value_is_cut(self, intake):
        trace_id, spans = trace(input="x" * 1_000_000)
        intake.store.insert(spans)

        page = call(intake, f"/ui/traces/{trace_id}")

        assert len(page.text) < 100_000
        assert "more characters are not shown" in page.text

    @pytest.mark.parametrize("garbage", [None, 7, "text", ["x"], {"start": "soon", "name": 4, "events": 1}])
    def test_any_field_may_hold_anything(self, intake, garbage):
        names = ("metadata", "metrics", "span_attributes", "context", "input", "error", "tags", "created")
        intake.store.insert([{"id": "r", "root_span_id": "t", "is_root": True, **dict.fromkeys(names, garbage)}])

        assert call(intake, "/").status == 200
        assert call(intake, "/ui/traces/t").status == 200
        assert call(intake, "/ui/traces/t/dataset", "POST").status == 303
        assert call(intake, "/ui/dataset").status == 200

    def test_a_root_without_input_is_told_what_gives_it_one(self, intake, stored):
        hint = "BRAINTRUST_RUN_OUTPUT_MIRROR_INPUT=true"
        trace_id, spans = trace(2, input="How is the weather?")
        intake.store.insert(spans)

        assert hint in shown(call(intake, f"/ui/traces/{stored}"))
        assert hint not in shown(call(intake, f"/ui/traces/{trace_id}"))

    def test_what_is_said_of_expected(self, intake, stored):
        assert "never writes expected" in shown(call(intake, f"/ui/traces/{stored}"))
        assert "never writes it" in shown(call(intake, "/ui/dataset"))


class TestDataset:
    def add(self, intake, trace_id):
        return call(intake, f"/ui/traces/{trace_id}/dataset", "POST", Origin=intake.url)

    def test_a_trace_is_added_and_shown(self, intake, stored):
        answer = self.add(intake, stored)
        page = call(intake, answer.headers["location"])

        assert answer.status == 303
        assert "Added to the dataset" in page.text
        assert '"run_output": "It is sunny."' in shown(page)
        assert f'href="/ui/traces/{stored}"' in page.text
        assert "has it once already" in call(intake, f"/ui/traces/{stored}").text

    def test_it_is_exported_as_a_file(self, intake, stored):
        self.add(intake, stored)

        answer = call(intake, "/ui/dataset.json")

        assert answer.headers["content-disposition"] == 'attachment; filename="dataset.json"'
        assert json.loads(answer.text) == intake.store.dataset()

    def test_a_row_is_removed(self, intake, stored):
        self.add(intake, stored)
        (row,) = intake.store.dataset()

        assert call(intake, f"/ui/dataset/{row['id']}/remove", "POST").status == 303
        assert intake.store.dataset() == []

    def test_paging(self, intake, stored):
        for _ in range(DATASET_ROWS_PER_PAGE + 1):
            self.add(intake, stored)

        assert "Page 2 of 2" in call(intake, "/ui/dataset?page=2").text
        assert "Page 2 of 2" in call(intake, "/ui/dataset?page=99").text

    def test_empty(self, intake):
        assert "No rows yet" in call(intake, "/ui/dataset").text

    def test_rows_that_others_wrote(self, intake):
        intake.store.insert_dataset_rows([{"id": "a", "origin": "none", "metadata": None}, {"id": "b"}])

        page = call(intake, "/ui/dataset?row=b")

        assert page.status == 200
        assert page.text.count(">missing<") == 2

    def test_a_trace_without_root_is_not_added(self, intake):
        trace_id, (_, child) = trace()
        intake.store.insert([child])

        assert self.add(intake, trace_id).status == 404

    def test_rows_that_were_inserted_elsewhere_are_shown(self, intake, stored):
        self.add(intake, stored)
        project = intake.store.register("project", "shop")
        dataset = intake.store.register("dataset", "examples", project.id)
        intake.store.insert_dataset_rows([{"id": "r", "input": "q", "metadata": {"run_output": "a"}}], dataset.id)

        page = call(intake, "/ui/dataset")

        assert "examples" in page.text
        assert "local" in page.text
        assert '<span class="cell output">a</span>' in page.text
        assert "It is sunny." in call(intake, f"/ui/dataset?dataset={LOCAL_DATASET}").text
        exported = call(intake, f"/ui/dataset.json?dataset={dataset.id}").text
        assert json.loads(exported) == intake.store.dataset(dataset.id)
        assert call(intake, f"/ui/dataset/r/remove?dataset={dataset.id}", "POST").status == 303
        assert intake.store.dataset(dataset.id) == []


class TestUnknownAddresses:
    @pytest.mark.parametrize("path", ["/nope", "/ui/nope", "/ui/traces/x/y/z"])
    def test_a_browser_gets_a_page(self, intake, path):
        page = call(intake, path, Accept="text/html,application/xhtml+xml")

        assert page.status == 404
        assert page.headers["content-type"].startswith("text/html")
        assert "There is no such page" in page.text
        assert 'href="/"' in page.text

    def test_a_program_gets_json(self, intake):
        assert json.loads(call(intake, "/nope").text) == {"error": "Not Found"}


class TestSafety:
    def paths(self, intake):
        trace_id, spans = trace(
            run_output=HOSTILE, name=HOSTILE, input=HOSTILE, output={HOSTILE: [HOSTILE]}, error=HOSTILE, tags=[HOSTILE]
        )
        intake.store.insert(spans)
        row = call(intake, f"/ui/traces/{trace_id}/dataset", "POST").headers["location"]
        return ["/", f"/ui/traces/{trace_id}", row, "/ui/traces/" + "%3Cscript%3E", "/?before=%3Cscript%3E"]

    def test_what_spans_hold_is_escaped(self, intake):
        for path in self.paths(intake):
            page = call(intake, path).text

            assert "<script>alert" not in page
            assert "<img src=x" not in page
            assert "49" not in page or "{{7*7}}" in page
            assert len(re.findall(r"<script", page)) == len(
                re.findall(r'<script src="/ui/static/live.js" defer>', page)
            )
            assert not re.search(r"<[^>]+\son\w+=", page)
            assert "style=" not in page

    def test_every_page_keeps_to_itself(self, intake):
        for path in [*self.paths(intake), "/ui/dataset.json", "/ui/live", "/ui/static/style.css"]:
            headers = call(intake, path).headers

            policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
            assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
            assert {policy[name] for name in policy if name.endswith("-src")} <= {"'none'", "'self'"}
            assert policy["form-action"] == "'self'"
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "same-origin"
            assert headers["cache-control"] == "no-store"

    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Origin": "http://127.0.0.1:1"},  # another server of this machine
            {"Sec_Fetch_Site": "cross-site"},
            {"Sec_Fetch_Site": "same-site"},
            {"Host": "evil.example"},
        ],
    )
    def test_forms_of_other_pages_are_refused(self, intake, stored, headers):
        row = intake.store.insert_dataset_rows([{"id": "kept"}])[0]

        assert call(intake, f"/ui/traces/{stored}/dataset", "POST", **headers).status == 403
        assert call(intake, f"/ui/dataset/{row}/remove", "POST", **headers).status == 403
        assert [one["id"] for one in intake.store.dataset()] == ["kept"]

    def test_reading_changes_nothing(self, intake, stored):
        assert call(intake, f"/ui/traces/{stored}/dataset").status == 405

    @pytest.mark.parametrize("name", ["nope.css", "..%2Fapp.py", "%2e%2e%2fpages.py"])
    def test_only_the_static_files_are_static(self, intake, name):
        assert call(intake, f"/ui/static/{name}").status == 404

    def test_the_pages_name_no_other_host(self, intake, stored):
        for path in ["/", f"/ui/traces/{stored}", "/ui/dataset", "/ui/static/style.css", "/ui/static/live.js"]:
            text = call(intake, path).text.replace(intake.url, "")
            assert "http:" not in text
            assert "https:" not in text
            assert "url(" not in text


def test_the_version_changes_with_the_store(intake):
    before = call(intake, "/ui/live").text
    intake.store.insert(trace()[1])

    assert before != call(intake, "/ui/live").text
    assert call(intake, "/ui/live").text == call(intake, "/ui/live").text


def test_the_pages_show_another_key():
    with LocalIntake(key="answer") as intake:
        trace_id, spans = trace(metadata={"answer": "42"})
        intake.store.insert(spans)

        assert "metadata.answer is on the root" in call(intake, f"/ui/traces/{trace_id}").text


def test_a_marked_key_is_marked_with_its_value():
    pieces = to_text({"a": "b", "run_output": "x", "c": ["run_output"]}, mark="run_output").pieces

    assert "".join(piece.text for piece in pieces if piece.marked) == '"run_output": "x"'
    assert json.loads("".join(piece.text for piece in pieces))["c"] == ["run_output"]


def test_a_deep_tree_is_walked_without_recursion():
    rows = [{"id": str(i), "span_parents": [str(i - 1)] if i else []} for i in range(5_000)]

    lines = span_lines(rows, verdict=examine(rows), selected="0", page=25)

    assert lines[-1].level == 5_000
    assert lines[-1].indent == 12


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 ms"), (0.00004, "40 µs"), (0.0042, "4.2 ms"), (0.25, "250 ms"), (1.5, "1.50 s"), (125, "2 min 5 s")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_an_excerpt_is_one_line():
    assert excerpt("a\n\n  b") == "a b"
    assert excerpt(None) == "null"
    assert len(excerpt({"a": "x" * 10_000})) == 200
