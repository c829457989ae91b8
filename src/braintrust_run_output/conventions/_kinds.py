"""What kind of operation a span is: model outputs are read from models and agents, never from tools and the like."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._json import is_object, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_NOT_A_MODEL = frozenset({
    "tool", "execute_tool", "retriever", "retrieval", "embedding", "embeddings", "rerank", "reranker",
    "prompt", "parser", "guardrail", "evaluator", "create_agent", "score", "scorer",
    "execute_event_loop_cycle",  # Strands: repeats what its chat has said
})  # fmt: skip

KIND_ATTRIBUTES = (
    "openinference.span.kind",
    "gen_ai.operation.name",
    "traceloop.span.kind",
    "llm.request.type",
    "langsmith.span.kind",
    "langfuse.observation.type",
    "braintrust.span_attributes.type",
    "braintrust.span_attributes.purpose",
)
_BRAINTRUST = "braintrust.span_attributes"


KINDS = frozenset({*KIND_ATTRIBUTES, _BRAINTRUST})
"""The attributes that say what kind of operation a span is."""


_MODEL = frozenset({
    "llm", "chat", "completion", "text_completion", "generate_content", "generation", "responses",
})  # fmt: skip


def is_model(attributes: Mapping[str, object]) -> bool:
    """Whether any of the attributes says that the span is a call of a model."""
    return any(str(attributes[kind]).lower() in _MODEL for kind in KIND_ATTRIBUTES if kind in attributes)


def is_never_a_completion(attributes: Mapping[str, object], kinds: Iterable[str] | None = None) -> bool:
    """Whether any of the attributes says that the span is a tool, retriever, embedding, prompt, guardrail ...

    Args:
        attributes: The span's attributes.
        kinds: Those of `KINDS` that are among them; default: they are looked for.
    """
    for attribute in KINDS.intersection(attributes) if kinds is None else kinds:
        value = attributes[attribute]
        if attribute == _BRAINTRUST:
            encoded = parse(value)
            if is_object(encoded) and (_is_not_a_model(encoded.get("type")) or _is_not_a_model(encoded.get("purpose"))):
                return True
        elif _is_not_a_model(value):
            return True
    return False


def _is_not_a_model(kind: object) -> bool:
    return isinstance(kind, str) and kind.lower() in _NOT_A_MODEL
