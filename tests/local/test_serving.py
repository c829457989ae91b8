"""``braintrust-run-output serve`` and ``python -m braintrust_run_output.local``."""

from __future__ import annotations

import re
import signal
import socket
import sys
import urllib.request

import pytest

from braintrust_run_output.local import Store
from braintrust_run_output.local.serving import DEFAULT_PORT, serve
from processes import Application, environment, run_command

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


@pytest.mark.parametrize("port", [99999, 65536, -1])
@pytest.mark.parametrize("command", COMMANDS, ids=["module", "command line"])
def test_a_port_that_is_none(command, port):
    if "serve" in command:
        pytest.importorskip("click")
    ended = run_command([sys.executable, "-m", *command, f"--port={port}"])

    assert ended.code == 2
    assert str(port) in ended.out + ended.log
    assert "65535" in (ended.out + ended.log).replace("65,535", "65535")
    assert "Traceback" not in ended.log


def test_what_it_prints_keeps_an_application_quiet():
    """Only traces are sent here: by default an application would send metrics and logs as well, and complain."""
    said = []
    serve(said.append, port=0, wait=lambda: None)
    exported = dict(one.split("=", 1) for line in said[0].splitlines() if "export " in line for one in line.split()[1:])

    assert exported["OTEL_TRACES_EXPORTER"] == "otlp"
    assert exported["OTEL_EXPORTER_OTLP_PROTOCOL"] == "http/protobuf"
    assert exported["OTEL_METRICS_EXPORTER"] == exported["OTEL_LOGS_EXPORTER"] == "none"
    assert exported["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"].endswith("/otel/v1/traces")


def test_a_database_that_is_none(tmp_path):
    said = []

    assert serve(said.append, port=0, database=str(tmp_path), wait=lambda: None) == 2
    assert "cannot be opened" in said[0]


@pytest.mark.parametrize("command", COMMANDS, ids=["module", "command line"])
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_as_a_command(command, stop):
    if "serve" in command:
        pytest.importorskip("click")
    running = Application([sys.executable, "-m", *command, "--port", "0"], environment())
    url = running.out.readline().split()[-1]
    with urllib.request.urlopen(url) as answer:
        assert answer.status == 200
    running.send_signal(stop)
    ended = running.end()

    assert (ended.code, ended.log) == (0, "")


def test_the_command_line_has_the_same_default():
    cli = pytest.importorskip("braintrust_run_output.cli", exc_type=ImportError)

    (port,) = (option for option in cli.serve.params if option.name == "port")
    assert port.default == DEFAULT_PORT


@pytest.mark.parametrize(("command", "extra"), [("serve", "local"), ("demo", "demo")])
def test_the_command_line_names_the_missing_extra(command, extra):
    pytest.importorskip("click")
    code = f"import sys; sys.modules['jinja2'] = None; from braintrust_run_output.cli import main; main(['{command}'])"

    ended = run_command([sys.executable, "-c", code])

    assert ended.code == 2
    assert f"pip install 'braintrust-run-output[{extra}]'" in ended.log
