"""``events``: the conversation of pydantic-ai 1.x and of logfire for the Responses API."""

from __future__ import annotations

import json

import pytest

from braintrust_run_output import read_completion

SYSTEM = {"event.name": "gen_ai.system.message", "role": "system", "content": "Be brief."}
USER = {"event.name": "gen_ai.user.message", "role": "user", "content": "What is the capital of France?"}
TOOL = {"event.name": "gen_ai.tool.message", "role": "tool", "id": "c1", "content": "sunny"}
CALL = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'}}
CALLED = {"event.name": "gen_ai.assistant.message", "role": "assistant", "tool_calls": [CALL]}
SAID = {"event.name": "gen_ai.assistant.message", "role": "assistant", "content": "Paris."}
UNKNOWN = {"event.name": "gen_ai.unknown", "role": "unknown", "content": "reasoning\n\nSee JSON for details"}


def choice(content: str | None = "Paris.", index: int = 0, **message: object) -> dict:
    return {
        "event.name": "gen_ai.choice",
        "index": index,
        "message": {"role": "assistant", "content": content, **message},
    }


def read(*events: dict) -> str | None:
    completion = read_completion({"events": json.dumps(events)})
    return None if completion is None else completion.render()


@pytest.mark.parametrize(
    "events",
    [
        [USER, choice()],
        [SYSTEM, USER, CALLED, TOOL, choice()],
        [USER, SAID],
        [USER, CALLED, TOOL, SAID],
        [USER, SAID, USER, choice()],
        [USER, UNKNOWN, choice()],
        [USER, choice(), UNKNOWN],
        [{"event.name": "gen_ai.user.message", "content": "no role"}, SAID],
        [choice()],
    ],
)
def test_the_output_ends_the_list(events):
    assert read(*events) == "Paris."


def test_a_tool_call():
    assert json.loads(read(USER, choice(None, tool_calls=[CALL])))[0]["tool_calls"] == [CALL]
    assert json.loads(read(USER, CALLED))[0]["tool_calls"] == [CALL]


def test_several_choices():
    rendered = json.loads(read(USER, choice("Paris."), choice("Lyon.", 1)))

    assert [message["content"] for message in rendered] == ["Paris.", "Lyon."]


@pytest.mark.parametrize(
    "events",
    [[], [USER], [USER, SAID, USER], [USER, CALLED, TOOL], [USER, UNKNOWN], [USER, choice("")], [USER, choice(None)]],
)
def test_a_list_that_ends_otherwise_has_no_output(events):
    assert read(*events) is None


@pytest.mark.parametrize(
    "value", ["", "null", "gen_ai.choice", '["gen_ai.choice"]', "[[[", '[{"event.name": ["gen_ai.choice"]}]', 5, ("a",)]
)
def test_an_attribute_of_that_name_that_is_something_else(value):
    assert read_completion({"events": value}) is None
