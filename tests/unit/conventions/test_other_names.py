"""A model's output under names of its own, an agent's and a function's result, and what spans of those names are."""

from __future__ import annotations

import json

import pytest

from braintrust_run_output.conventions import generic_excerpt, kinds_of, read_completion, read_generic_output
from emitted import T, call

J = json.dumps

SAID = [
    ("gen_ai.output", T),
    ("gen_ai.output.text", T),
    ("gen_ai.response", T),
    ("gen_ai.response.content", T),
    ("gen_ai.response.content", J([{"type": "text", "text": T}])),
    ("gen_ai.response.messages", J([{"role": "assistant", "content": T}])),
    ("gen_ai.response.choices", J([{"message": {"role": "assistant", "content": T}, "finish_reason": "stop"}])),
    ("llm.output_messages", J([{"message.role": "assistant", "message.content": T}])),
    ("llm.output_messages", J([{"role": "assistant", "content": T}])),
    ("llm.output_messages", J([{"message": {"role": "assistant", "content": T}}])),
    ("llm.responses", J([{"role": "assistant", "content": T}])),
    ("gen_ai.completion.choices", J([{"message": {"role": "assistant", "content": T}}])),
    ("gen_ai.output.messages.0.content", T),
    ("llm.output_messages.0.content", T),
    ("neatlogs.llm.output_messages.0.content", T),
    ("gen_ai.response.0.content", T),
    ("gen_ai.llm.output", T),
    ("swarms.response", J({"id": "c", "choices": [{"message": {"role": "assistant", "content": T}}]})),
    ("llm.completions.0.content", T),
    ("response.model_output", T),
    ("streaming.final_content", T),
    ("openai_agents.outputs", J({"output": [{"type": "message", "content": [{"type": "output_text", "text": T}]}]})),
    ("gen_ai.output.messages.0.message.content", T),
    ("gen_ai.completion.0.message.content", T),
    ("gen_ai.completion.0.text", T),
    ("gen_ai.completion.0.refusal", T),
    ("gen_ai.completion.0.content", J({"type": "text", "text": T})),
    ("gen_ai.completion.0.content", J({"role": "model", "parts": [{"text": T}]})),
    ("braintrust.output_json", J({"choices": [{"message": {"role": "assistant", "content": T}}]})),
    ("gen_ai.completion_json", J({"candidates": [{"content": {"role": "model", "parts": [{"text": T}]}}]})),
    ("openclaw.content.output_messages", J([{"role": "assistant", "content": [{"type": "text", "text": T}]}])),
    ("mastra.model_step.output", J({"text": T, "toolCalls": []})),
    ("mastra.model_generation.output", J({"text": T, "object": None, "finishReason": "stop", "usage": {}})),
]


@pytest.mark.parametrize(("key", "value"), SAID)
def test_the_output_of_a_model(key, value):
    assert read_completion({key: value}).render() == T


@pytest.mark.parametrize(
    "attributes",
    [
        {"confident.span.type": "llm", "confident.span.output": T},
        {"honeyhive_event_type": "model", "honeyhive_outputs.result": T},
        {"lmnr.span.type": "CACHED", "lmnr.span.output": J(T)},
        {"gen_ai.span.kind": "LLM", "output.value": T},
        {"nat.span.kind": "LLM", "output.value": T},
        {"neatlogs.span.kind": "llm", "output.value": T},
        {"judgment.span_kind": "llm", "judgment.output": T},
        {"cozeloop.span_type": "model", "cozeloop.output": J({"choices": [{"message": {"content": T}}]})},
        {"mastra.span.type": "model_generation", "gen_ai.completion": J({"text": T, "files": [], "warnings": []})},
        {"fi.span.kind": "LLM", "output.value": J({"choices": [{"message": {"role": "assistant", "content": T}}]})},
        {"gen_ai.operation.name": "model_turn", "gen_ai.request.model": "m", "text_output": T},
    ],
    ids=str,
)
def test_the_output_of_a_span_that_is_a_model(attributes):
    assert read_completion(attributes).render() == T


def test_calls_of_tools_in_one_attribute_of_a_flattened_message():
    called = [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}]

    completion = read_completion({"gen_ai.completion.0.tool_calls": J(called)})

    assert json.loads(completion.render()) == json.loads(call("f", '{"a":1}'))


@pytest.mark.parametrize("answer", ['{"city": "Paris"}', '{"parts": 3}', '[{"city": "Paris"}]'])
def test_json_that_a_model_said_in_a_flattened_message_stays(answer):
    assert read_completion({"gen_ai.completion.0.content": answer}).render() == answer


def test_flattened_messages_with_calls_of_tools():
    prefix = "gen_ai.output.messages.0.message."
    completion = read_completion({
        f"{prefix}role": "assistant",
        f"{prefix}tool_calls.0.tool_call.id": "c1",
        f"{prefix}tool_calls.0.tool_call.function.name": "f",
        f"{prefix}tool_calls.0.tool_call.function.arguments": '{"a":1}',
    })  # fmt: skip

    assert json.loads(completion.render()) == json.loads(call("f", '{"a":1}'))


def test_calls_of_tools_in_a_payload():
    output = {"text": "", "toolCalls": [{"type": "tool-call", "payload": {"toolName": "f", "args": {"city": "Paris"}}}]}

    completion = read_completion({"mastra.model_step.output": J(output)})

    assert json.loads(completion.render()) == json.loads(call("f", '{"city":"Paris"}', id=None))


@pytest.mark.parametrize(
    "attributes",
    [
        {"gen_ai.output": "sunny", "gen_ai.tool.name": "get_weather"},
        {"gen_ai.response.content": "sunny", "gen_ai.operation.name": "execute_tool"},
        {"response.model_output": "<REDACTED>"},
        {"gen_ai.response": '{"id": "r1", "model": "m", "usage": {"total_tokens": 3}}'},
        {"llm.output_messages": "[]"},
    ],
    ids=str,
)
def test_what_no_model_said(attributes):
    assert read_completion(attributes) is None


RETURNED = [
    {"mastra.span.type": "agent_run", "mastra.agent_run.output": J({"text": T, "files": []})},
    {"mastra.span.type": "workflow_run", "mastra.workflow_run.output": J({"result": T})},
    {"gen_ai.agent.output": T},
    {"agno.agent.response_content": T},
    {"crewai.crew.output": T},
    {"langgraph.graph.final_response": T},
    {"dspy.signature.result": J({"answer": T, "reasoning": "hm"})},
    {"gen_ai.workflow.output": T},
    {"gen_ai.agent.response": T},
    {"agentscope.function.output": J({"name": "a", "role": "assistant", "content": [{"type": "text", "text": T}]})},
    {"chain.outputs": J({"output": T})},
    {"trace_output": T},
    {"function_output": T},
    {"ai.observability.span_type": "record_root", "ai.observability.record_root.output": T},
    {"traceroot.span.type": "span", "traceroot.span.output": T},
    {"langchain.outputs": J({"content": T, "type": "ai", "response_metadata": {"model": "m"}})},
    {"nat.span.kind": "FUNCTION", "output.value": T},
    {"judgment.span_kind": "span", "judgment.output": T},
    {"confident.span.type": "agent", "confident.span.output": T},
    {"honeyhive_event_type": "chain", "honeyhive_outputs.result": T},
    {"gen_ai.span.kind": "CHAIN", "output.value": T},
    {"output-json": J(T)},
    {"input": "What is the capital of France?", "output": T},
    {"input": "q", "output": J({"text": T, "toolCalls": [{"toolName": "f"}], "finishReason": "stop", "steps": [1]})},
]


@pytest.mark.parametrize("attributes", RETURNED, ids=str)
def test_the_result_of_an_agent_or_a_function(attributes):
    assert read_completion(attributes) is None
    assert read_generic_output(generic_excerpt(attributes)).render() == T


def test_an_output_alone_says_nothing():
    assert read_generic_output(generic_excerpt({"output": T})) is None


def test_a_structured_answer_with_a_text_stays_whole():
    attributes = {"input": "q", "output": '{"text": "Paris.", "sentiment": "good"}'}

    assert json.loads(read_generic_output(generic_excerpt(attributes)).render()) == json.loads(attributes["output"])


@pytest.mark.parametrize(
    ("attribute", "value", "kind"),
    [
        ("mastra.span.type", "model_step", "is_model"),
        ("mastra.span.type", "agent_run", "is_agent"),
        ("mastra.span.type", "mcp_tool_call", "is_tool"),
        ("mastra.span.type", "scorer_run", "side"),
        ("mastra.span.type", "processor_run", "side"),
        ("mastra.span.type", "model_chunk", "is_silent"),
        ("span.type", "claude_code.llm_request", "is_model"),
        ("span.type", "llm_request", "is_model"),
        ("span.type", "claude_code.tool", "is_tool"),
        ("gen_ai.operation.name", "llm_call", "is_model"),
        ("gen_ai.operation.name", "update_memory", "side"),
        ("gen_ai.operation.name", "evaluate", "side"),
        ("gen_ai.operation.name", "memory.extract", "side"),
        ("gen_ai.operation.name", "memory_add", "side"),
        ("gen_ai.operation.name", "compact_events", "side"),
        ("gen_ai.operation.name", "guard", "side"),
        ("gen_ai.operation.name", "tool.execute", "is_tool"),
        ("gen_ai.operation.name", "agent.run", "is_agent"),
        ("gen_ai.operation.name", "execute_method", "is_silent"),
        ("span.type", "memory", "side"),
        ("span.type", "summary", "side"),
        ("mlflow.spanType", '"MEMORY"', "side"),
        ("lmnr.span.type", "CACHED", "is_model"),
        ("nat.span.kind", "LLM", "is_model"),
        ("fiddler.span.type", "tool", "is_tool"),
        ("ai.observability.span_type", "eval", "side"),
        ("nat.span.kind", "EMBEDDER", "side"),
        ("judgment.span_kind", "tool", "is_tool"),
        ("gen_ai.operation.name", "rerank_documents", "side"),
        ("gen_ai.operation.name", "apply_guardrail", "side"),
        ("gen_ai.operation.name", "embed", "side"),
    ],
)
def test_kinds(attribute, value, kind):
    assert getattr(kinds_of({attribute: value}), kind)


def test_what_runs_a_function_and_its_guards_is_no_guard():
    assert kinds_of({"gen_ai.operation.name": "guardrail.run"}).side is None


@pytest.mark.parametrize("case", [str.upper, str.title])
def test_kinds_in_another_case(case):
    assert read_completion({"langfuse.observation.type": case("generation"), "langfuse.observation.output": T})
    assert read_completion({"langsmith.span.kind": case("llm"), "gen_ai.completion": J({"output": T})})
