"""OTLP attributes as JSON values, and dotted attribute names as nested ones."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .values import Json

_MAX_SEGMENTS = 32
_MAX_INDEX_DIGITS = 6


def plain_attributes(attributes: Mapping[str, object]) -> dict[str, Json]:
    """Return OTLP attributes as JSON has them.

    Args:
        attributes: Attributes of a span, event or resource, as `braintrust_run_output.otlp` reads them.

    Returns:
        The same. Bytes are no text, and become null, so that nobody takes their base64 for what a model said; numbers
        that are not finite become ``"NaN"``, ``"Infinity"`` or ``"-Infinity"``, as in protobuf's own JSON.
    """
    return {key: _plain(value) for key, value in attributes.items()}


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


def _plain(value: object) -> Json:
    if isinstance(value, float):
        return _plain_float(value)
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return plain_attributes(value) if isinstance(value, dict) else None


def _plain_float(number: float) -> Json:
    if math.isfinite(number):
        return number
    if math.isnan(number):
        return "NaN"
    return "Infinity" if number > 0 else "-Infinity"
