"""``braintrust-run-output doctor`` with the real clients and their real instrumentations."""

from __future__ import annotations

import json
import sys

import pytest

from braintrust_run_output.doctor._trial.clients import CLIENTS
from live.running import TIMEOUT
from processes import run_command

pytest.importorskip("click")

INSTRUMENTATIONS = {
    "openai": "opentelemetry.instrumentation.openai",
    "anthropic": "opentelemetry.instrumentation.anthropic",
    "langchain": "opentelemetry.instrumentation.langchain",
    "google-genai": "opentelemetry.instrumentation.google_generativeai",
    "litellm": "openinference.instrumentation.litellm",
}
CAPTURED = {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY"}
"""For OpenTelemetry's own instrumentations."""


@pytest.fixture(scope="module")
def calls():
    command = [sys.executable, "-m", "braintrust_run_output", "doctor", "--json"]
    ended = run_command(command, timeout=TIMEOUT, OTEL_TRACES_EXPORTER="console", **CAPTURED)
    trial = json.loads(ended.out)["trial"]
    assert trial["is_sdk"], trial["log"]
    return {call["client"]: call for call in trial["calls"]}


def test_every_client_that_doctor_knows_is_tried_here():
    assert {client.name for client in CLIENTS} == set(INSTRUMENTATIONS)


@pytest.mark.parametrize("client", list(CLIENTS), ids=lambda client: client.name)
def test_the_root_of_a_call_gets_the_answer(calls, client):
    pytest.importorskip(client.module)
    pytest.importorskip(INSTRUMENTATIONS[client.name])

    call = calls[client.name]

    assert (call["error"], call["got"], call["missing"]) == ("", "answer", [])
    assert call["source"] in call["spans"]
