"""backfill: each root once, whatever happens on the way."""

from __future__ import annotations

import copy
from datetime import datetime, timedelta, timezone

import pytest

from braintrust_run_output import RunOutputConfig
from braintrust_run_output.braintrust.api import ApiError
from braintrust_run_output.braintrust.backfill import BackfillReport, backfill
from braintrust_run_output.braintrust.since import parse_since
from braintrust_sdk.stored import agent_trace, chat, stored_row

DAY = timedelta(days=1)


@pytest.fixture
def run(api, project, config):
    def run(**options):
        options = {"since": datetime.now(timezone.utc) - DAY, "config": config, "apply": True, **options}
        return backfill(api, project, **options)

    return run


@pytest.fixture
def merges(intake, monkeypatch):
    """How often each row was merged into."""
    counts: dict[str, int] = {}
    insert = intake.store.insert

    def counting(rows, *args):
        rows = list(rows)
        for row in rows:
            if row.get("_is_merge"):
                counts[row["id"]] = counts.get(row["id"], 0) + 1
        return insert(rows, *args)

    monkeypatch.setattr(intake.store, "insert", counting)
    return counts


def by_id(intake):
    return {row["id"]: row for row in intake.store.rows()}


def test_a_root_gets_the_run_output_and_nothing_else_changes(intake, project, run):
    intake.store.insert(agent_trace("t"), project.id)
    before = copy.deepcopy(by_id(intake))

    report = run()

    after = by_id(intake)
    assert after["t-root"]["metadata"] == {"user": "u", "run_output": "Paris."}
    before["t-root"]["metadata"]["run_output"] = "Paris."
    assert after == before
    assert (report.roots, report.found, report.written) == (1, 1, 1)


def test_each_of_several_roots_of_one_trace_gets_what_was_said_below_it(intake, project, run):
    for turn in ("one", "two"):
        rows = [
            stored_row("t", turn, end=9),
            stored_row("t", f"{turn}-chat", turn, kind="llm", end=8, output=chat(f"Answer {turn}.")),
        ]
        intake.store.insert(rows, project.id)

    run()

    found = by_id(intake)
    assert [found[f"t-{turn}"]["metadata"] for turn in ("one", "two")] == [
        {"run_output": "Answer one."},
        {"run_output": "Answer two."},
    ]


def test_a_dry_run_is_the_default_and_writes_nothing(intake, api, project, config, merges):
    intake.store.insert(agent_trace("t"), project.id)

    report = backfill(api, project, since=parse_since("24h"), config=config)

    assert (report.applied, report.found, report.written, merges) == (False, 1, 0, {})
    assert report.decisions[0].found.value == "Paris."


def test_values_that_are_there_are_not_touched(intake, project, run, merges):
    rows = agent_trace("t")
    rows[0]["metadata"]["run_output"] = "set by hand"
    intake.store.insert(rows, project.id)

    assert run(config=RunOutputConfig(overwrite=True)).roots == 0
    assert merges == {}


def test_only_roots_since_and_until(intake, project, run, merges):
    for days in range(4):
        rows = agent_trace(f"t{days}")
        for row in rows:
            row["created"] = (datetime.now(timezone.utc) - days * DAY - timedelta(minutes=5)).isoformat()
        intake.store.insert(rows, project.id)

    run(since=datetime.now(timezone.utc) - 3 * DAY, until=datetime.now(timezone.utc) - 1 * DAY)

    assert merges == {"t1-root": 1, "t2-root": 1}


def test_traces_without_any_output_are_counted(intake, project, run):
    intake.store.insert([stored_row("empty", "root"), *agent_trace("t")], project.id)

    report = run()

    assert (report.roots, report.found, report.written, report.without_output) == (2, 1, 1, 1)


def test_other_projects_are_left_alone(intake, project, run, merges):
    other = intake.store.register("project", "other")
    intake.store.insert(agent_trace("t"), other.id)

    assert run().roots == 0
    assert merges == {}


def test_linkage_and_another_key(intake, project, run):
    intake.store.insert(agent_trace("t"), project.id)
    run(config=RunOutputConfig(key="answer", linkage=True, max_length=3))

    assert by_id(intake)["t-root"]["metadata"] == {
        "user": "u",
        "answer": "Par",
        "answer_truncated": True,
        "span_id": "t-chat",
        "root_span_id": "t",
    }


def test_a_thousand_traces_interrupted_half_way_are_each_merged_once(intake, project, run, merges):
    for number in range(1000):
        intake.store.insert(agent_trace(f"t{number}", f"answer {number}"), project.id)
    intake.faults.add(400, path="/insert", skip=10)
    first = BackfillReport(applied=True)

    with pytest.raises(ApiError):
        run(report=first)
    half_way = dict(merges)
    second = run()

    assert first.written == len(half_way) == 500
    assert second.written == 500
    assert set(merges.values()) == {1}
    assert len(merges) == 1000
    rows = by_id(intake)
    assert all(rows[f"t{n}-root"]["metadata"]["run_output"] == f"answer {n}" for n in range(1000))
    assert run().roots == 0


def test_an_answer_that_was_lost_after_the_write_is_harmless(intake, project, run, merges):
    intake.store.insert(agent_trace("t"), project.id)
    run()
    intake.faults.add(503, path="/btql", times=2, retry_after="0")

    assert run().written == 0
    assert merges == {"t-root": 1}


def test_traces_that_the_real_sdk_and_opentelemetry_recorded(sdk, intake, api, config):
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    logger = sdk.init_logger(project="mixed")
    with logger.start_span("native", input="q", expected="E") as root, root.start_span("llm", type="llm") as llm:
        llm.log(output=[{"message": {"role": "assistant", "content": "native"}}])
    logger.flush()
    provider = TracerProvider(shutdown_on_exit=False)
    exporter = OTLPSpanExporter(endpoint=intake.endpoint, headers={"x-bt-parent": "project_name:mixed"})
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("app")
    with tracer.start_as_current_span("GET /"), tracer.start_as_current_span("chat") as span:
        span.set_attributes({"gen_ai.operation.name": "chat", "gen_ai.completion": "otel"})

    report = backfill(api, api.project("mixed"), since=parse_since("1h"), config=config, apply=True)

    roots = {row["span_attributes"]["name"]: row for row in intake.store.rows() if not row["span_parents"]}
    assert report.written == 2
    assert roots["native"]["metadata"]["run_output"] == "native"
    assert roots["native"]["expected"] == "E"
    assert roots["GET /"]["metadata"]["run_output"] == "otel"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90m", "2026-01-02T10:30:00+00:00"),
        ("24h", "2026-01-01T12:00:00+00:00"),
        ("7d", "2025-12-26T12:00:00+00:00"),
        ("2W", "2025-12-19T12:00:00+00:00"),
        ("2026-01-01", "2026-01-01T00:00:00+00:00"),
        ("2026-01-01T12:00:00Z", "2026-01-01T12:00:00+00:00"),
        ("2026-01-01T12:00:00+02:00", "2026-01-01T10:00:00+00:00"),
    ],
)
def test_points_in_time(text, expected):
    now = datetime(2026, 1, 2, 12, tzinfo=timezone.utc)

    assert parse_since(text, now=now).isoformat() == expected


@pytest.mark.parametrize("text", ["", "yesterday", "24", "h", "-1h", "999999w", "2026-13-01"])
def test_what_is_no_time(text):
    with pytest.raises(ValueError, match="give 24h, 7d"):
        parse_since(text)


def test_a_root_that_gets_a_value_while_its_trace_is_read_keeps_it(intake, api, project, run, merges, monkeypatch):
    for trace in ("t1", "t2"):
        intake.store.insert(agent_trace(trace), project.id)
    logs, by_hand = api.logs, {"id": "t1-root", "_is_merge": True, "metadata": {"run_output": "by hand"}}

    def logs_and_a_person(project, condition, **options):
        yield from logs(project, condition, **options)
        if "root_span_id" in str(condition):
            intake.store.insert([by_hand], project.id)

    monkeypatch.setattr(api, "logs", logs_and_a_person)
    report = run()

    assert by_id(intake)["t1-root"]["metadata"]["run_output"] == "by hand"
    assert by_id(intake)["t2-root"]["metadata"]["run_output"] == "Paris."
    assert (report.roots, report.found, report.written) == (2, 1, 1)
    assert report.passed_over["that have got one meanwhile"] == 1
    assert merges["t2-root"] == 1


def test_roots_that_get_nothing_are_counted_by_their_reasons(intake, project, run):
    probe = stored_row("p", "root", metadata={"run_output_probe": True})
    failed = [stored_row("f", "root"), stored_row("f", "llm", "root", kind="llm", error="RuntimeError")]
    intake.store.insert([*agent_trace("t"), probe, *failed, stored_row("e", "root")], project.id)

    assert run().passed_over == {
        "sent by doctor --probe": 1, "whose last model call failed": 1, "without a model call": 1,
        "that have got one meanwhile": 0, "whose output is larger than a request may be": 0,
    }  # fmt: skip


def test_spans_that_come_long_after_their_roots_end_are_not_looked_at_and_those_within_a_day_are(intake, project, run):
    hours = 3600
    for trace, late in (("t1", 20 * hours), ("t2", 30 * hours)):
        start = -48 * hours
        root = stored_row(trace, "root", start=start, end=start + 1)
        llm = stored_row(trace, "llm", "root", kind="llm", start=start + late, end=start + late + 1, output="late")
        intake.store.insert([root, llm], project.id)

    run(since=datetime.now(timezone.utc) - 3 * DAY)

    values = {row_id: row["metadata"].get("run_output") for row_id, row in by_id(intake).items() if row["is_root"]}
    assert values == {"t1-root": "late", "t2-root": None}


def test_a_span_that_the_root_names_already_is_left(intake, project, run):
    root, *others = agent_trace("t")
    intake.store.insert([{**root, "metadata": {"span_id": "set by hand"}}, *others], project.id)

    run(config=RunOutputConfig(linkage=True))

    assert by_id(intake)["t-root"]["metadata"] == {
        "span_id": "set by hand", "root_span_id": "t", "run_output": "Paris.",
    }  # fmt: skip
