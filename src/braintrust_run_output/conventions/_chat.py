"""Chat messages in every JSON shape that providers and instrumentations use.

One reader for OpenAI chat messages and Responses items, gen_ai PARTS, Anthropic and Bedrock content blocks, Google
``parts``, LangChain, LlamaIndex and Haystack messages. A message is an object with some of ``role``, ``content``,
``parts``, ``blocks``, ``tool_calls`` and ``function_call``; its content is a text or a list of blocks.

Left out: reasoning, images and files. Audio counts with its transcript. What a provider's own (hosted) tools do is a
tool step like any other: what the model says after it is the answer.
"""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING

from ..completion import Message, ToolCall
from ._json import Array, Object, compact, first_string, is_array, is_object, parse, type_of, unquoted
from ._objects import as_object
from ._reprs import is_repr, read_repr

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_REASONING = frozenset({
    "reasoning", "thinking", "redacted_thinking", "reasoning_content", "thought", "redacted_reasoning",
    "reasoningBlock",
})  # fmt: skip
_TOOL_CALL = frozenset({
    "tool_call", "tool_use", "function_call", "function.call", "tool-call", "toolUse", "toolCall", "server_tool_call",
    "custom_tool_call", "server_tool_use", "mcp_tool_use", "builtin-tool-call", "computer_call", "local_shell_call",
    "shell_call", "apply_patch_call", "mcp_approval_request", "toolUseBlock",
})  # fmt: skip
_HOSTED_TYPES = ("server_tool", "mcp_tool", "builtin-tool")
"""How the types of calls begin that the provider carries out."""
_HOSTED_CALL = "_tool_call"
"""How they end: code_interpreter_tool_call, mcp_server_tool_call."""
_HOSTED_IDS = ("srvtoolu_", "mcptoolu_")
_HOSTED_ITEMS = frozenset({
    "web_search_call", "file_search_call", "code_interpreter_call", "mcp_call", "tool_search_call", "search_results",
    "tool.execution",
})  # fmt: skip
"""Items of OpenAI's and Mistral's responses in which the provider carries out a call and has its result."""
_HOSTED_CODE = ("executableCode", "executable_code")
_TOOL_RESULT = frozenset({
    "tool_call_response", "tool_result", "tool-result", "toolResult", "function_call_output",
    "server_tool_call_response", "builtin-tool-return", "tool-return", "server_tool_result", "mcp_approval_response",
    "toolResultBlock",
})  # fmt: skip
_FINAL = "final_answer"
"""The phase of an item of the Responses API that says the answer: others are said on the way there."""
_NO_STEP = frozenset({
    "agent.handoff", "mcp_list_tools", "image_generation_call", "image_generation", "compaction", "compaction_summary",
    "item_reference",
})  # fmt: skip
"""Items of the Responses API that are neither said nor a step on the way to what is said."""
_ITEMS = _HOSTED_ITEMS | _NO_STEP | {
    "computer_call", "custom_tool_call", "function.call", "function_call", "function_call_output", "local_shell_call",
    "mcp_approval_request", "mcp_approval_response", "reasoning",
}  # fmt: skip
_ITEM_IDS = frozenset({"id", "call_id"})
_BLOCK_TYPES = _REASONING | _TOOL_CALL | _TOOL_RESULT | {"text", "output_text", "refusal", "textBlock"}
_CONVERSE = frozenset({"text", "reasoningContent", "toolResult", "toolUse"})
_TEXTS = ("text", "content", "refusal")
_CITED = "citationsContent"
_NO_DATA = re.compile(r"[^\w+/=-]")
"""What is not in data as text, base64."""
_ARRAY_OF_OBJECTS = re.compile(r"\[\s*\{")
_JSON_TYPES = frozenset({"json", "object", "output_json"})
_JSON_KINDS = _JSON_TYPES | {"text", "output_text"}
_NO_ANSWER = frozenset({
    "b64_json", "blob", "fileData", "image", "inlineData", "inline_data", "parts", "reasoningContent", "revised_prompt",
    "uri",
})  # fmt: skip
_UI_TOOLS = ("tool-", "dynamic-tool")
_NO_TEXTS = ("result", "return", "plain")
"""How types end that have to do with text, and are none: ``web_search_tool_result``, a ``text-plain`` file."""

_TOOL_CALL_KEYS = ("toolUse", "functionCall", "tool_call", "toolRequest")
_TOOL_RESULT_KEYS = (
    "toolResult", "toolResponse", "functionResponse", "function_response", "tool_call_result", "codeExecutionResult",
    "code_execution_result",
)  # fmt: skip
_NESTED = ("function", "function_call", "payload", *_TOOL_CALL_KEYS)
"""Where some put a call's name and arguments."""
_BARE_CALL = {"name", "arguments"}
_CALL_IDS = ("call_id", "tool_call_id", "toolCallId", "toolUseId", "id", "tool_id", "ref")
_NAMES = ("name", "toolName", "tool_name")
_ARGUMENTS = (
    "arguments", "input", "args", "parameters", "tool_kwargs", "tool_arguments", "action", "operation", "code",
    "queries", "server_tool_call",
)  # fmt: skip
_RESULT_IDS = ("id", "tool_call_id", "tool_use_id", "toolUseId", "call_id", "toolCallId")

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
        return None if content[:1] == "[" or _is_item_repr(content) else content or None
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
        if not isinstance(text, str) or text[:1] == "[" or _is_item_repr(text):
            return None
        texts.append(text)
    return _joined(texts) or None


def _joined(texts: list[str]) -> str:
    """Return the texts of one message as one; the last one alone, if it repeats the pieces before it."""
    if len(texts) == 1:
        return texts[0]
    pieces = "".join(texts[:-1])
    return pieces if pieces and texts[-1] == pieces else pieces + texts[-1] if texts else ""


def holds_more(value: object) -> bool:
    """Whether chat messages hold more than is read of them: images, files, audio."""
    messages = value if is_array(value) else (value,)
    return any(
        is_object(block) and not _is_read(block)
        for message in messages
        if is_object(message)
        for block in _blocks_of(_unpacked(message))
    )


def _is_read(block: Object) -> bool:
    return (
        type_of(block) in _REASONING
        or block.get("thought") is True
        or _is_no_step(block)
        or _is_tool_result(block)
        or _is_tool_call(block)
        or _text_of(block) is not None
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


def read_text(content: object) -> str | None:
    """Return the text of a message's content: itself, or its text blocks joined; None if it has none."""
    if isinstance(content, str):
        return content
    text = text_alone(content)
    if text is not None:
        return text
    blocks = content if is_array(content) else (content,)
    texts = [text for block in blocks if (text := _text_of(block)) is not None]
    return _joined(texts) if texts else None


def is_steps(value: object) -> bool:
    """Whether parsed JSON is a list of what a model did in one turn: thoughts, calls, texts (Google's interactions)."""
    if not is_array(value) or not all(is_object(item) and type_of(item) for item in value):
        return False
    return any(is_object(item) and (type_of(item) == "model_output" or _is_block(item)) for item in value)


def is_content_blocks(value: object) -> bool:
    """Whether parsed JSON is a list of content blocks, rather than a structured answer that is a list."""
    if not is_array(value) or not value:
        return False
    return all(is_object(item) and _is_block(item) for item in value) or _is_converse(value)


def _is_converse(value: Array) -> bool:
    """Whether a list is content as Bedrock's Converse has it: each block is named by what it is, and one is a text."""
    if not all(is_object(item) and len(item) == 1 and item.keys() <= _CONVERSE for item in value):
        return False
    texts = [item["text"] for item in value if is_object(item) and "text" in item]
    return len(texts) <= 1 and all(isinstance(text, str) for text in texts)


def _is_block(item: Object) -> bool:
    kind = type_of(item)
    return kind in _BLOCK_TYPES or kind.endswith("_tool_result") or _is_call_of_openai(item)


def _is_call_of_openai(item: Object) -> bool:
    """Whether an object is a call in OpenAI's form, and not the definition of a tool."""
    function = item.get("function")
    return type_of(item) == "function" and is_object(function) and "arguments" in function


def read_tool_call(item: object) -> ToolCall | None:
    """Return the tool call that an object describes, whatever it calls its parts; None if it names no tool.

    A part or OpenAI call that has no arguments at all, not even empty ones, was written with content capture off.
    """
    if not is_object(item):
        return None
    if type_of(item) == "tool_call" and is_object(content := item.get("content")):  # Azure's agents
        return read_tool_call(content)
    inner = item
    if not item.keys().isdisjoint(_NESTED):
        inner = next((nested for key in _NESTED if is_object(nested := item.get(key))), item)
    if _withholds_arguments(item, inner):
        return None
    name = first_string(inner, *_NAMES)
    arguments = next((inner[key] for key in _ARGUMENTS if inner.get(key) is not None), {})
    if name is None and (kind := type_of(item)).endswith("_call") and kind not in ("tool_call", "function_call"):
        name = kind.removesuffix("_call")  # an item of the Responses API: computer_call, web_search_call ...
    if name is None and _is_ui_tool(item):
        name = type_of(item).removeprefix(_UI_TOOLS[0])
    if name is None and not arguments:
        return None
    identifier = first_string(inner, *_CALL_IDS) or first_string(item, *_CALL_IDS)
    text = arguments_in(arguments) if isinstance(arguments, str) else compact(arguments)
    return ToolCall(name or "", text, identifier, _is_hosted(item, identifier))


def arguments_in(text: str) -> str:
    """Return a call's arguments, also out of JSON within JSON."""
    return unquoted(text) if text[:2] == '"{' else text


def _is_hosted(item: Object, identifier: str | None) -> bool:
    kind = type_of(item)
    return (
        kind in _HOSTED_ITEMS
        or kind.startswith(_HOSTED_TYPES)
        or kind.endswith(_HOSTED_CALL)
        or (identifier is not None and identifier.startswith(_HOSTED_IDS))
        or item.get("builtin") is True
        or item.get("providerExecuted") is True
    )


def _withholds_arguments(item: Object, inner: Object) -> bool:
    is_part_or_openai = item.get("function") is inner or type_of(item) in ("tool_call", "function_call", "function")
    return is_part_or_openai and inner.keys().isdisjoint(_ARGUMENTS)


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
        elif not is_object(block) or _is_no_step(block):
            continue
        elif _is_tool_result(block):
            yield from _message(role, texts, calls)
            yield Message("tool", _result_text(block))
            texts, calls = [], {}
            answered.add(first_string(block, *_RESULT_IDS))
        elif _is_tool_call(block):
            call = read_tool_call(block)
            if call is not None and (call.id is None or call.id not in answered):
                calls.setdefault(call.id or call, call)
                if call.is_hosted:  # and carried out: what follows is said after it
                    yield from _message(role, texts, calls)
                    yield Message("tool")
                    texts, calls = [], {}
        elif _has_any(block, _HOSTED_CODE):
            yield from _message(role, texts, calls)
            yield Message("tool")
            texts, calls = [], {}
        elif (text := _text_of(block)) is not None:
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
        yield Message(role, _joined(texts) if texts else None, tuple(calls.values()))


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
    if _is_no_step(item):
        return
    if _is_tool_result(item) or kind in _REASONING or ("role" not in item and _is_tool_call(item)):
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


def _is_item_repr(text: str) -> bool:
    """Whether a text may be that of an SDK object, an item of a response."""
    return text[-1:] == ")" and "type='" in text and is_repr(text)


def _out_of_repr(block: object) -> Iterator[object]:
    """Yield a block; where it is the text of an SDK object, an item of a response, what that consists of."""
    text = first_string(block, *_TEXTS) if is_object(block) and type_of(block) == "text" else block
    if isinstance(text, str) and _is_item_repr(text) and is_object(item := read_repr(text)) and _is_item(item):
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


def _is_no_step(block: Object) -> bool:
    hosted = block.get("server_tool_call")  # OpenTelemetry's GenAI: the item of the Responses API
    return (type_of(hosted) if is_object(hosted) else type_of(block)) in _NO_STEP


def _is_tool_call(block: Object) -> bool:
    kind = type_of(block)
    return (
        kind in _TOOL_CALL
        or kind in _HOSTED_ITEMS
        or kind.endswith(_HOSTED_CALL)
        or (not block.keys().isdisjoint(_TOOL_CALL_KEYS) and any(is_object(block.get(key)) for key in _TOOL_CALL_KEYS))
        or (kind in ("", "function") and is_object(called := block.get("function")) and "name" in called)
        or (is_object(block.get("function_call")) and "content" not in block)
        or (isinstance(block.get("tool_name"), str) and "arguments" in block)
        or block.keys() == _BARE_CALL
        or _is_ui_tool(block)
    )


def _is_tool_result(block: Object) -> bool:
    kind = type_of(block)
    return (
        kind in _TOOL_RESULT
        or kind.endswith(("_tool_result", "_call_output"))
        or _has_any(block, _TOOL_RESULT_KEYS)
        or (_is_ui_tool(block) and str(block.get("state")).startswith("output"))
    )


def _is_ui_tool(block: Object) -> bool:
    """Whether a part of a message of Vercel's user interface is a tool's: its call and, later, its result."""
    return type_of(block).startswith(_UI_TOOLS) and "toolCallId" in block


def _has_any(block: Object, keys: tuple[str, ...]) -> bool:
    """Whether any of the keys has a value. Dumps of SDK objects have all, most of them null."""
    return not block.keys().isdisjoint(keys) and any(block.get(key) is not None for key in keys)


def _text_of(block: object) -> str | None:
    """Return the text of a content block, None if it is of another kind."""
    if isinstance(block, str):
        return unnested(block)
    if not is_object(block) or block.get("thought") is True:
        return None
    kind = (type_of(block) or first_string(block, "kind") or "").lower()
    if kind.endswith("audio") or (block.get("transcript") and kind not in _REASONING):
        return first_string(block, "transcript") or _spoken(block)
    if is_object(cited := block.get("content" if kind == _CITED.lower() else _CITED)):  # Bedrock's Converse
        return read_text(cited.get("content"))
    if kind in _JSON_TYPES:
        return _said_as_json(block, kind)
    if kind and kind != "refusal" and ("text" not in kind or "reasoning" in kind or kind.endswith(_NO_TEXTS)):
        return None  # reasoning, an image, a file ...
    text = first_string(block, *_TEXTS)
    return _said_as_json(block, kind) if text is None else unnested(text)


def _spoken(block: Object) -> str | None:
    """Return the content of audio, where that is what was said, and no data."""
    said = block.get("content")
    return said if isinstance(said, str) and _NO_DATA.search(said) else None


def _said_as_json(block: Object, kind: str) -> str | None:
    """Return what a model said as JSON, and what was left as that; or a text that has annotations beside it."""
    said = next((said for key in (*_TEXTS, "object") if is_object(said := block.get(key))), None)
    if said is None:
        return None if kind or not is_object(data := block.get("data")) else compact(data)  # Genkit
    return first_string(said, "value") or (compact(said) if kind in _JSON_KINDS else None)


def _is_answer(content: Object) -> bool:
    """Whether an object in place of a message's content is a structured answer, and no content block."""
    return bool(content) and not type_of(content) and not _is_read(content) and content.keys().isdisjoint(_NO_ANSWER)


def unnested(text: str) -> str:
    """Return the text in a text that is itself JSON of content blocks, as some instrumentations leave them."""
    if text[:1] == "[" and _ARRAY_OF_OBJECTS.match(text) and is_content_blocks(blocks := parse(text)):
        return read_text(blocks) or ""
    return text
