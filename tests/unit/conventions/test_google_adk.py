"""Google ADK, by itself and through OpenInference."""

from __future__ import annotations

import json

import pytest

from braintrust_run_output import read_completion

T = "The capital of France is Paris."
SCOPE = "openinference.instrumentation.google_adk"
TEXT = {"content": {"role": "model", "parts": [{"text": T}]}, "finish_reason": "STOP"}
CALL = {
    "content": {
        "role": "model",
        "parts": [{"function_call": {"id": "c1", "name": "get_weather", "args": {"city": "Paris"}}}],
    }
}
THOUGHT = {"content": {"role": "model", "parts": [{"text": "hm", "thought": True}, {"text": T}]}}


def read_native(value: object) -> str | None:
    encoded = value if isinstance(value, str) else json.dumps(value)
    completion = read_completion({"gcp.vertex.agent.llm_response": encoded})
    return None if completion is None else completion.render()


def read_openinference(value: object, kind: str = "LLM", scope: str = SCOPE, **attributes: object) -> str | None:
    completion = read_completion(
        {
            "openinference.span.kind": kind,
            "output.value": json.dumps(value),
            "output.mime_type": "application/json",
            **attributes,
        },
        scope_name=scope,
    )
    return None if completion is None else completion.render()


@pytest.mark.parametrize("read", [read_native, read_openinference])
@pytest.mark.parametrize("value", [TEXT, THOUGHT], ids=["text", "thought"])
def test_the_text(read, value):
    assert read(value) == T


@pytest.mark.parametrize("read", [read_native, read_openinference])
def test_a_tool_call(read):
    (message,) = json.loads(read(CALL))

    assert message["tool_calls"][0] == {
        "id": "c1",
        "type": "function",
        "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'},
    }


@pytest.mark.parametrize(
    "value",
    ["{}", "", "null", "<not serializable>", {"content": None}, {"error_code": "500"}, {"content": {"role": "model"}}],
)
def test_no_completion(value):
    assert read_native(value) is None


@pytest.mark.parametrize("scope", [SCOPE, "gcp.vertex.agent"])
def test_of_two_turns_on_one_span_the_last_is_the_output(scope):
    merged = {
        "llm.output_messages.0.message.role": "model",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "get_weather",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": '{"city":"Paris"}',
        "llm.output_messages.0.message.contents.0.message_content.text": T,
        "llm.output_messages.0.message.contents.0.message_content.type": "text",
    }
    assert read_openinference(TEXT, scope=scope, **merged) == T


def test_the_final_event_of_an_agent():
    assert read_openinference({**TEXT, "author": "agent", "id": "e1"}, kind="AGENT") == T


@pytest.mark.parametrize("kind", ["TOOL", "CHAIN"])
def test_other_spans(kind):
    assert read_openinference({"id": "c1", "name": "get_weather", "response": {"result": "sunny"}}, kind=kind) is None
