"""Generic outputs of chains, agents and workflows: what they are wrapped in, and the answer inside.

Known wrappers: ``{"outputs": T}``, ``{"output": T}``, ``{"response": T}``, ``{"raw": T}``, ``{"answer": T}``, a
LangChain or LangGraph state whose last AI message is the answer, a provider's response, a list of one of these, the
markers of DSPy's chat adapter, ``[[ ## answer ## ]]``, and reprs of objects that hold one, or the ``str`` of a pydantic
object. What is none of them is taken as it is, unless no model can have said it: other reprs, prompts, retrieved
documents, embeddings, JSON schemas.
"""

from __future__ import annotations

import re

from ..completion import Completion, Message, from_messages, from_text
from ._blocks import is_content_blocks
from ._chat import is_chat, is_items, is_of_autogen, read_messages
from ._dspy import dspy_answer
from ._json import Array, Object, compact, is_array, is_object, literal, parse, was_cut
from ._no_answer import BESIDE_A_TEXT, METADATA, answer_name, holds_no_words, is_aside, is_not_said
from ._objects import as_objects
from ._reprs import LITERAL, is_cut, is_repr, read_fields, read_repr
from ._responses import find_messages, is_responded, read_response, read_stream, structured_answer

_WRAPPERS = ("outputs", "output", "response", "raw", "replies", "last_message", "final_output", "chat_message")
"""Keys whose value is the output, whatever stands beside them."""
_WRAPPERS_ALONE = frozenset({
    "completion", "content", "final_answer", "final_response", "generated_text", "message", "output_text", "reply",
    "result", "text",
})  # fmt: skip
"""Keys whose value is the output where nothing stands beside them."""
_BESIDE_AN_ANSWER = frozenset({
    "answer", "chat_history", "context", "docs", "documents", "files", "input", "latency", "metadata", "model", "query",
    "query_satisfied", "question", "rationale", "reasoning", "source_documents", "source_nodes", "sources",
    "trajectory", "usage",
})  # fmt: skip
"""Keys that may stand beside ``answer`` without being part of a structured answer."""
_ID = re.compile(r"(?:^|_)ids?$|(?<=[a-z])Ids?$")
"""How the name of an id ends."""
_ASKED = frozenset({"question", "query", "input", "inputs", "chat_history"})
_BESIDE = METADATA - {"body", "object", "response"} | {
    "ResponseMetadata", "code", "cost", "duration", "elapsed", "error", "ok", "role", "status", "statusCode", "success",
    "total_cost", "version",
}  # fmt: skip
"""What a service puts beside the one thing that it returns."""
_INSIDE = frozenset({*_WRAPPERS, "answer", "messages", "reply"})
"""Keys of what may stand below one other key: the name of a LangGraph node, ``data`` ..."""
_RESULT = {"result"}
_STREAMED = {"chunks", "result"}
"""What a flow of Genkit put out: the pieces, and what came of them."""
_EVENTS = {"events"}
_STRUCTURED = ("structured_response", "structuredResponse", "structured_output")
"""Keys of an answer of a given shape in what agents of LangChain, in Python and in JavaScript, and Strands return."""
_READ_FROM = ("text", "response")
"""Where an SDK says what it has read an ``output`` of a given shape from: Vercel's AI SDK, pydantic-ai."""
_NO_SHAPE = frozenset({"messages", "content", "parts", "choices", "candidates"})
_TEXTS = ("text", "message")
_SAID = frozenset({"replies", "last_message"})
_BUILT = {"data", "query", "documents"}
"""What Haystack's generators and agents put out, and what is in an answer that one of its builders did."""
_FIELDS = "content="
"""How the ``str`` of a LangChain message begins."""
_ALTERNATIVES = ("choices", "candidates", "generations")
"""Keys that give a provider's whole response away."""
_NOTHING = ("", "null", "None")
"""What a function that returns nothing puts out."""
_DEEPEST = 8


def unwrap(value: object, source: str) -> Completion | None:
    """Return the completion in a generic output: text, JSON text or parsed JSON; None if it says nothing."""
    raw = value if isinstance(value, str) else None
    if raw is not None and raw.lstrip()[:1] in ("{", "[", '"'):
        parsed = parse(raw)
        if parsed is None and was_cut(raw):
            return None
        value = raw if parsed is None else _unpacked(parsed)
    return _unwrap(value, source, raw, 0)


def _unwrap(value: object, source: str, raw: str | None, depth: int, *, is_revived: bool = False) -> Completion | None:
    if value is None or value in (*_NOTHING, [], {}, ()):
        return None
    if (revived := _revived(value)) is not None:
        return _unwrap(revived, source, raw, depth, is_revived=not _is_plain(value))
    if is_not_said(value):
        return None
    if isinstance(value, str) or is_array(value):
        streamed = read_stream(value)
        if streamed is not None:
            return from_messages(streamed, source, raw=raw)
    if isinstance(value, str):
        return from_text(dspy_answer(value), source, raw=raw)
    if not is_revived and is_object(value) and is_object(answer := _structured(value)):
        return from_text(compact(answer), source, raw=raw)
    messages = _messages_in(value)
    if messages is None and depth < _DEEPEST and (inside := _inside(value)) is not value:
        # What a workflow returned may be any object, where it is there as a whole.
        is_result = is_object(value) and value.keys() == _RESULT and not is_cut(raw or "")
        return _unwrap(inside, source, raw, depth + 1, is_revived=is_revived and not is_result)
    if messages is None:
        messages = _response_in(value)
    if messages is not None:
        return from_messages(messages, source, raw=raw)
    return None if is_revived or holds_no_words(value) else from_text(compact(value), source, raw=raw)


def _unpacked(value: object) -> object:
    """Return the JSON in a text that was JSON itself: what a function returned as JSON was encoded once more."""
    inner = parse(value) if isinstance(value, str) and value[:1] in ("{", "[") else None
    return value if inner is None else inner


def _revived(value: object) -> object:
    """Return what the repr of an object says, or a list of such; None if the value is none, or cannot be read."""
    if isinstance(value, str):
        if is_repr(value) or value.startswith(LITERAL):
            return read_repr(value)
        return read_fields(value) if "='" in value or '="' in value else None  # "x=4" is what a model said
    if not is_array(value) or not value or not all(isinstance(item, str) and is_repr(item) for item in value):
        return None
    items = [read_repr(str(item)) for item in value]
    return items if all(is_object(item) for item in items) else None


def _is_plain(value: object) -> bool:
    """Whether a text says plain data: the repr of some, or the ``str`` of an object of pydantic that is no message."""
    if not isinstance(value, str) or is_repr(value) or value.startswith(_FIELDS):
        return False
    return not value.startswith(LITERAL) or literal(value) is not None


def _messages_in(value: object) -> list[Message] | None:
    if is_chat(value):
        return read_messages(value[-1] if is_array(value) and all(map(is_of_autogen, value)) else value)
    if is_items(value):
        return read_response(value)
    if is_object(value) and value.get("kind") in ("message", "response", "task"):  # A2A's, pydantic-ai's
        return read_response(value) or None
    if is_array(value) and value and all(map(_is_event, value)):  # of Google's ADK
        return read_messages([event["content"] for event in value if is_object(event)])
    if is_array(value) and value and is_object(value[0]) and ("choices" in value[0] or "response" in value[0]):
        return find_messages(value)
    return read_messages({"content": value}) if is_content_blocks(value) else None


def _is_event(item: object) -> bool:
    content = item.get("content") if is_object(item) else None
    return is_object(content) and is_array(content.get("parts"))


def _response_in(value: object) -> list[Message] | None:
    if not is_object(value):
        return None
    if is_responded(value) and (messages := read_response(value)):
        return messages
    has_alternatives = any(key in value for key in _ALTERNATIVES)
    messages = read_response(value) if has_alternatives or "content" in value else []
    return messages if messages or has_alternatives else None


def _inside(value: object) -> object:
    """Return what a known wrapper holds, or a list of one; the value itself if it is none."""
    if is_array(value):
        return _last_of(value)
    if not is_object(value):
        return value
    if (answer := _structured(value)) is not None:
        return answer
    if is_array(messages := value.get("messages")) and (messages or len(value) == 1) and not _is_result(value):
        return messages
    if is_object(update := value.get("update")) and "messages" in update:  # a LangGraph command
        return update
    if (result := _came_of(value)) is not None:
        return result
    for key in ("result",) if "jsonrpc" in value else _WRAPPERS:
        if key in value:
            return value[key]
    if isinstance(value.get("answer"), str) and _without_ids(value) <= _BESIDE_AN_ANSWER:
        return value["answer"]
    if not _ASKED.isdisjoint(value):  # a state, which says what was asked beside what is answered
        answers = [value[name] for name in (answer_name(value), "text") if name and isinstance(value.get(name), str)]
        if len(answers) == 1:
            return answers[0]
    if components := _components(value):
        return components[-1]
    text = next((text for key in _TEXTS if isinstance(text := value.get(key), str) and text), None)
    if text is not None and _is_text_alone(value):
        return text
    return _alone(value)


def _without_ids(value: Object) -> set[str]:
    """Return the names of what an object holds but for ids: of a conversation, a session, a message."""
    return {name for name in value if not _ID.search(name)}


def _came_of(value: Object) -> object:
    """Return what came of a run: a flow's result, a session's of Claude, the last event of AutoGen's; else None."""
    if value.get("type") == "result" and isinstance(value.get("result"), str):
        return value["result"]
    events = value.get("events")
    if value.keys() == _EVENTS and is_array(events) and any(map(is_of_autogen, events)):
        return events[-1]
    return value["result"] if value.keys() == _STREAMED else None


def _is_text_alone(value: Object) -> bool:
    """Whether beside the text of an object there is only what describes it, nothing, or the same as sound or images."""
    beside = _without_ids(value) - BESIDE_A_TEXT - {"message"}
    return not (value.keys() >= set(_TEXTS)) and all(not value[key] or holds_no_words(value[key]) for key in beside)


def _structured(value: Object) -> object:
    """Return an agent's answer of a given shape; None if it has none."""
    if (answer := next((value[key] for key in _STRUCTURED if value.get(key) is not None), None)) is not None:
        return answer
    output = value.get("output")
    if is_object(output) and any(key in value for key in _READ_FROM) and _NO_SHAPE.isdisjoint(output):
        return output
    return structured_answer(value)


def _is_result(value: Object) -> bool:
    """Whether an object has its output beside messages that nobody answered (CrewAI's agents on their own)."""
    return isinstance(value.get("raw"), str) and from_messages(read_messages(value["messages"]), "raw") is None


def _components(value: Object) -> list[object]:
    """Return what the components of a Haystack pipeline said: builders of answers, or else generators and agents."""
    parts = [part for name, part in value.items() if is_object(part) and not is_aside(name)]
    built = [answer for part in parts for answer in as_objects(part.get("answers")) if answer.keys() >= _BUILT]
    return [answer["data"] for answer in built] or [part for part in parts if not _SAID.isdisjoint(part)]


def _alone(value: Object) -> object:
    """Return what a wrapper holds with nothing beside it, but ids and a status; the object itself if it is none."""
    names = _without_ids(value) - _BESIDE
    if len(names) != 1:
        return value
    (key,) = names
    only = value[key]
    if key in _WRAPPERS_ALONE and (isinstance(only, str) or is_object(only) or is_chat(only)):
        return only
    return only if is_object(only) and (not only.keys().isdisjoint(_INSIDE) or is_not_said(only)) else value


def _last_of(items: Array) -> object:
    """Return what a list of one holds, or the last message in what the nodes of a LangGraph have put out in turn."""
    if len(items) == 1:
        return items[0]
    updates = [inside for item in items if is_object(item) and len(item) == 1 for inside in item.values()]
    is_stream = bool(items) and len(updates) == len(items)
    messages = [one["messages"] for one in updates if is_object(one) and is_array(one.get("messages"))]
    return messages[-1] if is_stream and messages else items
