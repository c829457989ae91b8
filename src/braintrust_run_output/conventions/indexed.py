r"""Chat messages flattened into one attribute a field, a message an index.

Written by the older generation of OpenLLMetry (mistralai, cohere, ollama, vertexai, together) and by hand, after
Braintrust's OpenTelemetry guide; by the oldest under ``llm.completions``::

    gen_ai.completion.0.role                    "assistant"
    gen_ai.completion.0.content                 "The capital of France is Paris."
    gen_ai.completion.0.content.0.text          "The capital of France is Paris."
    gen_ai.completion.0.tool_calls.0.id         "call_1"
    gen_ai.completion.0.tool_calls.0.name       "get_weather"
    gen_ai.completion.0.tool_calls.0.arguments  '{"city": "Paris"}'
    braintrust.output.0.content                 "The capital of France is Paris."

The content may itself be a JSON list of content blocks (cohere). OpenLLMetry's haystack writes a key of the output,
``replies``, in place of the text: there the output is on the pipeline, see `traceloop`.
"""

from __future__ import annotations

from itertools import count, takewhile
from typing import TYPE_CHECKING

from ..completion import Message, from_messages
from ._blocks import is_content_blocks, read_text
from ._convention import Attributes, Convention, Event
from ._json import is_array, is_object, looks_like_json, parse
from ._tool_calls import read_tool_call

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..completion import Completion, ToolCall

_FIELDS = ("role", "content", "content.0.text", "finish_reason", "text", "refusal", "tool_calls")
_TEXTS = ("content", "text", "refusal")
_CALLS = ("tool_calls.0.", "tool_calls.0.function.", "function_call.")
_HAYSTACK = "opentelemetry.instrumentation.haystack"
_WIDEST_GAP = 1
"""How many indexes may be missing, also before the first."""
_CALL_FIELDS = ("id", "name", "arguments")


def _convention(prefix: str) -> Convention:
    def read(attributes: Attributes, _events: Sequence[Event], scope: str) -> Completion | None:
        if scope == _HAYSTACK and attributes.get(f"{prefix}.0.content") == "replies":
            return None
        return from_messages(messages_at(attributes, prefix), f"{prefix}.*")

    fields = (*_FIELDS, *(call + field for call in _CALLS for field in _CALL_FIELDS))
    keys = [f"{prefix}.{number}.{field}" for number in range(_WIDEST_GAP + 1) for field in fields]
    return Convention(f"{prefix}.N", read, keys=frozenset(keys))


GEN_AI_COMPLETION = _convention("gen_ai.completion")
BRAINTRUST_OUTPUT = _convention("braintrust.output")
LLM_COMPLETIONS = _convention("llm.completions")
OTHERS = tuple(
    _convention(prefix)
    for prefix in ("gen_ai.output.messages", "llm.output_messages", "neatlogs.llm.output_messages", "gen_ai.response")
)
"""What some flatten under the names of others' messages: Lemonade, Neatlogs, AgentOps, and by hand."""


def messages_at(attributes: Attributes, prefix: str) -> Iterator[Message]:
    """Yield the messages that are flattened under a prefix."""
    has_calls = "_call" in "\n".join(attributes)  # saves asking for each by name
    gap = 0
    for index in count():
        message = f"{prefix}.{index}."
        role = attributes.get(f"{message}role")
        content = next((said for key in _TEXTS if (said := attributes.get(message + key)) is not None), None)
        if content is None:
            content = _blocks(attributes, f"{message}content.")
        calls = tuple(_tool_calls(attributes, message)) if has_calls else ()
        if role is None and content is None and not calls and f"{message}finish_reason" not in attributes:
            if gap == _WIDEST_GAP:
                return
            gap += 1
            continue
        yield Message(str(role or "assistant"), _text(content), calls)


def _blocks(attributes: Attributes, content: str) -> list[object] | None:
    """Return the blocks of a content that is flattened, too; None if there are none."""
    numbers = takewhile(lambda number: f"{content}{number}.text" in attributes, count())
    return [{"text": attributes[f"{content}{number}.text"]} for number in numbers] or None


def _text(content: object) -> str | None:
    if isinstance(content, str) and content[:1] in ("[", "{") and looks_like_json(content):
        blocks = parse(content)
        if is_content_blocks(blocks) or is_content_blocks([blocks]):
            return read_text(blocks)
        if is_object(blocks) and is_array(parts := blocks.get("parts")):  # Google
            return read_text(parts)
    return content if content is None or isinstance(content, str) else read_text(content)


def _tool_calls(attributes: Attributes, message: str) -> Iterator[ToolCall]:
    for index in count():
        prefix = f"{message}tool_calls.{index}."
        call = read_tool_call(_fields(attributes, prefix) | _fields(attributes, f"{prefix}function."))
        if call is None:
            break
        yield call
    listed = parse(attributes.get(f"{message}tool_calls"))
    for item in listed if is_array(listed) else ():
        call = read_tool_call(item)
        if call is not None:
            yield call
    call = read_tool_call(_fields(attributes, f"{message}function_call."))
    if call is not None:
        yield call


def _fields(attributes: Attributes, prefix: str) -> dict[str, object]:
    return {field: attributes[prefix + field] for field in _CALL_FIELDS if prefix + field in attributes}
