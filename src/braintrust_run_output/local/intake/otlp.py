"""OTLP over HTTP as the protocol says: protobuf or JSON, plain or compressed, and its answers.

Specification: https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

from __future__ import annotations

import base64
import zlib
from typing import TYPE_CHECKING

from google.protobuf import json_format  # type: ignore[import-untyped,unused-ignore]
from google.protobuf.message import DecodeError  # type: ignore[import-untyped,unused-ignore]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped,unused-ignore]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from .values import parse_json

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from google.protobuf.message import Message  # type: ignore[import-untyped,unused-ignore]

    from .values import Json

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
CONTENT_TYPES = frozenset({PROTOBUF, JSON})
"""The content types of OTLP over HTTP."""

_WINDOW_BITS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
CONTENT_ENCODINGS = frozenset({"identity", *_WINDOW_BITS})
"""The content encodings that `read_body` can undo."""

_ID_FIELDS = frozenset({"traceId", "trace_id", "spanId", "span_id", "parentSpanId", "parent_span_id"})
_OBJECT_LIST_FIELDS = frozenset(
    {"resourceSpans", "resource_spans", "scopeSpans", "scope_spans", "spans", "attributes", "events", "links"}
)


class BadPayloadError(ValueError):
    """A request body that cannot be read. The message never quotes the body."""


class BodyTooLargeError(ValueError):
    """A request body that is larger than the limit, as sent or decompressed."""


async def read_body(chunks: AsyncIterator[bytes], *, encoding: str, limit: int) -> bytes:
    """Read a request body, holding at most ``limit`` bytes of it, so a zip bomb does no harm.

    Args:
        chunks: The body as it arrives.
        encoding: One of `CONTENT_ENCODINGS`.
        limit: Greatest allowed size after decompression, in bytes.

    Returns:
        The decompressed body.

    Raises:
        BodyTooLargeError: The body is larger than ``limit``.
        BadPayloadError: The compressed data is damaged or incomplete.
    """
    body = bytearray()
    decoder = zlib.decompressobj(_WINDOW_BITS[encoding]) if encoding in _WINDOW_BITS else None
    async for chunk in chunks:
        try:
            body += decoder.decompress(chunk, limit - len(body) + 1) if decoder else chunk
        except zlib.error:
            raise BadPayloadError(f"the body is not valid {encoding} data") from None
        if decoder and decoder.unused_data:
            raise BadPayloadError(f"the body goes on after the {encoding} data")
        if len(body) > limit:
            raise BodyTooLargeError(f"the body is larger than {limit} bytes")
    if decoder and not decoder.eof:
        raise BadPayloadError(f"the {encoding} data ends too early")
    return bytes(body)


def parse_request(body: bytes, content_type: str) -> ExportTraceServiceRequest:
    """Read an export request.

    Args:
        body: The decompressed body.
        content_type: One of `CONTENT_TYPES`.

    Returns:
        The request.

    Raises:
        BadPayloadError: The body is not such a request.
    """
    if content_type == JSON:
        return _parse_json_request(body)
    request = ExportTraceServiceRequest()
    try:
        request.ParseFromString(body)
    except DecodeError:
        raise BadPayloadError("the body is not a protobuf ExportTraceServiceRequest") from None
    return request


def success(content_type: str, *, rejected: int = 0) -> bytes:
    """Write the answer to a request that was read.

    Args:
        content_type: That of the request.
        rejected: Number of spans that were left out.

    Returns:
        An ``ExportTraceServiceResponse``.
    """
    response = ExportTraceServiceResponse()
    if rejected:
        response.partial_success.rejected_spans = rejected
        response.partial_success.error_message = "spans without a valid trace id and span id were left out"
    return _serialize(response, content_type)


def failure(content_type: str, message: str) -> bytes:
    """Write the answer to a request that was refused.

    Args:
        content_type: That of the request.
        message: What was wrong with it.

    Returns:
        A ``google.rpc.Status``.
    """
    return _serialize(Status(message=message), content_type)


def _serialize(message: Message, content_type: str) -> bytes:
    if content_type == JSON:
        return str(json_format.MessageToJson(message, indent=None)).encode()
    return bytes(message.SerializeToString())


def _parse_json_request(body: bytes) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    try:
        document = _prepare(parse_json(body))
        if not isinstance(document, dict):
            raise BadPayloadError
        json_format.ParseDict(document, request, ignore_unknown_fields=True)
    except (ValueError, TypeError, AttributeError, json_format.ParseError):
        # What protobuf raises quotes the body, so it is not passed on.
        raise BadPayloadError("the body is not a JSON ExportTraceServiceRequest") from None
    return request


def _prepare(value: Json) -> Json:
    """Bridge two gaps between OTLP's JSON and protobuf's own.

    OTLP writes ids in hex, protobuf every bytes field in base64. And protobuf's parser silently skips a
    string or list that stands where an object belongs.
    """
    if isinstance(value, list):
        return [_prepare(item) for item in value]
    if isinstance(value, dict):
        return {key: _prepare_field(key, item) for key, item in value.items()}
    return value


def _prepare_field(name: str, value: Json) -> Json:
    if name in _ID_FIELDS and isinstance(value, str):
        return _hex_to_base64(value)
    if name in _OBJECT_LIST_FIELDS and isinstance(value, list) and not all(isinstance(x, dict) for x in value):
        raise BadPayloadError
    return _prepare(value)


def _hex_to_base64(text: str) -> str:
    return base64.b64encode(bytes.fromhex(text)).decode("ascii")
