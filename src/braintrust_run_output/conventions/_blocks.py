"""Content blocks, which a message's content is a list of: the text in them.

Left out: reasoning, images and files. Audio counts with its transcript.
"""

from __future__ import annotations

import re

from ._json import Array, Object, compact, first_string, is_array, is_object, parse, type_of
from ._reprs import is_repr
from ._tool_calls import CALL_TYPES, RESULT_TYPES, is_call_of_openai, is_tool_call, is_tool_result

REASONING = frozenset({
    "reasoning", "thinking", "redacted_thinking", "reasoning_content", "thought", "redacted_reasoning",
    "reasoningBlock",
})  # fmt: skip
NO_STEPS = frozenset({
    "agent.handoff", "mcp_list_tools", "image_generation_call", "image_generation", "compaction", "compaction_summary",
    "item_reference",
})  # fmt: skip
"""Items of the Responses API that are neither said nor a step on the way to what is said."""
_BLOCK_TYPES = REASONING | CALL_TYPES | RESULT_TYPES | {"text", "output_text", "refusal", "textBlock"}
_CONVERSE = frozenset({"text", "reasoningContent", "toolResult", "toolUse"})
TEXTS = ("text", "content", "refusal")
_CITED = "citationsContent"
_NO_DATA = re.compile(r"[^\w+/=-]")
"""What is not in data as text, base64."""
_ARRAY_OF_OBJECTS = re.compile(r"\[\s*\{")
_JSON_TYPES = frozenset({"json", "object", "output_json"})
_JSON_KINDS = _JSON_TYPES | {"text", "output_text"}
_NO_TEXTS = ("result", "return", "plain")
"""How types end that have to do with text, and are none: ``web_search_tool_result``, a ``text-plain`` file."""


def text_alone(blocks: object) -> str | None:
    """Return the text of a list of content blocks or parts that are text alone, None if it is anything else."""
    if not isinstance(blocks, list):
        return None
    texts: list[str] = []
    for block in blocks:
        if not isinstance(block, dict) or len(block) != 2 or block.get("type") != "text":
            return None
        text = block.get("content") or block.get("text")
        if not isinstance(text, str) or text[:1] == "[" or is_item_repr(text):
            return None
        texts.append(text)
    return joined(texts) or None


def joined(texts: list[str]) -> str:
    """Return the texts of one message as one; the last one alone, if it repeats the pieces before it."""
    if len(texts) == 1:
        return texts[0]
    pieces = "".join(texts[:-1])
    return pieces if pieces and texts[-1] == pieces else pieces + texts[-1] if texts else ""


def is_read(block: Object) -> bool:
    """Whether a content block is of a kind that is known here: something said, a tool's, or reasoning."""
    return (
        type_of(block) in REASONING
        or block.get("thought") is True
        or is_no_step(block)
        or is_tool_result(block)
        or is_tool_call(block)
        or text_of(block) is not None
    )


def read_text(content: object) -> str | None:
    """Return the text of a message's content: itself, or its text blocks joined; None if it has none."""
    if isinstance(content, str):
        return content
    text = text_alone(content)
    if text is not None:
        return text
    blocks = content if is_array(content) else (content,)
    texts = [text for block in blocks if (text := text_of(block)) is not None]
    return joined(texts) if texts else None


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
    return kind in _BLOCK_TYPES or kind.endswith("_tool_result") or is_call_of_openai(item)


def is_item_repr(text: str) -> bool:
    """Whether a text may be that of an SDK object, an item of a response."""
    return text[-1:] == ")" and "type='" in text and is_repr(text)


def is_no_step(block: Object) -> bool:
    """Whether an item is neither said nor a step on the way to what is said."""
    hosted = block.get("server_tool_call")  # OpenTelemetry's GenAI: the item of the Responses API
    return (type_of(hosted) if is_object(hosted) else type_of(block)) in NO_STEPS


def text_of(block: object) -> str | None:
    """Return the text of a content block, None if it is of another kind."""
    if isinstance(block, str):
        return unnested(block)
    if not is_object(block) or block.get("thought") is True:
        return None
    kind = (type_of(block) or first_string(block, "kind") or "").lower()
    if kind.endswith("audio") or (block.get("transcript") and kind not in REASONING):
        return first_string(block, "transcript") or _spoken(block)
    if is_object(cited := block.get("content" if kind == _CITED.lower() else _CITED)):  # Bedrock's Converse
        return read_text(cited.get("content"))
    if kind in _JSON_TYPES:
        return _said_as_json(block, kind)
    if kind and kind != "refusal" and ("text" not in kind or "reasoning" in kind or kind.endswith(_NO_TEXTS)):
        return None  # reasoning, an image, a file ...
    text = first_string(block, *TEXTS)
    return _said_as_json(block, kind) if text is None else unnested(text)


def _spoken(block: Object) -> str | None:
    """Return the content of audio, where that is what was said, and no data."""
    said = block.get("content")
    return said if isinstance(said, str) and _NO_DATA.search(said) else None


def _said_as_json(block: Object, kind: str) -> str | None:
    """Return what a model said as JSON, and what was left as that; or a text that has annotations beside it."""
    said = next((said for key in (*TEXTS, "object") if is_object(said := block.get(key))), None)
    if said is None:
        return None if kind or not is_object(data := block.get("data")) else compact(data)  # Genkit
    return first_string(said, "value") or (compact(said) if kind in _JSON_KINDS else None)


def unnested(text: str) -> str:
    """Return the text in a text that is itself JSON of content blocks, as some instrumentations leave them."""
    if text[:1] == "[" and _ARRAY_OF_OBJECTS.match(text) and is_content_blocks(blocks := parse(text)):
        return read_text(blocks) or ""
    return text
