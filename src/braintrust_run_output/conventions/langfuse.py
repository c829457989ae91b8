r"""Langfuse: ``langfuse.observation.output``, on generations the model's output.

Source: https://langfuse.com/integrations/native/opentelemetry. A message as JSON, a bare text while streaming, a list
where several choices were asked for::

    langfuse.observation.type    "generation"
    langfuse.observation.output  {"role": "assistant", "content": "The capital of France is Paris."}

So it is where a model is named on what is called a span, as releases up to 3.3 do. Of other observations, and of the
trace (``langfuse.trace.output``), it is a generic output.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._convention import Attributes, Convention, Event
from ._unwrap import unwrap
from ._values import from_model_output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..completion import Completion

_OUTPUT = "langfuse.observation.output"
_TRACE_OUTPUT = "langfuse.trace.output"
_TYPE = "langfuse.observation.type"
_NO_TYPES = ("none", "span")
_MODEL = "langfuse.observation.model.name"


def read_generation(attributes: Attributes, _events: Sequence[Event], _scope: str) -> Completion | None:
    """Return the output of a generation."""
    if not _is_generation(attributes):
        return None
    return from_model_output(attributes[_OUTPUT], _OUTPUT)


def read_observation(attributes: Attributes, _events: Sequence[Event], _scope: str) -> Completion | None:
    """Return the output of another observation or of the trace, unwrapped."""
    keys = (_TRACE_OUTPUT,) if _is_generation(attributes) else (_OUTPUT, _TRACE_OUTPUT)
    for key in keys:
        if key in attributes and (completion := unwrap(attributes[key], key)) is not None:
            return completion
    return None


def _is_generation(attributes: Attributes) -> bool:
    kind = str(attributes.get(_TYPE)).lower()
    return kind == "generation" or (kind in _NO_TYPES and _MODEL in attributes)


GENERATION = Convention("Langfuse generation", read_generation, keys=frozenset({_OUTPUT}))
OBSERVATION = Convention(
    "Langfuse observation", read_observation, keys=frozenset({_OUTPUT, _TRACE_OUTPUT}), needs=frozenset({_TYPE, _MODEL})
)
