"""Chat messages in every JSON shape that providers and instrumentations use.

One reader for OpenAI chat messages and Responses items, gen_ai PARTS, Anthropic and Bedrock content blocks, Google
``parts``, LangChain and Haystack messages. A message is an object with some of ``role``, ``content``, ``parts``,
``tool_calls`` and ``function_call``; its content is a text or a list of blocks.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from ..completion import Message, ToolCall
from ._json import Object, compact, first_string, is_array, is_object, type_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_REASONING = frozenset({"reasoning", "thinking", "redacted_thinking", "reasoning_content", "thought"})
_TOOL_CALL = frozenset({"tool_call", "tool_use", "function_call", "tool-call", "toolUse", "server_tool_call"})
_TOOL_RESULT = frozenset({
    "tool_call_response", "tool_result", "tool-result", "function_call_output", "server_tool_call_response",
})  # fmt: skip
_BLOCK_TYPES = _REASONING | _TOOL_CALL | _TOOL_RESULT | {"text", "output_text", "refusal"}

_TOOL_CALL_KEYS = ("toolUse", "functionCall", "tool_call")
_TOOL_RESULT_KEYS = ("toolResult", "functionResponse", "function_response", "tool_call_result")
_NESTED = ("function", "function_call", *_TOOL_CALL_KEYS)
"""Where some put a call's name and arguments."""
_CALL_IDS = ("call_id", "id", "toolUseId", "toolCallId", "tool_call_id")
_ARGUMENTS = ("arguments", "input", "args", "parameters")
_RESULT_IDS = ("id", "tool_call_id", "tool_use_id", "toolUseId", "call_id")

_LANGCHAIN_ROLES = {
    "ai": "assistant",
    "AIMessageChunk": "assistant",
    "human": "user",
    "system": "system",
    "tool": "tool",
    "function": "tool",
}
_LANGCHAIN_TYPES = {
    "HumanMessage": "human",
    "SystemMessage": "system",
    "ToolMessage": "tool",
    "FunctionMessage": "function",
}

_ROLES = frozenset({*_LANGCHAIN_ROLES, "", "assistant", "chatbot", "developer", "model", "unknown", "user"})
_MESSAGE_KEYS = frozenset({"role", "content", "parts", "tool_calls", "function_call"})
_ANSWER_KEYS = frozenset({"role", "content", "parts", "finish_reason"})
"""What an assistant's message that is text alone has; other keys only with nothing in them."""


def read_messages(value: object) -> list[Message]:
    """Return the chat messages of parsed JSON: a list of messages or items, one message, or a text."""
    text = answer_in(value)
    if text is not None:
        return [Message("assistant", text)]
    if is_object(value):
        return list(_messages_of(value))
    if is_array(value):
        return [message for item in value if is_object(item) for message in _messages_of(item)]
    return []


def answer_in(value: object) -> str | None:
    """Return the text of what nearly every output is: a text, or one message of an assistant that is text alone.

    None where it is anything else. Everything here would find the same text, in ten times the time.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict) or value.get("role") != "assistant":
        return None
    if not value.keys() <= _ANSWER_KEYS and any(value[key] for key in value.keys() - _ANSWER_KEYS):
        return None
    content, parts = value.get("content"), value.get("parts")
    if isinstance(content, str) and not parts:
        return content or None
    return text_alone(parts if content is None else content if parts is None else None)


def text_alone(blocks: object) -> str | None:
    """Return the text of a list of content blocks or parts that are text alone, None if it is anything else."""
    if not isinstance(blocks, list):
        return None
    texts: list[str] = []
    for block in blocks:
        if not isinstance(block, dict) or len(block) != 2 or block.get("type") != "text":
            return None
        text = block.get("content") or block.get("text")
        if not isinstance(text, str):
            return None
        texts.append(text)
    return "".join(texts) or None


def is_chat(value: object) -> bool:
    """Whether parsed JSON is a chat message or a list of them, rather than a structured answer."""
    items = value if is_array(value) else (value,)
    return bool(items) and all(is_object(item) and _is_message(item) for item in items)


def is_items(value: object) -> bool:
    """Whether parsed JSON is a list of items of OpenAI's Responses API: messages, calls, reasoning."""
    return is_array(value) and bool(value) and all(is_object(item) and _is_item(item) for item in value)


def read_text(content: object) -> str | None:
    """Return the text of a message's content: itself, or its text blocks joined; None if it has none."""
    if isinstance(content, str):
        return content
    text = text_alone(content)
    if text is not None:
        return text
    blocks = content if is_array(content) else (content,)
    texts = [text for block in blocks if (text := _text_of(block)) is not None]
    return "".join(texts) if texts else None


def is_content_blocks(value: object) -> bool:
    """Whether parsed JSON is a list of content blocks, rather than a structured answer that is a list."""
    return is_array(value) and bool(value) and all(is_object(item) and type_of(item) in _BLOCK_TYPES for item in value)


def read_tool_call(item: object) -> ToolCall | None:
    """Return the tool call that an object describes, whatever it calls its parts; None if it names no tool.

    A part or OpenAI call that has no arguments at all, not even empty ones, was written with content capture off.
    """
    if not is_object(item):
        return None
    inner = item
    if not item.keys().isdisjoint(_NESTED):
        inner = next((nested for key in _NESTED if is_object(nested := item.get(key))), item)
    if _withholds_arguments(item, inner):
        return None
    name = first_string(inner, "name", "toolName", "tool_name")
    arguments = next((inner[key] for key in _ARGUMENTS if inner.get(key) is not None), {})
    if name is None and not arguments:
        return None
    identifier = first_string(inner, *_CALL_IDS) or first_string(item, *_CALL_IDS)
    return ToolCall(name or "", arguments if isinstance(arguments, str) else compact(arguments), identifier)


def _withholds_arguments(item: Object, inner: Object) -> bool:
    is_part_or_openai = item.get("function") is inner or type_of(item) in ("tool_call", "function_call", "function")
    return is_part_or_openai and inner.keys().isdisjoint(_ARGUMENTS)


def _is_message(item: Object) -> bool:
    role, message = item.get("role"), item.get("message")
    return (
        (isinstance(role, str) and role.lower() in _ROLES)
        or "_role" in item
        or (is_object(message) and not _MESSAGE_KEYS.isdisjoint(message))
        or (bool(item.get("lc")) and is_object(item.get("kwargs")))
        or (type_of(item) in _LANGCHAIN_ROLES and any(key in item for key in ("content", "data")))
    )


def _is_item(item: Object) -> bool:
    kind = type_of(item)
    return (kind == "message" and "content" in item) or kind.endswith(("_call", "_call_output")) or kind == "reasoning"


def _messages_of(item: Object) -> Iterator[Message]:
    """Yield the messages in one object: more than one where it holds a call and its result."""
    item = _unpacked(item)
    role = _role_of(item)
    texts: list[str] = []
    calls: dict[ToolCall, None] = {}
    answered: set[str | None] = set()
    for block in _blocks_of(item):
        if is_object(block) and _is_tool_result(block):
            yield from _message(role, texts, calls)
            yield Message("tool")
            texts, calls = [], {}
            answered.add(first_string(block, *_RESULT_IDS))
        elif _is_tool_call(block):
            call = read_tool_call(block)
            if call is not None and (call.id is None or call.id not in answered):
                calls[call] = None
        elif (text := _text_of(block)) is not None:
            texts.append(text)
    yield from _message(role, texts, calls)


def _message(role: str, texts: list[str], calls: Iterable[ToolCall]) -> Iterator[Message]:
    if texts or calls or role == "tool":
        yield Message(role, "".join(texts) if texts else None, tuple(calls))


def _unpacked(item: Object) -> Object:
    """Return the message itself, out of what some emitters pack it into."""
    if is_object(message := item.get("message")):  # a choice; its tool calls may stand beside the message
        item = {**item, **message}
    if item.get("lc") and is_object(kwargs := item.get("kwargs")):  # LangChain, by constructor
        path = item.get("id")
        return {"type": _LANGCHAIN_TYPES.get(str(path[-1])) if is_array(path) and path else None, **kwargs}
    if type_of(item) in _LANGCHAIN_ROLES and is_object(data := item.get("data")):  # LangChain, by type
        return {"type": item["type"], **data}
    if "_role" in item or "_content" in item:  # Haystack's dataclass
        return {key.removeprefix("_"): value for key, value in item.items()}
    return item


def _role_of(item: Object) -> str:
    role = item.get("role")
    if isinstance(role, str):
        return role.lower()
    return _LANGCHAIN_ROLES.get(type_of(item), "assistant")


def _blocks_of(item: Object) -> Iterator[object]:
    """Yield what a message consists of: its texts, content blocks, parts and tool calls."""
    if _is_tool_result(item) or type_of(item) in _REASONING or ("role" not in item and _is_tool_call(item)):
        yield item  # an item of OpenAI's Responses API is itself a block
        return
    contents = [item[key] for key in ("content", "parts", "text", "refusal") if item.get(key) is not None]
    for content in contents:
        if is_object(content) and is_array(parts := content.get("parts")):  # Google
            content = parts
        if is_array(content):
            yield from content
        else:
            yield content
        if content:
            break
    for call in _tool_calls_of(item):
        if is_object(call):
            yield {**call, "type": "tool_call"}


def _tool_calls_of(item: Object) -> Iterator[object]:
    more = item.get("additional_kwargs")
    for holder in (item, more if is_object(more) else {}):
        calls = holder.get("tool_calls")
        found = list(chain(calls if is_array(calls) else (), filter(None, [holder.get("function_call")])))
        if found:
            yield from found
            return


def _is_tool_call(block: object) -> bool:
    return is_object(block) and (
        type_of(block) in _TOOL_CALL
        or (not block.keys().isdisjoint(_TOOL_CALL_KEYS) and any(is_object(block.get(key)) for key in _TOOL_CALL_KEYS))
        or (is_object(block.get("function_call")) and "content" not in block)
        or (isinstance(block.get("tool_name"), str) and "arguments" in block)
    )


def _is_tool_result(block: object) -> bool:
    return is_object(block) and (type_of(block) in _TOOL_RESULT or not block.keys().isdisjoint(_TOOL_RESULT_KEYS))


def _text_of(block: object) -> str | None:
    """Return the text of a content block, None if it is of another kind."""
    if isinstance(block, str):
        return block
    if not is_object(block) or block.get("thought") is True:
        return None
    kind = (type_of(block) or first_string(block, "kind") or "").lower()
    if kind and ("text" not in kind or "reasoning" in kind) and kind != "refusal":
        return None  # reasoning, an image, a file ...
    return first_string(block, "text", "content", "refusal")
