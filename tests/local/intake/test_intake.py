from __future__ import annotations

import gzip
import json
import socket
import threading
import zlib
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
from google.protobuf import json_format
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from braintrust_run_output.local import LocalIntake, Store
from local.calls import call
from local.otlp_requests import SPAN_ID, TRACE_ID, export_request, span

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
INTAKE = "/otel/v1/traces"


def send(intake, body, content_type=PROTOBUF, **headers):
    return call(intake, "POST", INTAKE, body, Content_Type=content_type, **headers)


def get(intake, path):
    status, _, body = call(intake, "GET", path)
    return status, json.loads(body)


@pytest.mark.parametrize("compression", list(Compression))
def test_a_real_exporter_delivers_a_trace(intake, compression):
    provider = TracerProvider()
    exporter = OTLPSpanExporter(endpoint=intake.endpoint, compression=compression)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("shop")
    with tracer.start_as_current_span("POST /ask") as root:
        root.set_attribute("braintrust.metadata.run_output", "Sunny.")
        with tracer.start_as_current_span("chat") as chat:
            chat.set_attribute("gen_ai.completion", "Sunny.")
    provider.shutdown()

    child, parent = intake.wait_for_rows(2)

    assert parent["is_root"]
    assert parent["metadata"] == {"run_output": "Sunny."}
    assert child["output"] == "Sunny."
    assert child["span_parents"] == [parent["id"]]
    assert child["root_span_id"] == parent["root_span_id"] == f"{root.get_span_context().trace_id:032x}"


def test_a_protobuf_request_gets_a_protobuf_answer(intake):
    status, content_type, body = send(intake, export_request(span()).SerializeToString())

    assert (status, content_type) == (200, PROTOBUF)
    assert ExportTraceServiceResponse.FromString(body) == ExportTraceServiceResponse()


def test_spans_that_were_left_out_are_counted_in_the_answer(intake):
    request = export_request(span(), Span(name="no ids"))

    _, _, body = send(intake, request.SerializeToString())

    assert ExportTraceServiceResponse.FromString(body).partial_success.rejected_spans == 1
    assert intake.store.count() == 1


@pytest.mark.parametrize("hex_id", [SPAN_ID, SPAN_ID.upper()])
def test_json_writes_ids_in_hex(intake, hex_id):
    request = {
        "resourceSpans": [
            {
                "scopeSpans": [
                    {
                        "spans": [
                            {
                                "traceId": TRACE_ID,
                                "spanId": hex_id,
                                "parentSpanId": "00f067aa0ba902b7",
                                "name": "chat",
                                "kind": 3,
                                "startTimeUnixNano": "1700000000000000000",
                                "attributes": [{"key": "gen_ai.completion", "value": {"stringValue": "Sunny."}}],
                                "links": [{"traceId": TRACE_ID, "spanId": SPAN_ID}],
                                "aFieldOfTheFuture": {"x": 1},
                            }
                        ]
                    }
                ]
            }
        ]
    }

    status, content_type, body = send(intake, json.dumps(request).encode(), "application/json; charset=utf-8")

    assert (status, content_type, json.loads(body)) == (200, JSON, {})
    (row,) = intake.store.rows()
    assert (row["id"], row["root_span_id"], row["span_parents"]) == (SPAN_ID, TRACE_ID, ["00f067aa0ba902b7"])
    assert row["output"] == "Sunny."


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (PROTOBUF, b"\xff\xff secret"),
        (JSON, b"secret"),
        (JSON, b'["secret"]'),
        (JSON, b"\xff\xfe"),
        (JSON, b"[" * 100_000),
        (JSON, b'{"resourceSpans": "secret"}'),
        (JSON, b'{"resourceSpans": ["secret"]}'),
        (JSON, b'{"resourceSpans": {"secret": 1}}'),
        (JSON, b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "secret"}]}]}]}'),
        (JSON, b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"startTimeUnixNano": "secret"}]}]}]}'),
        (JSON, b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"startTimeUnixNano": -1}]}]}]}'),
    ],
)
def test_a_bad_body_is_refused_without_quoting_it_and_the_next_is_taken(intake, content_type, body):
    status, answer_type, answer = send(intake, body, content_type)

    assert (status, answer_type) == (400, content_type)
    parse = Status.FromString if content_type == PROTOBUF else lambda text: json_format.Parse(text, Status())
    message = parse(answer).message
    assert message
    assert "secret" not in message
    assert send(intake, export_request(span()).SerializeToString())[0] == 200
    assert intake.store.count() == 1


@pytest.mark.parametrize(
    "body", [b"not gzip", gzip.compress(bytes(1000), mtime=0)[:-20], gzip.compress(b"", mtime=0) + b"more", b""]
)
def test_damaged_gzip_is_refused(intake, body):
    assert send(intake, body, Content_Encoding="gzip")[0] == 400


@pytest.mark.parametrize(
    ("encoding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress), ("identity", bytes)]
)
def test_the_body_limit_counts_decompressed_bytes(encoding, compress):
    body = export_request(span({"padding": "x" * 100})).SerializeToString()
    with LocalIntake(max_body_bytes=len(body)) as exact, LocalIntake(max_body_bytes=len(body) - 1) as small:
        assert send(exact, compress(body), Content_Encoding=encoding)[0] == 200
        assert send(small, compress(body), Content_Encoding=encoding)[0] == 413
        assert small.store.count() == 0


def test_a_zip_bomb_is_refused(intake):
    bomb = gzip.compress(bytes(65 * 1024 * 1024), compresslevel=1)

    assert send(intake, bomb, Content_Encoding="gzip")[0] == 413
    assert send(intake, export_request(span()).SerializeToString())[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"content_type": "text/plain"},
        {"content_type": ""},
        {"content_type": PROTOBUF, "Content_Encoding": "br"},
        {"content_type": PROTOBUF, "Content_Encoding": "gzip, gzip"},
    ],
)
def test_other_types_and_encodings_are_not_taken(intake, headers):
    assert send(intake, b"", **headers)[0] == 415


def test_the_trace_list_is_paged(intake):
    for number in range(1, 4):
        send(
            intake,
            export_request(span(trace_id=f"{number:032x}", span_id=f"{number:016x}")).SerializeToString(),
        )

    status, first = get(intake, "/traces?limit=2")
    _, second = get(intake, f"/traces?limit=2&before={first['next']}")

    assert status == 200
    assert [trace["root_span_id"][-1] for trace in first["traces"]] == ["3", "2"]
    assert first["traces"][0]["root"]["span_attributes"]["name"] == "chat"
    assert [trace["root_span_id"][-1] for trace in second["traces"]] == ["1"]
    assert second["next"] is None


@pytest.mark.parametrize("query", ["limit=0", "limit=-1", "limit=x", "before=1.5", "limit=" + "9" * 5000])
def test_bad_paging_is_refused(intake, query):
    status, body = get(intake, f"/traces?{query}")

    assert status == 400
    assert "use a whole number" in body["error"]


def test_a_trace_is_shown_and_added_to_the_dataset(intake):
    root = span({"braintrust.input": "Hi", "braintrust.metadata.run_output": "Sunny."})
    send(intake, export_request(root).SerializeToString())

    status, trace = get(intake, f"/traces/{TRACE_ID}")
    added, _, row = call(intake, "POST", f"/traces/{TRACE_ID}/dataset")
    exported, dataset = get(intake, "/dataset")

    assert (status, added, exported) == (200, 201, 200)
    assert trace["rows"] == intake.store.rows()
    assert dataset == [json.loads(row)]
    assert dataset[0]["input"] == "Hi"
    assert dataset[0]["metadata"] == {"run_output": "Sunny."}


def test_an_unknown_trace_is_not_found(intake):
    assert get(intake, "/traces/nope")[0] == 404
    assert call(intake, "POST", "/traces/nope/dataset")[0] == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example:4318"},
        {"Host": "10.0.0.1"},
        {"Host": ""},
        {"Host": "[::"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_requests_that_name_another_host_are_refused(intake, headers):
    assert call(intake, "GET", "/traces", **headers)[0] == 403


@pytest.mark.parametrize("headers", [{"Host": "localhost:1"}, {"Host": "[::1]:1"}, {"Origin": "http://localhost"}])
def test_requests_that_name_this_machine_are_taken(intake, headers):
    assert call(intake, "GET", "/traces", **headers)[0] == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.1", "example.com", ""])
def test_only_loopback_can_be_bound(host):
    with pytest.raises(ValueError, match="is not loopback: use") as caught:
        LocalIntake(host)
    assert repr(host) in str(caught.value)


def test_the_port_can_be_chosen_and_is_freed():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    intake = LocalIntake(port=port)

    for _ in range(2):
        with intake:
            assert intake.url == f"http://127.0.0.1:{port}"
            assert intake.endpoint == f"http://127.0.0.1:{port}/otel/v1/traces"
            assert get(intake, "/dataset") == (200, [])


def test_a_name_of_this_machine_can_be_bound():
    with LocalIntake("localhost") as intake:
        assert intake.url.startswith("http://localhost:")
        assert get(intake, "/dataset") == (200, [])


def test_a_taken_port_is_an_error():
    with LocalIntake() as intake, pytest.raises(OSError, match=r".+"):
        LocalIntake(port=urlsplit(intake.url).port).start()


def test_starting_twice_is_an_error_and_stopping_twice_is_not():
    intake = LocalIntake()
    with intake, pytest.raises(RuntimeError, match="stop"):
        intake.start()
    intake.stop()


def test_stopping_leaves_no_thread_and_the_rows():
    before = set(threading.enumerate())
    with LocalIntake() as intake:
        send(intake, export_request(span()).SerializeToString())

    for thread in set(threading.enumerate()) - before:
        thread.join(20)  # the pool's threads are told to end, and do
    assert set(threading.enumerate()) == before
    assert intake.store.count() == 1


def test_stopping_does_not_wait_for_idle_connections():
    with LocalIntake() as intake:
        connection = HTTPConnection(urlsplit(intake.url).netloc, timeout=10)
        connection.request("GET", "/dataset")
        connection.getresponse().read()
    connection.close()


def test_a_store_can_be_given():
    store = Store()
    with LocalIntake(store=store) as intake:
        send(intake, export_request(span()).SerializeToString())

    assert [row["id"] for row in store.rows()] == [SPAN_ID]
