r"""OpenLLMetry's frameworks (langchain, crewai, llamaindex, agno, haystack): the output of workflows, tasks and agents.

Source: the attributes of the traceloop semantic conventions, ``opentelemetry-semantic-conventions-ai``::

    traceloop.entity.output  {"outputs": "The capital of France is Paris.", "kwargs": {"tags": []}}
    crewai.crew.result       "The capital of France is Paris."

A text, ``{"outputs": text or state}``, ``{"response": text}`` or a Haystack pipeline's output. Generic: prompts and
parsers write it as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._convention import Attributes, Convention, Event
from ._unwrap import unwrap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..completion import Completion

_KEYS = ("crewai.crew.result", "crewai.task.result", "traceloop.entity.output", "gen_ai.task.output")


def read(attributes: Attributes, _events: Sequence[Event], _scope: str) -> Completion | None:
    """Return the output, unwrapped."""
    for key in _KEYS:
        if key in attributes and (completion := unwrap(attributes[key], key)) is not None:
            return completion
    return None


CONVENTION = Convention("OpenLLMetry entity output", read, keys=frozenset(_KEYS))
