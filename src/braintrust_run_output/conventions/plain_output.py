r"""An attribute that is called ``output`` and nothing else: promptflow, Pipecat, VoltAgent, logfire.

The name alone says nothing, so it counts only on spans that say what they are: a call of a model, an agent, or a
function (a generic output: by promptflow, or beside its input by hand)::

    gen_ai.operation.name  "chat"                                                           Pipecat
    output                 "The capital of France is Paris."

    span_type              "LLM"                                                            promptflow
    output                 {"choices": [{"message": {"role": "assistant", "content": "The capital of .."}}]}

    entity.type            "agent"                                                          VoltAgent
    output                 "The capital of France is Paris."

    logfire.msg_template   "Chat completion with {gen_ai.request.model!r}"                  logfire, openai-agents
    output                 [{"role": "assistant", "content": "The capital of France is Paris."}]
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

_KEY = "output"
_KEYS = (_KEY, "llm.generated_message", "text_output")
"""promptflow: where the output is a stream, the message that came of it; Pipecat: what a speaking model wrote."""
_PROMPTFLOW_KIND = "span_type"
BESIDE_INPUT = "output, beside input"
"""The source of what was found on a span that has nothing but these names to say that it is a function's."""
_TRACED = frozenset({_PROMPTFLOW_KIND, "input", "inputs"})
"""What a span of a function has beside its output: promptflow's kind, or what it was given."""
_MODELS = ("gen_ai.request.model", "gen_ai.response.model")
_VOLTAGENT_KIND = "entity.type"


def read_model(attributes: Attributes, _events: Sequence[Event], _scope: str) -> Completion | None:
    """Return the output of a model, or of an agent."""
    if not (
        is_model(attributes)
        or attributes.get(_VOLTAGENT_KIND) == "agent"
        or any(key in attributes for key in _MODELS)
    ):  # fmt: skip
        return None
    return next(
        (found for key in _KEYS if key in attributes and (found := from_model_output(attributes[key], key))), None
    )


def read_function(attributes: Attributes, _events: Sequence[Event], _scope: str) -> Completion | None:
    """Return what a function returned that was traced with what it was given, unwrapped."""
    if _TRACED.isdisjoint(attributes) or is_model(attributes):
        return None
    return unwrap(attributes[_KEY], _KEY if _PROMPTFLOW_KIND in attributes else BESIDE_INPUT)


MODEL = Convention("output of a model", read_model, keys=frozenset(_KEYS))
FUNCTION = Convention("output of a function", read_function, keys=frozenset({_KEY}), needs=_TRACED)
