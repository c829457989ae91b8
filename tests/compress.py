"""Bodies compressed in every way that can be undone here."""

from __future__ import annotations

import gzip
import zlib

from braintrust_run_output.otlp import CONTENT_ENCODINGS


def _zstd(content):
    try:
        from compression import zstd
    except ImportError:
        from backports import zstd
    return zstd.compress(content)


def _snappy(content):
    import cramjam

    return bytes(cramjam.snappy.compress_raw(content))


_EVERY = {"identity": bytes, "gzip": gzip.compress, "deflate": zlib.compress, "zstd": _zstd, "snappy": _snappy}
COMPRESS = {name: compress for name, compress in _EVERY.items() if name in CONTENT_ENCODINGS}
