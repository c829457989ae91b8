from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from openai import BadRequestError, OpenAI

from braintrust_run_output.local import StubProvider, echo

TOOLS = [
    {
        "type": "function",
        "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {}}},
    }
]
QUESTION = [{"role": "user", "content": "What is the weather?"}]
TOOL_RESULT = [
    *QUESTION,
    {
        "role": "assistant",
        "tool_calls": [{"id": "1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}],
    },
    {"role": "tool", "tool_call_id": "1", "content": "clear"},
]


def ask(provider, messages=QUESTION, **options):
    with OpenAI(base_url=provider.base_url, api_key="stub", max_retries=0) as client:
        answer = client.chat.completions.create(model="gpt-4o-mini", messages=messages, **options)
        return list(answer) if options.get("stream") else answer


@pytest.fixture
def provider():
    with StubProvider() as running:
        yield running


def test_an_answer(provider):
    completion = ask(provider)

    assert completion.choices[0].message.content == "It is sunny in Paris."
    assert completion.choices[0].finish_reason == "stop"
    assert completion.model == "gpt-4o-mini"
    assert completion.usage.total_tokens == 9


def test_the_first_tool_is_called_once(provider):
    first = ask(provider, tools=TOOLS).choices[0]
    (call,) = first.message.tool_calls
    last = ask(provider, TOOL_RESULT, tools=TOOLS).choices[0]

    assert first.finish_reason == "tool_calls"
    assert first.message.content is None
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments) == {"city": "Paris"}
    assert last.message.content == "It is sunny in Paris."


def test_a_streamed_answer(provider):
    chunks = ask(provider, stream=True, stream_options={"include_usage": True})

    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == "It is sunny in Paris."
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].usage.total_tokens == 9
    assert len(chunks) > 5


def test_streamed_text_is_the_answer_character_for_character():
    answer = "a a  b\n\nc d a "
    with StubProvider(answer) as provider:
        chunks = ask(provider, stream=True)

    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == answer


def test_a_streamed_tool_call(provider):
    chunks = ask(provider, stream=True, tools=TOOLS)

    (call,) = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or []]
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments) == {"city": "Paris"}
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


def test_answer_and_arguments_can_be_chosen():
    with StubProvider("Rain.", tool_arguments={"place": "Oslo"}) as provider:
        call = ask(provider, tools=TOOLS).choices[0].message.tool_calls[0]

        assert json.loads(call.function.arguments) == {"place": "Oslo"}
        assert ask(provider).choices[0].message.content == "Rain."


def test_concurrent_requests_get_their_own_answers():
    questions = [f"question {number}" for number in range(20)]
    with StubProvider(echo) as provider, ThreadPoolExecutor(4) as pool:
        answers = pool.map(lambda text: ask(provider, [{"role": "user", "content": text}]), questions)

        assert [answer.choices[0].message.content for answer in answers] == questions


@pytest.mark.parametrize("messages", ["text", [1, None], [], [{"role": "user"}]])
def test_odd_messages_are_answered(provider, messages):
    assert ask(provider, [], extra_body={"messages": messages}).choices[0].message.content


def test_a_body_that_is_no_object_is_a_bad_request(provider):
    with (
        OpenAI(base_url=provider.base_url, api_key="stub", max_retries=0) as client,
        pytest.raises(BadRequestError),
    ):
        client.post("/chat/completions", body=["no"], cast_to=object)


def test_stopping_leaves_no_thread():
    before = set(threading.enumerate())
    with StubProvider() as provider:
        ask(provider, stream=True)

    assert set(threading.enumerate()) == before


def test_only_loopback_can_be_bound():
    with pytest.raises(ValueError, match=r"host='0\.0\.0\.0' is not loopback"):
        StubProvider(host="0.0.0.0")
