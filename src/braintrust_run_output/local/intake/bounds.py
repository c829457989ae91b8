"""Requests that would cost more than they look: told before they are read.

A few kilobytes can be megabytes when they are decompressed, and a megabyte of empty messages or lists is a hundred when
it is parsed. So what is counted is not bytes alone.
"""

from __future__ import annotations

from ...otlp import JSON, BodyTooLargeError
from ...otlp.http import Body

LARGEST_EXPANSION = 100
"""How many times larger than what was sent a decompressed body may be. Telemetry shrinks to a tenth or twentieth."""
FREE_BYTES = 1024 * 1024
"""What a body may have, however small it was when it was sent, and however much is in it."""
MOST_VALUES = 1_000_000
"""How many messages a larger protobuf body may have (groups, spans, events, attributes, values of a list)."""
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
_LENGTH_DELIMITED, _FIXED64, _FIXED32, _VARINT = 2, 1, 5, 0


def decompress(sent: bytes, encoding: str, limit: int) -> bytes:
    """Decompress a body.

    Args:
        sent: The body as it was sent.
        encoding: One of `CONTENT_ENCODINGS`.
        limit: Its greatest size after decompression, in bytes, where it has not grown out of proportion.

    Raises:
        BodyTooLargeError: It is larger.
        BadPayloadError: The data is damaged or incomplete.
    """
    body = Body(encoding=encoding, limit=min(limit, max(FREE_BYTES, len(sent) * LARGEST_EXPANSION)))
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
    elif _has_more_messages(body, MOST_VALUES):
        raise BodyTooLargeError(f"the request has more than {MOST_VALUES:,} values: send smaller batches")


def _has_more_messages(body: bytes, most: int) -> bool:
    """Whether a protobuf trace export has more messages than this. What cannot be read is not counted."""
    waiting = [(0, len(body), "Request")]
    count = 0
    while waiting:
        position, end, message = waiting.pop()
        inner = _MESSAGES[message]
        while position < end:
            tag, position = _varint(body, position, end)
            wire_type = tag & 7
            if wire_type == _LENGTH_DELIMITED:
                length, position = _varint(body, position, end)
                below = inner.get(tag >> 3)
                if below is not None:
                    count += 1
                    if count > most:
                        return True
                    if length:
                        waiting.append((position, min(position + length, end), below))
                position += length
            elif wire_type == _VARINT:
                _, position = _varint(body, position, end)
            elif wire_type in (_FIXED64, _FIXED32):
                position += 8 if wire_type == _FIXED64 else 4
            else:
                break  # nothing that OTLP has: the reader says what is wrong
    return False


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
