"""LangSmith: ``gen_ai.completion`` as the JSON of a run's outputs."""

from __future__ import annotations

import json

import pytest

from braintrust_run_output import read_completion
from braintrust_run_output.conventions import generic_excerpt, read_generic_output

T = "The capital of France is Paris."
CALL = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'}}
AI = {"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", "AIMessage"], "kwargs": {"content": T}}


def attributes(kind: str, value: object) -> dict[str, object]:
    return {"langsmith.span.kind": kind, "gen_ai.completion": value if isinstance(value, str) else json.dumps(value)}


def read(value: object) -> str | None:
    completion = read_completion(attributes("llm", value), scope_name="langsmith")
    return None if completion is None else completion.render()


def generic(kind: str, value: object) -> str | None:
    excerpt = generic_excerpt(attributes(kind, value))
    completion = None if excerpt is None else read_generic_output(excerpt, "langsmith")
    return None if completion is None else completion.render()


@pytest.mark.parametrize(
    "value",
    [
        {"id": "x", "choices": [{"index": 0, "message": {"role": "assistant", "content": T}}], "usage": {}},
        {"choices": [{"text": T, "index": 0, "finish_reason": "stop"}]},
        {"output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": T}]}]},
        {"output": [{"content": [{"text": T}], "type": "message"}]},
        {"output": [{"type": "reasoning", "summary": []},
                    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": T}]}]},
        {"generations": [[{"text": T, "type": "ChatGeneration", "message": AI}]], "llm_output": {}},
        {"generations": [[{"text": T, "message": {"type": "ai", "data": {"content": T}}}]]},
        {"generations": [[{"text": T}]]},
        {"id": "msg", "type": "message", "role": "assistant", "content": [{"type": "text", "text": T}]},
        {"role": "assistant", "content": T},
        {"message": {"role": "assistant", "content": T}},
        {"messages": [{"role": "assistant", "content": T}]},
        {"candidates": [{"content": {"role": "model", "parts": [{"text": T}]}}]},
        {"output": T},
    ],
    ids=lambda value: "+".join(value),
)  # fmt: skip
def test_the_text_of_a_response(value):
    assert read(value) == T


@pytest.mark.parametrize(
    "value",
    [
        {"choices": [{"message": {"role": "assistant", "content": None, "tool_calls": [CALL], "function_call": None}}]},
        {"output": [{"type": "function_call", "call_id": "c1", "name": "get_weather", "arguments": '{"city":"Paris"}'}]},
        {"generations": [[{"text": "", "message": {"lc": 1, "kwargs": {"content": "", "tool_calls": [
            {"type": "tool_call", "id": "c1", "name": "get_weather", "args": {"city": "Paris"}}]}}}]]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "get_weather", "input": {"city": "Paris"}}]},
    ],
    ids=lambda value: next(iter(value)),
)  # fmt: skip
def test_the_tool_call_of_a_response(value):
    (message,) = json.loads(read(value))

    assert message == {"role": "assistant", "content": None, "tool_calls": [CALL]}


def test_several_choices():
    rendered = json.loads(
        read({"choices": [{"message": {"role": "assistant", "content": text}} for text in (T, "Paris.")]})
    )

    assert [message["content"] for message in rendered] == [T, "Paris."]


@pytest.mark.parametrize(
    "value", ['{"output": null}', "null", "", "{}", '{"choices": []}', '{"generations": [[]]}', '{"choices"']
)
def test_an_error_is_no_completion(value):
    assert read(value) is None


@pytest.mark.parametrize("kind", ["prompt", "parser", "tool", "retriever", "embedding"])
def test_other_kinds_are_neither_completion_nor_generic(kind):
    value = {**attributes(kind, {"output": T}), "gen_ai.operation.name": "chat"}

    assert read_completion(value, scope_name="langsmith") is None
    assert generic_excerpt(value) is None


@pytest.mark.parametrize(
    "value",
    [
        {"output": T},
        {"outputs": T},
        {"messages": [{"type": "human", "content": "?"}, {"type": "ai", "content": T}]},
        {"output": {"messages": [{"type": "human", "content": "?"}, {"type": "ai", "content": T}]}},
        {"output": [{"graph": None, "update": {"messages": [{"type": "ai", "content": T}]}, "resume": None, "goto": []}]},
        {"output": {"content": T, "type": "ai"}},
    ],
    ids=json.dumps,
)  # fmt: skip
def test_the_output_of_a_chain_is_generic(value):
    assert read_completion(attributes("chain", value), scope_name="langsmith") is None
    assert generic("chain", value) == T


@pytest.mark.parametrize(
    "value",
    [
        {"output": None},
        {"messages": [{"type": "tool", "content": "sunny", "name": "get_weather"}]},
        {"messages": [{"type": "human", "content": "What is the capital of France?"}]},
    ],
    ids=json.dumps,
)
def test_a_chain_that_says_nothing(value):
    assert generic("chain", value) is None


def test_without_langsmith_the_attribute_is_plain_text():
    value = '{"output": "T"}'

    assert read_completion({"gen_ai.completion": value}).render() == value


@pytest.mark.parametrize(
    "outputs",
    [
        {"content": T, "usage_metadata": {"input_tokens": 1}},
        {"content": [{"type": "text", "text": T}], "stop_reason": "end_turn"},
    ],
    ids=json.dumps,
)
def test_a_message_without_a_role(outputs):
    assert read(outputs) == T
