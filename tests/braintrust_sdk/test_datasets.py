"""insert: dataset rows from recorded traces."""

from __future__ import annotations

import json

import pytest

from braintrust_run_output import RunOutputConfig
from braintrust_run_output.braintrust.api import ApiError, NamedObject
from braintrust_run_output.braintrust.datasets import (
    insert,
    insert_with_sdk,
    make_row,
    traces_of_intake,
    traces_of_logs,
    traces_of_otlp,
)
from braintrust_run_output.braintrust.since import parse_since
from braintrust_sdk.stored import agent_trace, chat, stored_row


@pytest.fixture
def dataset(api, project):
    return api.create_dataset("examples", project)


def stored(intake, dataset):
    return intake.store.dataset(dataset.id)


def test_a_row(config):
    row = make_row(agent_trace("t"), config, dataset_id="d", project_id="p")

    assert row.pop("id") == make_row(reversed(agent_trace("t")), config, dataset_id="d")["id"]
    assert row.pop("origin")["id"] == "t-root"
    assert row == {
        "input": {"q": "t"},
        "metadata": {"run_output": "Paris.", "span_id": "t-chat", "root_span_id": "t"},
    }


def test_expected_only_if_given(config):
    rows = agent_trace("t")
    rows[0]["output"] = "the root's output"

    assert "expected" not in make_row(rows, config, dataset_id="d")
    assert make_row(rows, config, dataset_id="d", expected="E")["expected"] == "E"
    rows[0]["expected"] = "its own"
    assert make_row(rows, config, dataset_id="d")["expected"] == "its own"


def test_the_input_of_the_call_that_was_chosen_where_the_root_has_none_or_of_one_before_it(config):
    root, *others = agent_trace("t")

    assert make_row([{**root, "input": None}, *reversed(others)], config, dataset_id="d")["input"] == "asked"
    messages = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "hm"}]
    others[-1]["input"] = [*messages, {"role": "user", "content": "and?"}, {"role": "assistant", "content": "well"}]
    assert make_row([{**root, "input": None}, *others], config, dataset_id="d")["input"] == others[-1]["input"][:3]


def test_the_roots_metadata_if_wanted(config):
    row = make_row(agent_trace("t"), config, dataset_id="d", with_metadata=True)

    assert row["metadata"]["user"] == "u"
    assert row["metadata"]["run_output"] == "Paris."


def test_ids_differ_by_dataset_and_trace(config):
    ids = {make_row(agent_trace(trace), config, dataset_id=d)["id"] for trace in ("t1", "t2") for d in ("d1", "d2")}

    assert len(ids) == 4


def test_ten_thousand_rows_inserted_twice_are_ten_thousand(intake, api, dataset, config):
    def recorded():
        for number in range(10_000):
            yield agent_trace(f"t{number}", f"answer {number}")

    first = insert(recorded(), dataset, api, config=config, apply=True)
    second = insert(recorded(), dataset, api, config=config, apply=True)

    assert (first.written, first.unchanged) == (second.unchanged, second.written) == (10_000, 0)
    rows = stored(intake, dataset)
    assert len(rows) == len({row["id"] for row in rows}) == 10_000
    assert {row["metadata"]["run_output"] for row in rows} == {f"answer {number}" for number in range(10_000)}


def test_what_people_have_written_into_a_row_stays(intake, api, dataset, config):
    insert([agent_trace("t")], dataset, api, config=config, apply=True)
    (row,) = stored(intake, dataset)
    intake.store.insert_dataset_rows([{**row, "expected": "corrected", "tags": ["mine"]}], dataset.id)

    insert([agent_trace("t", "another")], dataset, api, config=config, apply=True)

    (row,) = stored(intake, dataset)
    assert (row["expected"], row["tags"]) == ("corrected", ["mine"])
    assert row["metadata"]["run_output"] == "another"


def test_a_dry_run_writes_nothing(intake, api, dataset, config):
    report = insert([agent_trace("t"), [stored_row("empty", "root")]], dataset, api, config=config)

    assert (report.traces, report.found, report.skipped, report.written) == (2, 1, 1, 0)
    assert stored(intake, dataset) == []


def test_a_failure_half_way_says_how_far_it_came(intake, api, dataset, config):
    from braintrust_run_output.braintrust.datasets import InsertReport

    intake.faults.add(400, path="/insert", skip=1)
    report = InsertReport(applied=True)
    with pytest.raises(ApiError):
        insert((agent_trace(f"t{n}") for n in range(500)), dataset, api, config=config, apply=True, report=report)

    assert report.written == len(stored(intake, dataset)) == 200


def test_traces_of_an_otlp_file(tmp_path, config):
    span = {
        "traceId": "0af7651916cd43dd8448eb211c80319c",
        "spanId": "b7ad6b7169203331",
        "name": "chat",
        "startTimeUnixNano": "1700000000000000000",
        "endTimeUnixNano": "1700000001000000000",
        "attributes": [
            {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
            {"key": "gen_ai.prompt", "value": {"stringValue": "q"}},
            {"key": "gen_ai.completion", "value": {"stringValue": "Paris."}},
        ],
    }
    other = {**span, "traceId": "1af7651916cd43dd8448eb211c80319c"}
    requests = [{"resourceSpans": [{"scopeSpans": [{"spans": [one]}]}]} for one in (span, other)]
    whole, lines = tmp_path / "whole.json", tmp_path / "lines.jsonl"
    whole.write_text(json.dumps(requests[0], indent=2))
    lines.write_text("\n".join(json.dumps(one) for one in requests))

    assert len(list(traces_of_otlp(whole))) == 1
    rows = [make_row(trace, config, dataset_id="d") for trace in traces_of_otlp(lines)]
    assert [(row["input"], row["metadata"]["run_output"]) for row in rows] == [("q", "Paris.")] * 2
    assert rows[0]["metadata"]["root_span_id"] == span["traceId"]


def test_a_row_of_each_root_that_a_trace_has(tmp_path, intake, project, config):
    def span(span_id, parent="", **attributes):
        found = [{"key": key.replace("__", "."), "value": {"stringValue": text}} for key, text in attributes.items()]
        return {"traceId": "1" * 32, "spanId": span_id * 16, "parentSpanId": parent * 16, "attributes": found}

    answers = ("First.", "Second.")
    spans = [span("a"), span("b", "a", gen_ai__completion=answers[0])]
    spans += [span("c"), span("d", "c", gen_ai__completion=answers[1])]
    path = tmp_path / "file.json"
    path.write_text(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}))
    for turn, answer in zip("ac", answers, strict=True):
        below = stored_row("t", f"{turn}-chat", turn, kind="llm", output=chat(answer))
        intake.store.insert([stored_row("t", turn), below], project.id)

    for recorded in (traces_of_otlp(path), traces_of_intake(intake.url)):
        rows = [make_row(trace, config, dataset_id="d") for trace in recorded]
        assert sorted(row["metadata"]["run_output"] for row in rows) == ["First.", "Second."]
        assert len({row["id"] for row in rows}) == 2


@pytest.mark.parametrize("content", ["secret", "[1]", '{"resourceSpans": "secret"}', '{"resourceSpans": []}\nsecret'])
def test_what_is_no_otlp_file(tmp_path, content):
    path = tmp_path / "file"
    path.write_text(content)

    with pytest.raises(ApiError, match="not an OTLP JSON") as caught:
        list(traces_of_otlp(path))
    assert "secret" not in str(caught.value)
    path.write_text("")
    with pytest.raises(ApiError, match="holds no spans"):
        list(traces_of_otlp(path))
    with pytest.raises(ApiError, match="cannot read"):
        list(traces_of_otlp(tmp_path / "none"))


def test_traces_of_a_local_intake(intake, config):
    for number in range(120):
        intake.store.insert(agent_trace(f"t{number}"))

    assert {trace[0]["root_span_id"] for trace in traces_of_intake(intake.url)} == {f"t{n}" for n in range(120)}
    intake.stop()
    with pytest.raises(ApiError, match="no local intake answers"):
        list(traces_of_intake(intake.url))


def test_traces_of_a_projects_logs_have_their_origin(intake, api, project, dataset, config):
    for number in range(60):
        intake.store.insert(agent_trace(f"t{number}"), project.id)

    recorded = traces_of_logs(api, project, since=parse_since("1h"))
    report = insert(recorded, dataset, api, config=config, project_id=project.id, apply=True)

    assert report.written == 60
    row = stored(intake, dataset)[0]
    assert row["origin"] == {
        "object_type": "project_logs",
        "object_id": project.id,
        "id": f"{row['metadata']['root_span_id']}-root",
        "created": row["origin"]["created"],
    }


def test_rows_inserted_with_the_sdk(sdk, intake, config):
    dataset = sdk.init_dataset("shop", "examples")
    rows = [make_row(agent_trace("t"), config, dataset_id=dataset.id)]

    assert insert_with_sdk(rows, dataset) == insert_with_sdk(rows, dataset) == 1
    (row,) = sdk.init_dataset("shop", "examples").fetch()
    assert row["metadata"]["run_output"] == "Paris."
    assert row["expected"] is None


def test_the_configuration_counts():
    row = make_row(agent_trace("t"), RunOutputConfig(key="answer", root="first"), dataset_id="d")

    assert row["metadata"]["answer"] == "a plan"


def test_the_report_keeps_the_beginnings_of_long_values(config):
    traces = ([*agent_trace(f"t{number}", "x" * 100_000)] for number in range(30))

    report = insert(traces, NamedObject("d", "examples"), None, config=config)

    assert report.found == len(report.rows) == 30
    assert len(json.dumps(report.rows)) < 60_000
    assert report.rows[0]["input"] == {"q": "t0"}
