"""Vercel's AI SDK with its own tracing, exported as OTLP in JSON: what the relay makes of its roots."""

from __future__ import annotations

import json

import pytest
from hops import Hop
from relays import relay

from braintrust_run_output.local import StubProvider

QUESTION = "What is the weather in Paris?"
ANSWER = "It is sunny in Paris."
TITLE = "Weather in Paris today"


@pytest.fixture
def provider():
    """A model that calls the tool, says a title where one is asked for, and the answer else."""
    with StubProvider(lambda body: TITLE if "a title" in json.dumps(body) else ANSWER) as running:
        yield running


@pytest.mark.parametrize("mode", ["generate", "stream"])
@pytest.mark.parametrize(("alone", "root_name"), [([], "POST /ask"), (["alone"], "invoke_agent gpt-4o-mini")])
def test_the_root_has_the_answer_and_what_was_asked(node, mode, alone, root_name):
    with Hop() as hop, relay("--to", hop.url, "--hold", "2s", BRAINTRUST_RUN_OUTPUT_MIRROR_INPUT="true") as one:
        node("ai_sdk.mjs", mode, *alone, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"{one.url}/v1/traces")
        hop.wait(lambda spans: any(not span.parent_hex for span in spans))
        spans = hop.spans()

    (root,) = (span for span in spans if not span.parent_hex)
    said = [span.attributes.get("braintrust.metadata.run_output") for span in spans]
    assert TITLE in said
    assert (root.name, root.attributes["braintrust.metadata.run_output"]) == (root_name, ANSWER)
    asked = root.attributes.get("braintrust.input_json") or root.attributes["gen_ai.input.messages"]
    assert QUESTION in asked
    assert "a title" not in asked
