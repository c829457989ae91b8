"""From an attribute's value to a completion, where the value stands for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..completion import from_messages, from_text
from ._chat import is_chat, is_content_blocks, is_items, read_messages
from ._json import compact, parse
from ._responses import read_response

if TYPE_CHECKING:
    from ..completion import Completion


def from_plain(value: object, source: str) -> Completion | None:
    """Return the completion in a value that is text by convention: a string is taken verbatim."""
    return from_text(value, source) if isinstance(value, str) else _from_parsed(value, source, None)


def from_json(value: object, source: str) -> Completion | None:
    """Return the completion in a value that is JSON by convention: a text, chat messages, or any other JSON.

    Text that is no valid JSON is taken verbatim: it is still what the model said.
    """
    if not isinstance(value, str):
        return _from_parsed(value, source, None)
    parsed = parse(value)
    return from_text(value, source) if parsed is None and value != "null" else _from_parsed(parsed, source, value)


def _from_parsed(value: object, source: str, raw: str | None) -> Completion | None:
    if value is None or value == [] or value == {} or value == ():
        return None
    if isinstance(value, str):
        return from_text(value, source, raw=raw)
    if is_chat(value):
        return from_messages(read_messages(value), source, raw=raw)
    if is_content_blocks(value):
        return from_messages(read_messages({"content": value}), source, raw=raw)
    if is_items(value):
        return from_messages(read_response(value), source, raw=raw)
    return from_text(compact(value) if raw is None else raw, source)
