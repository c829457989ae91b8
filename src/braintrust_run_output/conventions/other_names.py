r"""A model's output under names that say what it is, and that few write: by hand, in other languages, in gateways.

One attribute each, a text, messages, or what a provider or SDK responded, as JSON::

    gen_ai.response.content     "The capital of France is Paris."                        by hand, .NET
    gen_ai.output.text          "The capital of France is Paris."                        by hand
    gen_ai.response.messages    [{"role": "assistant", "content": "The capital ..."}]    Latitude
    llm.output_messages         [{"message.role": "assistant", "message.content": ..}]   OpenInference, not flattened
    llm.responses               [{"role": "assistant", "content": "The capital ..."}]    Langtrace
    mastra.model_step.output    {"text": "The capital of France is Paris."}              Mastra
    response.model_output       "The capital of France is Paris."                        Claude Code

On spans that say which tool they are it is the tool's output. Early releases of OpenLLMetry flattened messages under
``llm.completions``, see `indexed`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._convention import Attributes, Convention, Event
from ._json import is_array, is_object
from ._values import from_model_output, unpacked
from .tools import executed_call

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..completion import Completion

_SAID = (
    "gen_ai.output", "gen_ai.output.text", "gen_ai.output.content", "gen_ai.response", "gen_ai.response.content",
    "gen_ai.response.output", "gen_ai.completion.content", "gen_ai.completion.text", "gen_ai.content.completion",
    "gen_ai.llm.output", "llm.output", "llm.response", "llm.response.content", "llm.response.text", "llm.completion",
    "response.model_output", "streaming.final_content",
)  # fmt: skip
"""Names of what a model said."""
_RESPONDED = (
    "gen_ai.response.messages", "gen_ai.response.message", "gen_ai.response.choices", "llm.output_messages",
    "llm.completions", "llm.responses", "openclaw.content.output_messages", "tfy.output", "mastra.model_step.output",
    "mastra.model_generation.output", "mastra.model_inference.output", "mastra.llm_generation.output",
    "openai_agents.outputs", "gen_ai.completion.choices", "swarms.response",
)  # fmt: skip
"""Names of what holds what a model said."""
_FLAT = "message."


def read(attributes: Attributes, _events: Sequence[Event], _scope: str) -> Completion | None:
    """Return the first output, unless it is a tool's."""
    if executed_call(attributes, "") is not None:
        return None
    for keys, may_be_said in ((_RESPONDED, False), (_SAID, None)):
        for key in keys:
            if key in attributes:
                value = attributes[key] if may_be_said is None else _nested(attributes[key])
                found = from_model_output(value, key, may_be_said=may_be_said)
                if found is not None:
                    return found
    return None


def _nested(value: object) -> object:
    """Return messages whose names are flattened, ``message.content``, as messages."""
    items = unpacked(value)
    if not is_array(items) or not all(is_object(item) and any(key.startswith(_FLAT) for key in item) for item in items):
        return value
    return [{key.removeprefix(_FLAT): part for key, part in item.items()} for item in items if is_object(item)]


CONVENTION = Convention("other names", read, keys=frozenset({*_SAID, *_RESPONDED}))
