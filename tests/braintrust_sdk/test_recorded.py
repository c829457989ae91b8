"""Recorded traces, as rows and as files of OTLP: what is decided of them is what the span processor decides live."""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path

import pytest
from google.protobuf import json_format
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from replay import load, meets, replay
from unmet import UNMET

from braintrust_run_output import RunOutputConfig
from braintrust_run_output.braintrust.otlp_files import traces_of_otlp
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


OF_FILES = [pytest.param(case.values[0], id=case.id, marks=case.marks if case.id in UNMET else []) for case in CASES]


@pytest.mark.parametrize("case", OF_FILES)
def test_the_root_in_a_file_of_otlp_gets_what_the_case_expects(case, tmp_path):
    spans = replay({**case, "timeline": [step for step in case["timeline"] if step["op"] != "log"]})
    root_id = f"{int(case['expect']['root_span_id'], 16):016x}"
    path = tmp_path / "otlp.json"
    path.write_text(json_format.MessageToJson(_in_hexadecimal(encode_spans(spans))))

    traces = [trace for trace in traces_of_otlp(path) if any(row["id"] == root_id for row in trace)]
    for row in traces[0]:
        row["is_root"] = row["id"] == root_id
    found = run_output_of(traces[0], RunOutputConfig())

    assert meets(found and found.value, case["expect"]), found and found.value


def _in_hexadecimal(request):
    """Put ids into a request so that its JSON has them as OTLP's has, in hexadecimal, and not in base64."""
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                for name in ("trace_id", "span_id", "parent_span_id"):
                    setattr(span, name, b64decode(getattr(span, name).hex()))
    return request
