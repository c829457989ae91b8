"""The output in span events: azure-ai-inference, strands, OpenLIT."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest

from braintrust_run_output import read_completion

T = "The capital of France is Paris."
CALL = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'}}


@dataclass
class Event:
    name: str
    attributes: dict[str, object] | None = field(default_factory=dict)


def read(*events: Event, **attributes: object) -> str | None:
    completion = read_completion(attributes, events)
    return None if completion is None else completion.render()


def azure(message: object = None, index: int = 0) -> Event:
    content: dict[str, object] = {"finish_reason": "stop", "index": index}
    return Event(
        "gen_ai.choice",
        {"gen_ai.event.content": json.dumps(content if message is None else {**content, "message": message})},
    )


def strands(message: object, **attributes: object) -> Event:
    encoded = message if isinstance(message, str) else json.dumps(message)
    return Event("gen_ai.choice", {"message": encoded, "finish_reason": "end_turn", **attributes})


def details(**attributes: object) -> Event:
    return Event("gen_ai.client.inference.operation.details", attributes)


def parts(*parts: dict) -> str:
    return json.dumps([{"role": "assistant", "parts": list(parts)}])


@pytest.mark.parametrize(
    "event",
    [
        azure({"content": T}),
        azure({"role": "assistant", "content": T}),
        strands([{"text": T}]),
        strands(T),
        Event("gen_ai.choice", {"content": T}),
        Event("gen_ai.content.completion", {"gen_ai.completion": T}),
        Event("gen_ai.content.completion", {"gen_ai.completion": json.dumps([{"role": "assistant", "content": T}])}),
        details(**{"gen_ai.output.messages": parts({"type": "text", "content": T})}),
    ],
    ids=lambda event: f"{event.name} {sorted(event.attributes)}",
)
def test_a_text(event):
    assert read(event) == T


def test_json_that_a_strands_agent_says_is_its_answer():
    assert read(strands('{"capital": "Paris"}')) == '{"capital": "Paris"}'


def test_the_answer_of_a_strands_agent_keeps_its_newline():
    assert read(strands(T + "\n")) == T + "\n"


@pytest.mark.parametrize(
    "event",
    [
        azure({"content": None, "tool_calls": [CALL]}),
        strands([{"toolUse": {"toolUseId": "c1", "name": "get_weather", "input": {"city": "Paris"}}}]),
        Event("gen_ai.choice", {"tool_calls": json.dumps([CALL])}),
        details(
            **{
                "gen_ai.output.messages": parts(
                    {"type": "tool_call", "id": "c1", "name": "get_weather", "arguments": {"city": "Paris"}}
                )
            }
        ),
    ],
    ids=["azure", "strands", "beside", "details"],
)
def test_a_tool_call(event):
    assert json.loads(read(event)) == [{"role": "assistant", "content": None, "tool_calls": [CALL]}]


def test_text_and_a_tool_call():
    (message,) = json.loads(
        read(strands([{"text": "Let me look."}, {"toolUse": {"toolUseId": "c1", "name": "get_weather", "input": {}}}]))
    )

    assert message["content"] == "Let me look."
    assert message["tool_calls"][0]["function"]["name"] == "get_weather"


def test_reasoning_is_left_out():
    assert read(strands([{"reasoningContent": {"reasoningText": {"text": "hm"}}}, {"text": T}])) == T


def test_one_event_a_choice():
    rendered = json.loads(read(azure({"content": "Paris."}), azure({"content": "Lyon."}, 1)))

    assert [message["content"] for message in rendered] == ["Paris.", "Lyon."]


@pytest.mark.parametrize(
    "event",
    [
        azure(),
        azure({"role": "assistant"}),
        azure({"content": None, "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "get_weather"}}]}),
        strands(""),
        strands("[]"),
        strands('{"role": "assistant", "content": "The capital'),
        Event("gen_ai.choice", {"gen_ai.event.content": '{"index": 0, "message": {"content": "The capital'}),
        Event("gen_ai.choice", None),
        Event("gen_ai.choice", {"message": 7}),
        Event("gen_ai.user.message", {"content": "What is the capital of France?"}),
        Event("gen_ai.tool.message", {"content": "sunny"}),
        details(),
        details(**{"gen_ai.input.messages": parts({"type": "text", "content": "?"})}),
        Event("exception", {"exception.message": "429"}),
    ],
    ids=lambda event: f"{event.name} {event.attributes}",
)
def test_no_completion(event):
    assert read(event) is None


@pytest.mark.parametrize("operation", ["execute_tool", "execute_event_loop_cycle"])
def test_a_tool_and_what_repeats_a_chat_are_no_completion(operation):
    assert read(strands([{"text": "It is sunny."}]), **{"gen_ai.operation.name": operation}) is None


def test_calls_in_place_of_the_content():
    (message,) = json.loads(
        read(
            Event(
                "gen_ai.content.completion",
                {"gen_ai.completion": json.dumps([{"role": "assistant", "content": [CALL]}])},
            )
        )
    )

    assert message["tool_calls"] == [CALL]
