"""What public reports and other projects' tests describe, made anew: the smallest input that shows it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from opentelemetry.trace import Status, StatusCode, TracerProvider

from braintrust_run_output.conventions import from_model_output
from support import ARRANGEMENTS, RUN_OUTPUT, pipeline

HERE = Path(__file__).parent
REPORTS = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted((HERE / "reports").glob("*.json"))
}
ROWS = json.loads((HERE / "stored_llm_rows.json").read_text(encoding="utf-8"))


def values(attributes: Mapping[str, object] | None) -> dict[str, object]:
    """The attributes, where ``{"json": ..}`` stands for the text of that JSON."""
    return {
        key: json.dumps(value["json"], ensure_ascii=False) if isinstance(value, dict) else value
        for key, value in (attributes or {}).items()
    }


def emit(provider: TracerProvider, spans: Iterable[Mapping]) -> None:
    for described in spans:
        tracer = provider.get_tracer(described.get("scope", "app"))
        with tracer.start_as_current_span(described["name"]) as span:
            emit(provider, described.get("children", ()))
            span.set_attributes(values(described.get("attributes")))
            for event in described.get("events", ()):
                span.add_event(event["name"], values(event.get("attributes")))
            if described.get("status") == "ERROR":
                span.set_status(Status(StatusCode.ERROR))


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_the_root_has_what_is_right(report, arrangement):
    made = pipeline(arrangement, **report.get("config", {}))

    emit(made.provider, report["spans"])

    (root,) = (span for span in made.spans.values() if span.parent is None)
    assert root.attributes.get(RUN_OUTPUT) == report["right"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_a_stored_row_of_a_models_call(row):
    completion = from_model_output(row["output_of_a_row_of_type_llm"], "output")

    assert (completion and completion.render()) == row["right"]
