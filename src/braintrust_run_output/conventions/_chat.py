"""Chat messages in every JSON shape that providers and instrumentations use.

One reader for OpenAI chat messages and Responses items, gen_ai PARTS, Anthropic and Bedrock content blocks, Google
``parts``, LangChain, LlamaIndex and Haystack messages. A message is an object with some of ``role``, ``content``,
``parts``, ``blocks``, ``tool_calls`` and ``function_call``; its content is a text or a list of blocks.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from ..completion import Message, ToolCall
from ._blocks import (
    NO_STEPS,
    REASONING,
    TEXTS,
    is_item_repr,
    is_no_step,
    is_read,
    joined,
    read_text,
    text_alone,
    text_of,
    unnested,
)
from ._json import Object, compact, first_string, is_array, is_object, type_of
from ._objects import as_object
from ._reprs import read_repr
from ._tool_calls import HOSTED_ITEMS, answered_by, is_hosted_code, is_tool_call, is_tool_result, read_tool_call

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_FINAL = "final_answer"
"""The phase of an item of the Responses API that says the answer: others are said on the way there."""
_ITEMS = HOSTED_ITEMS | NO_STEPS | {
    "computer_call", "custom_tool_call", "function.call", "function_call", "function_call_output", "local_shell_call",
    "mcp_approval_request", "mcp_approval_response", "reasoning",
}  # fmt: skip
_ITEM_IDS = frozenset({"id", "call_id"})
_NO_ANSWER = frozenset({
    "b64_json", "blob", "fileData", "image", "inlineData", "inline_data", "parts", "reasoningContent", "revised_prompt",
    "uri",
})  # fmt: skip
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
_AUTOGEN_ROLES = {"ToolCallExecutionEvent": "tool", "ThoughtEvent": "thinking", "MemoryQueryEvent": "tool"}
_ROLES = frozenset({
    *_LANGCHAIN_ROLES, "", "assistant", "chatbot", "developer", "model", "reasoning", "thinking", "toolresult",
    "unknown", "user",
})  # fmt: skip
_MESSAGE_KEYS = frozenset({
    "role", "content", "contents", "parts", "tool_calls", "toolCalls", "functionCalls", "function_call", "blocks",
})  # fmt: skip
_CONTENTS = ("content", "contents", "parts", "blocks", "text", "refusal")
_OTHER_CONTENTS = ("output_text", "message", "response", "output", "value")
"""Where a message with a role has its text, if nowhere else."""
_ALL_CONTENTS = frozenset({*_CONTENTS, *_OTHER_CONTENTS}) | _MESSAGE_KEYS - {"role"}
_BESIDE_NOTHING = frozenset({"role", "annotations", "audio", "finish_reason", "id", "index", "type"})
"""What a message without content has. A structured answer may have a ``role``, too: of a person, say."""
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
        items = [item for item in value if is_object(item)]
        if any(item.get("phase") == _FINAL for item in items):  # what was said on the way there is not the answer
            items = [item for item in items if item.get("phase") in (None, _FINAL)]
        return [message for item in items for message in _messages_of(item)]
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
    if not _ANSWER_KEYS.issuperset(value) and any(value[key] for key in value.keys() - _ANSWER_KEYS):
        return None
    content, parts = value.get("content"), value.get("parts")
    if isinstance(content, str) and not parts:
        return None if content[:1] == "[" or is_item_repr(content) else content or None
    return text_alone(parts if content is None else content if parts is None else None)


def holds_more(value: object) -> bool:
    """Whether chat messages hold more than is read of them: images, files, audio."""
    messages = value if is_array(value) else (value,)
    return any(
        is_object(block) and not is_read(block)
        for message in messages
        if is_object(message)
        for block in _blocks_of(_unpacked(message))
    )


def is_chat(value: object) -> bool:
    """Whether parsed JSON is a chat message or a list of them, rather than a structured answer."""
    items = value if is_array(value) else (value,)
    return bool(items) and all(is_object(item) and _is_message(item) for item in items)


def is_items(value: object) -> bool:
    """Whether parsed JSON is a list of items of OpenAI's Responses API: messages, calls, reasoning."""
    return is_array(value) and bool(value) and all(is_object(item) and _is_item(item) for item in value)


def is_choices(value: object) -> bool:
    """Whether parsed JSON is the list of choices of a chat completion."""
    return is_array(value) and bool(value) and all(is_object(item) and _is_choice(item) for item in value)


def _has_content(item: Object) -> bool:
    return not item.keys().isdisjoint(_ALL_CONTENTS)


def _is_message(item: Object) -> bool:
    role, message = item.get("role"), item.get("message")
    return (
        (isinstance(role, str) and role.lower() in _ROLES and (_has_content(item) or item.keys() <= _BESIDE_NOTHING))
        or "_role" in item
        or is_of_autogen(item)
        or (is_object(message) and not _MESSAGE_KEYS.isdisjoint(message))
        or (bool(item.get("lc")) and is_object(item.get("kwargs")))
        or (type_of(item) in _LANGCHAIN_ROLES and any(key in item for key in ("content", "data")))
    )


def _is_item(item: Object) -> bool:
    kind = type_of(item)
    return (
        (kind in ("message", "message.output") and "content" in item)
        or kind in _ITEMS
        or (kind.endswith(("_call", "_call_output")) and not item.keys().isdisjoint(_ITEM_IDS))
        or _is_choice(item)
    )


def _is_choice(item: Object) -> bool:
    return "message" in item and ("finish_reason" in item or "finishReason" in item)


def _messages_of(item: Object) -> Iterator[Message]:
    """Yield the messages in one object: more than one where it holds a call and its result."""
    item = _unpacked(item)
    role = _role_of(item)
    texts: list[str] = []
    calls: dict[str | ToolCall, ToolCall] = {}
    answered: set[str | None] = set()
    for block in chain.from_iterable(map(_out_of_repr, _blocks_of(item))):
        if isinstance(block, str):
            texts.append(unnested(block))
        elif not is_object(block) or is_no_step(block):
            continue
        elif is_tool_result(block):
            yield from _message(role, texts, calls)
            yield Message("tool", _result_text(block))
            texts, calls = [], {}
            answered.add(answered_by(block))
        elif is_tool_call(block):
            call = read_tool_call(block)
            if call is not None and (call.id is None or call.id not in answered):
                calls.setdefault(call.id or call, call)
                if call.is_hosted:  # and carried out: what follows is said after it
                    yield from _message(role, texts, calls)
                    yield Message("tool")
                    texts, calls = [], {}
        elif is_hosted_code(block):
            yield from _message(role, texts, calls)
            yield Message("tool")
            texts, calls = [], {}
        elif (text := text_of(block)) is not None:
            texts.append(text)
    if not any(texts) and not calls and (text := _said_elsewhere(item)) is not None:
        texts.append(text)
    yield from _message(role, texts, calls)


def _result_text(block: Object) -> str | None:
    content = next((block[key] for key in ("content", "response", "output", "result") if block.get(key)), None)
    return read_text(content) if content is None or is_array(content) or isinstance(content, str) else compact(content)


def _said_elsewhere(item: Object) -> str | None:
    """Return what a model said in audio alone, or its refusal (OpenAI; LangChain has them among other keys)."""
    more = item.get("additional_kwargs")
    others = more if is_object(more) else {}
    for holder in (item, others):
        if is_object(audio := holder.get("audio")) and (transcript := first_string(audio, "transcript")):
            return transcript
    return first_string(others, "refusal")


def _message(role: str, texts: list[str], calls: Mapping[str | ToolCall, ToolCall]) -> Iterator[Message]:
    if texts or calls or role == "tool":
        yield Message(role, joined(texts) if texts else None, tuple(calls.values()))


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
    return _of_autogen(item) if is_of_autogen(item) else item


def is_of_autogen(item: object) -> bool:
    """Whether an object is a message of AutoGen. Of what its agents say to each other the last is the answer."""
    return is_object(item) and "source" in item and "content" in item and type_of(item).endswith(("Message", "Event"))


def _of_autogen(item: Object) -> Object:
    """Return a message of AutoGen, which says who said it, and its type what it is."""
    kind, content = type_of(item), item["content"]
    if kind == "ToolCallRequestEvent":
        return {"role": "assistant", "tool_calls": content}
    role = _AUTOGEN_ROLES.get(kind) or ("user" if item["source"] == "user" else "assistant")
    return {"role": role, "content": content if isinstance(content, (str, list)) else None}


def _role_of(item: Object) -> str:
    role = item.get("role")
    if isinstance(role, str):
        return role.lower()
    return _LANGCHAIN_ROLES.get(type_of(item), "assistant")


def _blocks_of(item: Object) -> Iterator[object]:
    """Yield what a message consists of: its texts, content blocks, parts and tool calls."""
    kind = type_of(item)
    if is_no_step(item):
        return
    if is_tool_result(item) or kind in REASONING or ("role" not in item and is_tool_call(item)):
        yield item  # an item of OpenAI's Responses API is itself a block
        return
    contents = [item[key] for key in _CONTENTS if item.get(key) is not None]
    if not contents and "role" in item:
        contents = [text for key in _OTHER_CONTENTS if isinstance(text := item.get(key), str)]
    for content in contents:
        if is_object(content) and is_array(parts := content.get("parts")):  # Google
            content = parts
        if is_array(content):
            yield from content
        elif is_object(content) and isinstance(item.get("role"), str) and _is_answer(content):
            yield compact(content)
        else:
            yield content
        if content:
            break
    for call in _tool_calls_of(item):
        if (described := as_object(call)) is not None:
            yield {**described, "type": "tool_call"}


def _out_of_repr(block: object) -> Iterator[object]:
    """Yield a block; where it is the text of an SDK object, an item of a response, what that consists of."""
    text = first_string(block, *TEXTS) if is_object(block) and type_of(block) == "text" else block
    if isinstance(text, str) and is_item_repr(text) and is_object(item := read_repr(text)) and _is_item(item):
        yield from _blocks_of(item)
    else:
        yield block


def _tool_calls_of(item: Object) -> Iterator[object]:
    more = item.get("additional_kwargs")
    for holder in (item, more if is_object(more) else {}):
        calls = holder.get("tool_calls") or holder.get("toolCalls") or holder.get("functionCalls")
        found = calls if is_array(calls) and calls else [one for one in (holder.get("function_call"),) if one]
        if found:
            yield from found
            return


def _is_answer(content: Object) -> bool:
    """Whether an object in place of a message's content is a structured answer, and no content block."""
    return bool(content) and not type_of(content) and not is_read(content) and content.keys().isdisjoint(_NO_ANSWER)
