r"""Instructor, as OpenInference traces it: the structured answer is ``output.value`` of the CHAIN around a model call.

The model itself answers with a tool call, whose arguments the CHAIN has parsed and validated::

    openinference.span.kind    "CHAIN"
    llm.invocation_parameters  {"model": "gpt-4o-mini", "response_model": "Country"}
    output.value               {"capital": "Paris", "country": "France"}

Its other spans have no invocation parameters; their output is the JSON schema that was asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..completion import from_text
from ._convention import Attributes, Convention, Event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..completion import Completion

_KEY = "output.value"
_CALL = "llm.invocation_parameters"
_SCOPE = "openinference.instrumentation.instructor"


def read(attributes: Attributes, _events: Sequence[Event], scope: str) -> Completion | None:
    """Return the structured answer."""
    value = attributes[_KEY]
    return from_text(value, _KEY) if scope == _SCOPE and _CALL in attributes and isinstance(value, str) else None


CONVENTION = Convention("Instructor answer", read, keys=frozenset({_KEY}))
