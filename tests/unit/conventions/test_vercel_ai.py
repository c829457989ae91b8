"""Vercel AI SDK 5 and 6."""

from __future__ import annotations

import json

import pytest

from braintrust_run_output import read_completion
from braintrust_run_output.conventions import kinds_of

TEXT, OBJECT, CALLS = "ai.response.text", "ai.response.object", "ai.response.toolCalls"


def calls(**call: object) -> str:
    return json.dumps([{"toolCallId": "c1", "toolName": "get_weather", **call}])


def read(**fields: object) -> str | None:
    completion = read_completion(
        {"ai.operationId": "ai.generateText", **{f"ai.response.{name}": value for name, value in fields.items()}}
    )
    return None if completion is None else completion.render()


def test_text():
    assert read(text="Paris.") == "Paris."


@pytest.mark.parametrize("value", ['{"capital": "Paris"}', '{"capital":"Paris"}'])
def test_an_object_keeps_its_characters(value):
    assert read(object=value) == value
    assert read(text="", object=value) == value


@pytest.mark.parametrize("text", [{}, {"text": ""}], ids=["no text", "empty text"])
@pytest.mark.parametrize(
    "call", [{"input": '{"city": "Paris"}'}, {"input": {"city": "Paris"}}, {"args": {"city": "Paris"}}], ids=json.dumps
)
def test_tool_calls(text, call):
    (message,) = json.loads(read(**text, toolCalls=calls(**call)))

    assert message["content"] is None
    assert message["tool_calls"][0]["id"] == "c1"
    assert message["tool_calls"][0]["function"]["name"] == "get_weather"
    assert json.loads(message["tool_calls"][0]["function"]["arguments"]) == {"city": "Paris"}


def test_text_and_tool_calls():
    (message,) = json.loads(read(text="Let me look.", toolCalls=calls(input="{}")))

    assert message["content"] == "Let me look."
    assert message["tool_calls"][0]["function"]["arguments"] == "{}"


@pytest.mark.parametrize(
    "fields",
    [
        {"text": ""},
        {"toolCalls": "[]"},
        {"toolCalls": "broken ["},
        {"object": ""},
        {"text": 7},
        {"toolCalls": '{"a": 1}'},
    ],
    ids=json.dumps,
)
def test_no_completion(fields):
    assert read(**fields) is None


def test_the_result_of_a_tool_is_no_completion():
    attributes = {"ai.operationId": "ai.toolCall", "ai.toolCall.name": "get_weather", "ai.toolCall.result": '"sunny"'}

    assert read_completion(attributes) is None


def test_an_object_that_is_a_text():
    """One of several choices."""
    assert read(object='"sunny"') == "sunny"


@pytest.mark.parametrize("function", ["generateText", "streamText", "generateObject", "streamObject"])
def test_the_inner_span_is_a_model(function):
    inner = "doGenerate" if function.startswith("generate") else "doStream"

    assert kinds_of({"ai.operationId": f"ai.{function}.{inner}"}).is_model
    assert not kinds_of({"ai.operationId": f"ai.{function}"}).is_model


def test_an_object_that_is_no_text():
    assert read(object={"city": "Paris"}) == '{"city":"Paris"}'
