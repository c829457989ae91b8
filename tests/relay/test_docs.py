"""What docs/relay.md tells to type, typed."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from harness import ROOT as ROOT_SPAN
from harness import chat, request, root
from hops import Hop
from relays import TIMEOUT, send

from braintrust_run_output.relay.demo.run import run_demo
from docs.pages import ROOT
from docs_runner import read_page
from processes import environment

PAGE = ROOT / "docs" / "relay.md"
SCRIPT, VARIABLES = read_page(PAGE)["Start it"].commands


def shape(text):
    """Return a text without what differs from run to run."""
    return re.sub(r"https?://[\w.:]+|\S+/braintrust-run-output-relay-\w+", "", text)


def test_the_relay_starts_as_it_is_told_to_and_says_what_the_page_says():
    install, *commands = SCRIPT.splitlines()
    assert install == "pip install 'braintrust-run-output[relay]'"
    typed = "\n".join(commands).replace(
        "braintrust-run-output relay", f"exec {shlex.quote(sys.executable)} -m \\\n braintrust_run_output relay"
    )
    (printed,) = re.findall(r"^```text\n(OTLP over.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    with Hop() as hop:
        variables = {"BRAINTRUST_API_URL": hop.base, "BRAINTRUST_RUN_OUTPUT_RELAY_LISTEN": "127.0.0.1:0"}
        process = subprocess.Popen(
            ["bash", "-euc", typed],
            env=environment(BRAINTRUST_RUN_OUTPUT_RELAY_HOLD="500ms", **variables),
            stdout=subprocess.PIPE,
            text=True,
        )
        lines = "".join(process.stdout.readline() for _ in printed.splitlines())
        try:
            assert shape(lines) == shape(printed)
            assert VARIABLES.startswith("export OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318")
            (url,) = re.findall(r"http\S+/v1/traces", lines.splitlines()[0])
            assert send(url, request(chat(), root()))[0] == 200
            hop.wait_for(ROOT_SPAN)
            headers, _ = hop.received()[-1]
            assert (headers["authorization"], headers["x-bt-parent"]) == (
                "Bearer <your API key>",
                "project_name:<your project>",
            )
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=TIMEOUT)


def test_the_demo_ends_in_one_row_with_the_run_output():
    pytest.importorskip("opentelemetry.instrumentation.openai")
    if not Path(sys.executable).with_name("opentelemetry-instrument").exists():
        pytest.skip("there is no opentelemetry-instrument")
    written = []
    assert run_demo(written.append) == 0
    said = "".join(written)
    assert '"run_output": "The capital of France is Paris."' in said
    assert "The root has the run output of the other service." in said
