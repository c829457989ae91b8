"""Declarative configuration: ``OTEL_CONFIG_FILE``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from processes import AGENT, INSTRUMENT, run

if not os.environ.get("NOTHING_MAY_BE_MISSING"):
    pytest.importorskip("opentelemetry.configuration", reason="opentelemetry-configuration is missing: make recipes")

EXAMPLES = Path(__file__).parents[2] / "examples" / "declarative"
SUNNY = {"root": "It is sunny.", "chat": "It is sunny."}


def instrument(file, **variables):
    return run(AGENT, command=INSTRUMENT, OTEL_CONFIG_FILE=str(file), **variables)


def ours(ended):
    return [line for line in ended.log.splitlines() if "ignoring configurator kwargs" not in line]


def endpoint(receiver):
    return {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{receiver.url}/otel/v1/traces"}


def edited(tmp_path, old, new):
    text = (EXAMPLES / "instrumentor.yaml").read_text()
    assert old in text
    file = tmp_path / "edited.yaml"
    file.write_text(text.replace(old, new))
    return file


def test_the_example_of_the_instrumentor(receiver):
    ended = instrument(EXAMPLES / "instrumentor.yaml", **endpoint(receiver))

    assert (ended.code, ended.out, ours(ended)) == (0, "done\n", [])
    assert receiver.run_outputs == SUNNY
    rows = {row["span_attributes"]["name"]: row for row in receiver.store.rows()}
    assert rows["root"]["metadata"]["span_id"] == rows["chat"]["span_id"]


def test_the_example_of_the_exporter(receiver):
    variables = {"BRAINTRUST_API_URL": receiver.url, "BRAINTRUST_API_KEY": "key-of-the-test"}

    ended = instrument(EXAMPLES / "exporter.yaml", **variables)

    assert (ended.code, ended.out, ours(ended)) == (0, "done\n", [])
    assert receiver.run_outputs == SUNNY
    headers = receiver.headers[0]
    assert headers["authorization"] == "Bearer key-of-the-test"
    assert headers["x-bt-parent"] == "project_name:weather"
    assert headers["x-team"] == "forecasts"
    assert headers["content-encoding"] == "gzip"


def test_the_file_counts_more_than_the_environment(receiver):
    variables = {"BRAINTRUST_RUN_OUTPUT_ROOT": "off", "BRAINTRUST_RUN_OUTPUT_SPANS": "none"}

    instrument(EXAMPLES / "instrumentor.yaml", **endpoint(receiver), **variables)

    assert receiver.run_outputs == {"root": "It is sunny.", "chat": None}


def test_a_bare_off_is_off(receiver, tmp_path):
    instrument(edited(tmp_path, "root: last", "root: off"), **endpoint(receiver))

    assert receiver.run_outputs == {"root": None, "chat": "It is sunny."}


def test_enabled_false_is_off(receiver, tmp_path):
    ended = instrument(edited(tmp_path, "root: last", "enabled: false"), **endpoint(receiver))

    assert ours(ended) == []
    assert receiver.run_outputs == {"root": None, "chat": None}


def test_an_instrumentor_that_the_file_does_not_name_runs_by_the_environment(receiver, tmp_path):
    ended = instrument(edited(tmp_path, "braintrust_run_output:", "another:"), **endpoint(receiver))

    assert receiver.run_outputs == SUNNY, ended.log


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("max_length: none", ("option max_length='none'", "a whole number above 0")),
        ("max_length: [1]", ("option max_length=[1]", "a whole number above 0")),
        ("rooot: first", ("option rooot", "did you mean root?")),
        ("format: json", ("option format='json'", "one of text, messages, verbatim")),
    ],
)
def test_a_bad_option_is_named_once_and_means_the_default(receiver, tmp_path, option, said):
    ended = instrument(edited(tmp_path, "max_length: 100000", option), **endpoint(receiver))

    assert (ended.code, ended.out) == (0, "done\n")
    (warning,) = ours(ended)
    assert all(words in warning for words in said)
    assert receiver.run_outputs == SUNNY
