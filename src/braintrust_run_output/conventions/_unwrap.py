"""Generic outputs of chains, agents and workflows: what they are wrapped in, and the answer inside.

Known wrappers: ``{"outputs": T}``, ``{"output": T}``, ``{"response": T}``, ``{"raw": T}``, ``{"answer": T}``, a
LangChain or LangGraph state whose last AI message is the answer, a provider's response, a list of one of these, and the
markers of DSPy's chat adapter, ``[[ ## answer ## ]]``. What is none of them is taken as it is, unless no model can have
said it: Python reprs, prompts, retrieved documents, embeddings, JSON schemas.
"""

from __future__ import annotations

import re

from ..completion import Completion, from_messages, from_text
from ._chat import is_chat, is_content_blocks, is_items, read_messages
from ._json import Object, compact, is_array, is_object, parse, type_of
from ._reprs import is_repr
from ._responses import read_response

_WRAPPERS = ("outputs", "output", "response", "raw", "replies", "last_message")
"""Keys whose value is the output, whatever stands beside them."""
_BESIDE_AN_ANSWER = frozenset({
    "answer", "chat_history", "context", "docs", "documents", "input", "metadata", "query", "query_satisfied",
    "question", "rationale", "reasoning", "source_documents", "source_nodes", "sources", "trajectory",
})  # fmt: skip
"""Keys that may stand beside ``answer`` without being part of a structured answer."""
_ALTERNATIVES = ("choices", "candidates", "generations")
"""Keys that give a provider's whole response away."""
_NOTHING = ("", "null", "None")
"""What a function that returns nothing puts out."""
_DEEPEST = 8

_DSPY_FIELD = r"^\[\[ ## (\w+) ## \]\][ \t]*$"
_BESIDE_A_DSPY_ANSWER = frozenset({"answer", "reasoning", "rationale", "completed"})

_NOT_SAID = frozenset({"documents", "page_content", "embedding", "embeddings", "nodes", "source_nodes"})
_BESIDE_WHAT_IS_NOT_SAID = _NOT_SAID | {"id", "type", "meta", "metadata", "model", "usage"}
"""Keys of retrieved documents and embeddings, where there is nothing else."""
_SHORTEST_EMBEDDING = 8


def unwrap(value: object, source: str) -> Completion | None:
    """Return the completion in a generic output: text, JSON text or parsed JSON; None if it says nothing."""
    raw = value if isinstance(value, str) else None
    if raw is not None and raw.lstrip()[:1] in ("{", "[", '"'):
        parsed = parse(raw)
        value = raw if parsed is None else parsed
    return _unwrap(value, source, raw, 0)


def _unwrap(value: object, source: str, raw: str | None, depth: int) -> Completion | None:
    if value is None or value in (*_NOTHING, [], {}, ()) or _is_not_said(value):
        return None
    if isinstance(value, str):
        return from_text(dspy_answer(value), source, raw=raw)
    if is_chat(value):
        return from_messages(read_messages(value), source, raw=raw)
    if is_items(value):
        return from_messages(read_response(value), source, raw=raw)
    if is_content_blocks(value):
        return from_messages(read_messages({"content": value}), source, raw=raw)
    if depth < _DEEPEST:
        if is_array(value) and len(value) == 1:
            return _unwrap(value[0], source, raw, depth + 1)
        if is_object(value):
            inside = _inside(value)
            if inside is not value:
                return _unwrap(inside, source, raw, depth + 1)
            messages = read_response(value) if "content" in value else []
            if messages or any(key in value for key in _ALTERNATIVES):
                return from_messages(messages or read_response(value), source, raw=raw)
    return from_text(compact(value), source, raw=raw)


def _is_not_said(value: object) -> bool:
    """Whether a generic output, or each item of it, is of a kind that no model can have said."""
    if not is_array(value):
        return _is_no_answer(value)
    is_embedding = len(value) >= _SHORTEST_EMBEDDING and all(isinstance(item, float) for item in value)
    return bool(value) and (is_embedding or all(_is_no_answer(item) for item in value))


def _is_no_answer(value: object) -> bool:
    if isinstance(value, str):
        return is_repr(value)
    if not is_object(value):
        return False
    if value.get("lc") and is_object(kwargs := value.get("kwargs")):  # a LangChain object other than a message
        return "content" not in kwargs
    is_schema = type_of(value) == "object" and is_object(value.get("properties"))
    # What a LlamaIndex retriever or splitter finds.
    is_node = ("score" in value and is_object(value.get("node"))) or str(value.get("class_name")).endswith("Node")
    is_document = not _NOT_SAID.isdisjoint(value) and value.keys() <= _BESIDE_WHAT_IS_NOT_SAID
    return is_schema or is_node or is_document


def _inside(value: Object) -> object:
    """Return what a known wrapper holds; the value itself if it is none."""
    if value.get("structured_response") is not None:  # a LangGraph agent's answer of a given shape
        return value["structured_response"]
    if is_array(messages := value.get("messages")) and (messages or len(value) == 1):
        return messages
    if is_object(update := value.get("update")) and "messages" in update:  # a LangGraph command
        return update
    for key in _WRAPPERS:
        if key in value:
            return value[key]
    if isinstance(value.get("answer"), str) and value.keys() <= _BESIDE_AN_ANSWER:
        return value["answer"]
    components = [part for part in value.values() if is_object(part) and "replies" in part]
    if components:  # a Haystack pipeline's output, by component
        return components[-1]
    if len(value) == 1:
        (only,) = value.values()
        if is_object(only) and not only.keys().isdisjoint({*_WRAPPERS, *_NOT_SAID}):
            return only
    return value


def dspy_answer(text: str) -> str:
    """Return the answer in a text in the format of DSPy's chat adapter; a text that says more, or other, as it is."""
    if not text.startswith("[[ ## "):
        return text
    _, *fields = re.split(_DSPY_FIELD, text, flags=re.MULTILINE)
    values = dict(zip(fields[::2], fields[1::2], strict=True))
    return values["answer"].strip() if "answer" in values and values.keys() <= _BESIDE_A_DSPY_ANSWER else text
