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
    "a graph that plans": J({"question": "q", "plan": "1. Look.", "notes": ["n", "m"], "final": T}),
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
    "a text alone": J({"message": T}),
    "a reply with its status": J({"success": True, "data": {"reply": T}}),
    "a completion of a session": J({"completion": T, "sessionId": "s", "ResponseMetadata": {"HTTPStatusCode": 200}}),
    "a remote call's result": J({"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": T}]}}),
    "a task that waits": J(
        {"kind": "task", "status": {"state": "x", "message": {"role": "agent", "parts": [{"kind": "text", "text": T}]}}}
    ),
    "a pipeline's chat": J(
        [{"generated_text": [{"role": "user", "content": "q"}, {"role": "assistant", "content": T}]}]
    ),
    "a request's outputs": J(
        {"request_id": "r", "prompt": "q", "outputs": [{"index": 0, "text": T, "finish_reason": "stop"}]}
    ),
    "contents": J({"messages": [{"role": "assistant", "contents": [{"type": "text", "text": T}]}], "response_id": "r"}),
    "JSON in JSON": J(J({"output": T})),
    "a response in JSON": J(
        J({"choices": [{"message": {"role": "assistant", "content": T}, "finish_reason": "stop"}]})
    ),
    "an agent's answer as a message": J({"chat_message": {"source": "a", "content": T, "type": "TextMessage"}}),
    "events of a run": J(
        {
            "events": [
                {"source": "user", "content": "q", "type": "TextMessage"},
                {"messages": [{"source": "a", "content": T, "type": "TextMessage"}], "stop_reason": None},
            ]
        }
    ),
    "a stream and its result": J({"chunks": ["The", "capital"], "result": T}),
    "a response in parts": J({"response": {"kind": "response", "parts": [{"part_kind": "text", "content": T}]}}),
    "a text and its sound": J({"text": T, "audio": {"type": "braintrust_attachment", "key": "k"}}),
    "a message and its status": J({"message": T, "status": "done", "id": "1"}),
    "an agent's result": J({"text": T, "toolCalls": [{"toolName": "f"}], "finishReason": "stop", "usage": {}}),
}


@pytest.mark.parametrize("value", RESULTS.values(), ids=RESULTS)
def test_the_answer_inside(value):
    assert read(value) == T


def test_the_str_of_a_dictionary_of_plain_values_is_its_json():
    assert read("{'city': 'Paris', 'size': [2, None]}") == '{"city":"Paris","size":[2,null]}'
    assert read("{'city': City(name='Paris'), 'size': 2}") is None


@pytest.mark.parametrize(
    "result",
    [
        {"object": {"answer": "4"}, "finishReason": "stop", "usage": {}},
        {
            "text": '{"answer": "4"}',
            "output": {"answer": "4"},
            "content": [{"type": "text", "text": '{"answer": "4"}'}],
        },
        {"output": {"answer": "4"}, "response": {"kind": "response", "parts": []}},
        {"structured_response": {"answer": "4"}, "messages": [AI]},
        {"structured_output": {"answer": "4"}, "message": {"role": "assistant", "content": []}, "stop_reason": "x"},
    ],
    ids=lambda result: "+".join(result),
)
def test_an_answer_of_a_given_shape_is_not_unwrapped(result):
    assert read(J(result)) == '{"answer":"4"}'


@pytest.mark.parametrize(
    "result",
    [
        {"usage": {"tokens": 3}, "embedding_length": 1536},
        [{"index": 1, "relevance_score": 0.1}, {"index": 0, "relevance_score": 0.2}],
        {"images": [{"type": "braintrust_attachment", "key": "k"}], "warnings": [], "usage": {"n": 1}},
        {"finishReason": "other", "response": {"id": "x", "messages": [], "modelId": "m"}, "totalUsage": {"n": 1}},
        {"id": "b", "processing_status": "in_progress", "request_counts": {"processing": 1}},
        {"type": "jsonl_stream"},
        {"status": "completed"},
        [{"score": 0.9, "text": "a document", "node_id": "n"}, {"score": 0.8, "text": "another", "node_id": "m"}],
    ],
    ids=str,
)
def test_what_no_words_are_in_is_no_answer(result):
    assert read(J(result)) is None


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
        {"city": "Paris", "status": "ok"},
        {"message": "Paris.", "title": "x"},
        {"success": True, "data": {"city": "Paris"}},
        {"answer": "Paris.", "grid": "b2"},
        {"type": "result", "result": {"city": "Paris"}},
        {"message": "Paris.", "population": 2},
        {"message": "Paris.", "text": "Lyon."},
    ],
    ids=str,
)
def test_a_structured_answer_stays_whole(answer):
    assert json.loads(read(J(answer))) == answer
