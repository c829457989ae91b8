"""OpenInference beyond messages: legacy choices, ``output.value`` of LLM spans, of agents and of chains."""

from __future__ import annotations

import json

import pytest

from braintrust_run_output import read_completion
from braintrust_run_output.conventions import generic_excerpt, read_generic_output

T = "The capital of France is Paris."
JSON = {"output.mime_type": "application/json"}
PREPARED = json.dumps({
    "messages": ["ChatMessage(role=<MessageRole.USER: 'user'>, blocks=[TextBlock(text='What is the capital?')])"],
    "tools": [{"type": "function", "function": {"name": "get_weather"}}], "tool_choice": "auto",
})  # fmt: skip
CALL = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'}}


def llm(value: object, **attributes: object) -> str | None:
    completion = read_completion({"openinference.span.kind": "LLM", "output.value": value, **attributes})
    return None if completion is None else completion.render()


def generic(value: object, kind: str = "CHAIN", **attributes: object) -> str | None:
    excerpt = generic_excerpt({"openinference.span.kind": kind, "output.value": value, **attributes})
    completion = None if excerpt is None else read_generic_output(excerpt)
    return None if completion is None else completion.render()


def test_legacy_choices():
    one = {"openinference.span.kind": "LLM", "llm.choices.0.completion.text": T}

    assert read_completion(one).render() == T
    rendered = json.loads(read_completion({**one, "llm.choices.1.completion.text": "Paris."}).render())
    assert [message["content"] for message in rendered] == [T, "Paris."]


@pytest.mark.parametrize(
    "value",
    [
        T,
        f"assistant: {T}",
        json.dumps(T),
        json.dumps(
            {"inputTextTokenCount": 5, "results": [{"tokenCount": 9, "outputText": T, "completionReason": "FINISH"}]}
        ),
        json.dumps({"generation": T, "prompt_token_count": 5, "stop_reason": "stop"}),
        json.dumps({"outputs": [{"text": T, "stop_reason": "stop"}]}),
        json.dumps({"completions": [{"data": {"text": T}}]}),
        json.dumps({"output": {"message": {"role": "assistant", "content": [{"text": T}]}}, "stopReason": "end_turn"}),
        json.dumps({"role": "assistant", "content": [{"text": T}]}),
        json.dumps({"id": "1", "choices": [{"message": {"role": "assistant", "content": T}}]}),
        json.dumps({"generations": [[{"text": T}]]}),
        json.dumps({"candidates": [{"content": {"parts": [{"text": T}], "role": "model"}}]}),
        json.dumps(
            {"output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": T}]}]}
        ),
        json.dumps([f"[[ ## answer ## ]]\n{T}\n\n[[ ## completed ## ]]"]),
        f"[[ ## reasoning ## ]]\nhm\n\n[[ ## answer ## ]]\n{T}\n\n[[ ## completed ## ]]",
    ],
    ids=lambda value: value[:40],
)
def test_the_last_resort_of_an_llm_span(value):
    assert llm(value, **JSON) == T


@pytest.mark.parametrize("mime", [{}, {"output.mime_type": "text/plain"}], ids=["default", "text"])
@pytest.mark.parametrize("answer", ['{"capital": "Paris"}', '["Paris"]', "{not json", "[1, 2]"])
def test_text_that_is_json_is_a_structured_answer(answer, mime):
    assert llm(answer, **mime) == answer


@pytest.mark.parametrize(
    "value",
    [
        "", "assistant: ", "assistant: None", "__REDACTED__", "<groq.Stream object at 0x7f0a1b2c3d4e>", PREPARED,
        json.dumps({"object": "list", "data": [{"embedding": [0.1, 0.2]}]}), json.dumps({"error": {"message": "429"}}),
        "{}", "[]", 42,
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_an_llm_span_that_says_nothing(value):
    assert llm(value, **JSON) is None
    assert generic(value, kind="LLM", **JSON) is None


def test_a_request_is_no_output_whatever_its_mime_type():
    assert llm(PREPARED) is None


def test_messages_come_before_the_output_value():
    assert llm("other", **{"llm.output_messages.0.message.content": T}) == T


@pytest.mark.parametrize("index", [0, 1, 3])
def test_indexes_with_gaps(index):
    prefix = "llm.output_messages."
    attributes = {
        f"{prefix}{index}.message.contents.{index}.message_content.text": T,
        f"{prefix}1.message.role": "assistant",
    }

    assert read_completion(attributes).render() == T


def test_empty_content_beside_contents():
    message = "llm.output_messages.0.message."

    assert read_completion({f"{message}content": "", f"{message}contents.0.message_content.text": T}).render() == T


def test_the_legacy_function_call():
    message = "llm.output_messages.0.message."
    attributes = {
        f"{message}function_call_name": "get_weather",
        f"{message}function_call_arguments_json": '{"city":"Paris"}',
    }

    assert json.loads(read_completion(attributes).render())[0]["tool_calls"] == [{**CALL, "id": None}]


@pytest.mark.parametrize("fields", ["answer", "reasoning answer", "rationale answer"])
def test_the_answer_between_dspys_markers(fields):
    text = "".join(
        f"[[ ## {field} ## ]]\n{T if field == 'answer' else 'hm'}\n\n" for field in [*fields.split(), "completed"]
    )

    assert read_completion({"llm.output_messages.0.message.content": text}).render() == T


def test_other_fields_between_dspys_markers_stay():
    text = "[[ ## next_thought ## ]]\nhm\n\n[[ ## next_tool_name ## ]]\nfinish\n\n[[ ## completed ## ]]"

    assert read_completion({"llm.output_messages.0.message.content": text}).render() == text


@pytest.mark.parametrize("kind", ["CHAIN", "AGENT", "chain"])
@pytest.mark.parametrize(
    "value",
    [
        T,
        json.dumps({"messages": [{"type": "human", "data": {"content": "?"}}, {"type": "ai", "data": {"content": T}}]}),
        json.dumps({"messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": T}]}),
        json.dumps([{"graph": None, "update": {"messages": [{"type": "ai", "data": {"content": T}}]}, "goto": []}]),
        json.dumps({"raw": T, "pydantic": None, "tasks_output": [{"raw": T}]}),
        json.dumps({"answer": T}),
        json.dumps([{"answer": T}]),
        json.dumps({"reasoning": "hm", "answer": T}),
        json.dumps({"trajectory": {"thought_0": "hm"}, "reasoning": "hm", "answer": T}),
        json.dumps({"query_satisfied": True, "answer": T}),
        json.dumps({"response": T, "source_nodes": ["<NodeWithScore(...)>"], "metadata": {}}),
        json.dumps({"structured_response": T, "messages": []}),
        json.dumps({"structuredResponse": T, "messages": []}),
        json.dumps({"content": {"role": "model", "parts": [{"text": T}]}, "author": "agent"}),
        json.dumps({"choices": [{"message": {"content": T}}]}),
        json.dumps({"output": {"output": {"output": T}}}),
        json.dumps({"messages": [], "output": T}),
    ],
    ids=lambda value: value[:40],
)
def test_the_answer_of_an_agent_or_chain_is_generic(value, kind):
    assert generic(value, kind) == T
    assert read_completion({"openinference.span.kind": kind, "output.value": value}) is None


@pytest.mark.parametrize(
    "value",
    [
        "StopEvent(result=AgentOutput(response=ChatMessage(role=<MessageRole.ASSISTANT: 'assistant'>, additional_kwargs={...",
        "AgentInput(input=[ChatMessage(role='user')], current_agent_name='a')",
        json.dumps(["<TextNode(id_=151e940c)>", "<TextNode(id_=5a71678d)>"]),
        json.dumps([0.125] * 32),
        json.dumps({"messages": []}),
        json.dumps([{"page_content": "Paris is in France.", "metadata": {}}]),
        json.dumps({"type": "object", "properties": {"capital": {"type": "string"}}}),
        json.dumps({"messages": [{"type": "tool", "data": {"content": "sunny"}}]}),
        "", "__REDACTED__", "null", "[]", "{}",
    ],
    ids=lambda value: value[:40],
)  # fmt: skip
def test_reprs_documents_embeddings_and_schemas_are_no_output(value):
    assert generic(value) is None


@pytest.mark.parametrize(
    "kind", ["TOOL", "RETRIEVER", "RERANKER", "EMBEDDING", "GUARDRAIL", "EVALUATOR", "PROMPT", "tool"]
)
def test_kinds_that_never_have_an_output(kind):
    assert generic(T, kind) is None


@pytest.mark.parametrize(
    "value",
    ['{"capital": "Paris", "population": 2}', "[1, 2, 3]", '{"type": "object", "size": 3}', "Point(", "print(x=1)"],
)
def test_a_structured_answer_is_taken_as_it_is(value):
    rendered = generic(value)

    assert rendered == value or json.loads(rendered) == json.loads(value)


@pytest.mark.parametrize("said", ['{"response": "x"}', '{"text": "x"}', '{"results": ["a", "b"]}', '{"outputs": "x"}'])
def test_json_that_the_model_said_is_no_response(said):
    assert read_completion({"openinference.span.kind": "LLM", "output.value": said}).render() == said


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("[{'id': 'x', 'text': ' Paris.', 'finish_reason': 'COMPLETE'}]", " Paris."),
        ("None", None),
        ("None of these.", "None of these."),
        ("[1, 2]", "[1, 2]"),
    ],
)
def test_bedrock_writes_a_repr(value, expected):
    attributes = {"openinference.span.kind": "LLM", "output.value": value}
    completion = read_completion(attributes, (), "openinference.instrumentation.bedrock")

    assert (completion and completion.render()) == expected


def test_a_search_that_the_provider_made_is_no_call_beside_the_answer():
    message = "llm.output_messages.0.message."
    searched = {f"{message}role": "assistant", f"{message}tool_calls.0.tool_call.function.name": "web_search_call"}

    assert read_completion({**searched, f"{message}content": "Paris."}).render() == "Paris."
    assert "web_search_call" in read_completion(searched).render()


@pytest.mark.parametrize("value", ["[]", "{}", '{"choices": []}', '[{"role": "assistant", "content": []}]'])
def test_json_that_says_nothing(value):
    assert llm(value) is None


@pytest.mark.parametrize(
    "value",
    [
        {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Paris."}}]},
        ({"role": "assistant", "content": "Paris."},),
        ("Paris.",),
    ],
    ids=["response", "messages", "text"],
)
def test_values_that_are_no_texts(value):
    assert llm(value) == "Paris."
