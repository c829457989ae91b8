"""OTLP over HTTP as the protocol says: what a body may be, and what is answered.

Source: https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .encodings import Body
from .json_text import to_protobuf

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from google.protobuf.message import Message  # type: ignore[import-untyped,unused-ignore]

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
CONTENT_TYPES = frozenset({PROTOBUF, JSON})
"""The content types of OTLP over HTTP."""


async def read_body(chunks: AsyncIterator[bytes], *, encoding: str, limit: int) -> bytes:
    """Read a request body to its end: see `Body`.

    Args:
        chunks: The body as it arrives.
        encoding: One of `CONTENT_ENCODINGS`.
        limit: Greatest allowed size after decompression, in bytes.

    Raises:
        BodyTooLargeError: The body is larger than ``limit``.
        BadPayloadError: The compressed data is damaged or incomplete.
    """
    body = Body(encoding=encoding, limit=limit)
    async for chunk in chunks:
        body.add(chunk)
    return body.whole()


def as_protobuf(body: bytes, content_type: str, signal: str = "traces", *, encodable: bool = False) -> bytes:
    """Return a decompressed body as protobuf, for `read_spans` and `read_log_records` to read.

    Args:
        body: The body.
        content_type: One of `CONTENT_TYPES`.
        signal: ``traces`` or ``logs``.
        encodable: See `to_protobuf`.

    Raises:
        BadPayloadError: The body is JSON, and not an export request; the message names the field.
    """
    return to_protobuf(body, signal, encodable=encodable) if content_type == JSON else body


def success(content_type: str, *, rejected: int = 0, message: str = "", signal: str = "traces") -> bytes:
    """Write the answer to a request that was read.

    Args:
        content_type: That of the request.
        rejected: Number of spans or log records that were left out.
        message: Why.
        signal: ``traces`` or ``logs``.

    Returns:
        An ``ExportTraceServiceResponse`` or ``ExportLogsServiceResponse``.
    """
    if not rejected:
        return b"{}" if content_type == JSON else b""
    if signal == "logs":
        from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

        logs = ExportLogsServiceResponse()
        logs.partial_success.rejected_log_records, logs.partial_success.error_message = rejected, message
        return _serialize(logs, content_type)
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    spans = ExportTraceServiceResponse()
    spans.partial_success.rejected_spans, spans.partial_success.error_message = rejected, message
    return _serialize(spans, content_type)


def failure(content_type: str, message: str) -> bytes:
    """Write the answer to a request that was refused.

    Args:
        content_type: That of the request.
        message: What was wrong with it.

    Returns:
        A ``google.rpc.Status``.
    """
    from google.rpc.status_pb2 import Status  # type: ignore[import-untyped,unused-ignore]

    return _serialize(Status(message=message), content_type)


def _serialize(message: Message, content_type: str) -> bytes:
    if content_type == JSON:
        from google.protobuf import json_format  # type: ignore[import-untyped,unused-ignore]

        return str(json_format.MessageToJson(message, indent=None)).encode()
    return bytes(message.SerializeToString())
