"""``braintrust-run-output doctor`` for people: in a pseudo-terminal."""

from __future__ import annotations

import sys

import pytest

from cli.terminal import Terminal

pytest.importorskip("click")

DOCTOR = [sys.executable, "-m", "braintrust_run_output", "doctor"]
BRAINTRUST = {
    "OTEL_TRACES_EXPORTER": "braintrust",
    "BRAINTRUST_API_KEY": "key-of-the-test",
    "BRAINTRUST_PARENT": "project_name:weather",
}
BOLD_RED, GREEN = "\x1b[1;31m", "\x1b[32m"
WAITING = "Starting a process as your application is started"


def shown(**variables):
    with Terminal(DOCTOR, columns=72, **variables) as terminal:
        code = terminal.end()
    return code, terminal


def test_it_shows_that_it_works_and_then_colours_and_short_lines():
    code, terminal = shown(**{**BRAINTRUST, "BRAINTRUST_PARENT": "weather"})

    assert code == 1
    assert WAITING in terminal.text
    report = terminal.shown[terminal.shown.index("Installed") :]
    assert f"{BOLD_RED}BAD" in report
    assert f"{GREEN}ok" in report
    lines = terminal.text[terminal.text.index("Installed") :].splitlines()
    assert [line for line in lines if len(line.rstrip()) > 72] == []
    (at,) = (number for number, line in enumerate(lines) if line.strip().startswith("BAD"))
    assert lines[at + 1].startswith(" " * 7)  # what does not fit goes on below its beginning
    assert terminal.text.rstrip().endswith("1 problem: see BAD above.")


@pytest.mark.parametrize("plain", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=lambda plain: next(iter(plain)))
def test_no_colours_where_there_are_none(plain):
    code, terminal = shown(**{**BRAINTRUST, **plain})

    assert code == 0
    assert "\x1b[3" not in terminal.shown
    assert "\x1b[1;3" not in terminal.shown
    assert terminal.text.rstrip().endswith("Run outputs will reach the root span.")


def test_ctrl_c_while_the_trial_runs(tmp_path):
    (tmp_path / "slow.py").write_text("import time\ntime.sleep(600)\n")

    slow = {"PYTHONPATH": str(tmp_path), "BRAINTRUST_RUN_OUTPUT_TRANSFORM": "slow:redact"}
    with Terminal(DOCTOR, **BRAINTRUST, **slow) as terminal:
        terminal.wait_for(lambda text: WAITING in text)
        terminal.interrupt()
        code = terminal.end()

    assert code == 130
    assert "Traceback" not in terminal.text
    assert "Interrupted." in terminal.text
