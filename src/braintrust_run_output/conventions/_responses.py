"""Whole provider responses: where in them the chat messages are.

OpenAI chat completions, legacy completions and Responses, Anthropic, Google, Bedrock (Converse, Titan, Llama, Mistral,
Cohere, AI21), OpenRouter, Ollama, Hugging Face, Vercel's AI SDK, LlamaIndex, Genkit, pydantic-ai, and LangChain's
``LLMResult``.
"""

from __future__ import annotations

from ..completion import Message
from ._blocks import is_content_blocks, is_steps
from ._chat import answer_in, is_chat, is_items, read_messages
from ._dspy import dspy_answer
from ._json import Array, Object, compact, is_array, is_object, parse
from ._no_answer import BESIDE_A_TEXT, METADATA, REASONING
from ._reprs import is_repr, read_repr
from ._stream import events_in, final_response, read_chunks, read_message_chunks, read_parts, read_pieces

_TEXTS = (
    "text", "outputText", "output_text", "generated_text", "generation", "completion", "combined_chunk_content",
    "response", "summary_text", "translation_text", "translated_text",
)  # fmt: skip
"""The text of a response that is one object with one text."""
_ONLY_TEXTS = ("message", "content")
"""Names that mean something else too: a text where they stand alone, or beside nothing."""
_LISTS = ("choices", "candidates", "generations", "results", "outputs", "completions", "replies", "predictions")
"""The alternatives of a response that offers several."""
_TELLING_LISTS = _LISTS[:3]
"""Those of them that give a response away, even where they are empty."""
_OF_A_CHOICE = frozenset({"message", "delta", "finish_reason", "finishReason"})
_OF_AN_ALTERNATIVE = _OF_A_CHOICE | {"content", "data", "generated_text", "index", "outputText", "parts", "text"}
"""Keys of what the lists hold."""
_RESPONDED = frozenset({
    "completionReason", "done_reason", "eval_count", "finishReason", "finish_reason", "generated_text",
    "generation_id", "outputText", "stopReason", "stop_reason", "system_fingerprint", "tokenCount",
    "usageMetadata", "usage_metadata",
})  # fmt: skip
_OF_A_GATEWAY = {"completion", "toolCalls"}
"""What OpenRouter makes of any provider's response."""
_DEEPEST = 3


def read_response(value: object, *, may_be_said: bool = False) -> list[Message]:
    """Return the messages of a provider's response as parsed JSON; none if it is not known to be one, or says nothing.

    Args:
        value: The parsed JSON.
        may_be_said: Whether it may as well be what the model said, asked for JSON. Then only that is a response which
            no model would say: messages with roles, items, choices that hold messages.
    """
    return find_messages(value, may_be_said=may_be_said) or []


def find_messages(value: object, *, may_be_said: bool = False) -> list[Message] | None:
    """Return the messages of a provider's response, empty if it says nothing; None if it is not known to be one.

    Args:
        value: The parsed JSON.
        may_be_said: As for `read_response`.
    """
    if not isinstance(value, str) and (answer := answer_in(value)) is not None:
        return [Message("assistant", answer)]
    if is_array(value) and value and (streamed := read_stream(value)) is not None:
        return streamed
    if is_chat(value):  # Anthropic, Ollama, Cohere, or bare messages
        return read_messages(value)
    if is_items(value):
        return _one_turn(read_messages(value))
    if is_array(value) and len(value) == 1 and is_object(value[0]):  # OpenAI's agents: the responses of a call
        return find_messages(value[0], may_be_said=may_be_said)
    if not is_object(value):
        return None
    if (response := final_response([value])) is not None:
        return read_response(response)
    if is_items([value]):
        return read_messages(value)
    may_be_said = may_be_said and not is_responded(value)
    if (offered := _in_lists(value, may_be_said)) is not None:
        return offered
    found = _in_parts(value) or _in_output(value.get("output")) or _in_output(value.get("outputs"))
    return found or _in_content(value, may_be_said) or (None if may_be_said else _in_text(value))


def _in_lists(value: Object, may_be_said: bool) -> list[Message] | None:
    """Return the alternatives that a response offers, or the turn that the steps of an interaction are (Google)."""
    if not may_be_said and (steps := next(filter(is_steps, (value.get("steps"), value.get("outputs"))), None)):
        return _one_turn(read_messages(steps))
    for key in _LISTS:
        items = value.get(key)
        if not is_array(items) or (not items and key not in _TELLING_LISTS):
            continue
        if all(_is_alternative(item, may_be_said=may_be_said) for item in items):
            return [message for item in items for message in _alternative(item, _DEEPEST)]
    return None


def read_stream(value: str | Array) -> list[Message] | None:
    """Return the turn in a stream: its events, or the text of it, whole or as a list of pieces; None if it is none.

    The text is server-sent events, or one JSON object a line.
    """
    text = value if isinstance(value, str) else _joined(value)
    events = value if text is None else events_in(text)
    if not events or isinstance(events, str):
        return None
    if (response := final_response(events)) is not None:
        return read_response(response)
    if text is not None and len(events) == 1:
        return find_messages(events[0], may_be_said=True)
    found = (read(events) for read in (read_chunks, read_message_chunks, read_parts, read_pieces))
    return next((messages for messages in found if messages is not None), None)


def _joined(pieces: Array) -> str | None:
    """Return a list of texts as one: of lines, unless they say where these end."""
    texts = [piece for piece in pieces if isinstance(piece, str)]
    if not texts or len(texts) < len(pieces):
        return None
    return ("" if "\n" in texts[0] else "\n").join(texts)


def is_responded(value: Object) -> bool:
    """Whether an object, or what it offers, has what only a provider's response has, and a model would hardly say."""
    if not _RESPONDED.isdisjoint(value) or is_object(value.get("usage")) or isinstance(value.get("done"), bool):
        return True
    if value.keys() >= _OF_A_GATEWAY:
        return True
    if is_array(prompts := value.get("generations")) and prompts and all(map(is_array, prompts)):  # LangChain
        return True
    items = next((items for key in _LISTS if is_array(items := value.get(key))), ())
    return bool(items) and all(is_object(item) and not item.keys().isdisjoint(_RESPONDED) for item in items)


def _is_alternative(item: object, *, may_be_said: bool, depth: int = _DEEPEST) -> bool:
    """Whether something in a list looks like a choice, rather than like a part of a structured answer."""
    if is_array(item):
        return depth > 0 and all(_is_alternative(inner, may_be_said=may_be_said, depth=depth - 1) for inner in item)
    if not is_object(item):
        return isinstance(item, str) and not may_be_said
    if is_object(content := item.get("content")) and "parts" in content:  # Google
        return True
    return is_chat(item) or not item.keys().isdisjoint(_OF_A_CHOICE if may_be_said else _OF_AN_ALTERNATIVE)


def _in_output(output: object) -> list[Message] | None:
    if is_object(output) and is_object(output.get("message")):  # Bedrock Converse
        return read_messages(output)
    return _one_turn(read_messages(output)) if is_items(output) else None


def _in_parts(value: Object) -> list[Message] | None:
    """Return a message of A2A, or what the last artifact of a task holds; without any, its status's message."""
    artifacts, parts = value.get("artifacts"), value.get("parts")
    if value.get("kind") == "task" and is_array(artifacts) and artifacts and is_object(artifacts[-1]):
        parts = artifacts[-1].get("parts")
    elif is_object(status := value.get("status")) and is_object(message := status.get("message")):
        parts = message.get("parts")
    if value.get("kind") not in ("message", "task") or not is_array(parts) or not all(map(is_object, parts)):
        return None
    return read_messages({"role": "assistant", "parts": parts})


def _in_content(value: Object, may_be_said: bool) -> list[Message] | None:
    content = value.get("content")
    if is_object(content) and is_array(content.get("parts")):  # Google ADK
        return read_messages(content)
    if is_content_blocks(content) or (is_array(content) and not may_be_said):  # Vercel's AI SDK
        return read_messages({"content": content, "tool_calls": value.get("tool_calls")})
    if is_content_blocks(value.get("parts")):  # pydantic-ai
        return read_messages({"parts": value["parts"]})
    calls = value.get("toolCalls") or value.get("tool_calls")
    if not is_array(calls) or not calls or not all(map(is_object, calls)):
        return None
    return read_messages({"content": value.get("completion"), **value})


def _in_text(value: Object) -> list[Message] | None:
    if is_array(steps := value.get("steps")) and steps:  # Vercel's AI SDK
        return find_messages(steps[-1])
    if value.get("type") == "result" and isinstance(result := value.get("result"), str):  # Claude's Agent SDK
        return [Message("assistant", result)]
    if (answer := structured_answer(value)) is not None:
        return [Message("assistant", compact(answer))]
    for key in _TEXTS:
        if isinstance(text := value.get(key), str):
            return [Message("assistant", dspy_answer(text))]
    for key in _ONLY_TEXTS:
        beside = value.keys() - METADATA - REASONING - {key}
        if isinstance(text := value.get(key), str) and not any(value[other] for other in beside):
            return [Message("assistant", text)]
    if is_chat(chat := value.get("generated_text")):  # Hugging Face
        return read_messages(chat)
    return _in_chunks(value)


def _in_chunks(value: Object) -> list[Message] | None:
    """Return what the pieces of a stream add up to, nothing where not all of them are there (Braintrust's Bedrock)."""
    chunks = value.get("chunks")
    pieces = read_pieces(chunks) if is_array(chunks) else None
    return pieces if pieces is None or not is_array(chunks) or value.get("chunk_count") == len(chunks) else []


def structured_answer(value: Object) -> Object | None:
    """Return the object that an agent was asked for, where its text, if it has one, is not that (AI SDK, Mastra)."""
    answer, text = value.get("object"), value.get("text")
    if not is_object(answer) or not value.keys() <= BESIDE_A_TEXT:
        return None
    return None if isinstance(text, str) and is_object(parse(text)) else answer


def _alternative(item: object, depth: int) -> list[Message]:
    """Return the messages of one choice, candidate or generation (LangChain nests a list for each prompt)."""
    if isinstance(item, str):
        return read_response(read_repr(item)) if is_repr(item) else [Message("assistant", item)]
    if is_array(item) and depth:
        return [message for inner in item for message in _alternative(inner, depth - 1)]
    if not is_object(item):
        return []
    if is_object(data := item.get("data")) and isinstance(data.get("text"), str):  # AI21
        return read_messages(data)
    for key in ("outputText", "generated_text"):  # Bedrock Titan, Hugging Face
        if isinstance(text := item.get(key), str):
            return [Message("assistant", text)]
    return read_messages(item)


def _one_turn(messages: list[Message]) -> list[Message]:
    """Return the items of one response as one message: its texts, and its calls."""
    if any(message.role in ("tool", "user") for message in messages):
        return messages
    texts = [message.content for message in messages if message.content]
    calls = tuple(call for message in messages for call in message.tool_calls)
    return [Message("assistant", "".join(texts) or None, calls)] if texts or calls else []
