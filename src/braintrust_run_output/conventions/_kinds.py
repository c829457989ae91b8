"""What kind of operation a span is: a model, a side span, or one that has nothing to say of its own.

Every emitter says it in an attribute of its own, and nearly all in the same words. `KIND_ATTRIBUTES` names the
attributes and, where an emitter has words that mean something else elsewhere, those words.
"""

from __future__ import annotations

import enum
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from ._json import is_object, parse

if TYPE_CHECKING:
    from collections.abc import Mapping


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
    FAILED = "failed"


def _words(kind: _Kind, text: str) -> dict[str, _Kind]:
    return dict.fromkeys(text.split(), kind)


_COMMON: Final = {
    **_words(_Kind.MODEL, "llm chat completion text_completion generate_content generation responses chat_model model"),
    **_words(_Kind.TOOL, "tool execute_tool tool_call function_call mcp_tool_call tool.v2 tool_execution"),
    **_words(
        _Kind.WORK,
        "retriever retrieval embedding embeddings embedder rerank reranker ranker guard guardrail guardrails memory",
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
    **_words(_Kind.MODEL, "ai.generatetext.dogenerate ai.streamtext.dostream"),
    **_words(_Kind.MODEL, "ai.generateobject.dogenerate ai.streamobject.dostream"),
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
_OPERATIONS = {
    **_words(_Kind.MODEL, "llm_call response tool_selection"),
    **_words(_Kind.TOOL, "tool.execute"),
    **_words(_Kind.AGENT, "agent_call agent.run"),
    **_words(_Kind.WORK, "create_memory search_memory update_memory upsert_memory delete_memory"),
    **_words(_Kind.WORK, "memory.add memory.extract memory.inject memory.search memory.store compact_events"),
    **_words(_Kind.WORK, "memory_add memory_search memory_get memory_update memory_delete retrieve rerank_documents"),
    **_words(_Kind.WORK, "apply_guardrail embed embed_many"),
    **_words(_Kind.VERDICT, "evaluate evaluation judge decide"),
    # What a method of a flow returns may be the name of the next one: the flow has the result.
    **_words(_Kind.SILENT, "execute_method"),
}
_MASTRA = {
    **_words(_Kind.MODEL, "model_generation model_inference model_step llm_generation"),
    **_words(_Kind.AGENT, "agent_run"),
    **_words(_Kind.TOOL, "client_tool_call provider_tool_call"),
    **_words(_Kind.WORK, "processor_run memory_operation rag_embedding rag_ingestion rag_vector_operation"),
    **_words(_Kind.VERDICT, "scorer_run scorer_step"),
    "model_chunk": _Kind.SILENT,
}
_CLAUDE_CODE = {
    **_words(_Kind.MODEL, "claude_code.llm_request llm_request"),
    **_words(_Kind.TOOL, "claude_code.tool"),
}
_NEMO = _words(_Kind.WORK, "input output retrieval tool_input tool_output execution")

KIND_ATTRIBUTES: Final[dict[str, Mapping[str, _Kind]]] = {
    "openinference.span.kind": _COMMON,
    "gen_ai.operation.name": _COMMON | _OPERATIONS,
    "gen_ai.request.type": _COMMON,  # AgentOps
    "traceloop.span.kind": _COMMON,
    "llm.request.type": _COMMON,
    "langsmith.span.kind": _COMMON,
    "langfuse.observation.type": _COMMON,
    "langfuse.observation.level": {"error": _Kind.FAILED},
    "braintrust.span_attributes.type": _COMMON,
    "braintrust.span_attributes.purpose": _COMMON,
    "mlflow.spanType": _COMMON,
    "langwatch.span.type": _COMMON | _words(_Kind.VERDICT, "evaluation") | _words(_Kind.WORK, "rag"),
    "span_type": _COMMON,  # promptflow
    "genkit:metadata:subtype": _COMMON | _words(_Kind.MODEL, "background-model") | _words(_Kind.WORK, "indexer"),
    "lmnr.span.type": _COMMON | _words(_Kind.MODEL, "cached"),
    "agentops.span.kind": _COMMON,
    "span.type": _COMMON | _MONOCLE | _CLAUDE_CODE | _words(_Kind.WORK, "summary"),  # Monocle, VoltAgent, Claude Code
    "mastra.span.type": _COMMON | _MASTRA,
    "gen_ai.span.kind": _COMMON,  # Alibaba's LoongSuite, traceAI
    "fi.span.kind": _COMMON,  # traceAI
    "confident.span.type": _COMMON,  # DeepEval
    "honeyhive_event_type": _COMMON,
    "judgment.span_kind": _COMMON,
    "cozeloop.span_type": _COMMON,
    "neatlogs.span.kind": _COMMON,
    "traceroot.span.type": _COMMON,
    "fiddler.span.type": _COMMON,
    "ai.observability.span_type": _COMMON | _words(_Kind.VERDICT, "eval eval_decision eval_root"),  # TruLens
    "nat.span.kind": _COMMON,  # NVIDIA's NeMo Agent Toolkit
    "haystack.component.type": _COMMON | _words(_Kind.MODEL, "generator") | _words(_Kind.TOOL, "invoker"),
    "rail.type": _NEMO,
    "sentry.op": _SENTRY,
    "ai.operationId": _VERCEL,
    "logfire.msg_template": _LOGFIRE,
    "mcp.method.name": {"tools/call": _Kind.TOOL},
}
"""Each attribute that says what a span is, with its words."""

_MEMBER = re.compile(r"[A-Z]\w*\.([A-Z_]+)")
"""The ``str`` of a member of an enumeration: ``OpenInferenceSpanKindValues.TOOL``."""
_BRAINTRUST = "braintrust.span_attributes"
_BRAINTRUST_FIELDS = ("type", "purpose")
_HAYSTACK = "haystack.component.type"

KINDS: Final = frozenset({*KIND_ATTRIBUTES, _BRAINTRUST})
"""The attributes that say what kind of operation a span is."""

_MESSAGES_OF_A_MODEL = ("llm.output_messages.0.message.content", "llm.output_messages.0.message.role")


class Kinds(NamedTuple):
    """What the attributes say that a span is.

    Args:
        side: What kind of side span, None if it is none. Prompts, parsers, ``create_agent`` and loop cycles carry no
            completion of their own, but are no side spans.
        is_model: Whether it is a call of a model.
        is_tool: Whether it is the execution of a tool.
        is_silent: Whether it carries no completion of its own: a tool, retriever, embedding, prompt, guardrail ...
        is_guard: Whether that is so only if it has no messages of a model: a guardrail (guardrails-ai) that has some
            has called the model, and what is found on it is a side completion.
        is_agent: Whether it is an agent.
        has_failed: Whether it failed: not all emitters set the span's status.
    """

    side: Side | None = None
    is_model: bool = False
    is_tool: bool = False
    is_silent: bool = False
    is_guard: bool = False
    is_agent: bool = False
    has_failed: bool = False

    def silence(self, attributes: Mapping[str, object]) -> bool:
        """Whether a span of these kinds with these attributes never carries a completion."""
        return self.is_silent and not (self.is_guard and any(key in attributes for key in _MESSAGES_OF_A_MODEL))


_NO_KINDS = Kinds()
_LONGEST_REMEMBERED = 1_000
"""Up to how many characters an attribute's value is remembered: others than kinds would stay for long."""


def kinds_of(attributes: Mapping[str, object]) -> Kinds:
    """Return what the attributes say that a span is."""
    named = KINDS.intersection(attributes)
    if not named:
        return _NO_KINDS
    said = tuple([(name, value) for name in named if isinstance(value := attributes[name], str)])
    for _, value in said:
        if len(value) > _LONGEST_REMEMBERED:
            return _kinds_from.__wrapped__(said)
    return _kinds_from(said)


@lru_cache(maxsize=1_024)
def _kinds_from(said: tuple[tuple[str, str], ...]) -> Kinds:
    """Return what a span is by names and values of its attributes. There are few: each is worked out once."""
    kinds = {kind for name, value in said for kind in _kinds_in(name, value)}
    side = Side.VERDICT if _Kind.VERDICT in kinds else Side.WORK if kinds & {_Kind.WORK, _Kind.TOOL} else None
    silent = kinds - {_Kind.MODEL, _Kind.AGENT, _Kind.FAILED}
    return Kinds(
        side=side,
        is_model=_Kind.MODEL in kinds,
        is_tool=_Kind.TOOL in kinds,
        is_silent=bool(silent),
        is_guard=silent == {_Kind.WORK},
        is_agent=_Kind.AGENT in kinds,
        has_failed=_Kind.FAILED in kinds,
    )


def is_model(attributes: Mapping[str, object]) -> bool:
    """Whether any of the attributes says that the span is a call of a model."""
    return kinds_of(attributes).is_model


def is_agent(attributes: Mapping[str, object]) -> bool:
    """Whether any of the attributes says that the span is an agent."""
    return kinds_of(attributes).is_agent


def is_tool(attributes: Mapping[str, object]) -> bool:
    """Whether any of the attributes says that the span is the execution of a tool."""
    return kinds_of(attributes).is_tool


def side_of(attributes: Mapping[str, object]) -> Side | None:
    """Return what kind of side span the attributes say a span is, None if they do not say that it is one."""
    return kinds_of(attributes).side


def is_never_a_completion(attributes: Mapping[str, object]) -> bool:
    """Whether any of the attributes says that the span is a tool, retriever, embedding, prompt, guardrail ..."""
    return kinds_of(attributes).silence(attributes)


def _kinds_in(attribute: str, value: str) -> tuple[_Kind, ...]:
    """Return the kinds that an attribute's value says."""
    names: list[object] = [value]
    if attribute == _BRAINTRUST:
        encoded = parse(value)
        names = [encoded.get(name) for name in _BRAINTRUST_FIELDS] if is_object(encoded) else []
    words = KIND_ATTRIBUTES.get(attribute, _COMMON)
    return tuple(words[word] for name in names if isinstance(name, str) and (word := _word(name, attribute)) in words)


def _word(name: str, attribute: str) -> str:
    if attribute == _HAYSTACK:  # the name of a class, whose last word is the kind
        name = re.split(r"(?=[A-Z])", name[-60:])[-1]
    if (member := _MEMBER.fullmatch(name)) is not None:
        name = member[1]
    return name.strip('"').lower()  # MLflow writes JSON strings
