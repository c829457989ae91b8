"""OpenLLMetry's frameworks: ``traceloop.entity.output`` and ``crewai.crew.result``."""

from __future__ import annotations

import json

import pytest

from braintrust_run_output import read_completion
from braintrust_run_output.conventions import generic_excerpt, read_generic_output

T = "The capital of France is Paris."


def lc(kind: str, **kwargs: object) -> dict:
    return {"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", kind], "kwargs": kwargs}


ASKED = lc("HumanMessage", content="What is the capital of France?", type="human")
CALLING = lc(
    "AIMessage", content="", type="ai", tool_calls=[{"name": "get_weather", "args": {"city": "Paris"}, "id": "c1"}]
)
RESULT = lc("ToolMessage", content="sunny", type="tool", tool_call_id="c1")
ANSWER = lc("AIMessage", content=T, type="ai", tool_calls=[], invalid_tool_calls=[])
PROMPT = lc("ChatPromptValue", messages=[ASKED])


def read(value: object, key: str = "traceloop.entity.output", scope: str = "", **attributes: object) -> str | None:
    encoded = value if isinstance(value, str) else json.dumps(value)
    excerpt = generic_excerpt({key: encoded, **attributes})
    completion = None if excerpt is None else read_generic_output(excerpt, scope)
    return None if completion is None else completion.render()


@pytest.mark.parametrize(
    "value",
    [
        T,
        json.dumps(T),
        {"outputs": T, "kwargs": {"tags": []}},
        {"response": T, "source_nodes": [], "metadata": {}},
        {"outputs": {"messages": [ASKED, CALLING, RESULT, ANSWER]}, "kwargs": {"tags": []}},
        {"outputs": [{"graph": None, "update": {"messages": [ANSWER]}, "resume": None, "goto": []}], "kwargs": {}},
        {"outputs": ANSWER, "kwargs": {}},
        {"outputs": {"answer": T, "context": ["doc"]}},
        {"outputs": {"question": "?", "documents": [{"page_content": "Paris"}], "answer": T}},
        {"llm": {"replies": [{"_role": "assistant", "_content": [{"text": T}], "_name": None, "_meta": {}}]}},
        {"prompt_builder": {"prompt": "?"}, "llm": {"replies": [{"_role": "assistant", "_content": [{"text": T}]}]}},
        {"raw": T, "tasks_output": []},
    ],
    ids=lambda value: json.dumps(value)[:60],
)  # fmt: skip
def test_the_answer_in_its_wrapper(value):
    assert read(value) == T


def test_the_result_of_a_crew():
    assert read(T, "crewai.crew.result") == T
    assert read({"outputs": "task"}, **{"crewai.crew.result": T}) == T


def test_a_structured_answer():
    assert json.loads(read({"outputs": {"capital": "Paris"}, "kwargs": {}})) == {"capital": "Paris"}


def test_a_state_that_ends_in_a_call():
    (message,) = json.loads(read({"outputs": {"messages": [ASKED, CALLING]}}))

    assert message["tool_calls"][0]["function"] == {"name": "get_weather", "arguments": '{"city":"Paris"}'}


@pytest.mark.parametrize(
    "value",
    [
        {"outputs": PROMPT, "kwargs": {"tags": []}},
        {"outputs": lc("StringPromptValue", text="Answer the question."), "kwargs": {}},
        {"outputs": {"messages": [RESULT]}, "kwargs": {}},
        {"outputs": {"messages": [ASKED]}, "kwargs": {}},
        {"outputs": [lc("Document", page_content="Paris is in France.")], "kwargs": {}},
        {"documents": [{"page_content": "Paris is in France."}]},
        {"outputs": None}, {"outputs": ""}, {"outputs": []}, {}, [], "", "null", "None", "<Response object at 0x7f>",
    ],
    ids=lambda value: json.dumps(value)[:60],
)  # fmt: skip
def test_prompts_documents_and_tool_results_are_no_output(value):
    assert read(value) is None


@pytest.mark.parametrize(
    "kind",
    [{"traceloop.span.kind": "tool"}, {"gen_ai.operation.name": "execute_tool"}, {"gen_ai.operation.name": "create_agent"},
     {"llm.request.type": "embedding"}, {"openinference.span.kind": "RETRIEVER"}],
    ids=str,
)  # fmt: skip
def test_tools_and_the_like_have_none(kind):
    assert read(T, **kind) is None


def test_it_is_never_a_models_output():
    assert read_completion({"traceloop.entity.output": T, "crewai.crew.result": T}) is None


def test_the_name_of_a_key_that_openllmetrys_haystack_writes_for_the_text():
    attributes = {
        "llm.request.type": "chat",
        "gen_ai.completion.0.role": "assistant",
        "gen_ai.completion.0.content": "replies",
    }

    assert read_completion(attributes, scope_name="opentelemetry.instrumentation.haystack") is None
    assert read_completion(attributes, scope_name="opentelemetry.instrumentation.cohere").render() == "replies"
