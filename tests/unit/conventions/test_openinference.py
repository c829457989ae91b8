"""``llm.output_messages.N.message.*``."""

from __future__ import annotations

import json

import pytest

from braintrust_run_output import read_completion


def read(**fields: object) -> str | None:
    completion = read_completion({
        "openinference.span.kind": "LLM",
        **{f"llm.output_messages.{name[1:].replace('__', '.')}": value for name, value in fields.items()},
    })  # fmt: skip
    return None if completion is None else completion.render()


def test_content():
    assert read(_0__message__role="assistant", _0__message__content="Paris.") == "Paris."


def test_contents():
    assert (
        read(
            _0__message__role="assistant",
            _0__message__contents__0__message_content__type="reasoning",
            _0__message__contents__0__message_content__text="hm",
            _0__message__contents__1__message_content__type="text",
            _0__message__contents__1__message_content__text="Par",
            _0__message__contents__2__message_content__text="is.",
        )
        == "Paris."
    )


def test_reasoning_in_a_message_of_its_own():
    assert (
        read(
            _0__message__role="assistant",
            _0__message__contents__0__message_content__type="reasoning",
            _0__message__contents__0__message_content__text="hm",
            _1__message__role="assistant",
            _1__message__content="Paris.",
        )
        == "Paris."
    )


def test_text_and_tool_calls():
    (message,) = json.loads(
        read(**{
            "_0__message__role": "assistant",
            "_0__message__content": "Let me look.",
            "_0__message__tool_calls__0__tool_call__id": "c1",
            "_0__message__tool_calls__0__tool_call__function__name": "get_weather",
            "_0__message__tool_calls__0__tool_call__function__arguments": '{"city":"Paris"}',
            "_0__message__tool_calls__1__tool_call__function__name": "get_time",
        })
    )  # fmt: skip

    assert message["content"] == "Let me look."
    assert [call["function"]["name"] for call in message["tool_calls"]] == ["get_weather", "get_time"]
    assert message["tool_calls"][1] == {
        "id": None,
        "type": "function",
        "function": {"name": "get_time", "arguments": "{}"},
    }


@pytest.mark.parametrize(
    "fields",
    [
        {"_0__message__role": "assistant"},
        {"_0__message__role": "assistant", "_0__message__content": "__REDACTED__"},
        {"_0__message__role": "assistant", "_0__message__content": ""},
        {"_0__message__content": "<groq.Stream object at 0x7f00>"},
        {"_0__message__role": "user", "_0__message__content": "What is the capital of France?"},
    ],
)
def test_no_completion(fields):
    assert read(**fields) is None


def test_arguments_that_are_json_in_json():
    """OpenInference's of the AI SDK."""
    completion = read(
        _0__message__role="assistant",
        _0__message__tool_calls__0__tool_call__function__name="get_weather",
        _0__message__tool_calls__0__tool_call__function__arguments=json.dumps('{"city": "Paris"}'),
    )

    (message,) = json.loads(completion)
    assert message["tool_calls"][0]["function"]["arguments"] == '{"city": "Paris"}'
