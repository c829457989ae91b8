"""Braintrust's own command line, ``bt``, against the local intake: it finds, shows and runs what it does anywhere."""

from __future__ import annotations

import json
import sys
from datetime import datetime, timezone

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

PIPELINE = """
from braintrust_run_output.braintrust.pipeline import run_output_pipeline

run_output_pipeline(
    "run outputs",
    source={"project_name": "shop", "filter": "metadata.model IS NOT NULL"},
    target={"project_name": "shop", "dataset_name": "run outputs"},
)
"""


@pytest.fixture
def traces(intake):
    """Three traces of an application that sends plain OpenTelemetry, without this package."""
    exporter = OTLPSpanExporter(endpoint=intake.endpoint, headers={"x-bt-parent": "project_name:shop"})
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("agent")
    for number in range(3):
        with tracer.start_as_current_span("ask", attributes={"braintrust.input": f"question {number}"}):
            chat = {"gen_ai.request.model": "gpt-4o", "gen_ai.completion": f"answer {number}"}
            tracer.start_span("chat", attributes=chat).end()
    return intake.store.wait_for_rows(6)


def test_a_pipeline_makes_rows_with_run_outputs(bt, traces, tmp_path, intake):
    file = tmp_path / "pipeline.py"
    file.write_text(PIPELINE)

    bt("datasets", "pipeline", "run", file, "--runner", sys.executable)

    shown = json.loads(bt("datasets", "view", "run outputs", "--json", "--full", "--all-rows"))
    rows = {row["input"]: row["metadata"]["run_output"] for row in shown["rows"]}
    assert rows == {f"question {number}": f"answer {number}" for number in range(3)}
    (dataset,) = intake.store.objects("dataset", name="run outputs")
    assert shown["dataset"]["id"] == dataset.id


def test_a_pipeline_that_is_run_again_takes_no_correction_back(bt, traces, tmp_path, intake):
    file = tmp_path / "pipeline.py"
    file.write_text(PIPELINE)
    run = ("datasets", "pipeline", "run", file, "--runner", sys.executable)
    bt(*run, "--root-span-id", traces[0]["root_span_id"])
    (dataset,) = intake.store.objects("dataset", name="run outputs")
    (row,) = intake.store.dataset(dataset.id)
    corrected = {
        "expected": "corrected",
        "input": "corrected",
        "tags": ["seen"],
        "metadata": {"run_output": "corrected"},
    }
    intake.store.insert_dataset_rows([{"id": row["id"], "_is_merge": True, **corrected}], dataset.id)
    before = intake.store.dataset_row(row["id"], dataset.id)

    bt(*run)

    assert len(intake.store.dataset(dataset.id)) == 3
    assert intake.store.dataset_row(row["id"], dataset.id) == before


def test_logs_are_listed(bt, traces):
    logs = json.loads(bt("view", "logs", "--json"))
    spans = json.loads(bt("view", "logs", "--json", "--list-mode", "spans", "--search", "answer 1"))

    assert sorted(item["row"]["input"] for item in logs["items"]) == ["question 0", "question 1", "question 2"]
    assert [item["row"]["output"] for item in spans["items"]] == ["answer 1"]


def test_a_trace_is_shown(bt, traces):
    trace_id = traces[0]["root_span_id"]

    shown = bt("view", "trace", "--trace-id", trace_id, "--json")

    assert "question 0" in shown
    assert "answer 0" in shown


def test_sql_is_answered(bt, traces, intake):
    logs = f"project_logs('{intake.store.project_of(traces[0]['root_span_id']).id}')"
    today = datetime.now(timezone.utc).date().isoformat()
    select = (
        f"SELECT id, output FROM {logs} WHERE output LIKE 'answer%' AND created >= '{today}' ORDER BY output LIMIT 2"
    )

    found = json.loads(bt("sql", select, "--json"))
    counted = json.loads(bt("sql", f"SELECT is_root, count(1) AS n FROM {logs} GROUP BY is_root", "--json"))

    assert [row["output"] for row in found["data"]] == ["answer 0", "answer 1"]
    assert counted["data"] == [{"is_root": False, "n": 3}, {"is_root": True, "n": 3}]


def test_logs_are_synchronized_to_files(bt, traces, tmp_path):
    bt("sync", "pull", "project_logs:shop", "--root", tmp_path / "pulled", "--json")

    pulled = "".join(file.read_text() for file in (tmp_path / "pulled").rglob("*") if "jsonl" in file.name)
    assert all(f"answer {number}" in pulled for number in range(3))
