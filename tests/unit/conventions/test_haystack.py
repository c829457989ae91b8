"""Haystack's own tracing with content."""

from __future__ import annotations

import json

import pytest

from braintrust_run_output import read_completion
from braintrust_run_output.conventions import generic_excerpt, read_generic_output

T = "The capital of France is Paris."
REPLY = {"role": "assistant", "meta": {"model": "m"}, "name": None, "content": [{"text": T}]}
CALLING = {
    "role": "assistant",
    "content": [{"tool_call": {"tool_name": "get_weather", "arguments": {"city": "Paris"}, "id": "c1"}}],
}
RESULT = {
    "role": "tool",
    "content": [{"tool_call_result": {"result": "sunny", "origin": {"tool_name": "get_weather"}}}],
}
ASKED = {"role": "user", "content": [{"text": "What is the capital of France?"}]}


def read(attributes: dict) -> str | None:
    completion = read_completion(
        {key: json.dumps(value) if isinstance(value, dict) else value for key, value in attributes.items()}
    )
    return None if completion is None else completion.render()


def generic(attributes: dict) -> str | None:
    excerpt = generic_excerpt(
        {key: json.dumps(value) if isinstance(value, dict) else value for key, value in attributes.items()}
    )
    completion = None if excerpt is None else read_generic_output(excerpt)
    return None if completion is None else completion.render()


@pytest.mark.parametrize(
    "reply", [REPLY, {"_role": "assistant", "_content": [{"text": T}]}, T], ids=["message", "dataclass", "text"]
)
def test_a_generators_reply(reply):
    assert read({"haystack.agent.step.llm.output": {"replies": [reply]}}) == T
    for key in ("haystack.component.output", "haystack.component.outputs"):
        assert read({"haystack.component.type": "OpenAIChatGenerator", key: {"replies": [reply]}}) == T


def test_a_generators_tool_call():
    (message,) = json.loads(read({"haystack.agent.step.llm.output": {"replies": [CALLING]}}))

    assert message["tool_calls"] == [
        {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'}}
    ]


def test_an_agents_output():
    assert read({"haystack.agent.output": {"messages": [ASKED, CALLING, RESULT, REPLY], "last_message": REPLY}}) == T
    assert read({"haystack.agent.output": {"messages": [ASKED, REPLY]}}) == T
    assert read({"haystack.agent.output": {"last_message": REPLY}}) == T


def test_another_component_has_no_completion():
    attributes = {"haystack.component.type": "PromptBuilder", "haystack.component.output": {"prompt": "Answer: ..."}}

    assert read(attributes) is None


@pytest.mark.parametrize(
    "output",
    [
        {"llm": {"replies": [REPLY]}},
        {"llm": {"replies": [{"_role": "assistant", "_content": [{"text": T}], "_meta": {}}]}},
        {"prompt_builder": {"prompt": "Answer"}, "llm": {"replies": [T], "meta": [{}]}},
        {"agent": {"messages": [ASKED, REPLY], "last_message": REPLY}},
        {"agent": {"messages": [ASKED, REPLY], "last_message": REPLY}, "title": {"replies": ["France"]}},
        {"title": {"replies": ["France"]}, "llm": {"replies": [REPLY]}, "judge": {"score": 1}},
        {
            "builder": {"answers": [{"data": T, "query": "?", "documents": [], "meta": {}}]},
            "llm": {"replies": ["Draft"]},
        },
        {"builder": {"answers": [f"GeneratedAnswer(data={T!r}, query='?', documents=[], meta={{}})"]}},
    ],
)
def test_a_pipelines_output_is_generic(output):
    assert generic({"haystack.pipeline.output_data": output}) == T


@pytest.mark.parametrize(
    "output",
    [
        {"retriever": {"documents": [{"id": "1", "content": "Paris is in France."}]}},
        {"embedder": {"embedding": [0.1] * 16}},
        {},
    ],
)
def test_what_is_found_or_embedded_is_no_output(output):
    assert generic({"haystack.pipeline.output_data": output}) is None
