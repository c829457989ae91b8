"""LiteLLM: the tool call beside empty parts, and legacy completions as a Python literal."""

from __future__ import annotations

import json

import pytest

from braintrust_run_output import read_completion

CALL = {
    "gen_ai.completion.0.function_call.name": "get_weather",
    "gen_ai.completion.0.function_call.arguments": '{"city":"Paris"}',
}
CHOICES = "llm.text-completion-openai.choices"


def messages(*parts: dict) -> dict[str, object]:
    return {"gen_ai.output.messages": json.dumps([{"role": "assistant", "parts": list(parts)}])}


def test_the_call_beside_empty_parts():
    (message,) = json.loads(read_completion({**messages(), **CALL}).render())

    assert message["content"] is None
    assert message["tool_calls"][0]["function"] == {"name": "get_weather", "arguments": '{"city":"Paris"}'}


def test_text_in_the_parts_and_the_call_beside_them():
    (message,) = json.loads(read_completion({**messages({"type": "text", "content": "Let me look."}), **CALL}).render())

    assert message["content"] == "Let me look."
    assert message["tool_calls"][0]["function"]["name"] == "get_weather"


def test_parallel_calls_that_stand_under_an_index_each_are_one_turn():
    second = {
        "gen_ai.completion.1.function_call.name": "get_time",
        "gen_ai.completion.1.function_call.arguments": "{}",
    }
    (message,) = json.loads(read_completion({**messages(), **CALL, **second}).render())

    assert [call["function"]["name"] for call in message["tool_calls"]] == ["get_weather", "get_time"]


def test_a_call_that_is_in_the_parts_as_well_counts_once():
    part = {"type": "tool_call", "id": "c1", "name": "get_weather", "arguments": '{"city":"Paris"}'}
    (message,) = json.loads(read_completion({**messages(part), **CALL}).render())

    assert len(message["tool_calls"]) == 1


def test_the_call_without_messages():
    assert "get_weather" in read_completion(CALL).render()


def test_legacy_completions():
    value = "[{'finish_reason': 'stop', 'index': 0, 'logprobs': None, 'text': \"It's Paris.\"}]"

    assert read_completion({CHOICES: value}).render() == "It's Paris."


def test_legacy_completions_with_several_choices():
    value = repr([{"index": 0, "text": "Paris."}, {"index": 1, "text": "Lyon."}])

    assert [one["content"] for one in json.loads(read_completion({CHOICES: value}).render())] == ["Paris.", "Lyon."]


@pytest.mark.parametrize(
    "value",
    [
        "",
        "[]",
        "None",
        "[{'text': ''}]",
        "[{'text': ",
        "__import__('os').getcwd()",
        "[Choice(logprobs=None)]",
        "(" * 5000,
        7,
    ],
    ids=lambda value: str(value)[:20],
)
def test_no_completion(value):
    assert read_completion({CHOICES: value}) is None


def test_a_literal_too_long_to_parse_is_left_alone():
    assert read_completion({CHOICES: repr([{"text": "x" * 200_000}])}) is None
