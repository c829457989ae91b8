"""From an attribute's value to a completion: a text, messages, or what a model's call put out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..completion import Message, from_messages, from_text
from ._blocks import is_content_blocks
from ._chat import is_chat, is_items, read_messages
from ._dspy import dspy_answer
from ._json import compact, is_array, is_object, looks_like_json, parse, was_cut
from ._no_answer import is_no_answer
from ._reprs import LITERAL, is_repr, read_repr
from ._responses import find_messages, read_response, read_stream
from ._unwrap import unwrap

if TYPE_CHECKING:
    from ..completion import Completion


_MAY_BE_NO_TEXT = ("{", "[", '"', "d", "e", "i", ":")
"""How a text begins that may be JSON, or a stream."""
_ASKING = ("user", "human", "system")
"""Whose messages are in a conversation: a model may have made that up."""
_CUT_MESSAGES = re.compile(r"""["\[\{\s\\]{0,20}"(?:role|content|message|parts)\\?"\s?:""")
"""How messages begin. A model may have said other JSON that is broken."""


def from_plain(value: object, source: str) -> Completion | None:
    """Return the completion in a value that is text by convention: a string is taken verbatim.

    Unless it is JSON which no model would say: messages with roles, content blocks, a provider's response, a stream.
    """
    if not isinstance(value, str):
        return _from_parsed(unpacked(value), source, None)
    return _from_said(value, source, value)


def _from_said(text: str, source: str, raw: str | None) -> Completion | None:
    if not text.lstrip().startswith(_MAY_BE_NO_TEXT):
        return from_text(text, source, raw=raw)
    if (messages := _messages_in(text)) is not None:
        return from_messages(messages, source, raw=raw)
    return None if _CUT_MESSAGES.match(text) and was_cut(text) else from_text(text, source, raw=raw)


def _messages_in(text: str) -> list[Message] | None:
    said = unpacked(text)
    if is_content_blocks(said):
        return read_messages({"content": said})
    if isinstance(said, str):
        return read_stream(text)
    messages = find_messages(said, may_be_said=True)
    return None if messages is None or any(message.role in _ASKING for message in messages) else messages


def from_json(value: object, source: str) -> Completion | None:
    """Return the completion in a value that is JSON by convention: a text, chat messages, or any other JSON.

    Text that is no JSON is taken verbatim: it is still what the model said. JSON that is cut is nothing, nor are
    embeddings, rankings and the like.
    """
    if not isinstance(value, str):
        return _from_parsed(value, source, None)
    parsed = parse(value)
    if parsed is None:
        return None if value == "null" or was_cut(value) else from_text(value, source)
    return None if is_no_answer(parsed, may_be_said=True) else _from_parsed(parsed, source, value)


def unpacked(value: object) -> object:
    """Return the parsed JSON in a value: also in a text within a text, and in a sequence of texts.

    What is no JSON comes back as it is.
    """
    parsed = parse(value)
    if parsed is None:
        return value
    if isinstance(parsed, str) and looks_like_json(parsed) and (inner := parse(parsed)) is not None:
        return inner
    if is_array(parsed) and parsed and all(isinstance(item, str) for item in parsed):
        items = [parse(item) for item in parsed]
        if all(is_object(item) for item in items):
            return items
    return parsed


def from_model_output(value: object, source: str, *, may_be_said: bool | None = None) -> Completion | None:
    """Return what a model's call put out, whatever its provider or SDK calls it; None if it is no answer.

    A text, chat messages, content blocks, choices, items of OpenAI's Responses API, a provider's whole response, each
    also as JSON text; otherwise a structured answer. Embeddings, rankings, verdicts, counts and bare metadata are none.

    Args:
        value: The value: text, JSON text, or parsed JSON.
        source: Where it was found.
        may_be_said: Whether JSON may as well be what the model said, asked for JSON, than what holds it. Default: for a
            text.
    """
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    raw = value if isinstance(value, str) else None
    said = raw is not None if may_be_said is None else may_be_said
    found = unpacked(value)
    if isinstance(found, str):
        if found == "null" or (may_be_said is False and found is value and found[:1] == '"'):  # cut
            return None
        return _from_text(found, source, raw, is_json=found is not value)
    if found is None or found in ([], {}, (), [None]):
        return None
    if isinstance(found, (bool, int, float)):
        return from_text(raw if raw is not None else compact(found), source, raw=raw)
    if is_array(found) and (streamed := read_stream(found)) is not None:
        return from_messages(streamed, source, raw=raw)
    if is_array(found) and found and all(isinstance(item, str) for item in found) and not (said and raw is not None):
        return from_messages([Message("assistant", dspy_answer(str(item))) for item in found], source, raw=raw)
    if is_content_blocks(found):
        return from_messages(read_messages({"content": found}), source, raw=raw)
    messages = find_messages(found, may_be_said=said)
    if messages is not None:
        return from_messages(messages, source, raw=raw)
    if is_no_answer(found, may_be_said=said):
        return None
    if said and raw is not None:
        return from_text(raw, source)
    return unwrap(found, source)


def _from_text(text: str, source: str, raw: str | None, *, is_json: bool) -> Completion | None:
    if (streamed := read_stream(text)) is not None:
        return from_messages(streamed, source, raw=raw)
    if is_repr(text):
        return from_messages(read_response(read_repr(text)), source, raw=raw)
    if is_json:
        return from_text(dspy_answer(text), source, raw=raw)
    if text.startswith(LITERAL) and (messages := find_messages(read_repr(text), may_be_said=True)) is not None:
        return from_messages(messages, source, raw=raw)
    return None if was_cut(text) else from_text(dspy_answer(text), source, raw=raw)


def _from_parsed(value: object, source: str, raw: str | None) -> Completion | None:
    if value is None or value == [] or value == {} or value == ():
        return None
    if isinstance(value, str):
        return _from_said(value, source, raw)
    if is_chat(value):
        return from_messages(read_messages(value), source, raw=raw)
    if is_content_blocks(value):
        return from_messages(read_messages({"content": value}), source, raw=raw)
    if is_items(value):
        return from_messages(read_response(value), source, raw=raw)
    if messages := find_messages(value, may_be_said=True):
        return from_messages(messages, source, raw=raw)
    if raw is None and is_array(value) and all(isinstance(item, str) for item in value):
        return from_messages([Message("assistant", str(item)) for item in value], source)
    return from_text(compact(value) if raw is None else raw, source)
