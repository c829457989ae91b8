r"""LangSmith's OpenTelemetry export: ``gen_ai.completion`` is the run's outputs as JSON.

Of an LLM run it is the provider's response, of LangChain's chat models an ``LLMResult``; of a chain or agent it is a
generic output::

    langsmith.span.kind  "llm"
    gen_ai.completion    {"choices": [{"message": {"role": "assistant", "content": "The capital of France is Paris."}}]}
    gen_ai.completion    {"generations": [[{"text": "The capital of France is Paris.", "message": {..}}]]}

    langsmith.span.kind  "chain"
    gen_ai.completion    {"output": "The capital of France is Paris."}

Prompts, parsers, retrievers and tools write it as well (their ``gen_ai.operation.name`` may say ``chat``); an error is
``{"output": null}``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..completion import from_messages
from ._chat import read_messages
from ._convention import Attributes, Convention, Event
from ._json import is_object, parse
from ._responses import read_response
from ._unwrap import unwrap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..completion import Completion

_KEY = "gen_ai.completion"
_KIND = "langsmith.span.kind"


def is_langsmith(attributes: Attributes, scope: str) -> bool:
    """Whether a span was written by LangSmith, so that its ``gen_ai.completion`` is no plain text."""
    return _KIND in attributes or scope == "langsmith"


def read_llm(attributes: Attributes, _events: Sequence[Event], _scope: str) -> Completion | None:
    """Return the output of an LLM run."""
    if not _is_llm(attributes) or _KEY not in attributes:
        return None
    value = attributes[_KEY]
    outputs = parse(value)
    messages = read_response(outputs)
    if not messages and is_object(outputs) and "content" in outputs:  # a message without a role (Gemini, streaming)
        messages = read_messages(outputs)
    if messages:
        return from_messages(messages, _KEY, raw=value if isinstance(value, str) else None)
    return unwrap(outputs, _KEY)


def read_chain(attributes: Attributes, _events: Sequence[Event], scope: str) -> Completion | None:
    """Return the output of a chain or agent, unwrapped."""
    if not is_langsmith(attributes, scope) or _is_llm(attributes):
        return None
    return unwrap(parse(attributes[_KEY]), _KEY)


def _is_llm(attributes: Attributes) -> bool:
    return str(attributes.get(_KIND)).lower() == "llm"


LLM = Convention("LangSmith LLM run", read_llm, keys=frozenset({_KIND}))
CHAIN = Convention("LangSmith chain", read_chain, keys=frozenset({_KEY}), needs=frozenset({_KIND}))
