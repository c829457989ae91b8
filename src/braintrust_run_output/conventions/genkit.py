r"""Genkit: ``genkit:output`` of its actions, as JSON.

Source: https://genkit.dev/docs/observability/getting-started/. The model's response on actions of subtype ``model``;
what a flow or helper returned elsewhere, a generic output::

    genkit:metadata:subtype  "model"
    genkit:output            {"message": {"role": "model", "content": [{"text": "The capital of France is Paris."}]}}

    genkit:metadata:subtype  "flow"
    genkit:output            "\"The capital of France is Paris.\""
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._convention import Attributes, Convention, Event
from ._kinds import is_model
from ._unwrap import unwrap
from ._values import from_model_output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..completion import Completion

_KEY = "genkit:output"
_KIND = "genkit:metadata:subtype"


def read_model(attributes: Attributes, _events: Sequence[Event], _scope: str) -> Completion | None:
    """Return the output of a model."""
    return from_model_output(attributes[_KEY], _KEY, may_be_said=False) if is_model(attributes) else None


def read_other(attributes: Attributes, _events: Sequence[Event], _scope: str) -> Completion | None:
    """Return the output of a flow or another action, unwrapped."""
    return None if is_model(attributes) else unwrap(attributes[_KEY], _KEY)


MODEL = Convention("Genkit model", read_model, keys=frozenset({_KEY}))
OTHER = Convention("Genkit action", read_other, keys=frozenset({_KEY}), needs=frozenset({_KIND}))
