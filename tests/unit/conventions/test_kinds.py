"""Spans that say what they are: only models and agents have completions."""

from __future__ import annotations

import json

import pytest

from braintrust_run_output import read_completion
from braintrust_run_output.conventions import MODEL_OUTPUTS, generic_excerpt

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
