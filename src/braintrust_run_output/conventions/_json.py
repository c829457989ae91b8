"""JSON as instrumentations write it into attributes: never an exception, never a surprise."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Mapping
from typing import TypeAlias, TypeGuard

Object: TypeAlias = "Mapping[str, object]"
Array: TypeAlias = "list[object] | tuple[object, ...]"

_scan: Callable[[str, int], tuple[object, int]] = json.JSONDecoder().scan_once  # type: ignore[attr-defined]
"""``json.loads`` without its layers, which take longer than a short text itself."""


def _plain(value: object) -> str | None:
    """Return what stands for a value that JSON does not know: nobody has said bytes."""
    return None if isinstance(value, (bytes, bytearray)) else str(value)


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain).encode
CLOSING = {"{": "}", "[": "]", '"': '"'}
"""What a JSON object, array or string ends with, by what it begins with."""
_LONGEST_LITERAL = 100_000
_WHITESPACE = " \t\n\r"
_NO_OBJECTS = (str, list, tuple, int, float, bytes, type(None))
_LOOKS_LIKE_JSON = re.compile(
    r"""\s*(?:
        \{\s*["}]                                               # an object
      | \[\s*(?:\]|[\[{]\s*["\[{\]}\d-])                        # an array of objects or arrays
      | \[\s*"(?:[^"\\]|\\.)*"?\s*(?:[,\]]|$)                   # an array of strings
      | "[\[{\s]+\\"                                            # one of these within a string
    )""",
    re.VERBOSE,
)
"""How JSON begins that is more than one text. A text may begin with a bracket or a quotation mark, too."""


def parse(value: object) -> object:
    """Return what a JSON text holds; a value that is no text comes back as it is, a broken text as None."""
    if not isinstance(value, (str, bytes)):
        return value
    try:
        text = value if isinstance(value, str) else value.decode()
        if text[:1] in _WHITESPACE:
            text = text.lstrip(_WHITESPACE)
        parsed, end = _scan(text, 0)
    except (ValueError, RecursionError, StopIteration):
        return None
    return parsed if end == len(text) or not text[end:].strip(_WHITESPACE) else None


def unquoted(text: str) -> str:
    """Return the text that a JSON string holds; a text that is none comes back as it is."""
    inside = parse(text) if text[:1] == '"' else None
    return inside if isinstance(inside, str) else text


def looks_like_json(text: str) -> bool:
    """Whether a text begins like a JSON object or array."""
    return text[:1] in '{[" \t\n\r' and _LOOKS_LIKE_JSON.match(text) is not None


def was_cut(text: str) -> bool:
    """Whether a text begins like a JSON object or array and ends before that does: an attribute limit has cut it.

    JSON with more text after it, and JSON that is closed and broken within, is what somebody said.
    """
    if not looks_like_json(text):
        return False
    text = text.strip(_WHITESPACE)
    try:
        _scan(text, 0)
    except json.JSONDecodeError as error:
        return error.pos >= len(text) or error.msg.startswith("Unterminated") or text[-1] != CLOSING[text[0]]
    except StopIteration:  # a value that is none
        return text[-1] != CLOSING[text[0]]
    except (ValueError, RecursionError):
        return True
    return False


def literal(value: str) -> object:
    """Return what the ``str`` of a Python list or dictionary holds; None if the text is none, or very long."""
    if len(value) > _LONGEST_LITERAL:
        return None
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def compact(value: object) -> str:
    """Return a value as compact JSON text; empty if that cannot be done, and for bytes, which nobody has said.

    What JSON does not know is its ``str`` within, and bytes are null.
    """
    try:
        return "" if isinstance(value, (bytes, bytearray)) else _encode(value)
    except (ValueError, TypeError, RecursionError):
        return ""


def is_object(value: object) -> TypeGuard[Object]:
    """Whether a value is a JSON object."""
    # To ask an abstract class takes ten times as long: only what is none of JSON's own.
    return isinstance(value, dict) or (not isinstance(value, _NO_OBJECTS) and isinstance(value, Mapping))


def is_array(value: object) -> TypeGuard[Array]:
    """Whether a value is a JSON array (a tuple where the SDK has cleaned it)."""
    return isinstance(value, (list, tuple))


def type_of(item: Object) -> str:
    """Return what an object calls its type; empty if it has none, or one that is no string."""
    value = item.get("type")
    if isinstance(value, str):
        return value
    if value is None:
        value = item.get("block_type") or item.get("part_kind")  # LlamaIndex, pydantic-ai
    return value if isinstance(value, str) else ""


def first_string(item: Object, *keys: str) -> str | None:
    """Return the first of the keys' values that is a string and not empty."""
    for key in keys:
        value = item.get(key)
        if isinstance(value, str) and value:
            return value
    return None
