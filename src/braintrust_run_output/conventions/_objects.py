"""Objects of providers' SDKs where JSON is expected: live ones in the bodies of log records, or their reprs."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from ._json import Object, is_array, is_object, parse
from ._reprs import is_repr, read_fields, read_repr

_DEEPEST = 12
_JSON_TYPES = (str, bytes, int, float, type(None))
_CALLS = ("function", "function_call", "functionCall")
"""Where the call of a tool may be a text: the repr of an object."""
_DUMPS = ("model_dump", "to_dict", "dict")
"""How objects give their fields: pydantic's, and those of SDKs that are generated."""


def plain(value: object, depth: int = _DEEPEST) -> object:
    """Return a value with the SDK objects in it as their fields; as it is, where there are none."""
    if isinstance(value, _JSON_TYPES) or not depth:
        return value
    if isinstance(value, Mapping):
        return {key: plain(_call(item) if key in _CALLS else item, depth - 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item, depth - 1) for item in value]
    fields = _fields_of(value)
    return value if fields is None else plain(fields, depth - 1)


def _call(value: object) -> object:
    return (as_object(value) or value) if isinstance(value, str) else value


def as_object(item: object) -> Object | None:
    """Return an object, also out of its JSON or its repr; None if the item is none."""
    if isinstance(item, str):
        item = read_repr(item) if is_repr(item) else read_fields(item) or parse(item)
    return item if is_object(item) else None


def as_objects(items: object) -> list[Object]:
    """Return the objects in a list, each perhaps JSON or a repr."""
    return [found for item in (items if is_array(items) else ()) if (found := as_object(item)) is not None]


def _fields_of(value: object) -> object:
    for name in _DUMPS:
        dump = getattr(value, name, None)
        if callable(dump):
            with suppress(Exception):  # an SDK's own: the next way is tried
                return dump()
    fields = getattr(value, "__dict__", None)
    return {key: item for key, item in fields.items() if not key.startswith("_")} if isinstance(fields, dict) else None
