"""Spans that say what they are: only models and agents have completions."""

from __future__ import annotations

import json

import pytest

from braintrust_run_output import read_completion
from braintrust_run_output.conventions import MODEL_OUTPUTS, Side, generic_excerpt, is_model, side_of

NEVER = [
    *(
        ("openinference.span.kind", kind)
        for kind in ("TOOL", "RETRIEVER", "EMBEDDING", "PROMPT", "RERANKER", "GUARDRAIL", "EVALUATOR")
    ),
    *(
        ("gen_ai.operation.name", kind)
        for kind in ("execute_tool", "create_agent", "embeddings", "execute_event_loop_cycle")
    ),
    ("traceloop.span.kind", "tool"),
    ("llm.request.type", "embedding"),
    ("llm.request.type", "rerank"),
    *(("langsmith.span.kind", kind) for kind in ("prompt", "tool", "parser", "retriever")),
    *(("langfuse.observation.type", kind) for kind in ("embedding", "tool", "retriever", "evaluator", "guardrail")),
    ("braintrust.span_attributes", '{"type": "tool"}'),
    ("braintrust.span_attributes", '{"type": "score"}'),
    ("braintrust.span_attributes.type", "tool"),
    ("braintrust.span_attributes.purpose", "scorer"),
]
ALWAYS = [
    *(("openinference.span.kind", kind) for kind in ("LLM", "AGENT", "CHAIN", "UNKNOWN")),
    *(("gen_ai.operation.name", kind) for kind in
      ("chat", "text_completion", "generate_content", "invoke_agent", "invoke_workflow", "execute_task")),
    *(("traceloop.span.kind", kind) for kind in ("workflow", "task", "agent")),
    *(("llm.request.type", kind) for kind in ("chat", "completion", "responses")),
    *(("logfire.span_type", kind) for kind in ("span", "log")),
    ("ai.operationId", "ai.generateText"),
    ("braintrust.span_attributes", '{"type": "llm"}'),
    ("braintrust.span_attributes", "broken"),
    ("gen_ai.operation.name", 7),
]  # fmt: skip
PARTS = {"gen_ai.output.messages": json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": "T"}]}])}


@pytest.mark.parametrize(("attribute", "kind"), NEVER)
def test_these_never_have_an_output(attribute, kind):
    assert read_completion({**PARTS, attribute: kind}) is None
    assert generic_excerpt({"output.value": "T", attribute: kind}) is None


@pytest.mark.parametrize(("attribute", "kind"), ALWAYS)
def test_these_may_have_one(attribute, kind):
    assert read_completion({**PARTS, attribute: kind}).render() == "T"


def test_one_kind_that_never_has_one_outweighs_others():
    attributes = {**PARTS, "gen_ai.operation.name": "chat", "langsmith.span.kind": "prompt"}

    assert read_completion(attributes) is None


def test_every_convention_is_given_away_by_something_and_has_a_name_of_its_own():
    assert all(convention.keys or convention.events for convention in MODEL_OUTPUTS)
    assert len({convention.name for convention in MODEL_OUTPUTS}) == len(MODEL_OUTPUTS)


WORK = [
    *(("openinference.span.kind", kind) for kind in ("TOOL", "RETRIEVER", "EMBEDDING", "RERANKER", "GUARDRAIL")),
    *(("gen_ai.operation.name", kind) for kind in ("execute_tool", "embeddings", "retrieval")),
    ("traceloop.span.kind", "tool"),
    ("openinference.span.kind", "OpenInferenceSpanKindValues.TOOL"),
    ("agentops.span.kind", "AgentOpsSpanKindValues.TOOL"),
    ("llm.request.type", "rerank"),
    ("langsmith.span.kind", "retriever"),
    ("langfuse.observation.type", "guardrail"),
    ("mlflow.spanType", '"TOOL"'),
    ("mlflow.spanType", '"EMBEDDING"'),
    ("langwatch.span.type", "guardrail"),
    ("span_type", "Embedding"),
    ("genkit:metadata:subtype", "tool.v2"),
    ("genkit:metadata:subtype", "embedder"),
    ("lmnr.span.type", "TOOL"),
    ("agentops.span.kind", "guardrail"),
    ("span.type", "tool"),
    ("span.type", "agentic.tool.invocation"),
    ("rail.type", "Input"),
    ("rail.type", "output"),
    ("ai.operationId", "ai.toolCall"),
    ("ai.operationId", "ai.embedMany.doEmbed"),
    ("logfire.msg_template", "Guardrail {name!r} {triggered=}"),
    ("haystack.component.type", "InMemoryBM25Retriever"),
    ("haystack.component.type", "ToolInvoker"),
    ("sentry.op", "gen_ai.execute_tool"),
    ("mcp.method.name", "tools/call"),
    ("braintrust.span_attributes", '{"type": "tool"}'),
]
VERDICT = [
    ("openinference.span.kind", "EVALUATOR"),
    ("langfuse.observation.type", "evaluator"),
    ("langwatch.span.type", "evaluation"),
    ("lmnr.span.type", "HUMAN_EVALUATOR"),
    *(("braintrust.span_attributes.type", kind) for kind in
      ("score", "facet", "preprocessor", "automation", "review", "classifier", "decision", "question")),
    ("braintrust.span_attributes.purpose", "scorer"),
    ("braintrust.span_attributes", '{"type": "llm", "purpose": "scorer"}'),
]  # fmt: skip
NO_SIDE = [
    ("openinference.span.kind", "PROMPT"),
    ("langsmith.span.kind", "parser"),
    ("gen_ai.operation.name", "create_agent"),
    ("gen_ai.operation.name", "execute_event_loop_cycle"),
    ("openinference.span.kind", "CHAIN"),
    ("rail.type", "dialog"),
    ("lmnr.span.type", "EVALUATION"),
    ("braintrust.span_attributes.type", "eval"),
    ("logfire.msg_template", "Agent run: {name!r}"),
    ("http.route", "tool"),
    ("span.type", 7),
]


@pytest.mark.parametrize(("attribute", "kind"), WORK)
def test_a_span_that_works_on_an_answer(attribute, kind):
    assert side_of({attribute: kind}) is Side.WORK
    assert read_completion({**PARTS, attribute: kind}) is None
    assert not is_model({attribute: kind})


@pytest.mark.parametrize(("attribute", "kind"), VERDICT)
def test_a_span_that_judges_an_answer(attribute, kind):
    assert side_of({attribute: kind}) is Side.VERDICT
    assert side_of({attribute: kind, "traceloop.span.kind": "tool"}) is Side.VERDICT
    assert read_completion({**PARTS, attribute: kind}) is None


@pytest.mark.parametrize(("attribute", "kind"), NO_SIDE)
def test_no_side_span(attribute, kind):
    assert side_of({attribute: kind}) is None


@pytest.mark.parametrize(
    ("attribute", "kind"),
    [
        ("openinference.span.kind", "LLM"),
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.request.type", "chat"),
        ("mlflow.spanType", '"CHAT_MODEL"'),
        ("genkit:metadata:subtype", "model"),
        ("span.type", "inference"),
        ("haystack.component.type", "OpenAIChatGenerator"),
        ("braintrust.span_attributes", '{"type": "llm"}'),
    ],
)
def test_a_model(attribute, kind):
    assert is_model({attribute: kind})
    assert side_of({attribute: kind}) is None


def test_a_guardrail_that_called_the_model_itself_has_a_completion():
    attributes = {"openinference.span.kind": "GUARDRAIL", "llm.output_messages.0.message.content": "T"}

    assert read_completion(attributes).render() == "T"
    assert side_of(attributes) is Side.WORK
    assert read_completion({**attributes, "openinference.span.kind": "TOOL"}) is None
