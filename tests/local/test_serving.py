"""``braintrust-run-output serve`` and ``python -m braintrust_run_output.local``."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from braintrust_run_output.local import Store
from braintrust_run_output.local.serving import DEFAULT_PORT, serve

COMMANDS = [["braintrust_run_output.local"], ["braintrust_run_output", "serve"]]


def test_it_serves_until_it_is_told_to_stop():
    said = []

    def look():
        url = re.search(r"http://\S+", said[0])[0]
        with urllib.request.urlopen(url) as answer:
            assert b"No traces yet" in answer.read()

    assert serve(said.append, port=0, wait=look) == 0


def test_what_arrives_is_kept(tmp_path):
    file = tmp_path / "traces.sqlite"
    Store(file).insert([{"id": "a", "is_root": True}])
    said = []

    assert serve(said.append, port=0, database=str(file), wait=lambda: None) == 0
    assert str(file) in said[0]
    assert Store(file).count() == 1


def test_a_port_that_is_taken():
    said = []
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        assert serve(said.append, port=port, wait=lambda: None) == 2
    assert f"Port {port} cannot be had" in said[0]


def test_a_database_that_is_none(tmp_path):
    said = []

    assert serve(said.append, port=0, database=str(tmp_path), wait=lambda: None) == 2
    assert "cannot be opened" in said[0]


@pytest.mark.parametrize("command", COMMANDS, ids=["module", "command line"])
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_as_a_command(command, stop):
    if "serve" in command:
        pytest.importorskip("click")
    with subprocess.Popen(
        [sys.executable, "-m", *command, "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        url = running.stdout.readline().split()[-1]
        with urllib.request.urlopen(url) as answer:
            assert answer.status == 200
        running.send_signal(stop)
        _, log = running.communicate(timeout=20)

    assert (running.returncode, log) == (0, "")


def test_the_command_line_has_the_same_default():
    cli = pytest.importorskip("braintrust_run_output.cli", exc_type=ImportError)

    (port,) = (option for option in cli.serve.params if option.name == "port")
    assert port.default == DEFAULT_PORT


@pytest.mark.parametrize(("command", "extra"), [("serve", "local"), ("demo", "demo")])
def test_the_command_line_names_the_missing_extra(command, extra):
    pytest.importorskip("click")
    code = f"import sys; sys.modules['jinja2'] = None; from braintrust_run_output.cli import main; main(['{command}'])"

    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert ended.returncode == 2
    assert f"pip install 'braintrust-run-output[{extra}]'" in ended.stderr
