"""Bodies as they come over HTTP: compressed, too large, broken."""

from __future__ import annotations

import contextlib
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from braintrust_run_output.otlp import (
    JSON,
    PROTOBUF,
    BadPayloadError,
    Body,
    BodyTooLargeError,
    success,
)
from compress import COMPRESS

BOMBS = sorted(COMPRESS.keys() - {"identity"})
STREAMS = sorted(COMPRESS.keys() & {"gzip", "zstd"})


def read(data, encoding, *, limit=1_000_000, size=7):
    body = Body(encoding=encoding, limit=limit)
    for start in range(0, len(data), size):
        body.add(data[start : start + size])
    return body.whole()


@given(st.binary(max_size=200), st.sampled_from(sorted(COMPRESS)), st.integers(1, 50))
def test_a_body_is_read_in_whatever_pieces_it_comes(content, encoding, size):
    assert read(COMPRESS[encoding](content), encoding, size=size) == content


@pytest.mark.parametrize("encoding", STREAMS)
def test_there_may_be_several_files(encoding):
    assert read(COMPRESS[encoding](b"one ") + COMPRESS[encoding](b"two"), encoding) == b"one two"


@pytest.mark.parametrize("encoding", sorted(COMPRESS))
def test_a_body_of_the_limit_is_read_and_a_longer_one_is_refused(encoding):
    assert len(read(COMPRESS[encoding](bytes(1000)), encoding, limit=1000)) == 1000
    with pytest.raises(BodyTooLargeError, match="larger than 1000 bytes"):
        read(COMPRESS[encoding](bytes(1001)), encoding, limit=1000)


@pytest.mark.parametrize("encoding", BOMBS)
def test_of_a_bomb_no_more_than_the_limit_is_unpacked(encoding):
    bomb = COMPRESS[encoding](bytes(50_000_000))
    limit = max(10_000, len(bomb))
    body = Body(encoding=encoding, limit=limit)
    tracemalloc.start()
    try:
        with pytest.raises(BodyTooLargeError):  # noqa: PT012 (snappy is unpacked at the end)
            body.add(bomb)
            body.whole()
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert body.size <= limit + 1
    assert most < 10 * limit


def test_a_zstd_frame_with_a_window_of_gigabytes_is_refused():
    if "zstd" not in COMPRESS:
        pytest.skip("zstd is not installed")
    frame = b"\x28\xb5\x2f\xfd" + bytes([0, 21 << 3]) + b"\x01\x00\x00"  # 2 GiB, and an empty block
    with pytest.raises(BadPayloadError, match="zstd"):
        read(frame, "zstd")


@pytest.mark.parametrize("encoding", BOMBS)
@pytest.mark.parametrize("cut", [0, 1, 5])
def test_damaged_data_is_refused(encoding, cut):
    with pytest.raises(BadPayloadError, match=encoding):
        read(b"\xff nothing of the kind" if cut == 0 else COMPRESS[encoding](b"abc" * 30)[:-cut], encoding)


@pytest.mark.parametrize("encoding", BOMBS)
@given(data=st.binary(max_size=60))
def test_data_from_a_stranger_is_read_or_refused(encoding, data):
    with contextlib.suppress(BadPayloadError, BodyTooLargeError):
        assert len(read(data, encoding, limit=1_000)) <= 1_000


def test_what_was_left_out_is_told():
    spans = ExportTraceServiceResponse.FromString(success(PROTOBUF, rejected=2, message="no id"))
    assert (spans.partial_success.rejected_spans, spans.partial_success.error_message) == (2, "no id")
    logs = ExportLogsServiceResponse.FromString(success(PROTOBUF, rejected=3, signal="logs"))
    assert logs.partial_success.rejected_log_records == 3
    assert (success(PROTOBUF), success(JSON)) == (b"", b"{}")
    assert b"rejectedSpans" in success(JSON, rejected=1)
