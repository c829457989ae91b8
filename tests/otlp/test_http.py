"""Bodies as they come over HTTP: compressed, too large, broken."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from braintrust_run_output.otlp import JSON, PROTOBUF, BadPayloadError, BodyTooLargeError, success
from braintrust_run_output.otlp.http import Body

COMPRESS = {"identity": bytes, "gzip": gzip.compress, "deflate": zlib.compress}


def read(data, encoding, *, limit=1_000_000, size=7):
    body = Body(encoding=encoding, limit=limit)
    for start in range(0, len(data), size):
        body.add(data[start : start + size])
    return body.whole()


@given(st.binary(max_size=200), st.sampled_from(sorted(COMPRESS)), st.integers(1, 50))
def test_a_body_is_read_in_whatever_pieces_it_comes(content, encoding, size):
    assert read(COMPRESS[encoding](content), encoding, size=size) == content


def test_gzip_may_be_several_files():
    assert read(gzip.compress(b"one ") + gzip.compress(b"two"), "gzip") == b"one two"


@pytest.mark.parametrize("encoding", sorted(COMPRESS))
def test_a_body_of_the_limit_is_read_and_a_longer_one_is_refused(encoding):
    assert len(read(COMPRESS[encoding](bytes(1000)), encoding, limit=1000)) == 1000
    with pytest.raises(BodyTooLargeError, match="larger than 1000 bytes"):
        read(COMPRESS[encoding](bytes(1001)), encoding, limit=1000)


def test_of_a_bomb_no_more_than_the_limit_is_unpacked():
    bomb = gzip.compress(bytes(50_000_000))
    body = Body(encoding="gzip", limit=10_000)
    with pytest.raises(BodyTooLargeError):
        body.add(bomb)
    assert body.size == 10_001


@pytest.mark.parametrize("data", [b"no gzip", gzip.compress(bytes(100))[:-9]])
def test_damaged_data_is_refused(data):
    with pytest.raises(BadPayloadError, match="gzip"):
        read(data, "gzip")


def test_what_was_left_out_is_told():
    spans = ExportTraceServiceResponse.FromString(success(PROTOBUF, rejected=2, message="no id"))
    assert (spans.partial_success.rejected_spans, spans.partial_success.error_message) == (2, "no id")
    logs = ExportLogsServiceResponse.FromString(success(PROTOBUF, rejected=3, signal="logs"))
    assert logs.partial_success.rejected_log_records == 3
    assert (success(PROTOBUF), success(JSON)) == (b"", b"{}")
    assert b"rejectedSpans" in success(JSON, rejected=1)
