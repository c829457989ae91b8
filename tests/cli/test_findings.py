"""What the doctor finds in environments that cannot be installed for a test."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from braintrust_run_output.doctor import content_capture, installed, logged
from braintrust_run_output.doctor._trial.sealed import is_loopback
from braintrust_run_output.doctor.report import Finding, Report, told_once
from processes import run

OFFICIAL = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
OPT_IN = "OTEL_SEMCONV_STABILITY_OPT_IN"


@dataclass
class Distribution:
    version: str = "1.0"
    requires: list[str] = field(default_factory=list)


def packages(name, *requires, **others):
    found = {name: Distribution(requires=list(requires))}
    return {**found, **{other.replace("_", "-"): Distribution(version) for other, version in others.items()}}


GENAI = packages("opentelemetry-instrumentation-genai-openai", "opentelemetry-util-genai<2,>=1.3b0.dev")
GENAI_1 = {**GENAI, "opentelemetry-util-genai": Distribution("1.3b0")}
GENAI_0 = {**GENAI, "opentelemetry-util-genai": Distribution("0.4b0")}
OPENAI_V2 = packages("opentelemetry-instrumentation-openai-v2", "opentelemetry-util-genai>=0.4b0.dev")
BEDROCK = packages("opentelemetry-instrumentation-botocore", "wrapt<3")
TRACELOOP = packages("opentelemetry-instrumentation-openai", "opentelemetry-semantic-conventions-ai<0.6.0,>=0.5.1")
OPENINFERENCE = packages("openinference-instrumentation-openai")
OPENLIT = packages("openlit")
AZURE = packages("azure-ai-inference")
SEMANTIC_KERNEL = packages("semantic-kernel")


@pytest.mark.parametrize(
    ("found", "environ", "level", "said"),
    [
        (GENAI_1, {}, "problem", f"set {OFFICIAL}=SPAN_ONLY"),
        (GENAI_1, {OFFICIAL: "true"}, "problem", f"set {OFFICIAL}=SPAN_ONLY"),
        (GENAI_1, {OFFICIAL: "NO_CONTENT"}, "problem", f"set {OFFICIAL}=SPAN_ONLY"),
        (GENAI_1, {OFFICIAL: "event_only"}, "warning", "SPAN_AND_EVENT"),
        (GENAI_1, {OFFICIAL: "span_only"}, "ok", ""),
        (GENAI_1, {OFFICIAL: "SPAN_AND_EVENT"}, "ok", ""),
        (GENAI_0, {OFFICIAL: "SPAN_ONLY"}, "problem", f"set {OPT_IN}=gen_ai_latest_experimental"),
        (GENAI_0, {OFFICIAL: "SPAN_ONLY", OPT_IN: "http,gen_ai_latest_experimental"}, "ok", ""),
        (OPENAI_V2, {OFFICIAL: "SPAN_ONLY"}, "problem", f"set {OPT_IN}=gen_ai_latest_experimental"),
        (OPENAI_V2, {}, "problem", f"{OPT_IN}=gen_ai_latest_experimental"),
        (OPENAI_V2, {OFFICIAL: "SPAN_ONLY", OPT_IN: "gen_ai_latest_experimental"}, "ok", ""),
        (BEDROCK, {}, "warning", f"set {OFFICIAL}=true"),
        (BEDROCK, {OFFICIAL: "true"}, "ok", ""),
        (TRACELOOP, {}, "ok", ""),
        (TRACELOOP, {"TRACELOOP_TRACE_CONTENT": "false"}, "problem", "set TRACELOOP_TRACE_CONTENT=true"),
        (OPENINFERENCE, {}, "ok", ""),
        (OPENINFERENCE, {"OPENINFERENCE_HIDE_OUTPUTS": "TRUE"}, "problem", "unset OPENINFERENCE_HIDE_OUTPUTS"),
        (OPENINFERENCE, {"OPENINFERENCE_HIDE_OUTPUT_TEXT": "true"}, "problem", "unset OPENINFERENCE_HIDE_OUTPUT_TEXT"),
        (OPENLIT, {}, "ok", ""),
        (OPENLIT, {OFFICIAL: "false"}, "problem", f"unset {OFFICIAL}"),
        (AZURE, {}, "problem", "set AZURE_TRACING_GEN_AI_CONTENT_RECORDING_ENABLED=true"),
        (AZURE, {"AZURE_TRACING_GEN_AI_CONTENT_RECORDING_ENABLED": "true"}, "ok", ""),
        (SEMANTIC_KERNEL, {}, "problem", "_DIAGNOSTICS_SENSITIVE=true"),
        ({}, {}, "note", "pip install"),
    ],
)
def test_content_capture(found, environ, level, said):
    (finding,) = content_capture.examine(content_capture.look(found, environ), ())

    assert finding.level == level
    assert said in finding.remedy
    assert bool(finding.remedy) is (level != "ok")


def test_the_official_opentelemetry_package_of_a_name_is_not_traceloops():
    both = {**TRACELOOP, **GENAI_1}

    findings = content_capture.examine(content_capture.look(both, {}), ())
    levels = {finding.text.partition(":")[0]: finding.level for finding in findings}

    assert levels == {
        "opentelemetry-instrumentation-genai-openai": "problem",
        "opentelemetry-instrumentation-openai": "ok",
    }


def test_what_a_call_has_told_of_is_not_told_again():
    two = {**OPENINFERENCE, **packages("openinference-instrumentation-anthropic")}
    captures = content_capture.look(two, {"OPENINFERENCE_HIDE_OUTPUTS": "true"})

    (finding,) = content_capture.examine(captures, {"openinference-instrumentation-openai"})

    assert finding.level == "problem"
    assert finding.text.startswith("openinference-instrumentation-anthropic: ")
    assert list(content_capture.examine(captures, set(two))) == []
    assert list(content_capture.examine([], (), is_tried=True)) == []


def write_distribution(directory, name, entry_points, version="1.0"):
    information = directory / f"{name}-{version}.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (information / "entry_points.txt").write_text(entry_points)


def test_two_distros_are_a_conflict_until_one_is_chosen(tmp_path, monkeypatch):
    write_distribution(tmp_path, "one", "[opentelemetry_distro]\none = one:One\n")
    write_distribution(tmp_path, "two", "[opentelemetry_distro]\ntwo = two:Two\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    def conflicts(environ):
        found = installed.examine(installed.packages(), environ)
        return [one for one in found if "distros are installed" in one.text]

    (unchosen,) = conflicts({})
    assert unchosen.level == "warning"
    assert {"one", "two"} <= set(unchosen.text.rpartition(": ")[2].split(", "))
    assert unchosen.remedy.startswith("set OTEL_PYTHON_DISTRO")
    assert conflicts({"OTEL_PYTHON_DISTRO": "two"}) == []


def test_an_sdk_that_is_too_old():
    old = {"opentelemetry-sdk": Distribution("1.29.0")}

    assert [one.level for one in installed.examine(old, {}) if "1.29.0 is older" in one.text] == ["problem"]
    new = {"opentelemetry-sdk": Distribution("1.30.0")}
    assert [one for one in installed.examine(new, {}) if "is older" in one.text] == []


def test_secrets_are_blanked_out_wherever_they_are():
    report = Report(
        [Finding("topic", "warning", 'it logged: Bearer abc"def123', 'unset abc"def123')], trial={"log": ["x token-77"]}
    )

    clean = report.without_secrets(
        {"OTEL_EXPORTER_OTLP_HEADERS": 'authorization=Bearer%20abc"def123,x-bt-parent=it', "MY_TOKEN": "token-77"}
    )

    assert clean.findings == [Finding("topic", "warning", "it logged: Bearer ***", "unset ***")]
    assert clean.trial == {"log": ["x ***"]}
    assert clean.ok


# --- each thing once ---------------------------------------------------------------------------------------------


def test_what_a_problem_explains_is_left_out():
    cause = Finding("topic", "problem", "it is off", explains=frozenset({"answer"}))
    symptom = Finding("topic", "problem", "no answer", symptoms=frozenset({"answer", "other"}))
    other = Finding("topic", "problem", "no exporter", symptoms=frozenset({"exporter"}))

    assert told_once([cause, symptom, other, other]) == [cause, other]


def test_what_is_only_a_warning_explains_nothing():
    warning = Finding("topic", "warning", "it may be off", explains=frozenset({"answer"}))
    symptom = Finding("topic", "problem", "no answer", symptoms=frozenset({"answer"}))

    assert told_once([warning, symptom]) == [warning, symptom]


@pytest.mark.parametrize(
    ("finding", "line", "is_told"),
    [
        (
            Finding("topic", "problem", "there is no API key", "set BRAINTRUST_API_KEY"),
            "please set BRAINTRUST_API_KEY",
            False,
        ),
        (
            Finding("topic", "problem", "OTEL_TRACES_EXPORTER=otpl, but"),
            "OTEL_TRACES_EXPORTER='otpl' is ignored",
            False,
        ),
        (Finding("topic", "problem", "OTEL_TRACES_EXPORTER=otpl, but"), "OTEL_TRACES_EXPORTER='olpt' is ignored", True),
        (
            Finding("topic", "problem", "one", logged_as=("Importing of one failed",)),
            "Importing of one failed: E",
            False,
        ),
        (Finding("topic", "ok", "one"), "one of many things", True),
    ],
)
def test_a_line_of_the_log_that_says_the_same_is_left_out(finding, line, is_told):
    logged = Finding("topic", "warning", f"it logged: {line}", is_logged=True)

    assert told_once([logged, finding]) == ([logged, finding] if is_told else [finding])


# --- the log -----------------------------------------------------------------------------------------------------

FAILED = """\
Something first
Failed to auto initialize
Traceback (most recent call last):
  File "a.py", line 1, in one
    raise KeyError("k")
          ^^^^^^^^^^^^^
KeyError: 'k'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "b.py", line 2, in two
    two()
ValueError: no
Something last
Something first
"""


def test_a_traceback_is_folded_into_what_was_raised_last():
    assert logged.messages(FAILED) == ["Something first", "Failed to auto initialize: ValueError: no", "Something last"]


def test_a_traceback_alone_is_what_was_raised():
    assert logged.messages(FAILED.partition("initialize\n")[2].partition("Something")[0]) == ["ValueError: no"]


@given(st.lists(st.sampled_from([*FAILED.splitlines(), "  | x", "\t", "| +-- 1 --", ""]) | st.text(max_size=5)))
def test_any_log_can_be_read(lines):
    found = logged.messages("\n".join(lines))

    assert len(found) == len(set(found))
    assert all(one.strip() for one in found)


# --- nothing leaves the machine ----------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost", "LOCALHOST.", ""])
def test_loopback(host):
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["10.0.0.1", "example.org", "localhost.example.org", "0.0.0.0", "::", "fe80::1%eth0"])
def test_no_loopback(host):
    assert not is_loopback(host)


def test_sealed_lets_nobody_connect_to_another_machine():
    code = """
import asyncio, socket
from braintrust_run_output.doctor._trial.sealed import sealed

def tries(what):
    try:
        what()
    except PermissionError as error:
        return "lets nothing out" in str(error)
    except OSError:
        return False

server = socket.create_server(("127.0.0.1", 0))
with sealed():
    print(tries(lambda: socket.create_connection(("192.0.2.1", 9), 1)))
    print(tries(lambda: socket.getaddrinfo("example.org", 80)))
    print(tries(lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.1", 9))))
    print(tries(lambda: asyncio.run(asyncio.open_connection("192.0.2.1", 9))))
    print(tries(lambda: socket.create_connection(server.getsockname(), 1).close()))
print(tries(lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9))))
"""

    assert run(code).out.split() == ["True", "True", "True", "True", "None", "None"]
