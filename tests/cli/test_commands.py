"""What all commands have in common: help, Ctrl-C, and what they say where something is not installed."""

from __future__ import annotations

import os
import re
import socket
import sys
from contextlib import contextmanager

import pytest

from cli.terminal import Terminal
from processes import run_command

click = pytest.importorskip("click")

COMMAND = [sys.executable, "-m", "braintrust_run_output"]


def commands():
    from braintrust_run_output.cli import main

    return sorted(main.commands)


def test_the_list_of_commands_cuts_nothing_off():
    ended = run_command([*COMMAND, "--help"], COLUMNS="80")

    listed = ended.out.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in listed] == commands()
    assert [line for line in listed if not line.endswith(".") or line.endswith("..")] == []


@pytest.mark.parametrize("command", commands())
def test_help_cuts_nothing_off_and_says_the_exit_codes(command):
    ended = run_command([*COMMAND, command, "--help"], COLUMNS="80")

    assert ended.code == 0
    assert re.search(r"\.\.\.$|…", ended.out, re.M) is None
    assert "Exit codes: 0 " in ended.out


# --- Ctrl-C ------------------------------------------------------------------------------------------------------


@contextmanager
def listening():
    """A server that takes a connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        yield server, {"BRAINTRUST_API_URL": url, "BRAINTRUST_APP_URL": url, "BRAINTRUST_API_KEY": "key-of-the-test"}


def interrupted(terminal):
    code = terminal.interrupt_until_it_ends()
    assert "Traceback" not in terminal.text
    return code


@pytest.mark.parametrize(
    "arguments",
    [["insert", "--project", "weather", "--dataset", "answers"], ["backfill", "--project", "weather"],
     ["verify", "--project", "weather", "--dataset", "answers"]],
    ids=lambda arguments: arguments[0],
)  # fmt: skip
def test_ctrl_c_while_braintrust_does_not_answer(arguments):
    with listening() as (server, variables), Terminal([*COMMAND, *arguments], **variables) as terminal:
        connection, _ = server.accept()
        with connection:
            code = interrupted(terminal)

    assert code == 130
    assert "nterrupted" in terminal.text


def test_ctrl_c_while_a_file_is_read(tmp_path):
    file = tmp_path / "export.jsonl"
    os.mkfifo(file)
    with Terminal([*COMMAND, "verify", str(file)]) as terminal, file.open("w"):  # open when the command reads it
        assert interrupted(terminal) == 130

    assert terminal.text.strip().endswith("Interrupted.")


def test_ctrl_c_while_the_demo_runs():
    pytest.importorskip("opentelemetry.instrumentation.openai")
    with Terminal([*COMMAND, "demo"]) as terminal:
        terminal.wait_for(lambda text: "The command:" in text)
        assert interrupted(terminal) == 130


def test_ctrl_c_is_how_serve_is_stopped():
    with Terminal([*COMMAND, "serve", "--port", "0"]) as terminal:
        terminal.wait_for(lambda text: "Ctrl-C" in text)
        assert interrupted(terminal) == 0


# --- what is not installed ---------------------------------------------------------------------------------------


def without(module, *arguments):
    code = (
        f"import sys; sys.modules[{module!r}] = None; sys.argv[1:] = {list(arguments)!r}; "
        "from braintrust_run_output.__main__ import main; main()"
    )
    return run_command([sys.executable, "-c", code])


@pytest.mark.parametrize(
    ("module", "arguments", "extra"),
    [
        ("click", ["doctor"], "cli"),
        ("rich", ["verify", "export.json"], "cli"),
        ("ijson", ["verify", "export.json"], "cli"),
        ("starlette", ["serve"], "local"),
        ("uvicorn", ["serve"], "local"),
        ("starlette", ["demo"], "demo"),
        ("openai", ["demo"], "demo"),
    ],
)
def test_a_command_says_which_extra_it_lacks(module, arguments, extra, tmp_path, monkeypatch):
    (tmp_path / "export.json").write_text('[{"id": "1"}]')
    monkeypatch.chdir(tmp_path)

    ended = without(module, *arguments)

    assert ended.code == 2
    assert ended.log.rstrip().endswith(f"pip install 'braintrust-run-output[{extra}]'")
    assert "Traceback" not in ended.log


@pytest.mark.parametrize(
    ("module", "extra"), [("braintrust_run_output.local", "local"), ("braintrust_run_output.local.demo", "demo")]
)
def test_what_is_run_by_its_name_says_which_extra_it_lacks(module, extra, tmp_path):
    (tmp_path / "jinja2.py").write_text("raise ModuleNotFoundError(\"No module named 'jinja2'\", name='jinja2')")

    ended = run_command([sys.executable, "-m", module], PYTHONPATH=str(tmp_path))

    message = f"braintrust_run_output.local needs jinja2: pip install 'braintrust-run-output[{extra}]'\n"
    assert (ended.code, ended.out, ended.log) == (2, "", message)


def test_the_demo_by_its_name_says_that_its_client_is_missing():
    code = (
        "import runpy, sys; sys.modules['openai'] = None; sys.orig_argv[1:] = ['-m', 'braintrust_run_output.local.demo']; "
        "sys.argv[1:] = []; runpy.run_module('braintrust_run_output.local.demo', run_name='__main__')"
    )
    ended = run_command([sys.executable, "-c", code])

    message = "braintrust_run_output.local.demo needs openai: pip install 'braintrust-run-output[demo]'\n"
    assert (ended.code, ended.out, ended.log) == (2, "", message)


def test_a_module_that_no_extra_has_is_no_missing_extra():
    ended = without("braintrust_run_output.doctor", "doctor")

    assert ended.code == 1
    assert "Traceback" in ended.log
