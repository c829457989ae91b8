"""OTLP over HTTP as the protocol says: what a body may be, and what is answered.

Source: https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from .errors import BadPayloadError, BodyTooLargeError
from .json_text import to_protobuf

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from google.protobuf.message import Message  # type: ignore[import-untyped,unused-ignore]

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
CONTENT_TYPES = frozenset({PROTOBUF, JSON})
"""The content types of OTLP over HTTP."""

_WINDOW_BITS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
CONTENT_ENCODINGS = frozenset({"identity", *_WINDOW_BITS})
"""The content encodings that `read_body` can undo."""


class Body:
    """A request body that is read as it arrives, holding at most ``limit`` bytes of it: a zip bomb does no harm.

    Args:
        encoding: One of `CONTENT_ENCODINGS`.
        limit: Greatest allowed size after decompression, in bytes.
    """

    def __init__(self, *, encoding: str, limit: int) -> None:
        self._encoding, self._limit = encoding, limit
        self._decoder = zlib.decompressobj(_WINDOW_BITS[encoding]) if encoding in _WINDOW_BITS else None
        self._chunks: list[bytes] = []
        self.size = 0
        """How many bytes there are, decompressed."""

    def add(self, chunk: bytes) -> None:
        """Take what has arrived.

        Raises:
            BodyTooLargeError: The body is larger than the limit.
            BadPayloadError: The compressed data is damaged.
        """
        if self._decoder is None:
            self._keep(chunk)
            return
        while chunk:
            if self._decoder.eof:  # gzip may be several files, one after the other
                self._decoder = zlib.decompressobj(_WINDOW_BITS[self._encoding])
            try:
                self._keep(self._decoder.decompress(chunk, self._limit - self.size + 1))
            except zlib.error:
                raise BadPayloadError(f"the body is not valid {self._encoding} data") from None
            chunk = self._decoder.unused_data

    def whole(self) -> bytes:
        """Return the decompressed body, once it has arrived.

        Raises:
            BadPayloadError: The compressed data is incomplete.
        """
        if self._decoder is not None and not self._decoder.eof:
            raise BadPayloadError(f"the {self._encoding} data ends too early")
        return b"".join(self._chunks)

    def _keep(self, chunk: bytes) -> None:
        self._chunks.append(chunk)
        self.size += len(chunk)
        if self.size > self._limit:
            raise BodyTooLargeError(f"the body is larger than {self._limit} bytes")


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
