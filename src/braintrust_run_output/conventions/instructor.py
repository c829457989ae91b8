r"""Instructor, as OpenInference traces it: the structured answer is ``output.value`` of the CHAIN around a model call.

The model itself answers with a tool call, whose arguments the CHAIN has parsed and validated::

    openinference.span.kind    "CHAIN"
    llm.invocation_parameters  {"model": "gpt-4o-mini", "response_model": "Country"}
    output.value               {"capital": "Paris", "country": "France"}

Its other spans have no invocation parameters; their output is the JSON schema that was asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..completion import from_messages, from_text
from ._convention import Attributes, Convention, Event
from ._json import is_array, is_object, parse, was_cut
from ._responses import read_response

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..completion import Completion

_KEY = "output.value"
_CALL = "llm.invocation_parameters"
_SCOPE = "openinference.instrumentation.instructor"


def read(attributes: Attributes, _events: Sequence[Event], scope: str) -> Completion | None:
    """Return the structured answer."""
    value = attributes[_KEY]
    if scope != _SCOPE or _CALL not in attributes or not isinstance(value, str):
        return None
    answer = parse(value)
    if isinstance(answer, str):
        return from_text(answer, _KEY, raw=value)
    if is_object(answer) and is_array(answer.get("choices")):  # asked for no model: the provider's response
        return from_messages(read_response(answer), _KEY, raw=value)
    return None if was_cut(value) else from_text(value, _KEY)


CONVENTION = Convention("Instructor answer", read, keys=frozenset({_KEY}))
