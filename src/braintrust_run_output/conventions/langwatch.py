r"""LangWatch: ``langwatch.output``, a value and what it is.

Source: https://docs.langwatch.ai/integration/opentelemetry/guide::

    langwatch.span.type  "llm"
    langwatch.output     {"type": "chat_messages", "value": [{"role": "assistant", "content": "The capital .."}]}

    langwatch.span.type  "span"
    langwatch.output     {"type": "text", "value": "The capital of France is Paris."}

On spans of type ``llm`` it is the model's output, else a generic one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._convention import Attributes, Convention, Event
from ._json import is_object, parse
from ._kinds import is_model
from ._unwrap import unwrap
from ._values import from_model_output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..completion import Completion

_KEY = "langwatch.output"
_KIND = "langwatch.span.type"
_NO_OUTPUTS = ("guardrail_result", "evaluation_result", "error")


def read_model(attributes: Attributes, _events: Sequence[Event], _scope: str) -> Completion | None:
    """Return the output of a model."""
    return from_model_output(_value(attributes[_KEY]), _KEY) if is_model(attributes) else None


def read_other(attributes: Attributes, _events: Sequence[Event], _scope: str) -> Completion | None:
    """Return the output of another span, unwrapped."""
    return None if is_model(attributes) else unwrap(_value(attributes[_KEY]), _KEY)


def _value(output: object) -> object:
    typed = parse(output)
    if not is_object(typed) or "value" not in typed:
        return output
    return None if typed.get("type") in _NO_OUTPUTS else typed["value"]


MODEL = Convention("LangWatch model", read_model, keys=frozenset({_KEY}))
OTHER = Convention("LangWatch span", read_other, keys=frozenset({_KEY}), needs=frozenset({_KIND}))
