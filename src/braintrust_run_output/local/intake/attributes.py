"""OTLP attributes as plain JSON values, and dotted attribute names as nested ones."""

from __future__ import annotations

import base64
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

    from .values import Json

_MAX_SEGMENTS = 32
_MAX_INDEX_DIGITS = 6


def decode_attributes(pairs: Iterable[KeyValue]) -> dict[str, Json]:
    """Decode OTLP attributes.

    Args:
        pairs: Attributes of a span, event or resource.

    Returns:
        Plain values by name; of a repeated name the last value. Bytes become base64 text and numbers that
        are not finite become ``"NaN"``, ``"Infinity"`` or ``"-Infinity"``, as in protobuf's own JSON.
    """
    return {pair.key: _decode(pair.value) for pair in pairs}


def unflatten(entries: Mapping[str, Json]) -> tuple[dict[str, Json], set[str]]:
    """Nest dotted names: ``{"a.b": 1, "c.0.d": 2}`` becomes ``{"a": {"b": 1}, "c": [{"d": 2}]}``.

    Args:
        entries: Values by dotted name.

    Returns:
        The nested object and the names that found a place in it. A name finds none when another one already
        holds a value where it would have to nest, or when it has more than 32 segments.
    """
    tree = _Node()
    placed = {name for name, value in entries.items() if tree.place(name, value)}
    return {key: _collapse(child) for key, child in tree.items()}, placed


def as_list(nested: dict[str, Json]) -> Json:
    """Read an object whose keys are all indexes as a list, in index order; any other is returned as it is."""
    if not nested or not all(_is_index(key) for key in nested):
        return nested
    return [nested[key] for key in sorted(nested, key=int)]


class _Node(dict[str, "Json"]):
    """An object that grew from dotted names; a class of its own to tell it from a value that is a dict."""

    def place(self, name: str, value: Json) -> bool:
        segments = name.split(".")
        if len(segments) > _MAX_SEGMENTS:
            return False
        node = self
        for segment in segments[:-1]:
            child = node.setdefault(segment, _Node())
            if not isinstance(child, _Node):
                return False
            node = child
        return node.setdefault(segments[-1], value) is value


def _collapse(value: Json) -> Json:
    if not isinstance(value, _Node):
        return value
    return as_list({key: _collapse(child) for key, child in value.items()})


def _is_index(key: str) -> bool:
    return key.isascii() and key.isdecimal() and len(key) <= _MAX_INDEX_DIGITS


def _decode(value: AnyValue) -> Json:
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return value.string_value
    if kind == "bool_value":
        return value.bool_value
    if kind == "int_value":
        return value.int_value
    if kind == "double_value":
        return _decode_float(value.double_value)
    if kind == "array_value":
        return [_decode(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return decode_attributes(value.kvlist_value.values)
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode("ascii")
    return None


def _decode_float(number: float) -> Json:
    if math.isfinite(number):
        return number
    if math.isnan(number):
        return "NaN"
    return "Infinity" if number > 0 else "-Infinity"
