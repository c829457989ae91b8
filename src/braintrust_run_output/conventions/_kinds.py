"""What kind of operation a span is: a model, a side span, or one that has nothing to say of its own.

Every emitter says it in an attribute of its own, and nearly all in the same words. `KIND_ATTRIBUTES` names the
attributes and, where an emitter has words that mean something else elsewhere, those words.
"""

from __future__ import annotations

import enum
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from ._json import is_object, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Side(enum.Enum):
    """A side span: one that works on an answer, or about it, instead of giving one."""

    WORK = "work"
    """A tool, retriever, reranker, embedding or guardrail: what is said below it may be all that is said."""
    VERDICT = "verdict"
    """An evaluator, scorer, moderation, facet and the like: what is said below it is never the answer."""


class _Kind(enum.Enum):
    MODEL = "model"
    TOOL = Side.WORK
    WORK = "work"
    VERDICT = Side.VERDICT
    SILENT = "silent"
    AGENT = "agent"


def _words(kind: _Kind, text: str) -> dict[str, _Kind]:
    return dict.fromkeys(text.split(), kind)


_COMMON: Final = {
    **_words(_Kind.MODEL, "llm chat completion text_completion generate_content generation responses chat_model model"),
    **_words(_Kind.TOOL, "tool execute_tool tool_call mcp_tool_call tool.v2 tool_execution"),
    **_words(
        _Kind.WORK, "retriever retrieval embedding embeddings embedder rerank reranker ranker guardrail guardrails"
    ),
    **_words(
        _Kind.VERDICT, "evaluator score scorer moderation facet preprocessor automation review classifier decision"
    ),
    **_words(_Kind.VERDICT, "question human_evaluator"),
    **_words(_Kind.SILENT, "prompt parser create_agent"),
    **_words(_Kind.AGENT, "agent invoke_agent"),
    # Strands: repeats what its chat has said.
    **_words(_Kind.SILENT, "execute_event_loop_cycle"),
}
"""The words that most emitters share, in lower case."""

_LOGFIRE = {
    "guardrail {name!r} {triggered=}": _Kind.WORK,
    "function: {name}": _Kind.TOOL,
}
"""Templates of the messages that logfire gives the spans of OpenAI's agents: nothing else there says what they are."""
_VERCEL = {
    "ai.toolcall": _Kind.TOOL,
    **_words(_Kind.WORK, "ai.embed ai.embed.doembed ai.embedmany ai.embedmany.doembed ai.rerank ai.rerank.dorerank"),
}
_MONOCLE = {
    "inference": _Kind.MODEL,
    **_words(_Kind.TOOL, "agentic.tool.invocation agentic.mcp.invocation"),
    **_words(_Kind.WORK, "embedding.modelapi"),
}
_SENTRY = {
    **_words(_Kind.MODEL, "gen_ai.chat gen_ai.responses gen_ai.generate_content gen_ai.text_completion"),
    **_words(_Kind.TOOL, "gen_ai.execute_tool"),
    **_words(_Kind.WORK, "gen_ai.embeddings gen_ai.rerank"),
}
_NEMO = _words(_Kind.WORK, "input output retrieval tool_input tool_output execution")

KIND_ATTRIBUTES: Final[dict[str, Mapping[str, _Kind]]] = {
    "openinference.span.kind": _COMMON,
    "gen_ai.operation.name": _COMMON,
    "traceloop.span.kind": _COMMON,
    "llm.request.type": _COMMON,
    "langsmith.span.kind": _COMMON,
    "langfuse.observation.type": _COMMON,
    "braintrust.span_attributes.type": _COMMON,
    "braintrust.span_attributes.purpose": _COMMON,
    "mlflow.spanType": _COMMON,
    "langwatch.span.type": _COMMON | _words(_Kind.VERDICT, "evaluation") | _words(_Kind.WORK, "rag"),
    "span_type": _COMMON,  # promptflow
    "genkit:metadata:subtype": _COMMON | _words(_Kind.MODEL, "background-model") | _words(_Kind.WORK, "indexer"),
    "lmnr.span.type": _COMMON,
    "agentops.span.kind": _COMMON,
    "span.type": _COMMON | _MONOCLE,  # Monocle, VoltAgent
    "mastra.span.type": _COMMON | _words(_Kind.MODEL, "model_generation llm_generation"),
    "gen_ai.span.kind": _COMMON,  # Alibaba's LoongSuite
    "haystack.component.type": _COMMON | _words(_Kind.MODEL, "generator") | _words(_Kind.TOOL, "invoker"),
    "rail.type": _NEMO,
    "sentry.op": _SENTRY,
    "ai.operationId": _VERCEL,
    "logfire.msg_template": _LOGFIRE,
    "mcp.method.name": {"tools/call": _Kind.TOOL},
}
"""Each attribute that says what a span is, with its words."""

_BRAINTRUST = "braintrust.span_attributes"
_BRAINTRUST_FIELDS = ("type", "purpose")
_HAYSTACK = "haystack.component.type"

KINDS: Final = frozenset({*KIND_ATTRIBUTES, _BRAINTRUST})
"""The attributes that say what kind of operation a span is."""

_MESSAGES_OF_A_MODEL = ("llm.output_messages.0.message.content", "llm.output_messages.0.message.role")


def is_model(attributes: Mapping[str, object]) -> bool:
    """Whether any of the attributes says that the span is a call of a model."""
    return _Kind.MODEL in _kinds_of(attributes)


def is_agent(attributes: Mapping[str, object]) -> bool:
    """Whether any of the attributes says that the span is an agent."""
    return _Kind.AGENT in _kinds_of(attributes)


def is_tool(attributes: Mapping[str, object]) -> bool:
    """Whether any of the attributes says that the span is the execution of a tool."""
    return _Kind.TOOL in _kinds_of(attributes)


def side_of(attributes: Mapping[str, object]) -> Side | None:
    """Return what kind of side span the attributes say a span is, None if they do not say that it is one.

    Prompts, parsers, ``create_agent`` and loop cycles carry no completion of their own, but are no side spans.
    """
    kinds = _kinds_of(attributes)
    if _Kind.VERDICT in kinds:
        return Side.VERDICT
    return Side.WORK if _Kind.WORK in kinds or _Kind.TOOL in kinds else None


def is_never_a_completion(attributes: Mapping[str, object], kinds: Iterable[str] | None = None) -> bool:
    """Whether any of the attributes says that the span is a tool, retriever, embedding, prompt, guardrail ...

    A guardrail that has a model's messages itself (guardrails-ai) has called the model, and is no exception: its own
    attributes are read, and what is found is a side completion.

    Args:
        attributes: The span's attributes.
        kinds: Those of `KINDS` that are among them; default: they are looked for.
    """
    found = [kind for kind in _kinds_of(attributes, kinds) if kind not in (_Kind.MODEL, _Kind.AGENT)]
    if not found:
        return False
    return set(found) != {_Kind.WORK} or all(key not in attributes for key in _MESSAGES_OF_A_MODEL)


def _kinds_of(attributes: Mapping[str, object], kinds: Iterable[str] | None = None) -> list[_Kind]:
    found: list[_Kind] = []
    for attribute in KINDS.intersection(attributes) if kinds is None else kinds:
        value = attributes[attribute]
        if isinstance(value, str):
            found += _kinds_in(attribute, value)
    return found


@lru_cache(maxsize=1_024)
def _kinds_in(attribute: str, value: str) -> tuple[_Kind, ...]:
    """Return the kinds that an attribute's value says. Applications have few: each is worked out once."""
    names: list[object] = [value]
    if attribute == _BRAINTRUST:
        encoded = parse(value)
        names = [encoded.get(name) for name in _BRAINTRUST_FIELDS] if is_object(encoded) else []
    words = KIND_ATTRIBUTES.get(attribute, _COMMON)
    return tuple(words[word] for name in names if isinstance(name, str) and (word := _word(name, attribute)) in words)


def _word(name: str, attribute: str) -> str:
    if attribute == _HAYSTACK:  # the name of a class, whose last word is the kind
        name = re.split(r"(?=[A-Z])", name[-60:])[-1]
    return name.strip('"').lower()  # MLflow writes JSON strings
