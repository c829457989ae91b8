r"""MLflow: ``mlflow.spanOutputs``, JSON of what a traced function returned or a provider responded.

Source: https://mlflow.org/docs/latest/genai/tracing/. Everything is JSON, the kind of the span as well::

    mlflow.spanType     "\"CHAT_MODEL\""
    mlflow.spanOutputs  {"choices": [{"message": {"role": "assistant", "content": "The capital of France is Paris."}}]}

    mlflow.spanType     "\"AGENT\""
    mlflow.spanOutputs  "\"The capital of France is Paris.\""

On models (``CHAT_MODEL``, ``LLM``) it is the model's output, else a generic one.
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

_KEY = "mlflow.spanOutputs"
_KIND = "mlflow.spanType"


def read_model(attributes: Attributes, _events: Sequence[Event], _scope: str) -> Completion | None:
    """Return the output of a model."""
    return from_model_output(attributes[_KEY], _KEY, may_be_said=False) if is_model(attributes) else None


def read_other(attributes: Attributes, _events: Sequence[Event], _scope: str) -> Completion | None:
    """Return the output of a chain, agent or function, unwrapped."""
    return None if is_model(attributes) else unwrap(attributes[_KEY], _KEY)


MODEL = Convention("MLflow model", read_model, keys=frozenset({_KEY}))
OTHER = Convention("MLflow span", read_other, keys=frozenset({_KEY}), needs=frozenset({_KIND}))
