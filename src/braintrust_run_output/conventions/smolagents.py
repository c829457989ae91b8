r"""Hugging Face smolagents, as OpenInference traces it: the agent's result is ``output.value`` of its AGENT span.

The model says it as code, or as the arguments of its tool ``final_answer``, so its own messages are not the answer::

    openinference.span.kind  "AGENT"
    smolagents.max_steps     20
    output.value             "The capital of France is Paris."

While streaming, the value is the repr of what was streamed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..completion import from_text
from ._convention import Attributes, Convention, Event
from ._reprs import is_repr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..completion import Completion

_KEY = "output.value"
_KIND = "openinference.span.kind"
_SCOPE = "openinference.instrumentation.smolagents"


def read(attributes: Attributes, _events: Sequence[Event], scope: str) -> Completion | None:
    """Return the agent's result."""
    value = attributes[_KEY]
    if scope != _SCOPE or attributes.get(_KIND) != "AGENT" or not isinstance(value, str):
        return None
    return None if is_repr(value) or value == "None" else from_text(value, _KEY)


CONVENTION = Convention("smolagents result", read, keys=frozenset({_KEY}))
