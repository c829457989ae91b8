"""Recorded traces, stored as Braintrust stores them: what backfill decides is what the span processor decides live."""

from __future__ import annotations

from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from replay import load, meets, replay
from unmet import UNMET

from braintrust_run_output import RunOutputConfig
from braintrust_run_output.braintrust.traces import run_output_of
from braintrust_run_output.local import map_request


def _marks(case_id):
    return [pytest.mark.xfail(reason=NOT_STORED[case_id])] if case_id in NOT_STORED else []


_EVENTS = "it is said in span events that no row keeps"
NOT_STORED = {
    **UNMET,
    "app__monocle__tool_call": _EVENTS,
    "strands__xlatest__agent_as_tool": _EVENTS,
    "google-adk__xopeninference__agent_tool_root": "the scope's name tells two forms apart, and no row keeps it",
}
"""Cases that rows cannot meet, and why."""

CASES = [
    pytest.param(case, id=path.stem, marks=_marks(path.stem))
    for path in sorted((Path(__file__).parents[1] / "conformance" / "cases").glob("*.json"))
    if (case := load(path))["expect"]["found_in"] != "log"  # log records are no rows of the trace
]


@pytest.mark.parametrize("case", CASES)
def test_the_root_of_a_stored_trace_gets_what_the_case_expects(case):
    spans = replay({**case, "timeline": [step for step in case["timeline"] if step["op"] != "log"]})
    rows = map_request(encode_spans(spans)).rows
    (root,) = [row for row in rows if int(row["id"], 16) == int(case["expect"]["root_span_id"], 16)]
    trace = [{**row, "is_root": row is root} for row in rows if row["root_span_id"] == root["root_span_id"]]

    found = run_output_of(trace, RunOutputConfig())

    assert meets(found and found.value, case["expect"]), found and found.value
