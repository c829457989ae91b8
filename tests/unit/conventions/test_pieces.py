"""Streams in place of what came of them, turns in pieces, and messages whose content is JSON."""

from __future__ import annotations

import json

import pytest

from braintrust_run_output.conventions import from_model_output, read_completion, read_generic_output
from braintrust_run_output.conventions.log_records import event_name, read_record
from emitted import SpanEvent, T, call

J = json.dumps
KEY = "gen_ai.output.messages"
FIRST, SECOND = T[:12], T[12:]


def read(*messages):
    completion = read_completion({KEY: J(messages)})
    return None if completion is None else completion.render()


def parts(*texts, role="assistant", **more):
    return {"role": role, "parts": [{"type": "text", "content": text} for text in texts], **more}


STREAMS = {
    "anthropic": [
        {"type": "message_start", "message": {"role": "assistant", "content": []}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": FIRST}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": SECOND}},
        {"type": "message_stop"},
    ],
    "bedrock": [
        {"messageStart": {"role": "assistant"}},
        {"contentBlockDelta": {"delta": {"reasoningContent": {"text": "hm"}}, "contentBlockIndex": 0}},
        {"contentBlockDelta": {"delta": {"text": FIRST}, "contentBlockIndex": 1}},
        {"contentBlockDelta": {"delta": {"text": SECOND}, "contentBlockIndex": 1}},
        {"messageStop": {"stopReason": "end_turn"}},
        {"metadata": {"usage": {"inputTokens": 3}}},
    ],
    "google": [
        {"candidates": [{"content": {"role": "model", "parts": [{"text": "hm", "thought": True}]}}]},
        {"candidates": [{"content": {"role": "model", "parts": [{"text": FIRST}]}}]},
        {"candidates": [{"content": {"role": "model", "parts": [{"text": SECOND}]}, "finishReason": "STOP"}]},
        {"usageMetadata": {"totalTokenCount": 9}},
    ],
    "ollama chat": [
        {"model": "m", "message": {"role": "assistant", "content": FIRST}, "done": False},
        {"model": "m", "message": {"role": "assistant", "content": SECOND}, "done": True},
    ],
    "ollama generate": [
        {"model": "m", "response": FIRST, "done": False},
        {"model": "m", "response": SECOND, "done": True},
    ],
    "AI SDK": [
        {"type": "start"},
        {"type": "start-step"},
        {"type": "text-delta", "id": "0", "text": "Let me see."},
        {"type": "tool-call", "toolCallId": "c1", "toolName": "f", "input": {}},
        {"type": "tool-result", "toolCallId": "c1", "toolName": "f", "output": "x"},
        {"type": "start-step"},
        {"type": "text-delta", "id": "1", "text": FIRST},
        {"type": "text-delta", "id": "1", "delta": SECOND},
        {"type": "finish"},
    ],
    "LangChain": [{"type": "AIMessageChunk", "content": text, "id": "r"} for text in (FIRST, SECOND, "")],
    "LangChain, by constructor": [
        {"lc": 1, "type": "constructor", "id": ["langchain", "AIMessageChunk"], "kwargs": {"content": text}}
        for text in (FIRST, SECOND)
    ],
    "responses, not finished": [
        {"type": "response.created", "response": {}},
        {"type": "response.output_text.delta", "delta": FIRST},
        {"type": "response.output_text.delta", "delta": SECOND},
    ],
}


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)
@pytest.mark.parametrize("encode", [J, lambda value: value], ids=["text", "native"])
def test_the_text_of_a_stream(stream, encode):
    assert from_model_output(encode(stream), "x").render() == T


def server_sent(events, end="\n\n"):
    named = (f"event: {event['type']}\ndata: {J(event)}" if "type" in event else f"data:{J(event)}" for event in events)
    return ": ping" + end + "".join(one + end for one in named) + "data: [DONE]" + end


CHUNKS = [
    {"id": "1", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta}]}
    for delta in ({"role": "assistant", "content": ""}, {"content": FIRST}, {"content": SECOND}, {})
]
TEXTS = {
    "server-sent": server_sent,
    "carriage returns": lambda events: server_sent(events, "\r\n\r\n"),
    "a line each": lambda events: "\n".join(map(J, events)),
    "pieces": lambda events: J([f"data: {J(event)}\n\n" for event in events]),
    "lines": lambda events: J([f"data: {J(event)}" for event in events]),
    "JSON": lambda events: J(server_sent(events)),
}


@pytest.mark.parametrize("stream", [*STREAMS.values(), CHUNKS], ids=[*STREAMS, "chunks"])
@pytest.mark.parametrize("encode", TEXTS.values(), ids=TEXTS)
def test_the_text_of_a_stream_as_it_was_sent(stream, encode):
    sent = encode(stream)

    for attributes in (
        {"gen_ai.response.content": sent},
        {KEY: sent},
        {"openinference.span.kind": "LLM", "output.value": sent},
        {"mlflow.spanType": '"LLM"', "mlflow.spanOutputs": sent},
    ):
        completion = read_completion(attributes)
        assert completion is not None, attributes
        assert completion.render() == T
    assert read_generic_output({"traceloop.entity.output": sent}).render() == T


def test_a_text_by_convention_that_is_a_stream():
    assert read_completion({"gen_ai.completion": server_sent(CHUNKS)}).render() == T


@pytest.mark.parametrize(
    "text",
    [
        "data: Paris",
        "data: {}",
        'data: {"city": "Paris"}',
        '{"a": 1}\n{"a": 2}',
        "event: a\ndata: b",
        ": a remark",
        "id: 7",
    ],
)
def test_a_text_that_only_looks_like_a_stream_is_what_was_said(text):
    assert read_completion({"gen_ai.response.content": text}).render() == text
    assert read_completion({"gen_ai.completion": text}).render() == text


CALLS = {
    "AI SDK": [
        {"type": "start-step"},
        {"type": "text-delta", "id": "0", "text": ""},
        {"type": "tool-call", "toolCallId": "c1", "toolName": "f", "input": {"a": 1}},
        {"type": "finish", "finishReason": "tool-calls"},
    ],
    "anthropic": [
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "tool_use", "id": "c1", "name": "f", "input": {}},
        },
        {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": '{"a"'}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": ":1}"}},
    ],
    "bedrock": [
        {"contentBlockStart": {"start": {"toolUse": {"toolUseId": "c1", "name": "f"}}, "contentBlockIndex": 0}},
        {"contentBlockDelta": {"delta": {"toolUse": {"input": '{"a"'}}, "contentBlockIndex": 0}},
        {"contentBlockDelta": {"delta": {"toolUse": {"input": ":1}"}}, "contentBlockIndex": 0}},
    ],
    "responses": [
        {"type": "response.created", "response": {}},
        {
            "type": "response.output_item.done",
            "output_index": 0,
            "item": {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a":1}'},
        },
    ],
    "google": [
        {"candidates": [{"content": {"parts": [{"functionCall": {"id": "c1", "name": "f", "args": {"a": 1}}}]}}]},
        {"candidates": [{"content": {"parts": [{"text": ""}]}, "finishReason": "STOP"}]},
    ],
}


@pytest.mark.parametrize("stream", CALLS.values(), ids=CALLS)
def test_the_calls_of_a_stream(stream):
    assert json.loads(from_model_output(stream, "x").render()) == json.loads(call("f", '{"a":1}', id="c1"))


@pytest.mark.parametrize(
    "answer",
    [
        [{"type": "city", "name": "Paris"}, {"type": "city", "name": "Lyon"}],
        [{"done": True, "model": "T"}, {"done": False, "model": "S"}],
        [{"candidates": ["Ann"]}, {"candidates": ["Bob"]}],
        [{"type": "message_board"}, {"type": "ping"}],
        {"kind": "message", "parts": ["a"]},
    ],
    ids=str,
)
def test_a_list_that_only_looks_like_a_stream_is_an_answer(answer):
    answer = J(answer)

    assert from_model_output(answer, "x").render() == answer


# --- gen_ai.output.messages ------------------------------------------------------------------------------------------


def test_pieces_of_a_turn_that_are_not_finished():
    assert read(parts(FIRST, finish_reason=None), parts(SECOND, finish_reason="stop")) == T


def test_contents_of_google_that_follow_each_other():
    first, second = ({"role": "model", "parts": [{"text": text}]} for text in (FIRST, SECOND))

    assert read(first, second) == T


@pytest.mark.parametrize("reason", ["stop", None])
def test_choices_are_no_pieces(reason):
    said = json.loads(read(parts("a", finish_reason=reason), parts("b", finish_reason=reason)))

    assert [message["content"] for message in said] == ["a", "b"]


def test_what_the_system_has_finished_is_the_model_s():
    assert read(parts(T, role="system", finish_reason="stop")) == T
    pieces = (parts(text, role="system", finish_reason="stop") for text in (FIRST, SECOND))
    assert read(*pieces) == T
    assert read(parts(T, role="system")) is None


def test_a_list_of_one_list():
    assert read_completion({KEY: J([[parts(T)]])}).render() == T


@pytest.mark.parametrize(
    "message",
    [
        {"role": "assistant", "content": {"city": "Paris"}},
        {"role": "assistant", "parts": [{"type": "text", "content": {"city": "Paris"}}]},
        {"role": "assistant", "parts": [{"type": "object", "object": {"city": "Paris"}}]},
        {"role": "assistant", "parts": [{"type": "json", "content": {"city": "Paris"}}]},
    ],
    ids=str,
)
def test_json_in_place_of_a_text(message):
    assert read(message) == '{"city":"Paris"}'


@pytest.mark.parametrize(
    "content", [{"type": "image", "data": "aGk="}, {"reasoningContent": {"text": "hm"}}, {}], ids=str
)
def test_an_object_that_is_a_block_is_no_answer(content):
    assert read({"role": "assistant", "content": content}) is None


def test_a_text_with_annotations():
    assert read({"role": "assistant", "content": [{"type": "text", "text": {"value": T, "annotations": []}}]}) == T


def test_audio_with_a_transcript():
    blob = {"type": "blob", "modality": "audio", "content": "", "transcript": T}

    assert read({"role": "assistant", "parts": [blob]}) == T
    assert read({"role": "assistant", "parts": [{**blob, "transcript": ""}]}) is None


@pytest.mark.parametrize("kind", ["mcp_server", "code_interpreter", "web_search"])
def test_what_the_provider_did_before_the_answer(kind):
    steps = [{"type": f"{kind}_tool_call", "call_id": "m1"}, {"type": f"{kind}_tool_result", "call_id": "m1"}]
    before, after = ({"type": "text", "content": text} for text in ("Let me look.", T))

    assert read({"role": "assistant", "parts": [before, *steps, after]}) == T
    assert read({"role": "assistant", "parts": [before, steps[0], after]}) == T


def test_a_call_that_waits_for_an_approval():
    waits = {
        "type": "function_approval_request",
        "id": "a1",
        "function_call": {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a":1}'},
    }

    assert json.loads(read({"role": "assistant", "parts": [waits]})) == json.loads(call("f", '{"a":1}'))


@pytest.mark.parametrize(("content", "said"), [(T, T), ("Paris.", "Paris."), ("UklGRiQAAABXQVZF", None), (None, None)])
def test_audio_whose_content_is_what_was_said(content, said):
    assert read({"role": "assistant", "parts": [{"type": "audio", "content": content}]}) == said


CITED = {"content": [{"text": FIRST}, {"text": SECOND}], "citations": [{"title": "A book"}]}


@pytest.mark.parametrize(
    "block", [{"citationsContent": CITED}, {"type": "citationsContent", "content": CITED}], ids=["bedrock", "part"]
)
def test_a_text_with_citations(block):
    assert read({"role": "assistant", "parts": [block]}) == T
    assert from_model_output({"output": {"message": {"role": "assistant", "content": [block]}}}, "x").render() == T


def test_a_call_within_a_part():
    called = {"type": "function_call", "id": "c1", "function": {"name": "f", "arguments": '{"a":1}'}}

    said = read({"role": "assistant", "parts": [{"type": "tool_call", "content": called}]})

    assert json.loads(said) == json.loads(call("f", '{"a":1}'))


def test_arguments_that_are_json_in_json():
    part = {"type": "tool_call", "id": "c1", "name": "f", "arguments": J('{"a":1}')}

    assert json.loads(read({"role": "assistant", "parts": [part]})) == json.loads(call("f", '{"a":1}', id="c1"))


# --- providers' responses in texts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "response",
    [
        {"results": [{"generated_text": T, "stop_reason": "eos"}]},
        {"inputTextTokenCount": 3, "results": [{"tokenCount": 8, "outputText": T, "completionReason": "FINISH"}]},
        {"outputs": [{"text": T, "stop_reason": "stop"}]},
        {"model": "m", "response": T, "done": True, "context": [1, 2]},
        {"text": T, "finishReason": "stop", "usage": {"totalTokens": 3}},
        {"content": T, "finish_reason": "stop", "usage": {"total_tokens": 3}},
        {"generations": [[{"text": T}]]},
        [{"generated_text": T}],
    ],
    ids=str,
)
def test_a_response_that_no_model_would_say(response):
    assert from_model_output(J(response), "x").render() == T


SAID = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": T}]}
RESPONSES = {
    "steps of the AI SDK": {
        "steps": [{"content": []}, {"content": [{"type": "text", "text": T}]}],
        "finishReason": "stop",
    },
    "a conversation of Mistral": {
        "outputs": [
            {"type": "tool.execution", "name": "web_search", "arguments": "{}"},
            {"type": "message.output", "role": "assistant", "content": [{"type": "text", "text": T}]},
        ]
    },
    "a handoff of Mistral": {
        "outputs": [
            {"type": "agent.handoff", "previous_agent_name": "a", "next_agent_name": "b"},
            {"type": "message.output", "role": "assistant", "content": T},
        ]
    },
    "the result of Claude's agent": {"type": "result", "subtype": "success", "result": T, "usage": {"input_tokens": 1}},
    "a message of A2A": {"kind": "message", "role": "agent", "parts": [{"kind": "text", "text": T}]},
    "a task of A2A": {"kind": "task", "artifacts": [{"parts": [{"kind": "text", "text": T}]}]},
    "commentary before the answer": [{**SAID, "phase": "commentary"}, {**SAID, "phase": "final_answer"}],
    "bytes": J({"choices": [{"message": {"role": "assistant", "content": T}}]}).encode(),
}


@pytest.mark.parametrize("response", RESPONSES.values(), ids=RESPONSES)
def test_a_response(response):
    assert from_model_output(response, "x").render() == T


def test_commentary_alone_is_what_was_said():
    assert from_model_output([{**SAID, "phase": "commentary"}], "x").render() == T


def test_a_call_of_mistral():
    called = [{"type": "function.call", "tool_call_id": "c1", "name": "f", "arguments": '{"a":1}'}]

    assert json.loads(from_model_output({"outputs": called}, "x").render()) == json.loads(call("f", '{"a":1}'))


def test_a_prompt_that_was_blocked_says_nothing():
    assert from_model_output({"promptFeedback": {"blockReason": "SAFETY"}}, "x") is None


@pytest.mark.parametrize(
    "answer",
    [
        {"text": "Paris."},
        {"results": [{"text": "Paris.", "score": 1}]},
        {"name": "Aspirin", "usage": "twice a day"},
        {"outputs": [["Paris", "Lyon"]]},
        {"results": [[1, 2], [3, 4]]},
        {"message": "Paris.", "model": "T"},
    ],
    ids=str,
)
def test_an_answer_in_json_stays_whole(answer):
    assert from_model_output(J(answer), "x").render() == J(answer)


def test_an_object_that_was_asked_for():
    response = {"object": {"city": "Paris"}, "finishReason": "stop", "usage": {"totalTokens": 3}}

    assert from_model_output(J(response), "x").render() == '{"city":"Paris"}'


# --- OpenInference ---------------------------------------------------------------------------------------------------

LLM = {"openinference.span.kind": "LLM"}
PREFIX = "llm.output_messages.0.message."


@pytest.mark.parametrize(
    "attributes",
    [
        {f"{PREFIX}refusal": T},
        {f"{PREFIX}contents.0.message_content.type": "refusal", f"{PREFIX}contents.0.message_content.text": T},
        {f"{PREFIX}contents.0.message_content.type": "output_text", f"{PREFIX}contents.0.message_content.text": T},
        {
            f"{PREFIX}contents.0.message_content.type": "audio",
            f"{PREFIX}contents.0.message_content.audio.audio.transcript": T,
        },
        {"output.audio.transcript": T},
    ],
    ids=str,
)
def test_refusals_and_transcripts(attributes):
    assert read_completion({**LLM, f"{PREFIX}role": "assistant", **attributes}).render() == T


# --- events and records ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "attributes",
    [
        {"gen_ai.completion": (T,)},
        {"gen_ai.completion": J([T])},
    ],
    ids=str,
)
def test_a_list_of_texts_in_an_event(attributes):
    assert read_completion({}, [SpanEvent("gen_ai.content.completion", attributes)]).render() == T


CHOICE = "gen_ai.choice"
MESSAGE = {"role": "assistant", "content": T}


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        (CHOICE, {"message.role": "assistant", "message.content": T, "index": 0}),
        (CHOICE, {"gen_ai.message.content": T}),
        (CHOICE, {"text": T}),
        (CHOICE, {"body": J({"message": MESSAGE})}),
        (CHOICE, {"gen_ai.event.content": J({"message": T})}),
        (CHOICE, {"parts.0.type": "text", "parts.0.content": FIRST, "parts.1.type": "text", "parts.1.content": SECOND}),
        (CHOICE, {"message.parts.0.type": "text", "message.parts.0.text": T}),
        ("gen_ai.completion", {"gen_ai.content": T}),
        ("gen_ai.output.messages", {"gen_ai.output.messages": J([parts(T)])}),
        ("llm.content.completion", {"llm.completion": T}),
    ],
    ids=str,
)
def test_an_event_that_was_written_by_hand(name, attributes):
    assert read_completion({}, [SpanEvent(name, attributes)]).render() == T


def test_calls_of_tools_that_are_flattened_into_an_event():
    flat = {
        "message.tool_calls.0.id": "c1",
        "message.tool_calls.0.type": "function",
        "message.tool_calls.0.function.name": "f",
        "message.tool_calls.0.function.arguments": '{"a":1}',
    }

    assert json.loads(read_completion({}, [SpanEvent(CHOICE, flat)]).render()) == json.loads(call("f", '{"a":1}'))


def test_a_record_whose_message_is_a_text():
    assert read_record(CHOICE, {"index": 0, "message": T}, {}).render() == T


def test_a_record_whose_body_was_cut():
    assert read_record(CHOICE, J({"message": MESSAGE})[:-5], {}) is None


ASKED = SpanEvent("gen_ai.user.message", {"content": "What is the capital of France?"})
REPLIED = SpanEvent("gen_ai.assistant.message", {"content": T})


def test_the_last_message_of_an_assistant_is_the_output_where_there_is_no_choice():
    said = {"content": {"text": {"value": T, "annotations": []}}, "role": "assistant"}

    assert read_completion({}, [ASKED, REPLIED]).render() == T
    event = SpanEvent("gen_ai.assistant.message", {"gen_ai.event.content": J(said)})
    assert read_completion({}, [ASKED, event]).render() == T


def test_an_earlier_turn_is_no_output():
    assert read_completion({}, [ASKED, REPLIED, ASKED]) is None
    assert read_completion({}, [ASKED, REPLIED, ASKED, SpanEvent("gen_ai.choice", {"message": "Lyon."})]).render() == (
        "Lyon."
    )
    assert read_completion({}, [ASKED, REPLIED, SpanEvent("gen_ai.choice", {"index": 0})]) is None


@pytest.mark.parametrize("texts", [f'["{T}"]', T], ids=["list", "text"])
def test_a_record_without_a_name(texts):
    body = f"Chat Model Completion:\n{texts}"

    assert read_record(event_name(None, {}, body), body, {}).render() == T


@pytest.mark.parametrize(
    "body",
    ["Chat Model Completion:\n[]", "Chat Model Prompt Content:\n[]", 'He said: "Chat Model Completion:"'],
    ids=str,
)
def test_a_record_that_says_nothing(body):
    name = event_name(None, {}, body)

    assert name is None or read_record(name, body, {}) is None


def test_a_record_with_the_reply_in_an_attribute():
    attributes = {"event.name": "assistant_response", "response": T, "model": "claude"}

    assert read_record(event_name(None, attributes), "claude_code.assistant_response", attributes).render() == T


@pytest.mark.parametrize(
    ("count", "said"), [(4, call("f", "{}")), (40, None)], ids=["all of them", "no more than the first"]
)
def test_a_stream_whose_pieces_are_listed_is_what_they_add_up_to_if_none_is_missing(count, said):
    pieces = [
        {"type": "message_start", "message": {"role": "assistant"}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "c1", "name": "f"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "{}"}},
        {"type": "message_stop"},
    ]
    completion = from_model_output({"chunk_count": count, "chunks": pieces}, "output")

    assert (completion and completion.render()) == said


def ui_tool(state, **more):
    return {"type": "tool-f", "toolCallId": "c1", "state": state, "input": {}, **more}


@pytest.mark.parametrize(
    ("last", "said"),
    [
        ([ui_tool("output-available", output="x"), {"type": "text", "text": T}], T),
        ([ui_tool("input-available")], call("f", "{}", content="Let me look.")),
        (
            [{**ui_tool("approval-requested"), "type": "dynamic-tool", "toolName": "f"}],
            call("f", "{}", content="Let me look."),
        ),
    ],
    ids=["executed", "waiting", "named"],
)
def test_a_message_of_a_user_interface_has_its_tools_among_its_parts(last, said):
    message = {"id": "m", "role": "assistant", "parts": [{"type": "text", "text": "Let me look."}, *last]}
    completion = from_model_output(message, "output")

    assert completion.render() == said
