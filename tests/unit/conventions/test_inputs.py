"""The input of a model call, for ``mirror_input``."""

from __future__ import annotations

import json

import pytest

from braintrust_run_output.conventions.inputs import has_input, read_input

ASKED = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is the capital of France?"}]
PARTS = [{"role": one["role"], "parts": [{"type": "text", "content": one["content"]}]} for one in ASKED]


def indexed(role: str, content: str) -> dict[str, str]:
    return {key: value for n, one in enumerate(ASKED) for key, value in
            ((role.format(n), one["role"]), (content.format(n), one["content"]))}  # fmt: skip


@pytest.mark.parametrize(
    "attributes",
    [
        {"gen_ai.input.messages": json.dumps(PARTS)},
        {"gen_ai.input.messages": PARTS},
        {"gen_ai.prompt": json.dumps({"messages": ASKED, "model": "m"})},
        {"gen_ai.prompt_json": json.dumps(ASKED)},
        {"langfuse.observation.input": json.dumps({"tools": [], "messages": ASKED})},
        {"ai.prompt.messages": json.dumps(ASKED)},
        {"ai.prompt": json.dumps({"messages": ASKED})},
        {"request_data": json.dumps({"messages": ASKED, "model": "m"})},
        {"input.value": json.dumps({"messages": ASKED})},
        {"input.value": json.dumps({"messages": [ASKED]})},
        {
            "gcp.vertex.agent.llm_request": json.dumps(
                {
                    "model": "m",
                    "contents": [{"role": one["role"], "parts": [{"text": one["content"]}]} for one in ASKED],
                }
            )
        },
        indexed("llm.input_messages.{}.message.role", "llm.input_messages.{}.message.contents.0.message_content.text"),
        indexed("gen_ai.prompt.{}.role", "gen_ai.prompt.{}.content"),
        indexed("llm.input_messages.{}.message.role", "llm.input_messages.{}.message.content"),
    ],
    ids=lambda attributes: next(iter(attributes)),
)
def test_a_chat(attributes):
    assert json.loads(read_input(attributes)) == ASKED
    assert has_input(attributes)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("What is the capital?", "What is the capital?"),
        ('{"question": "?"}', {"question": "?"}),
        ("[1, 2]", [1, 2]),
        ("{broken", "{broken"),
        (("a", "b"), ["a", "b"]),
        (7, 7),
    ],
    ids=str,
)
def test_another_input_is_json_of_itself(value, expected):
    assert json.loads(read_input({"input.value": value})) == expected


@pytest.mark.parametrize(
    "attributes", [{}, {"gen_ai.prompt": ""}, {"gen_ai.operation.name": "chat"}, {"input.value": ()}]
)
def test_no_input(attributes):
    assert read_input(attributes) is None


@pytest.mark.parametrize("key", ["braintrust.input", "braintrust.input_json", "gen_ai.prompt.0.role", "input.value"])
def test_an_input_that_the_application_set(key):
    assert has_input({key: "x"})
    assert not has_input({"http.route": "/chat"})


def test_half_an_emoji_is_replaced():
    assert "\ufffd" in read_input({"input.value": '{"question": "\\ud83d"}'})


def test_the_calls_of_earlier_turns():
    message = "llm.input_messages.0.message."
    attributes = {
        f"{message}role": "assistant",
        f"{message}tool_calls.0.tool_call.function.name": "get_weather",
        f"{message}tool_calls.0.tool_call.function.arguments": "{}",
    }
    (read,) = json.loads(read_input(attributes))

    assert read["tool_calls"][0]["function"] == {"name": "get_weather", "arguments": "{}"}
