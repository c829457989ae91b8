"""``gen_ai.completion.N.*`` and ``braintrust.output.N.*``."""

from __future__ import annotations

import json

import pytest

from braintrust_run_output import read_completion

pytestmark = pytest.mark.parametrize("prefix", ["gen_ai.completion", "braintrust.output"])


def read(prefix: str, **fields: object):
    """``read("gen_ai.completion", _0__content="T")`` sets ``gen_ai.completion.0.content``."""
    return read_completion({f"{prefix}.{name[1:].replace('__', '.')}": value for name, value in fields.items()})


def test_one_message(prefix):
    assert read(prefix, _0__role="assistant", _0__content="Paris.").render() == "Paris."
    assert read(prefix, _0__content="Paris.").render() == "Paris."


def test_several_choices(prefix):
    completion = read(prefix, _0__role="assistant", _0__content="Paris.", _1__role="assistant", _1__content="Lyon.")

    assert [message["content"] for message in json.loads(completion.render())] == ["Paris.", "Lyon."]


@pytest.mark.parametrize("nested", ["", "function__"])
def test_tool_calls(prefix, nested):
    completion = read(
        prefix,
        _0__finish_reason="tool_calls",
        _0__tool_calls__0__id="1",
        **{
            f"_0__tool_calls__0__{nested}name": "get_weather",
            f"_0__tool_calls__0__{nested}arguments": '{"city":"Paris"}',
        },
        **{f"_0__tool_calls__1__{nested}name": "get_time", f"_0__tool_calls__1__{nested}arguments": "{}"},
    )

    (message,) = json.loads(completion.render())
    assert [call["function"] for call in message["tool_calls"]] == [
        {"name": "get_weather", "arguments": '{"city":"Paris"}'},
        {"name": "get_time", "arguments": "{}"},
    ]
    assert message["tool_calls"][0]["id"] == "1"


def test_the_legacy_function_call(prefix):
    completion = read(prefix, _0__function_call__name="get_weather", _0__function_call__arguments="{}")

    assert json.loads(completion.render())[0]["tool_calls"][0]["function"]["name"] == "get_weather"


def test_content_that_is_a_json_list_of_blocks(prefix):
    blocks = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Paris.", "thinking": None}]

    assert read(prefix, _0__content=json.dumps(blocks)).render() == "Paris."


@pytest.mark.parametrize("answer", ['[{"name": "Paris"}]', '[{"type": "city"}]', "[{", "[{}]"])
def test_content_that_only_looks_like_blocks_is_an_answer(prefix, answer):
    assert read(prefix, _0__content=answer).render() == answer


@pytest.mark.parametrize(
    "fields",
    [
        {"_0__role": "assistant"},
        {"_0__role": "assistant", "_0__content": ""},
        {"_0__finish_reason": "stop"},
        {"_0__role": "user", "_0__content": "What is the capital of France?"},
        {"_0__content": "__REDACTED__"},
        {"_2__content": "no first"},
    ],
)
def test_no_completion(prefix, fields):
    assert read(prefix, **fields) is None


def test_blocks_as_a_text_of_several_lines(prefix):
    content = json.dumps([{"type": "text", "text": "Paris."}], indent=2)

    assert read_completion({f"{prefix}.0.content": content}).text == "Paris."
    assert read_completion({f"{prefix}.0.content": "[ 1 ] {x}"}).text == "[ 1 ] {x}"
