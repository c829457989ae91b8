from __future__ import annotations

import pytest

from braintrust_run_output.local.demo.run import APP, run_demo


def demo(**environ):
    report = []
    return run_demo(report.append, environ=environ), "".join(report)


def test_the_root_span_and_the_dataset_row_get_the_run_output():
    code, report = demo()

    assert code == 0, report
    first_line = next(line for line in report.splitlines() if "POST /ask  [" in line)
    assert "run_output: It is sunny in Paris." in first_line
    assert first_line.endswith("<-- metadata.run_output on the root")
    assert "opentelemetry-instrument" in report
    assert '"run_output": "It is sunny in Paris."' in report


@pytest.mark.parametrize("switch", ["OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "OTEL_SDK_DISABLED"])
def test_a_run_without_run_output_fails_and_says_so(switch):
    code, report = demo(**{switch: "true" if switch == "OTEL_SDK_DISABLED" else "braintrust_run_output"})

    assert code == 1
    assert "The root span has no metadata.run_output" in report or "No root span reached the intake" in report


def test_an_agent_that_fails_is_reported():
    code, report = demo(OPENAI_BASE_URL="http://127.0.0.1:1")

    assert code == 1
    assert "The agent failed with exit code 1" in report
    assert "APIConnectionError" in report


def test_the_agent_does_not_know_where_its_traces_go():
    assert "braintrust" not in APP.read_text().lower()
