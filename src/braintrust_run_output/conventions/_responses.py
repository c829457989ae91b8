"""Whole provider responses: where in them the chat messages are.

OpenAI chat completions, legacy completions and Responses, Anthropic, Google, Bedrock (Converse, Titan, Llama, Mistral,
Cohere, AI21), Ollama, and LangChain's ``LLMResult``.
"""

from __future__ import annotations

from ..completion import Message
from ._chat import answer_in, is_chat, is_items, read_messages
from ._json import is_array, is_object
from ._reprs import is_repr

_TEXTS = ("text", "outputText", "generation", "completion", "combined_chunk_content", "response")
"""The text of a response that is one object with one text."""
_LISTS = ("choices", "candidates", "generations", "results", "outputs", "completions", "replies")
"""The alternatives of a response that offers several."""
_DEEPEST = 3


def read_response(value: object, *, may_be_said: bool = False) -> list[Message]:
    """Return the messages of a provider's response as parsed JSON; none if it is not known to be one.

    Args:
        value: The parsed JSON.
        may_be_said: Whether it may as well be what the model said, asked for JSON. Then only that is a response which
            no model would say: messages with roles, items, choices that hold messages.
    """
    if is_object(value) and (answer := answer_in(value)) is not None:
        return [Message("assistant", answer)]
    if is_items(value):
        return _one_turn(read_messages(value))
    if not is_object(value):
        return []
    if is_items([value]):
        return read_messages(value)
    for key in _LISTS:
        if is_array(items := value.get(key)) and not (may_be_said and any(isinstance(item, str) for item in items)):
            return [message for item in items for message in _alternative(item, _DEEPEST)]
    output = value.get("output")
    if is_object(output) and is_object(output.get("message")):  # Bedrock Converse
        return read_messages(output)
    if is_items(output):
        return _one_turn(read_messages(output))
    if is_chat(value):  # Anthropic, Ollama, Cohere, or a bare message
        return read_messages(value)
    if is_object(content := value.get("content")) and is_array(content.get("parts")):  # Google ADK
        return read_messages(content)
    for key in () if may_be_said else _TEXTS:
        if isinstance(text := value.get(key), str):
            return [Message("assistant", text)]
    return []


def _alternative(item: object, depth: int) -> list[Message]:
    """Return the messages of one choice, candidate or generation (LangChain nests a list for each prompt)."""
    if isinstance(item, str):
        return [] if is_repr(item) else [Message("assistant", item)]
    if is_array(item) and depth:
        return [message for inner in item for message in _alternative(inner, depth - 1)]
    if not is_object(item):
        return []
    if is_object(data := item.get("data")) and isinstance(data.get("text"), str):  # AI21
        return read_messages(data)
    if isinstance(item.get("outputText"), str):  # Bedrock Titan
        return [Message("assistant", str(item["outputText"]))]
    return read_messages(item)


def _one_turn(messages: list[Message]) -> list[Message]:
    """Return the items of one response as one message: its texts, and its calls."""
    if any(message.role == "tool" for message in messages):
        return messages
    texts = [message.content for message in messages if message.content]
    calls = tuple(call for message in messages for call in message.tool_calls)
    return [Message("assistant", "".join(texts) or None, calls)] if texts or calls else []
