"""``braintrust.output[_json]`` and ``gen_ai.completion[_json]``."""

from __future__ import annotations

import json

import pytest

from braintrust_run_output import read_completion

CALL = {"id": "1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}


@pytest.mark.parametrize("key", ["braintrust.output", "gen_ai.completion"])
@pytest.mark.parametrize(
    "text",
    [
        "Paris.", '{"city": "Paris"}', '"quoted"', "[1, 2]", " padded ", '[{"name": "Ada", "role": "engineer"}]',
        '{"a": 1,}', '{"a": "x', "data: Paris", "event: none\ndata: none",
        '[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]',  # made up, as an example
    ],
)  # fmt: skip
def test_text_is_taken_verbatim(key, text):
    completion = read_completion({key: text})

    assert completion.render() == text
    assert completion.source == key


@pytest.mark.parametrize("key", ["braintrust.output_json", "gen_ai.completion_json"])
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('"Paris."', "Paris."),
        ('{"role": "assistant", "content": "Paris."}', "Paris."),
        ('[{"role": "assistant", "content": "Paris."}]', "Paris."),
        ('[{"message": {"role": "assistant", "content": "Paris."}, "finish_reason": "stop"}]', "Paris."),
        ('[{"role": "assistant", "content": [{"type": "text", "text": "Par"}, {"type": "text", "text": "is."}]}]', "Paris."),
        ('{"city": "Paris"}', '{"city": "Paris"}'),
        ("[1, 2]", "[1, 2]"),
        ("42", "42"),
        ('{"role": "engineer", "name": "Ada"}', '{"role": "engineer", "name": "Ada"}'),
        ('{"message": {"subject": "Hello"}}', '{"message": {"subject": "Hello"}}'),
        ('[{"type": "text", "text": "Paris."}]', "Paris."),
        ("false", "false"),
        ("not json", "not json"),
        ('[{"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "{}"}}]}]',
         '[{"role":"assistant","content":null,"tool_calls":[{"id":"1","type":"function",'
         '"function":{"name":"f","arguments":"{}"}}]}]'),
    ],
)  # fmt: skip
def test_json_is_a_text_messages_or_a_structured_answer(key, value, expected):
    assert read_completion({key: value}).render() == expected


@pytest.mark.parametrize(
    "value",
    [
        "null",
        "[]",
        "{}",
        '""',
        '"__REDACTED__"',
        "",
        '{"embedding_length": 3}',
        '[{"index": 0, "relevance_score": 0.9}]',
    ],
)
@pytest.mark.parametrize("key", ["braintrust.output_json", "gen_ai.completion_json"])
def test_json_that_says_nothing(key, value):
    assert read_completion({key: value}) is None


def test_the_text_comes_before_the_json_and_an_empty_text_leaves_it_to_the_json():
    assert read_completion({"braintrust.output": "text", "braintrust.output_json": '"json"'}).render() == "text"
    assert read_completion({"braintrust.output": "", "braintrust.output_json": '"json"'}).render() == "json"


def test_values_that_are_no_strings():
    assert read_completion({"gen_ai.completion": ("a",)}).render() == "a"
    assert [choice["content"] for choice in json.loads(read_completion({"gen_ai.completion": ("a", "b")}).render())] == [
        "a", "b"]  # fmt: skip
    assert read_completion({"braintrust.output": 42}).render() == "42"
    assert json.loads(read_completion({"braintrust.output": {"city": "Paris"}}).render()) == {"city": "Paris"}


def test_a_sequence_of_messages_as_json():
    assert read_completion({"gen_ai.completion": ('{"role": "assistant", "content": "Paris."}',)}).render() == "Paris."


MESSAGE = {"role": "assistant", "content": "Paris."}
NOT_SAID = {
    "a message": MESSAGE,
    "messages": [MESSAGE],
    "LangChain's": [{"role": "ai", "content": "Paris."}],
    "parts": [{"role": "assistant", "parts": [{"type": "text", "content": "Paris."}]}],
    "blocks": [{"type": "text", "text": "Paris."}],
    "choices": [{"index": 0, "finish_reason": "stop", "message": MESSAGE}],
    "a response": {"id": "r", "choices": [{"index": 0, "finish_reason": "stop", "message": MESSAGE}]},
    "Google's": {"candidates": [{"content": {"role": "model", "parts": [{"text": "Paris."}]}, "finishReason": "STOP"}]},
    "JSON in JSON": json.dumps([MESSAGE]),
}


@pytest.mark.parametrize("key", ["braintrust.output", "gen_ai.completion", "braintrust.output_json"])
@pytest.mark.parametrize("value", NOT_SAID.values(), ids=NOT_SAID)
def test_json_that_no_model_would_say_is_the_messages_in_it(key, value):
    assert read_completion({key: json.dumps(value)}).render() == "Paris."


@pytest.mark.parametrize("key", ["braintrust.output", "gen_ai.completion", "braintrust.output_json"])
@pytest.mark.parametrize(
    "value",
    [
        '[{"role": "assistant", "content": "Paris is the',
        '[{"role": "assistant", "content": null}]',
        '{"role":"assistant","parts":[',
        '"[{\\"role\\": \\"assistant\\", \\"content\\": \\"Par',
    ],
)
def test_messages_that_were_cut_or_are_empty_are_no_text(key, value):
    assert read_completion({key: value}) is None
