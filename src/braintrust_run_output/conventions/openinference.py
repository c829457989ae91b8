r"""OpenInference: ``llm.output_messages.N.*`` and ``llm.choices.N.*`` on LLM spans, and ``output.value``.

Source: https://github.com/Arize-ai/openinference/blob/main/spec/semantic_conventions.md::

    llm.output_messages.0.message.role                                         "assistant"
    llm.output_messages.0.message.content                                      "The capital of France is Paris."
    llm.output_messages.0.message.contents.0.message_content.type              "text"
    llm.output_messages.0.message.contents.0.message_content.text              "The capital of France is Paris."
    llm.output_messages.0.message.tool_calls.0.tool_call.id                    "call_1"
    llm.output_messages.0.message.tool_calls.0.tool_call.function.name         "get_weather"
    llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments    "{"city": "Paris"}"
    llm.choices.0.completion.text                                              "The capital of France is Paris."
    output.value                                                               "The capital of France is Paris."

traceAI writes the same under ``gen_ai.output.messages``, and the kind as ``gen_ai.span.kind``. Contents of type
``reasoning`` are left out, indexes may have gaps or begin later (items that are no messages), texts may be
``message.content.0`` (claude-agent-sdk), and DSPy's stand between markers. ``output.value`` is a model's output, as a
last resort, on LLM spans only (text, or a provider's whole response; other JSON is the request of a helper); on
agents and chains it is a generic output.
"""

from __future__ import annotations

from itertools import count, takewhile
from typing import TYPE_CHECKING, TypeVar

from ..completion import Message, ToolCall, from_messages, from_text
from ._blocks import unnested
from ._chat import is_items
from ._convention import Attributes, Convention, Event
from ._dspy import dspy_answer
from ._json import is_array, is_object, literal, parse
from ._no_answer import is_no_answer
from ._responses import find_messages, read_response
from ._tool_calls import arguments_in
from ._unwrap import unwrap
from ._values import from_model_output, unpacked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ..completion import Completion

T = TypeVar("T")

_PREFIX = "llm.output_messages"
_SOURCE = f"{_PREFIX}.*"
_FIRST = tuple(f"{_PREFIX}.{number}.message." for number in range(9))
"""Where the messages may begin: items of a response that are no messages count, too."""
_ROLE, _CONTENT = f"{_PREFIX}.0.message.role", f"{_PREFIX}.0.message.content"
_NAME = "tool_call.function.name"
_ARGUMENTS = "tool_call.function.arguments"
_ID = "tool_call.id"
_CHOICE = "llm.choices.{}.completion.text"
_OUTPUT = "output.value"
_KINDS = ("openinference.span.kind", "gen_ai.span.kind", "fi.span.kind", "nat.span.kind", "neatlogs.span.kind")
_GEN_AI = ("gen_ai.output.messages", "gen_ai.completion")
_MIME_TYPE = "output.mime_type"
_JSON = "application/json"
_FUNCTION_CALL = "function_call_name", "function_call_arguments_json"
_BEDROCK = "openinference.instrumentation.bedrock"
_HOSTED = frozenset({
    "web_search_call", "file_search_call", "code_interpreter_call", "image_generation_call", "mcp_call",
    "mcp_list_tools",
})  # fmt: skip
"""Calls that the provider itself has carried out: items of OpenAI's Responses API, flattened as tool calls."""
_HOSTED_IDS = ("srvtoolu_", "mcptoolu_")
"""How Anthropic's ids of such calls begin."""
_WIDEST_GAP = 4
_TEXT_TYPES = ("", "text", "output_text", "refusal")
_TRANSCRIPTS = ("audio.audio.transcript", "audio.transcript")
_SPOKEN = "output.audio.transcript"


def read_output_messages(attributes: Attributes, _events: Sequence[Event], _scope: str) -> Completion | None:
    """Return the output messages."""
    text = attributes.get(_CONTENT)
    if isinstance(text, str) and text and attributes.get(_ROLE, "assistant") == "assistant" and _is_all(attributes):
        return from_text(dspy_answer(text), _SOURCE)
    completion = from_messages(messages_at(attributes, _PREFIX), _SOURCE)
    if completion is not None and completion.text is None and not completion.calls_tools:
        return _items(attributes.get(_OUTPUT)) or completion
    return completion


def _items(value: object) -> Completion | None:
    """Return what a response of the Responses API says: flattened, its reasoning may look like another text."""
    response = parse(value) if isinstance(value, str) and '"output"' in value else None
    if not is_object(response) or not is_items(response.get("output")):
        return None
    return from_messages(read_response(response), _OUTPUT, raw=str(value))


def _is_all(attributes: Attributes) -> bool:
    """Whether the output is one message of one text. All names at once are searched ten times as fast as each."""
    return "\n".join(attributes).count(f"{_PREFIX}.") == (_CONTENT in attributes) + (_ROLE in attributes)


def messages_at(attributes: Attributes, prefix: str) -> Iterator[Message]:
    """Yield the messages that are flattened under a prefix."""
    # One pass over the names, instead of asking for every message, block and call that there might be.
    prefix = f"{prefix}."
    own = {key: attributes[key] for key in attributes if key.startswith(prefix)}
    numbers = {key[len(prefix) :].partition(".")[0] for key in own}
    has_calls = "_call" in "\n".join(own)
    for number in sorted(filter(str.isdecimal, numbers), key=lambda number: (len(number), number)):
        yield from _message_at(own, f"{prefix}{number}.message.", has_calls=has_calls)


def _message_at(own: Attributes, message: str, *, has_calls: bool) -> Iterator[Message]:
    role, content = own.get(f"{message}role"), own.get(f"{message}content")
    name = str(role or "assistant")
    calls = (*_tool_calls(own, f"{message}tool_calls."), *_function_call(own, message)) if has_calls else ()
    texts: list[str] | None = None
    if isinstance(content, str) and content:
        texts = [unnested(content)]
    else:
        for kind, text in _blocks(own, message):
            texts = [] if texts is None else texts
            if kind.endswith("_tool_result"):  # of a tool that the provider has carried out
                yield from (Message(name, "".join(texts)), Message("tool"))
                texts = []
            elif text and kind in _TEXT_TYPES:
                texts.append(text)
    if not texts and isinstance(refusal := own.get(f"{message}refusal"), str):
        texts = [refusal]
    if role is not None or texts is not None or calls:
        yield Message(name, None if texts is None else dspy_answer("".join(texts)), calls)


def _blocks(own: Attributes, message: str) -> Iterator[tuple[str, str]]:
    """Yield the kinds and texts of a message's contents; of claude-agent-sdk's, which are texts and nothing else."""

    def read(index: int) -> tuple[str, str] | None:
        block = f"{message}contents.{index}.message_content."
        kind, text = own.get(f"{block}type"), own.get(f"{block}text")
        if kind is None and text is None:
            text = own.get(f"{message}content.{index}", _transcript(own, block))
            return None if text is None else ("", str(text))
        if text is None and kind == "audio":
            return "", _transcript(own, block) or ""
        return str(kind or ""), text if isinstance(text, str) else ""

    return _numbered(read)


def _transcript(own: Attributes, block: str) -> str | None:
    return next((str(text) for key in _TRANSCRIPTS if (text := own.get(block + key)) is not None), None)


def _numbered(read: Callable[[int], T | None]) -> Iterator[T]:
    """Yield what ``read`` finds at 0, 1, 2 ... until it has found nothing for a while."""
    gap = 0
    for index in count():
        found = read(index)
        if found is not None:
            gap = 0
            yield found
        elif gap == _WIDEST_GAP:
            return
        else:
            gap += 1


def _function_call(attributes: Attributes, message: str) -> Iterator[ToolCall]:
    name, arguments = (attributes.get(message + key) for key in _FUNCTION_CALL)
    if name is not None:
        yield ToolCall(str(name), str(arguments or "{}"))


def _tool_calls(attributes: Attributes, prefix: str) -> Iterator[ToolCall]:
    def read(index: int) -> ToolCall | None:
        call = f"{prefix}{index}."
        name, arguments = attributes.get(call + _NAME), attributes.get(call + _ARGUMENTS)
        if name is None and arguments is None:
            return None
        identifier = attributes.get(call + _ID)
        known_as = None if identifier is None else str(identifier)
        is_hosted = str(name) in _HOSTED or (known_as is not None and known_as.startswith(_HOSTED_IDS))
        return ToolCall(str(name or ""), arguments_in(str(arguments or "{}")), known_as, is_hosted)

    return _numbered(read)


def read_gen_ai_messages(attributes: Attributes, _events: Sequence[Event], _scope: str) -> Completion | None:
    """Return the output messages that stand under the names of OpenTelemetry's."""
    found = (from_messages(messages_at(attributes, prefix), f"{prefix}.*") for prefix in _GEN_AI)
    return next((completion for completion in found if completion is not None), None)


def read_choices(attributes: Attributes, _events: Sequence[Event], _scope: str) -> Completion | None:
    """Return the texts of legacy completions."""
    texts = takewhile(lambda text: text is not None, (attributes.get(_CHOICE.format(index)) for index in count()))
    return from_messages([Message("assistant", str(text)) for text in texts], _CHOICE.format("N"))


def _is_llm(attributes: Attributes) -> bool:
    kind = next((kind for name in _KINDS if (kind := attributes.get(name)) is not None), None)
    return str(kind).rpartition(".")[2].upper() == "LLM"  # or the str of the enumeration's member


def read_llm_output(attributes: Attributes, _events: Sequence[Event], scope: str) -> Completion | None:
    """Return the output value of an LLM span: its text, or the messages in a provider's response."""
    value = attributes.get(_OUTPUT)
    if not _is_llm(attributes):
        return None
    if value is None:
        return from_model_output(attributes.get(_SPOKEN), _SPOKEN)
    if is_array(value) or is_object(value):
        return from_model_output(value, _OUTPUT)
    if not isinstance(value, str) or (scope == _BEDROCK and value == "None"):
        return None
    if f"{_PREFIX}." in "\n".join(attributes):  # messages under an index that is late
        completion = from_messages(messages_at(attributes, _PREFIX), _SOURCE)
        if completion is not None:
            return completion
    if scope == _BEDROCK and value.startswith("[{'"):  # Cohere, AI21: the repr of the generations
        return from_messages(read_response({"generations": literal(value)}), _OUTPUT, raw=value)
    parsed = unpacked(value) if value.lstrip()[:1] in ("{", "[", '"') else value
    if isinstance(parsed, str):
        text = parsed.removeprefix("assistant: ")  # LlamaIndex, whose message without text is "None"
        return (
            None
            if text != parsed and text == "None"
            else from_model_output(text if parsed is value else parsed, _OUTPUT)
        )
    is_json = attributes.get(_MIME_TYPE) == _JSON
    if is_json and is_array(parsed) and (texts := [text for text in parsed if isinstance(text, str)]):  # DSPy's choices
        return from_messages([Message("assistant", dspy_answer(text)) for text in texts], _OUTPUT, raw=value)
    messages = [] if parsed in ([], {}) else find_messages(parsed, may_be_said=not is_json)
    if messages is not None:
        return from_messages(messages, _OUTPUT, raw=value)
    is_request = is_object(parsed) and "messages" in parsed
    return None if is_json or is_request or is_no_answer(parsed, may_be_said=True) else from_text(value, _OUTPUT)


def read_output(attributes: Attributes, _events: Sequence[Event], _scope: str) -> Completion | None:
    """Return the output value of an agent or chain."""
    if _is_llm(attributes):
        return None
    return unwrap(attributes[_OUTPUT], _OUTPUT)


_MESSAGE_KEYS = (
    "role", "content", "content.0", "refusal", "contents.0.message_content.text", "contents.0.message_content.type",
    f"tool_calls.0.{_NAME}", f"tool_calls.0.{_ARGUMENTS}", _FUNCTION_CALL[0],
)  # fmt: skip

MESSAGES = Convention(
    "OpenInference messages",
    read_output_messages,
    keys=frozenset(first + key for first in _FIRST for key in _MESSAGE_KEYS),
)
GEN_AI_MESSAGES = Convention(
    "traceAI messages",
    read_gen_ai_messages,
    keys=frozenset(f"{prefix}.{at}.message.{key}" for prefix in _GEN_AI for at in range(2) for key in _MESSAGE_KEYS),
)
CHOICES = Convention("OpenInference choices", read_choices, keys=frozenset({_CHOICE.format(0)}))
LLM_OUTPUT = Convention("OpenInference LLM output", read_llm_output, keys=frozenset({_OUTPUT, _SPOKEN}))
OUTPUT = Convention("OpenInference output", read_output, keys=frozenset({_OUTPUT}), needs=frozenset(_KINDS))
