"""How a compressed body is decompressed: gzip and deflate always, zstd and snappy where the relay's extra is."""

from __future__ import annotations

import sys
import zlib
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

from .errors import BadPayloadError, BodyTooLargeError

if TYPE_CHECKING:
    from collections.abc import Callable

_LARGEST_WINDOW = 25
"""The largest window of zstd that is read, as a power of two: 32 MiB, what its strongest encoders in Go take."""


class Decoder(Protocol):
    """What decompresses one stream, as those of the standard library do."""

    @property
    def eof(self) -> bool:
        """Whether the stream has ended."""

    @property
    def unused_data(self) -> bytes:
        """What came after its end."""

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        """Decompress what has arrived, to so many bytes at the most."""


def _zstd() -> Decoder:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd

    decoder: Decoder = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _LARGEST_WINDOW})
    return decoder


_MAKERS: dict[str, Callable[[], Decoder]] = {
    "gzip": partial(zlib.decompressobj, 16 + zlib.MAX_WBITS),
    "deflate": partial(zlib.decompressobj, zlib.MAX_WBITS),
}
if sys.version_info >= (3, 14):
    _HAS_ZSTD = find_spec("_zstd") is not None  # Python can be built without it
else:
    _HAS_ZSTD = find_spec("backports") is not None and find_spec("backports.zstd") is not None
if _HAS_ZSTD:
    _MAKERS["zstd"] = _zstd

CONTENT_ENCODINGS = frozenset({"identity", *_MAKERS, *(["snappy"] if find_spec("cramjam") is not None else [])})
"""The content encodings that can be undone here."""


class Body:
    """A request body that is read as it arrives, holding at most ``limit`` bytes of it: a zip bomb does no harm.

    Args:
        encoding: One of `CONTENT_ENCODINGS`.
        limit: Greatest allowed size after decompression, in bytes.
    """

    def __init__(self, *, encoding: str, limit: int) -> None:
        self._encoding, self._limit = encoding, limit
        self._make = _MAKERS.get(encoding)
        self._decoder = None if self._make is None else self._make()
        self._chunks: list[bytes] = []
        self.size = 0
        """How many bytes there are; decompressed, but for snappy, which is decompressed at the end."""

    def add(self, chunk: bytes) -> None:
        """Take what has arrived.

        Raises:
            BodyTooLargeError: The body is larger than the limit.
            BadPayloadError: The compressed data is damaged.
        """
        if self._decoder is None or self._make is None:
            self._keep(chunk)
            return
        while chunk:
            if self._decoder.eof:  # there may be several, one after the other
                self._decoder = self._make()
            try:
                content = self._decoder.decompress(chunk, self._limit - self.size + 1)
            except Exception:  # noqa: BLE001 (each library has its own)
                raise BadPayloadError(f"the body is not valid {self._encoding} data") from None
            self._keep(content)
            chunk = self._decoder.unused_data

    def whole(self) -> bytes:
        """Return the decompressed body, once it has arrived.

        Raises:
            BodyTooLargeError: The body is larger than the limit.
            BadPayloadError: The compressed data is incomplete or damaged.
        """
        if self._decoder is not None and not self._decoder.eof:
            raise BadPayloadError(f"the {self._encoding} data ends too early")
        body = b"".join(self._chunks)
        if self._encoding != "snappy":
            return body
        self._chunks, self.size = [], 0
        self._keep(_read_snappy(body, self._limit))
        return self._chunks[0]

    def _keep(self, chunk: bytes) -> None:
        self._chunks.append(chunk)
        self.size += len(chunk)
        _check(self.size, self._limit)


def _check(size: int, limit: int) -> None:
    if size > limit:
        raise BodyTooLargeError(f"the body is larger than {limit} bytes")


def _read_snappy(block: bytes, limit: int) -> bytes:
    """Decompress a block of snappy, which begins with the length of what is in it."""
    from cramjam import snappy

    try:
        _check(snappy.decompress_raw_len(block), limit)
        return bytes(snappy.decompress_raw(block))
    except BodyTooLargeError:
        raise
    except Exception:  # noqa: BLE001 (the library has its own)
        raise BadPayloadError("the body is not a valid block of snappy data") from None
