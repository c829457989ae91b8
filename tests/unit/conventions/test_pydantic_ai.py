"""pydantic-ai: ``final_result`` of an agent, never the whole conversation."""

from __future__ import annotations

import json

import pytest

from braintrust_run_output import read_completion

CONVERSATION = json.dumps([
    {"role": "user", "parts": [{"type": "text", "content": "What is the capital of France?"}]},
    {"role": "assistant", "parts": [{"type": "text", "content": "Paris."}]},
])  # fmt: skip


@pytest.mark.parametrize("result", ["Paris.", '{"capital":"Paris","population":2102650}', " Paris.\n"])
def test_the_final_result_verbatim(result):
    completion = read_completion({"final_result": result}, scope_name="pydantic-ai")

    assert completion.render() == result


@pytest.mark.parametrize("name", ["agent_name", "gen_ai.agent.name"])
def test_an_agents_name_tells_it_from_other_emitters(name):
    assert read_completion({"final_result": "Paris.", name: "geographer"}).render() == "Paris."
    assert read_completion({"final_result": "Paris."}, scope_name="app") is None


def test_the_conversation_is_not_the_output():
    attributes = {"pydantic_ai.all_messages": CONVERSATION, "all_messages_events": CONVERSATION}

    assert read_completion(attributes, scope_name="pydantic-ai") is None
    assert read_completion({**attributes, "final_result": "Paris."}, scope_name="pydantic-ai").render() == "Paris."


def test_a_result_that_is_no_string_is_compact_json():
    assert read_completion({"final_result": ("a", "b")}, scope_name="pydantic-ai").render() == '["a","b"]'


@pytest.mark.parametrize("result", ["", " ", "null", "[Scrubbed due to 'password']"])
def test_no_completion(result):
    assert read_completion({"final_result": result}, scope_name="pydantic-ai") is None
