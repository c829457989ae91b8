r"""The whole output in one attribute, as text or as JSON.

Source: Braintrust's OpenTelemetry guide ("Manual tracing"), and early releases of the OpenTelemetry semantic
conventions for generative AI. Text is copied verbatim, unless it is what no model says: chat messages, a whole response
(OpenRouter), a stream. The ``_json`` form is JSON in a string: a text, chat messages or a structured answer::

    braintrust.output       "The capital of France is Paris."
    braintrust.output_json  "[{"role": "assistant", "content": "The capital of France is Paris."}]"
    gen_ai.completion       "The capital of France is Paris."
    gen_ai.completion       "{"completion": "The capital of France is Paris.", "reasoning": null, "toolCalls": []}"
    gen_ai.completion_json  ""The capital of France is Paris.""
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._convention import Attributes, Convention, Event
from ._values import from_json, from_model_output, from_plain
from .langsmith import is_langsmith
from .tools import executed_call

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..completion import Completion

_RESPONDS = "mastra.span.type"
"""What stands beside a whole response, where the attribute's name promises a text: older releases of Mastra."""


def _convention(text: str) -> Convention:
    json = f"{text}_json"

    def read(attributes: Attributes, _events: Sequence[Event], scope: str) -> Completion | None:
        if is_langsmith(attributes, scope):
            return None  # not plain text, and not always a model's output: see langsmith
        if text in attributes and executed_call(attributes, "") is not None:
            return None  # a tool's output
        if text in attributes and _RESPONDS in attributes:
            return from_model_output(attributes[text], text, may_be_said=False)
        completion = from_plain(attributes[text], text) if text in attributes else None
        if completion is None and json in attributes:
            completion = from_json(attributes[json], json)
        return completion

    return Convention(text, read, keys=frozenset({text, json}))


BRAINTRUST_OUTPUT = _convention("braintrust.output")
GEN_AI_COMPLETION = _convention("gen_ai.completion")
