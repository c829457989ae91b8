from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
import urllib.request
from types import SimpleNamespace

import pytest

from braintrust_run_output.local import Store
from braintrust_run_output.local.demo import run
from braintrust_run_output.local.demo.run import APP, run_demo
from processes import subprocess_run


@pytest.fixture(scope="module", autouse=True)
def _agent():
    """The agent is a process as all those of the tests are."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        started = SimpleNamespace(run=subprocess_run, TimeoutExpired=subprocess.TimeoutExpired)
        monkeypatch.setattr(run, "subprocess", started)
        yield


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    return tmp_path_factory.mktemp("demo") / "traces.sqlite"


@pytest.fixture(scope="module")
def ran(database):
    """The exit code and the report of a demo that kept its trace in the database."""
    report = []
    return run_demo(report.append, database=database), "".join(report)


def test_the_root_span_and_the_dataset_row_get_the_run_output(ran):
    code, report = ran

    assert code == 0, report
    first_line = next(line for line in report.splitlines() if "POST /ask  [" in line)
    assert "run_output: It is sunny in Paris." in first_line
    assert first_line.endswith("<-- metadata.run_output on the root")
    assert "opentelemetry-instrument" in report
    row = json.loads(report[report.index("[\n") : report.rindex("]") + 1])[0]
    assert row["metadata"]["run_output"] == "It is sunny in Paris."
    assert "What is the weather in Paris?" in json.dumps(row["input"])


@pytest.mark.parametrize("switch", ["OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "OTEL_SDK_DISABLED"])
def test_a_run_without_run_output_fails_and_says_so(switch):
    report = []
    environ = {switch: "true" if switch == "OTEL_SDK_DISABLED" else "braintrust_run_output"}

    assert run_demo(report.append, environ=environ) == 1
    said = "".join(report)
    assert "The root span has no metadata.run_output" in said or "No root span reached the intake" in said


def test_an_agent_that_fails_is_reported():
    report = []

    assert run_demo(report.append, environ={"OPENAI_BASE_URL": "http://127.0.0.1:1"}) == 1
    said = "".join(report)
    assert "The agent failed with exit code 1" in said
    assert "APIConnectionError" in said


def test_it_ends_with_how_to_open_the_page_on_its_trace(ran, database):
    _, report = ran
    command = shlex.split(report.strip().splitlines()[-1])
    with subprocess.Popen([*command, "--port", "0"], stdout=subprocess.PIPE, text=True) as running:
        try:
            with urllib.request.urlopen(running.stdout.readline().split()[-1]) as answer:
                page = answer.read().decode()
        finally:
            running.terminate()

    assert command[-1] == str(database)
    assert "It is sunny in Paris." in page
    assert "POST /ask" in page


def test_it_can_keep_its_page_and_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    report, pages = [], []

    def look():
        with urllib.request.urlopen(report[-1].split()[1]) as answer:
            pages.append(answer.read().decode())

    assert run_demo(report.append, keep_serving=True, wait=look) == 0
    assert "It is sunny in Paris." in pages[0]
    assert list(tmp_path.iterdir()) == []


def test_without_a_database_it_ends_with_how_to_see_a_page(tmp_path):
    report = []

    assert run_demo(report.append) == 0
    command = shlex.split(report[-1].strip().splitlines()[-1])
    assert command[1:] == ["-m", "braintrust_run_output.local.demo", "--serve"]


def test_a_database_that_is_none(tmp_path):
    report = []

    assert run_demo(report.append, database=tmp_path) == 1
    assert "cannot be opened" in report[0]


@pytest.mark.skipif(sys.platform == "win32", reason="signals to a process are of POSIX")
def test_an_interrupt_ends_it_without_a_traceback():
    command = [sys.executable, "-m", "braintrust_run_output.local.demo"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert "The command" in running.stdout.readline()
        running.send_signal(signal.SIGINT)
        _, log = running.communicate(timeout=60)

    assert (running.returncode, log) == (130, "")


def test_a_database_collects_runs(ran, database):
    before = Store(database).count_traces()
    report = []
    run_demo(report.append, database=database)

    assert Store(database).count_traces() == before + 1 == 2
    assert "".join(report).count("POST /ask  [") == 1


def test_the_agent_does_not_know_where_its_traces_go():
    assert "braintrust" not in APP.read_text().lower()
