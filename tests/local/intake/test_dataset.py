from __future__ import annotations

import json

import pytest

from braintrust_run_output.local import Store, add_to_dataset, export_dataset

ROOT = {
    "id": "r",
    "root_span_id": "t",
    "span_parents": [],
    "is_root": True,
    "created": "2026-01-01T00:00:00Z",
    "input": "question",
    "output": {"status": 200},
    "expected": "ignored: it is the row's, not the span's",
    "metadata": {"run_output": "Il fait beau à Paris. ☀", "plan": "pro"},
    "tags": ["prod"],
}
CHILD = {
    "id": "c",
    "root_span_id": "t",
    "span_parents": ["r"],
    "is_root": False,
    "output": "never copied",
    "created": "2025-12-31T00:00:00Z",
}


def test_the_root_span_becomes_the_dataset_row():
    store = Store()
    store.insert([CHILD, ROOT])

    row = add_to_dataset(store, "t")

    assert row["input"] == "question"
    assert row["expected"] == {"status": 200}
    assert row["metadata"] == ROOT["metadata"]
    assert row["tags"] == ["prod"]
    assert row["origin"]["object_type"] == "project_logs"
    assert row["origin"]["id"] == "r"
    assert "output" not in row
    assert store.dataset() == [row]


def test_the_export_is_a_json_array_for_people_too():
    store = Store()
    store.insert([ROOT])
    row = add_to_dataset(store, "t")

    text = export_dataset(store.dataset())

    assert json.loads(text) == [row]
    assert "Il fait beau à Paris. ☀" in text
    assert export_dataset([]) == "[]"


def test_the_export_survives_text_that_utf8_cannot_hold():
    store = Store()
    store.insert([{**ROOT, "input": "half a pair: \ud800"}])
    row = add_to_dataset(store, "t")

    assert json.loads(export_dataset([row])) == [row]


def test_an_unknown_trace_is_an_error_that_says_where_to_look():
    with pytest.raises(ValueError, match=r"no trace 'nope'.*GET /traces"):
        add_to_dataset(Store(), "nope")


def test_a_trace_without_root_is_an_error():
    store = Store()
    store.insert([CHILD])

    with pytest.raises(ValueError, match="'t' has 1 spans and no root"):
        add_to_dataset(store, "t")
