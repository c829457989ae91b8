"""``gen_ai.output.messages`` in all its variations."""

from __future__ import annotations

import json

import pytest

from braintrust_run_output import read_completion

KEY = "gen_ai.output.messages"
TEXT = {"type": "text", "content": "Paris."}
CALL = {"type": "tool_call", "id": "c1", "name": "get_weather", "arguments": {"city": "Paris"}}


def read(value: object) -> str | None:
    completion = read_completion({KEY: value})
    return None if completion is None else completion.render()


def message(*parts: dict, role: str = "assistant", **fields: object) -> dict:
    return {"role": role, "parts": list(parts), "finish_reason": "stop", **fields}


@pytest.mark.parametrize("encode", [json.dumps, lambda messages: messages, tuple], ids=["json", "list", "tuple"])
def test_one_text(encode):
    assert read(encode([message(TEXT)])) == "Paris."


@pytest.mark.parametrize("role", ["assistant", "model", "unknown", ""])
def test_roles(role):
    assert read(json.dumps([message(TEXT, role=role)])) == "Paris."


@pytest.mark.parametrize(
    "parts",
    [
        [{"type": "reasoning", "content": "hm"}, TEXT],
        [TEXT, {"type": "reasoning", "content": "hm"}],
        [{"type": "text", "content": ""}, TEXT],
        [{"type": "text", "content": "Par"}, {"type": "text", "content": "is."}],
        [{"type": "text", "text": "Paris."}],
    ],
)
def test_parts_that_make_one_text(parts):
    assert read(json.dumps([message(*parts)])) == "Paris."


@pytest.mark.parametrize("encode", [json.dumps, dict], ids=["json", "mapping"])
def test_a_structured_answer_that_was_set_by_hand(encode):
    assert json.loads(read(encode({"answer": "Paris.", "title": "Capitals"}))) == {
        "answer": "Paris.",
        "title": "Capitals",
    }


def test_content_instead_of_parts():
    assert read(json.dumps([{"role": "assistant", "content": "Paris.", "name": "agent"}])) == "Paris."


@pytest.mark.parametrize("arguments", [{"city": "Paris"}, '{"city":"Paris"}'])
def test_a_tool_call(arguments):
    (rendered,) = json.loads(read(json.dumps([message({**CALL, "arguments": arguments})])))

    assert rendered == {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'}}
        ],
    }


@pytest.mark.parametrize("parts", [[TEXT, CALL], [CALL, TEXT]])
def test_text_and_tool_call_in_either_order(parts):
    (rendered,) = json.loads(read(json.dumps([message(*parts)])))

    assert rendered["content"] == "Paris."
    assert rendered["tool_calls"][0]["function"]["name"] == "get_weather"


def test_a_raw_openai_message():
    raw = {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "type": "function",
           "function": {"name": "get_weather", "arguments": "{}"}}], "function_call": None}  # fmt: skip

    assert json.loads(read(json.dumps([raw])))[0]["tool_calls"][0]["id"] == "c1"


def test_a_whole_exchange():
    response = {"type": "tool_call_response", "id": "c1", "response": "sunny"}
    exchange = [message(CALL), message(response, role="tool"), message(TEXT)]

    assert read(json.dumps(exchange)) == "Paris."


@pytest.mark.parametrize("after", [True, False], ids=["answer last", "answer first"])
def test_an_exchange_merged_into_one_message(after):
    response = {"type": "tool_call_response", "id": "c1", "response": "sunny"}
    parts = [CALL, response, TEXT] if after else [TEXT, CALL, response]

    assert read(json.dumps([message(*parts)])) == "Paris."


@pytest.mark.parametrize(
    "value",
    [
        "[]",
        "",
        "null",
        "Message(role='assistant', content='Paris.')",
        '[{"role": "assistant", "parts": [',
        json.dumps([message()]),
        json.dumps([message({"type": "text"})]),
        json.dumps([message({"type": "text", "content": None})]),
        json.dumps([message({"type": "text", "content": "__REDACTED__"})]),
        json.dumps([message({"type": "tool_call_response", "id": "c1", "response": "sunny"}, role="tool")]),
        json.dumps([message(TEXT, role="user")]),
        "[" * 100_000,
        42,
        None,
    ],
    ids=str,
)
def test_no_completion(value):
    assert read(value) is None


def test_a_text_that_was_set_by_hand():
    """OpenLIT's ``set_result``."""
    assert read("The capital of France is Paris.") == "The capital of France is Paris."


@pytest.mark.parametrize("key", ["type", "kind"])
@pytest.mark.parametrize("reasoning", ["reasoning", "thinking", "text_reasoning"])
def test_reasoning_is_left_out_whatever_its_key(key, reasoning):
    parts = [{key: reasoning, "text": "hm"}, {key: "text", "text": "Paris."}]

    assert read(json.dumps([{"role": "assistant", "content": parts}])) == "Paris."


RESPONSE = {"type": "tool_call_response", "id": "c1", "response": "sunny"}
MORE = {"type": "text", "content": "Let me look."}


@pytest.mark.parametrize(
    "parts",
    [
        [CALL, RESPONSE, TEXT],
        [TEXT, CALL, RESPONSE],
        [CALL, TEXT, RESPONSE],
        [RESPONSE, CALL, TEXT],
        [RESPONSE, TEXT, CALL],
        [MORE, CALL, RESPONSE, TEXT],
        [{"type": "reasoning", "content": "hm"}, CALL, RESPONSE, TEXT],
        [CALL, CALL | {"id": "c2"}, RESPONSE, RESPONSE | {"id": "c2"}, TEXT],
    ],
    ids=lambda parts: " ".join(part["type"] for part in parts),
)
def test_in_a_merged_message_an_answered_call_is_no_output(parts):
    assert read(json.dumps([message(*parts)])) == "Paris."


def test_in_a_merged_message_a_call_without_an_answer_is_output():
    (rendered,) = json.loads(read(json.dumps([message(CALL, RESPONSE, TEXT, CALL | {"id": "c2"})])))

    assert rendered["content"] == "Paris."
    assert [call["id"] for call in rendered["tool_calls"]] == ["c2"]


def test_an_exchange_that_ends_with_a_tools_result():
    (rendered,) = json.loads(read(json.dumps([message(CALL), message(RESPONSE, role="tool")])))

    assert rendered["tool_calls"][0]["id"] == "c1"


def test_an_exchange_that_begins_with_the_question():
    asked = message({"type": "text", "content": "What is the capital of France?"}, role="user")
    exchange = [asked, message(MORE, CALL), message(RESPONSE, role="tool"), message(TEXT)]

    assert read(json.dumps(exchange)) == "Paris."
    assert read(json.dumps([*exchange, asked])) is None


@pytest.mark.parametrize("arguments", [{}, "{}", "", None], ids=repr)
def test_a_call_without_arguments(arguments):
    (rendered,) = json.loads(read(json.dumps([message(CALL | {"arguments": arguments})])))

    assert rendered["tool_calls"][0]["function"]["name"] == "get_weather"


def test_a_call_without_a_name():
    (rendered,) = json.loads(read(json.dumps([message(CALL | {"name": None})])))

    assert rendered["tool_calls"][0]["function"] == {"name": "", "arguments": '{"city":"Paris"}'}


@pytest.mark.parametrize(
    "parts",
    [
        [{"type": "tool_call", "id": "c1", "name": "get_weather"}],
        [{"type": "text"}, {"type": "tool_call", "id": "c1", "name": "get_weather"}],
        [{"type": "reasoning", "content": "hm"}],
        [{"type": "reasoning", "text": "hm"}, {"type": "thinking", "thinking": "hm"}],
        [{"type": "blob", "modality": "image", "mime_type": "image/png", "content": "aGVsbG8="}],
        [{"type": "uri", "uri": "file:///a", "content": "x"}],
        [{"type": ["text"]}],
        [{"type": {}, "content": 7}],
        ["", None, 3],
    ],
    ids=str,
)
def test_parts_without_content_that_counts(parts):
    assert read(json.dumps([message(*parts)])) is None


def test_several_choices():
    rendered = json.loads(read(json.dumps([message(TEXT), message({"type": "text", "content": "Lyon."})])))

    assert [one["content"] for one in rendered] == ["Paris.", "Lyon."]


def test_many_different_calls_are_all_kept():
    calls = [CALL | {"id": f"c{n}"} for n in range(50)]
    (rendered,) = json.loads(read(json.dumps([message(*calls, calls[0])])))

    assert [call["id"] for call in rendered["tool_calls"]] == [call["id"] for call in calls]


def test_half_an_emoji_is_replaced_for_no_exporter_can_encode_it():
    assert read('[{"role": "assistant", "parts": [{"type": "text", "content": "Paris \\ud83d"}]}]') == "Paris \ufffd"


def test_other_attributes_of_the_family_are_no_output():
    attributes = {
        "gen_ai.input.messages": json.dumps([message(TEXT, role="user")]),
        "gen_ai.system_instructions": json.dumps([TEXT]),
        "gen_ai.tool.call.result": "sunny",
        "gen_ai.tool.definitions": "[]",
        "gen_ai.task.output": '{"outputs": "x"}',
    }
    assert read_completion(attributes) is None


# --- turns of agents, and texts of SDK objects ------------------------------------------------------------------


def turns(*texts: str) -> str:
    return json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": text}]} for text in texts])


@pytest.mark.parametrize("operation", ["invoke_agent", "invoke_workflow"])
def test_of_the_turns_of_an_agent_or_a_workflow_the_last_is_the_answer(operation):
    completion = read_completion({KEY: turns("A draft.", "Paris."), "gen_ai.operation.name": operation})

    assert completion.render() == "Paris."


@pytest.mark.parametrize("kinds", [{}, {"gen_ai.operation.name": "chat"}])
def test_several_texts_of_a_model_are_choices(kinds):
    completion = read_completion({KEY: turns("Paris.", "Rome."), **kinds})

    assert [message["content"] for message in json.loads(completion.render())] == ["Paris.", "Rome."]


ITEM = "ResponseFunctionToolCall(arguments='{\"q\":\"x\"}', call_id='c1', name='ask', type='function_call', id='f1')"
SAID = (
    "ResponseOutputMessage(id='m', content=[ResponseOutputText(annotations=[], text='Paris.', type='output_text')],"
    " role='assistant', status='completed', type='message')"
)
THOUGHT = "ResponseReasoningItem(id='r', summary=[], type='reasoning')"


def test_an_item_of_a_response_that_stands_there_as_the_text_of_an_object():
    (said,) = json.loads(read(turns(ITEM)))

    assert said["content"] is None
    assert said["tool_calls"][0] == {
        "id": "c1",
        "type": "function",
        "function": {"name": "ask", "arguments": '{"q":"x"}'},
    }
    assert read(turns(SAID)) == "Paris."
    assert read(turns(THOUGHT)) is None
    assert read(json.dumps([message({"type": "text", "content": THOUGHT}, {"type": "text", "content": SAID})])) == (
        "Paris."
    )


@pytest.mark.parametrize(
    "text", ["Call f(x, type='a')", "Text(type='a')", "Message(type='message')", "f(type='message')"]
)
def test_a_text_that_looks_like_an_object_is_a_text(text):
    assert read(turns(text)) == text


def test_the_text_of_python_lists():
    assert read(str([{"role": "assistant", "content": "Paris.", "tool_calls": None}])) == "Paris."
