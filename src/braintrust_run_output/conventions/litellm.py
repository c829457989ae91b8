r"""LiteLLM's own OpenTelemetry callback, where it differs from `gen_ai_messages`.

A tool call may stand beside the messages, in the legacy indexed form; the text of legacy completions only in the raw
provider response, as a Python literal::

    gen_ai.output.messages                      [{"role": "assistant", "parts": []}]
    gen_ai.completion.0.function_call.name      "get_weather"
    gen_ai.completion.0.function_call.arguments "{\"city\": \"Paris\"}"

    llm.text-completion-openai.choices          [{'text': 'The capital of France is Paris.', 'index': 0}]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..completion import Message, from_messages
from . import gen_ai_messages, indexed
from ._convention import Attributes, Convention, Event
from ._json import literal
from ._responses import read_response

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..completion import Completion

_FUNCTION_CALL = "gen_ai.completion.0.function_call.name"
_CHOICES = "llm.text-completion-openai.choices"


def read_function_call(attributes: Attributes, events: Sequence[Event], scope: str) -> Completion | None:
    """Return the text of the messages together with the tool call beside them."""
    called = indexed.GEN_AI_COMPLETION.read(attributes, events, scope)
    if called is None or not called.messages or gen_ai_messages.KEY not in attributes:
        return None
    said = gen_ai_messages.CONVENTION.read(attributes, events, scope)
    if said is None or said.text is None:
        return None if said else called
    first, *more = called.messages
    return called._replace(messages=(Message(first.role, said.text, first.tool_calls), *more))


def read_raw_choices(attributes: Attributes, _events: Sequence[Event], _scope: str) -> Completion | None:
    """Return the text of a legacy completion."""
    value = attributes[_CHOICES]
    choices = literal(value) if isinstance(value, str) else None
    return from_messages(read_response({"choices": choices}), _CHOICES)


FUNCTION_CALL = Convention("LiteLLM function call", read_function_call, keys=frozenset({_FUNCTION_CALL}))
RAW_CHOICES = Convention("LiteLLM raw choices", read_raw_choices, keys=frozenset({_CHOICES}))
