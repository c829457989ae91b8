"""logfire: ``response_data`` of version 1."""

from __future__ import annotations

import json

import pytest

from braintrust_run_output import read_completion

CALL = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'}}


def read(value: object, scope: str = "logfire.openai", **attributes: object) -> str | None:
    encoded = value if isinstance(value, str) else json.dumps(value)
    completion = read_completion({"response_data": encoded, **attributes}, scope_name=scope)
    return None if completion is None else completion.render()


@pytest.mark.parametrize(
    "value",
    [
        {"message": {"role": "assistant", "content": "Paris.", "tool_calls": None}, "usage": {"total_tokens": 3}},
        {"combined_chunk_content": "Paris.", "chunk_count": 9},
        {"message": {"content": "Paris.", "role": "assistant"}, "usage": None, "finish_reason": "stop"},
        {"text": "Paris.", "usage": {}},
    ],
    ids=lambda value: next(iter(value)),
)
def test_a_text(value):
    assert read(value) == "Paris."


@pytest.mark.parametrize("content", [None, ""])
def test_a_tool_call(content):
    (message,) = json.loads(read({"message": {"role": "assistant", "content": content, "tool_calls": [CALL]}}))

    assert message["content"] is None
    assert message["tool_calls"] == [CALL]


@pytest.mark.parametrize("name", ["Paris.", "What is the capital of France?"])
def test_the_attribute_of_another_emitter_is_left_alone(name):
    assert read({"message": {"content": name}}, scope="app") is None
    assert read({"message": {"content": name}}, scope="app", request_data="{}") == name


@pytest.mark.parametrize(
    "value",
    ["", "null", "{}", "[", {"combined_chunk_content": "", "chunk_count": 0}, {"usage": {"total_tokens": 3}},
     {"images": [{"url": "x"}]}, {"message": {"role": "assistant", "content": None}}],
    ids=str,
)  # fmt: skip
def test_no_completion(value):
    assert read(value) is None
