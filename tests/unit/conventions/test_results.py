"""What chains, graphs, agents and workflows return, and the answer inside."""

from __future__ import annotations

import json

import pytest

from braintrust_run_output.conventions import generic_excerpt, read_generic_output
from emitted import T

J = json.dumps
AI = {"type": "ai", "content": T}


def read(value):
    excerpt = generic_excerpt({"openinference.span.kind": "CHAIN", "output.value": value})
    completion = read_generic_output(excerpt)
    return None if completion is None else completion.render()


RESULTS = {
    "a message's str": f"content='{T}' additional_kwargs={{}} response_metadata={{'finish_reason': 'stop'}} id='r'",
    "a state's str": f"{{'messages': [HumanMessage(content='q', id='1'), AIMessage(content='{T}', id='2')]}}",
    "a state of reprs": J({"messages": ["HumanMessage(content='q')", f"AIMessage(content='{T}')"]}),
    "a prediction": f"Prediction(\n    reasoning='hm',\n    answer='{T}'\n)",
    "a node's update": J({"agent": {"messages": [AI]}}),
    "updates in turn": J([{"plan": {"messages": [{**AI, "content": "x"}]}}, {"agent": {"messages": [AI]}}]),
    "a run": J({"final_output": T, "last_agent": "a", "new_items": []}),
    "a body": J({"data": {"answer": T}}),
    "a chain of LangChain": J({"question": "q", "text": T}),
    "a graph of retrieval": J({"question": "q", "generation": T, "documents": ["d"]}),
    "events": J(
        [
            {"content": {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]}, "author": "a"},
            {"content": {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {}}}]}},
            {"content": {"role": "model", "parts": [{"text": T}]}, "author": "a"},
        ]
    ),
    "a chat's answer": J({"answer": T, "conversation_id": "c", "messageId": "m", "files": [], "usage": {}}),
    "a chat's text": J({"text": T, "chatId": "c", "sessionId": "s", "chatMessageId": "m"}),
    "a session's result": J({"type": "result", "subtype": "success", "result": T, "is_error": False, "usage": {}}),
    "JSON in JSON": J(J({"output": T})),
    "a response in JSON": J(
        J({"choices": [{"message": {"role": "assistant", "content": T}, "finish_reason": "stop"}]})
    ),
    "an agent's result": J({"text": T, "toolCalls": [{"toolName": "f"}], "finishReason": "stop", "usage": {}}),
}


@pytest.mark.parametrize("value", RESULTS.values(), ids=RESULTS)
def test_the_answer_inside(value):
    assert read(value) == T


def test_the_str_of_a_dictionary_of_plain_values_is_its_json():
    assert read("{'city': 'Paris', 'size': [2, None]}") == '{"city":"Paris","size":[2,null]}'
    assert read("{'city': City(name='Paris'), 'size': 2}") is None


def test_what_a_tool_said_last_in_a_state_is_no_answer():
    state = "{'messages': [HumanMessage(content='q'), AIMessage(content=''), ToolMessage(content='sunny', id='t')]}"

    assert "sunny" not in str(read(state))


@pytest.mark.parametrize(
    "answer",
    [
        {"data": {"city": "Paris"}},
        [{"name": "Paris"}, {"name": "Lyon"}],
        [{"city": {"name": "Paris"}}, {"city": {"name": "Lyon"}}],
        {"text": "Paris.", "generation": "x", "question": "q"},
        {"answer": "Paris.", "confidence": 0.9},
        {"answer": "Paris.", "grid": "b2"},
        {"type": "result", "result": {"city": "Paris"}},
    ],
    ids=str,
)
def test_a_structured_answer_stays_whole(answer):
    assert json.loads(read(J(answer))) == answer
