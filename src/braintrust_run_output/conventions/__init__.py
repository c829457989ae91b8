"""Where model outputs are found: one module a convention, and the order in which they are tried.

Conventions know nothing of spans beyond attributes, events and scope name, so they read stored rows as well.

To add one: write a module like its neighbours (what it claims and one real example in the docstring) and put its
``Convention`` into `MODEL_OUTPUTS`, or into `GENERIC_OUTPUTS` if what it finds need not come from a model.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from . import (
    decorators,
    gen_ai_messages,
    genkit,
    google_adk,
    haystack,
    indexed,
    instructor,
    langfuse,
    langsmith,
    langwatch,
    litellm,
    livekit,
    logfire,
    message_events,
    mirascope,
    mlflow,
    monocle,
    openinference,
    other_names,
    plain_output,
    pydantic_ai,
    sentry,
    single_attribute,
    smolagents,
    span_events,
    traceloop,
    vercel_ai,
)
from ._kinds import KINDS, Kinds, Side, is_agent, is_model, is_never_a_completion, kinds_of, side_of
from ._no_answer import answer_name, is_aside
from ._values import from_model_output
from .inputs import InputExcerpt, has_input, input_excerpt, read_input, up_to_last_user
from .tools import ToolExecution, executed_call

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..completion import Completion
    from ._convention import Attributes, Convention, Event, Reader

__all__ = [
    "EVENTS",
    "GENERIC_OUTPUTS",
    "KEYS",
    "KINDS",
    "MODEL_OUTPUTS",
    "WITNESSES",
    "InputExcerpt",
    "Kinds",
    "Side",
    "ToolExecution",
    "answer_name",
    "executed_call",
    "from_model_output",
    "generic_excerpt",
    "has_input",
    "input_excerpt",
    "is_agent",
    "is_aside",
    "is_model",
    "is_never_a_completion",
    "kinds_of",
    "read_completion",
    "read_generic_output",
    "read_input",
    "side_of",
    "up_to_last_user",
]

MODEL_OUTPUTS: tuple[Convention, ...] = (
    single_attribute.BRAINTRUST_OUTPUT,
    indexed.BRAINTRUST_OUTPUT,
    pydantic_ai.CONVENTION,
    litellm.FUNCTION_CALL,
    gen_ai_messages.CONVENTION,
    google_adk.OPENINFERENCE,
    openinference.MESSAGES,
    openinference.GEN_AI_MESSAGES,
    openinference.CHOICES,
    indexed.GEN_AI_COMPLETION,
    indexed.LLM_COMPLETIONS,
    *indexed.OTHERS,
    langsmith.LLM,
    single_attribute.GEN_AI_COMPLETION,
    vercel_ai.CONVENTION,
    langfuse.GENERATION,
    sentry.CONVENTION,
    logfire.CONVENTION,
    message_events.CONVENTION,
    logfire.AGENTS_RESPONSE,
    haystack.GENERATOR,
    google_adk.CONVENTION,
    livekit.CONVENTION,
    litellm.RAW_RESPONSE,
    mirascope.CONVENTION,
    mlflow.MODEL,
    langwatch.MODEL,
    genkit.MODEL,
    decorators.MODEL,
    other_names.CONVENTION,
    span_events.CONVENTION,
    monocle.CONVENTION,
    plain_output.MODEL,
    smolagents.CONVENTION,
    instructor.CONVENTION,
    openinference.LLM_OUTPUT,
)
"""Conventions for what models and agents put out, in the order in which they are tried; the first find wins."""

GENERIC_OUTPUTS: tuple[Convention, ...] = (
    traceloop.CONVENTION,
    openinference.OUTPUT,
    langsmith.CHAIN,
    langfuse.OBSERVATION,
    haystack.OUTPUT,
    mlflow.OTHER,
    langwatch.OTHER,
    genkit.OTHER,
    decorators.RETURNED,
    plain_output.FUNCTION,
)
"""Conventions for what chains and workflows put out: looked at where a whole local trace has no model output."""


def _ranks_by(what: str) -> dict[str, tuple[int, ...]]:
    ranks: dict[str, tuple[int, ...]] = {}
    for rank, convention in enumerate(MODEL_OUTPUTS):
        for key in getattr(convention, what):
            ranks[key] = (*ranks.get(key, ()), rank)
    return ranks


_RANKS_BY_KEY = _ranks_by("keys")
_RANKS_BY_EVENT = _ranks_by("events")
_NONE = frozenset[str]()
_MODEL_KEYS = frozenset(_RANKS_BY_KEY)
_GENERIC_KEYS = frozenset[str]().union(*(convention.keys for convention in GENERIC_OUTPUTS))
_GENERIC_EXCERPT = _GENERIC_KEYS.union(*(convention.needs for convention in GENERIC_OUTPUTS))

KEYS = _MODEL_KEYS | _GENERIC_KEYS
"""The attributes of which a span with an output has at least one, unless its output is in an event."""
WITNESSES = frozenset({plain_output.BESIDE_INPUT})
"""The sources of generic outputs that may be those of any function: they tell which completion is the answer, and are a
root's own output. Of a descendant they are no answer by themselves."""
EVENTS = frozenset(_RANKS_BY_EVENT)
"""The names of the events that may hold an output."""


def read_completion(
    attributes: Attributes, events: Sequence[Event] = (), scope_name: str = "", *, kinds: Kinds | None = None
) -> Completion | None:
    """Return the model's output that a span carries, None if it carries none.

    Spans that say they are a tool, retriever, reranker, embedding, prompt, guardrail or evaluator never do.
    A span without any attribute or event of a known convention is dismissed without a look at a value.

    Args:
        attributes: The span's attributes.
        events: The span's events; default none.
        scope_name: The name of the span's instrumentation scope; default unknown.
        kinds: What the attributes say that the span is; default: it is looked for.
    """
    event_names = frozenset([event.name for event in events]) & EVENTS if events else _NONE
    readers = _way_to_read(_MODEL_KEYS.intersection(attributes), event_names)
    if not readers or (kinds or kinds_of(attributes)).silence(attributes):
        return None
    for read in readers:
        completion = read(attributes, events, scope_name)
        if completion is not None:
            return completion
    return None


@lru_cache(maxsize=1_024)
def _way_to_read(keys: frozenset[str], events: frozenset[str]) -> tuple[Reader, ...]:
    """Return what may find an output, in order.

    Applications use few combinations of keys: each is worked out once.
    """
    ranks = {rank for key in keys for rank in _RANKS_BY_KEY[key]}
    ranks.update(rank for event in events for rank in _RANKS_BY_EVENT[event])
    return tuple(MODEL_OUTPUTS[rank].read for rank in sorted(ranks))


def read_generic_output(attributes: Attributes, scope_name: str = "") -> Completion | None:
    """Return the generic output of a chain, agent or workflow, unwrapped where it is a known wrapper.

    Args:
        attributes: The span's attributes, or what `generic_excerpt` kept of them.
        scope_name: The name of the span's instrumentation scope; default unknown.
    """
    return _first(
        convention.read(attributes, (), scope_name)
        for convention in GENERIC_OUTPUTS
        if not convention.keys.isdisjoint(attributes)
    )


def generic_excerpt(attributes: Attributes) -> Attributes | None:
    """Return what `read_generic_output` needs of a span's attributes, None if the span has no generic output.

    Nothing is read or copied but references: the output is looked at only if it turns out to be needed.
    """
    if _GENERIC_KEYS.isdisjoint(attributes) or is_never_a_completion(attributes):
        return None
    return {key: attributes[key] for key in _GENERIC_EXCERPT.intersection(attributes)}


def _first(completions: Iterable[Completion | None]) -> Completion | None:
    return next((completion for completion in completions if completion is not None), None)
