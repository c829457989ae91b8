"""``braintrust-run-output doctor`` in real environments."""

from __future__ import annotations

import json
import sys

import pytest

from processes import HttpReceiver, run_command

pytest.importorskip("click")

DOCTOR = [sys.executable, "-m", "braintrust_run_output", "doctor"]
SECRET = "sk-very-secret-1234"


@pytest.fixture
def receiver():
    with HttpReceiver() as running:
        yield running


@pytest.fixture
def report(doctor):
    """The exit code and the report of doctor."""

    def report(*options, **variables):
        ended = doctor("--json", *options, **variables)
        return ended.code, json.loads(ended.out)

    return report


def problems(report):
    return [one["text"] for one in report["findings"] if one["level"] == "problem"]


def remedies(report, topic=None):
    return [one["remedy"] for one in report["findings"] if one["remedy"] and topic in (None, one["topic"])]


def test_all_is_well(receiver):
    ended = run_command([*DOCTOR, "--json"], **receiver.braintrust_variables, OTEL_TRACES_EXPORTER="braintrust")
    code, report = ended.code, json.loads(ended.out)

    assert (code, report["ok"], problems(report)) == (0, True, [])
    assert report["versions"]["opentelemetry-sdk"]
    assert report["trial"]["installed"]
    (exporter,) = report["trial"]["exporters"]
    assert exporter == {
        "name": "braintrust_run_output.braintrust.exporter.BraintrustSpanExporter",
        "endpoint": f"{receiver.url}/otel/v1/traces",
        "parent": "project_name:weather",
        "has_key": True,
    }
    assert receiver.store.rows() == []  # without --probe nothing is sent


def test_the_text_says_the_same_in_plain_words(receiver, doctor):
    ended = doctor(**receiver.braintrust_variables, OTEL_TRACES_EXPORTER="braintrust")

    assert ended.code == 0
    assert f"  ok   Braintrust at {receiver.url}/otel/v1/traces, with an API key" in ended.out
    assert "  ok   parent project_name:weather" in ended.out
    assert "\x1b" not in ended.out
    assert ended.out.endswith("Run outputs will reach the root span.\n")


@pytest.mark.parametrize(
    "how", [{}, {"OTEL_PYTHON_TRACER_PROVIDER": "braintrust_run_output"}], ids=["instrument", "plain"]
)
def test_the_probe_arrives(receiver, report, how):
    code, found = report("--probe", **receiver.variables, **how)

    assert (code, problems(found)) == (0, [])
    assert receiver.run_outputs["braintrust-run-output doctor"] == "This is a test of the tracing pipeline."
    assert [taken for _, taken in found["trial"]["sent"]] == [True]
    command = "python app.py" if how else "opentelemetry-instrument python app.py"
    assert found["trial"]["command"] == command


def test_a_probe_that_does_not_arrive_is_a_problem(receiver, report):
    variables = {**receiver.variables, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{receiver.url}/nowhere"}

    code, found = report("--probe", **variables)

    assert code == 1
    assert any("did not arrive" in problem for problem in problems(found))


def test_otlp_to_braintrust_without_headers(report):
    code, found = report(
        OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf", OTEL_EXPORTER_OTLP_ENDPOINT="https://api.braintrust.dev/otel"
    )

    assert code == 1
    assert len(problems(found)) == 2
    assert any("Authorization=Bearer%20" in remedy for remedy in remedies(found, "Destination"))
    assert any("x-bt-parent" in remedy for remedy in remedies(found, "Destination"))


def test_otlp_to_braintrust_with_headers(report):
    code, found = report(
        OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
        OTEL_EXPORTER_OTLP_ENDPOINT="https://api.braintrust.dev/otel",
        OTEL_EXPORTER_OTLP_HEADERS=f"Authorization=Bearer%20{SECRET},x-bt-parent=project_name:weather",
    )

    assert (code, problems(found)) == (0, [])
    assert "parent project_name:weather" in [one["text"] for one in found["findings"]]


@pytest.mark.parametrize(
    "variables",
    [
        {"BRAINTRUST_API_KEY": SECRET, "OTEL_TRACES_EXPORTER": "braintrust"},
        {"OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer%20{SECRET},x-bt-parent=project_name:weather"},
        {"OTEL_EXPORTER_OTLP_HEADERS": f"Bearer {SECRET}"},  # OpenTelemetry logs a header that it cannot read
        {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://user:{SECRET}@127.0.0.1:9"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:9/?key={SECRET}"},
        {"BRAINTRUST_RUN_OUTPUT_ROOT": SECRET, "OPENAI_API_KEY": SECRET},
    ],
    ids=lambda variables: " ".join(variables),
)
def test_no_key_is_ever_shown(doctor, variables):
    ended = doctor("--json", OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf", **variables)

    assert json.loads(ended.out)["trial"]["provider"]
    assert SECRET not in ended.out + ended.log


def test_wrong_usage_is_exit_code_2():
    ended = run_command([*DOCTOR, "--prob"])

    assert ended.code == 2
    assert "--probe" in ended.log


def test_help_loads_no_command():
    code = (
        "import sys\nsys.argv = ['braintrust-run-output', '--help']\n"
        "from braintrust_run_output.__main__ import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print([name for name in sys.modules if name.startswith('braintrust_run_output.doctor')])"
    )
    ended = run_command([sys.executable, "-c", code])

    assert "doctor" in ended.out
    assert ended.out.endswith("[]\n")
