"""JSON as instrumentations write it into attributes: never an exception, never a surprise."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TypeAlias, TypeGuard

Object: TypeAlias = "Mapping[str, object]"
Array: TypeAlias = "list[object] | tuple[object, ...]"


def parse(value: object) -> object:
    """Return what a JSON text holds; a value that is no text comes back as it is, a broken text as None."""
    if not isinstance(value, (str, bytes)):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def compact(value: object) -> str:
    """Return a value as compact JSON text; what JSON does not know is written as its ``str``."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    except (ValueError, TypeError, RecursionError):
        return str(value)


def is_object(value: object) -> TypeGuard[Object]:
    """Whether a value is a JSON object."""
    return isinstance(value, Mapping)


def is_array(value: object) -> TypeGuard[Array]:
    """Whether a value is a JSON array (a tuple where the SDK has cleaned it)."""
    return isinstance(value, (list, tuple))


def first_string(item: Object, *keys: str) -> str | None:
    """Return the first of the keys' values that is a string and not empty."""
    for key in keys:
        value = item.get(key)
        if isinstance(value, str) and value:
            return value
    return None
