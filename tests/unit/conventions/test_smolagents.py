"""smolagents: the answer that the model gives to its ``final_answer`` tool."""

from __future__ import annotations

import json

import pytest

from braintrust_run_output import read_completion

T = "The capital of France is Paris."
SCOPE = "openinference.instrumentation.smolagents"
CALL = "llm.output_messages.0.message.tool_calls.0.tool_call.function."


def agent(value: object, scope: str = SCOPE, kind: str = "AGENT") -> str | None:
    completion = read_completion({"openinference.span.kind": kind, "output.value": value}, scope_name=scope)
    return None if completion is None else completion.render()


def llm(name: str, arguments: str, **attributes: str) -> str:
    attributes = {"openinference.span.kind": "LLM", CALL + "name": name, CALL + "arguments": arguments, **attributes}
    return read_completion(attributes, scope_name=SCOPE).render()


def test_the_result_of_an_agent():
    assert agent(T) == T


@pytest.mark.parametrize(
    "value", ["", "None", "FinalAnswerStep(output='Paris.')", "<generator object run at 0x7f>", 42]
)
def test_no_result(value):
    assert agent(value) is None


def test_steps_and_the_agents_of_others_are_generic():
    assert agent(T, kind="CHAIN") is None
    assert agent(T, scope="openinference.instrumentation.langchain") is None


def test_the_models_call_of_final_answer_is_the_answer():
    assert llm("final_answer", json.dumps({"answer": T})) == T
    assert (
        llm("final_answer", json.dumps({"answer": T}), **{"llm.output_messages.0.message.content": "Thought: done"})
        == T
    )


@pytest.mark.parametrize(
    ("name", "arguments", "answer"),
    [
        ("final_answer", {"answer": {"city": "Paris"}}, '{"city":"Paris"}'),
        ("final_answer", {"answer": "x", "confidence": 1}, '{"answer":"x","confidence":1}'),
        ("final_answer", {"answer": 42}, "42"),
        ("final_answer", {"response": T}, T),  # BeeAI
        ("final_result", {"city": "Paris"}, '{"city":"Paris"}'),  # pydantic-ai
        ("final_result_City", {"city": "Paris"}, '{"city":"Paris"}'),
        ("final_result", {"response": [1]}, "[1]"),
    ],
)
def test_a_structured_answer(name, arguments, answer):
    assert llm(name, json.dumps(arguments)) == answer


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("get_weather", '{"answer": "x"}'),
        ("final_answer", '{"answer": ""}'),
        ("final_answer", '["x"]'),
        ("final_answer", "{broken"),
    ],
)
def test_any_other_call_stays_a_call(name, arguments):
    (message,) = json.loads(llm(name, arguments))

    assert message["tool_calls"][0]["function"] == {"name": name, "arguments": arguments}
