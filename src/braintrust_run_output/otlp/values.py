"""OTLP's values as Python's, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import messages

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .messages import Message

_LONGEST_INTEGER = 1 << 63


def read_text(raw: bytes) -> str:
    """Return a protobuf string. A lone surrogate, which UTF-8 has not, is kept; other broken bytes are U+FFFD."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        pass
    try:
        return raw.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return raw.decode("utf-8", "replace")


def read_attributes(pairs: Iterable[Message]) -> dict[str, object]:
    """Return attributes by name; of a repeated name the last value.

    Args:
        pairs: The ``KeyValue`` messages.
    """
    return {read_text(pair.key): read_value(pair.value) for pair in pairs}


def read_value(value: Message) -> object:
    """Return an ``AnyValue`` message's value.

    Args:
        value: The message.

    Returns:
        A ``str``, ``bool``, ``int``, ``float``, ``bytes``, a list, a dictionary, or None where it has no value.
    """
    text = value.string_value  # most often it is one, and this is the cheapest question
    if text:
        return read_text(text)
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return ""
    if kind is None:
        return None
    if kind == "array_value":
        return [read_value(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return read_attributes(value.kvlist_value.values)
    plain: object = getattr(value, kind)
    return plain


def write_value(value: object) -> Message:
    """Return a value as an ``AnyValue`` message; the counterpart of `read_value`.

    Args:
        value: What `read_value` returns. A tuple is a list; an integer that 64 bits cannot hold becomes its digits.

    Raises:
        TypeError: OTLP has no such value.
    """
    if value is None:
        return messages.AnyValue()
    if isinstance(value, str):
        return messages.AnyValue(string_value=value.encode("utf-8", "surrogatepass"))
    if isinstance(value, bool):
        return messages.AnyValue(bool_value=value)
    if isinstance(value, int):
        if -_LONGEST_INTEGER <= value < _LONGEST_INTEGER:
            return messages.AnyValue(int_value=value)
        return messages.AnyValue(string_value=b"%d" % value)
    if isinstance(value, float):
        return messages.AnyValue(double_value=value)
    if isinstance(value, bytes):
        return messages.AnyValue(bytes_value=value)
    if isinstance(value, (list, tuple)):
        return messages.AnyValue(array_value=messages.ArrayValue(values=[write_value(item) for item in value]))
    if isinstance(value, dict):
        return messages.AnyValue(kvlist_value=messages.KeyValueList(values=write_attributes(value)))
    raise TypeError(f"OTLP has no value of type {type(value).__name__}")


def write_attributes(attributes: Mapping[str, object]) -> list[Message]:
    """Return attributes as ``KeyValue`` messages; the counterpart of `read_attributes`.

    Args:
        attributes: Values by name, each as `write_value` takes it.

    Raises:
        TypeError: OTLP has no such value.
    """
    return [
        messages.KeyValue(key=key.encode("utf-8", "surrogatepass"), value=write_value(value))
        for key, value in attributes.items()
    ]
