r"""LiteLLM's own OpenTelemetry callback, where it differs from `gen_ai_messages`.

A tool call may stand beside the messages, in the legacy indexed form; the text of legacy completions only in the raw
provider response, as a Python literal. Where a turn is finished, the call beside its text is one of an earlier step::

    gen_ai.output.messages                      [{"role": "assistant", "parts": []}]
    gen_ai.completion.0.function_call.name      "get_weather"
    gen_ai.completion.0.function_call.arguments "{\"city\": \"Paris\"}"

    llm.text-completion-openai.choices          [{'text': 'The capital of France is Paris.', 'index': 0}]
    llm.openai.choices                          [{'message': {'role': 'assistant', 'content': 'The capital of ..'}}]
    llm.None.output                             [ResponseOutputMessage(content=[ResponseOutputText(text='The ..')])]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..completion import Message, from_messages
from . import gen_ai_messages, indexed
from ._convention import Attributes, Convention, Event
from ._json import is_array, is_object, parse
from ._reprs import read_repr
from ._responses import read_response

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..completion import Completion

_FUNCTION_CALL = "gen_ai.completion.0.function_call.name"
_REASONS = "gen_ai.response.finish_reasons"
_PROVIDERS = (
    "None", "anthropic", "azure", "azure_ai", "azure_text", "bedrock", "cohere", "cohere_chat", "custom_openai",
    "databricks", "deepseek", "fireworks_ai", "gemini", "groq", "hosted_vllm", "huggingface", "mistral", "ollama",
    "ollama_chat", "openai", "openrouter", "perplexity", "text-completion-openai", "together_ai", "vertex_ai",
    "watsonx", "xai",
)  # fmt: skip
_FIELDS = ("choices", "output", "candidates", "content", "message")
_RAW = tuple(f"llm.{provider}.{field}" for provider in _PROVIDERS for field in _FIELDS)
"""Where the raw response is: its fields are named after LiteLLM's name of the provider."""


def read_function_call(attributes: Attributes, events: Sequence[Event], scope: str) -> Completion | None:
    """Return the text of the messages together with the tool call beside them."""
    called = indexed.GEN_AI_COMPLETION.read(attributes, events, scope)
    if called is None or not called.messages or gen_ai_messages.KEY not in attributes:
        return None
    said = gen_ai_messages.CONVENTION.read(attributes, events, scope)
    if said is None or said.text is None:
        return None if said else called
    if _is_finished(parse(attributes.get(_REASONS)) or _reasons_in(attributes[gen_ai_messages.KEY])):
        return said
    first, *more = called.messages
    return called._replace(messages=(Message(first.role, said.text, first.tool_calls), *more))


def _reasons_in(messages: object) -> list[object]:
    items = parse(messages)
    return [item.get("finish_reason") for item in items if is_object(item)] if is_array(items) else []


def _is_finished(reasons: object) -> bool:
    """Whether the finish reasons say that the text is the answer."""
    return is_array(reasons) and bool(reasons) and all(reason == "stop" for reason in reasons)


def read_raw_response(attributes: Attributes, _events: Sequence[Event], _scope: str) -> Completion | None:
    """Return what the raw response of the provider says."""
    for key in _RAW:
        value = attributes.get(key)
        if isinstance(value, str) and (response := read_repr(value)) is not None:
            name = key.rpartition(".")[2]
            if (completion := from_messages(read_response({name: response}), key)) is not None:
                return completion
    return None


FUNCTION_CALL = Convention("LiteLLM function call", read_function_call, keys=frozenset({_FUNCTION_CALL}))
RAW_RESPONSE = Convention("LiteLLM raw response", read_raw_response, keys=frozenset(_RAW))
