"""Generic outputs of chains, agents and workflows: what they are wrapped in, and the answer inside.

Known wrappers: ``{"outputs": T}``, ``{"output": T}``, ``{"response": T}``, ``{"raw": T}``, ``{"answer": T}``, a
LangChain or LangGraph state whose last AI message is the answer, a provider's response, a list of one of these, and the
markers of DSPy's chat adapter, ``[[ ## answer ## ]]``. What is none of them is taken as it is.
"""

from __future__ import annotations

import re

from ..completion import Completion, from_messages, from_text
from ._chat import is_chat, read_messages
from ._json import Object, compact, is_array, is_object, parse
from ._responses import read_response

_WRAPPERS = ("outputs", "output", "response", "raw", "replies", "last_message")
"""Keys whose value is the output, whatever stands beside them."""
_BESIDE_AN_ANSWER = frozenset({
    "answer", "chat_history", "context", "input", "metadata", "query", "query_satisfied", "question", "rationale",
    "reasoning", "source_documents", "source_nodes", "sources", "trajectory",
})  # fmt: skip
"""Keys that may stand beside ``answer`` without being part of a structured answer."""
_DEEPEST = 8

_DSPY_FIELD = re.compile(r"^\[\[ ## (\w+) ## \]\]\s*$", re.MULTILINE)


def unwrap(value: object, source: str) -> Completion | None:
    """Return the completion in a generic output: text, JSON text or parsed JSON; None if it says nothing."""
    raw = value if isinstance(value, str) else None
    if raw is not None and raw.lstrip()[:1] in ("{", "[", '"'):
        parsed = parse(raw)
        value = raw if parsed is None else parsed
    return _unwrap(value, source, raw, 0)


def _unwrap(value: object, source: str, raw: str | None, depth: int) -> Completion | None:
    if value is None or value in ("", [], {}, ()):
        return None
    if isinstance(value, str):
        return from_text(_dspy_answer(value), source, raw=raw)
    if depth < _DEEPEST:
        if is_array(value) and len(value) == 1 and not is_chat(value):
            return _unwrap(value[0], source, raw, depth + 1)
        if is_chat(value):
            return from_messages(read_messages(value), source, raw=raw)
        if is_object(value):
            inside = _inside(value)
            if inside is not value:
                return _unwrap(inside, source, raw, depth + 1)
            if any(key in value for key in ("choices", "candidates", "generations")):
                return from_messages(read_response(value), source, raw=raw)
    return from_text(compact(value), source, raw=raw)


def _inside(value: Object) -> object:
    """Return what a known wrapper holds; the value itself if it is none."""
    if value.get("structured_response") is not None:  # a LangGraph agent's answer of a given shape
        return value["structured_response"]
    if is_array(messages := value.get("messages")):
        return messages
    if is_object(update := value.get("update")) and "messages" in update:  # a LangGraph command
        return update
    for key in _WRAPPERS:
        if key in value:
            return value[key]
    if isinstance(value.get("answer"), str) and value.keys() <= _BESIDE_AN_ANSWER:
        return value["answer"]
    if len(value) == 1:  # a Haystack pipeline's output, by component
        (component,) = value.values()
        if is_object(component) and any(key in component for key in _WRAPPERS):
            return component
    return value


def _dspy_answer(text: str) -> str:
    """Return the ``answer`` field of a text in the format of DSPy's chat adapter; any other text as it is."""
    if not text.startswith("[[ ## "):
        return text
    _, *fields = _DSPY_FIELD.split(text)
    values = dict(zip(fields[::2], fields[1::2], strict=True))
    return values["answer"].strip() if "answer" in values else text
