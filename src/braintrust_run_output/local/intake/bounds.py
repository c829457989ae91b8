"""Requests that would cost more than they look: told before they are read.

A few kilobytes can be megabytes when they are decompressed, and a megabyte of empty messages or lists is a hundred when
it is parsed. So what is counted is not bytes alone.
"""

from __future__ import annotations

from ...otlp import JSON, Body, BodyTooLargeError

FREE_BYTES = 1024 * 1024
"""Bodies up to this size may hold whatever they do."""
MOST_VALUES = 1_000_000
"""How many messages a larger protobuf body may have (groups, spans, events, attributes, values of a list)."""
MOST_FIELDS = 4_000_000
"""How many fields these messages may have together."""
MOST_MARKS = 4_000_000
"""How many brackets, braces and commas a larger JSON body may have."""
_MARKS = (b"{", b"[", b",")

# Of each message of a trace export, the fields that are messages, by number. An AnyValue's list and its map alike.
_ANY_VALUE = {5: "ArrayValue", 6: "KeyValueList"}
_MESSAGES: dict[str, dict[int, str]] = {
    "Request": {1: "Group"},
    "Group": {1: "Attributes1", 2: "ScopeGroup"},
    "ScopeGroup": {1: "Attributes3", 2: "Span"},
    "Attributes1": {1: "KeyValue"},
    "Attributes3": {3: "KeyValue"},
    "Attributes4": {4: "KeyValue"},
    "Span": {9: "KeyValue", 11: "Attributes3", 13: "Attributes4", 15: "Leaf"},
    "KeyValue": {2: "AnyValue"},
    "AnyValue": _ANY_VALUE,
    "ArrayValue": {1: "AnyValue"},
    "KeyValueList": {1: "KeyValue"},
    "Leaf": {},
}
_LENGTH_DELIMITED, _VARINT = 2, 0
_FIXED = {1: 8, 5: 4}
"""Wire types with a content of so many bytes."""


def decompress(sent: bytes, encoding: str, limit: int) -> bytes:
    """Decompress a body.

    Args:
        sent: The body as it was sent.
        encoding: One of `CONTENT_ENCODINGS`.
        limit: Its greatest size after decompression, in bytes.

    Raises:
        BodyTooLargeError: It is larger.
        BadPayloadError: The data is damaged or incomplete.
    """
    body = Body(encoding=encoding, limit=limit)
    body.add(sent)
    return body.whole()


def check_contents(body: bytes, content_type: str) -> None:
    """Look at what is in a decompressed body, without building anything of it.

    Raises:
        BodyTooLargeError: It has more than is taken at once.
    """
    if len(body) <= FREE_BYTES:
        return
    if content_type == JSON:
        if sum(body.count(mark) for mark in _MARKS) > MOST_MARKS:
            raise BodyTooLargeError(f"the JSON has more than {MOST_MARKS:,} brackets and commas: send smaller batches")
    elif _holds_too_much(body):
        raise BodyTooLargeError(f"the request has more than {MOST_VALUES:,} values: send smaller batches")


def _holds_too_much(body: bytes) -> bool:
    """Whether a protobuf trace export has too many messages or fields. What cannot be read is not counted."""
    waiting = [(0, len(body), "Request")]
    messages = fields = 0
    while waiting:
        position, end, message = waiting.pop()
        inner = _MESSAGES[message]
        while position < end:
            tag, position = _varint(body, position, end)
            fields += 1
            start, position = _content(tag & 7, body, position, end)
            below = inner.get(tag >> 3) if tag & 7 == _LENGTH_DELIMITED else None
            if below is not None:
                messages += 1
                if start < position:
                    waiting.append((start, min(position, end), below))
            if messages > MOST_VALUES or fields > MOST_FIELDS:
                return True
    return False


def _content(wire_type: int, body: bytes, position: int, end: int) -> tuple[int, int]:
    """Return where the content of a field begins and ends."""
    if wire_type == _LENGTH_DELIMITED:
        length, position = _varint(body, position, end)
        return position, position + length
    if wire_type == _VARINT:
        return position, _varint(body, position, end)[1]
    if wire_type in _FIXED:
        return position, position + _FIXED[wire_type]
    return position, end  # nothing that OTLP has: the reader says what is wrong


def _varint(body: bytes, position: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while position < end:
        byte = body[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    return value, end
