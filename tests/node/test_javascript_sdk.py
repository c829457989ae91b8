"""Braintrust's JavaScript SDK sends to the local intake, and what is stored gets its run output."""

from __future__ import annotations

import json

from click.testing import CliRunner

from braintrust_run_output.cli import main


def names(rows):
    return {row["span_attributes"]["name"]: row for row in rows}


def test_the_sdk_logs_and_the_backfill_completes(node, intake, variables):
    (dataset_row,) = json.loads(node("wrap_openai.mjs"))

    (project,) = intake.store.objects("project", name="shop")
    rows = names(intake.store.wait_for_rows(2))
    assert dataset_row["metadata"] == {"run_output": "y"}
    assert rows["ask"]["output"] == "It is sunny in Paris."
    assert rows["Chat Completion"]["span_attributes"]["type"] == "llm"
    backfill = ["backfill", "--project", "shop", "--since", "1h", "--apply"]
    ended = CliRunner(env=variables).invoke(main, backfill)
    assert ended.exit_code == 0, ended.output
    completed = names(intake.store.rows(project.id))
    assert completed["ask"]["metadata"]["run_output"] == "It is sunny in Paris."


def test_spans_of_opentelemetry_arrive_as_rows(node, intake):
    node("otel.mjs")

    rows = names(intake.store.wait_for_rows(2))
    assert rows["POST /ask"]["is_root"]
    assert rows["chat"]["metadata"]["model"] == "gpt-4o-mini"
    assert rows["chat"]["output"] == "It is sunny in Paris."
    assert rows["chat"]["span_parents"] == [rows["POST /ask"]["id"]]
    assert intake.store.project_of(rows["chat"]["root_span_id"]).name == "shop"
