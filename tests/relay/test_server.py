"""The relay as a process: over HTTP and gRPC, JSON and protobuf, with TLS, until SIGTERM."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from harness import CHAT, ROOT, RUN_OUTPUT, TRACE, chat, request, root
from hops import Hop
from relays import TIMEOUT, relay

from braintrust_run_output.otlp import JSON
from compress import COMPRESS
from processes import run_command


@pytest.fixture
def hop():
    with Hop() as one:
        yield one


def spans_in_json():
    attributes = [{"key": "gen_ai.completion", "value": {"stringValue": "Paris."}}]
    span = {"traceId": TRACE, "spanId": CHAT, "parentSpanId": ROOT, "name": "chat", "attributes": attributes}
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()


def test_every_way_in(hop):
    with relay("--to", hop.url, "--hold", "1s", "--grpc", "127.0.0.1:0", "--metrics", "127.0.0.1:0") as one:
        import grpc

        answers = [
            one.send(spans_in_json(), content_type=JSON),
            one.send(request(chat("three", "00000000000000b3", end=4)), path="/otel/v1/traces"),
        ]
        assert [(status, body) for status, body, _ in answers] == [(200, b"{}"), (200, b"")]
        with grpc.insecure_channel(one.address("over gRPC")) as channel:
            export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
            assert export(request(chat("four", "00000000000000b4", end=5), root())) == b""
        hop.wait_for(ROOT)
        assert hop.run_outputs() == {
            CHAT: "Paris.",
            "00000000000000b3": "three",
            "00000000000000b4": "four",
            ROOT: "four",
        }
        assert 'relay_requests_total{protocol="grpc",result="accepted",signal="traces"} 1.0' in one.metrics()
        assert one.stop()[0] == 0


def test_every_compression(hop):
    assert {"gzip", "zstd", "snappy"} <= COMPRESS.keys()
    ids = {name: f"{number:016x}" for number, name in enumerate(COMPRESS, 1)}
    with relay("--to", hop.url) as one:
        for name, compress in COMPRESS.items():
            body = compress(request(chat(f"by {name}", ids[name])))
            assert one.send(body, content_encoding=name)[:2] == (200, b"")
    assert hop.run_outputs() == {ids[name]: f"by {name}" for name in COMPRESS}


def test_log_records_join_their_spans(hop):
    record = {
        "traceId": TRACE,
        "spanId": CHAT,
        "eventName": "gen_ai.choice",
        "timeUnixNano": "5",
        "body": {"kvlistValue": {"values": [{"key": "index", "value": {"intValue": 0}}, {"key": "message", "value": {"kvlistValue": {"values": [
            {"key": "role", "value": {"stringValue": "assistant"}}, {"key": "content", "value": {"stringValue": "Paris."}}]}}}]}},
    }  # fmt: skip
    logs = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}).encode()
    with relay("--to", hop.url, "--logs-to", hop.url, "--hold", "1s") as one:
        assert one.send(logs, "/v1/logs", content_type=JSON)[0] == 200
        one.send(request(chat("", gen_ai__completion=""), root()))
        hop.wait_for(ROOT)
        assert hop.run_outputs()[ROOT] == "Paris."
        (sent,) = hop.logs
        assert b"gen_ai.choice" in sent


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "message"),
    [
        ("/v1/metrics", b"", {}, 404, "send traces to /v1/traces"),
        ("/", b"", {}, 404, "send traces to /v1/traces"),
        ("/v1/traces", b"\x0a\xff", {}, 400, "not an export request"),
        ("/v1/traces", b"{", {"content_type": JSON}, 400, "not valid JSON"),
        ("/v1/traces", b"", {"content_type": "text/plain"}, 415, "use Content-Type"),
        (
            "/v1/traces",
            b"",
            {"content_encoding": "br"},
            415,
            "use Content-Encoding deflate, gzip, snappy, zstd or none",
        ),
        ("/v1/traces", b"no gzip", {"content_encoding": "gzip"}, 400, "not valid gzip"),
        ("/v1/traces", gzip.compress(bytes(70 * 1024 * 1024)), {"content_encoding": "gzip"}, 413, "larger than"),
    ],
)
def test_what_is_refused(one_relay, path, body, headers, status, message):
    found, answer, _ = one_relay.send(body, path, **headers)
    assert (found, message in answer.decode()) == (status, True)


@pytest.fixture(scope="module")
def one_relay():
    with Hop() as hop, relay("--to", hop.url, "--grpc", "127.0.0.1:0") as one:
        yield one


def test_a_bomb_over_grpc_is_refused(one_relay):
    import grpc

    with grpc.insecure_channel(one_relay.address("over gRPC"), compression=grpc.Compression.Gzip) as channel:
        export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        with pytest.raises(grpc.RpcError) as refused:
            export(bytes(70 * 1024 * 1024))
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        with pytest.raises(grpc.RpcError) as refused:
            export(b"\x0a\xff")
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_get_is_refused_but_for_its_health(one_relay):
    with urllib.request.urlopen(one_relay.url + "/health", timeout=TIMEOUT) as answer:
        health = json.load(answer)
    assert health["name"] == "braintrust-run-output relay"
    assert health["version"]
    with pytest.raises(urllib.error.HTTPError, match="405"):
        urllib.request.urlopen(one_relay.url + "/v1/traces", timeout=TIMEOUT)


def test_while_the_next_hop_is_down_senders_are_told_when_to_come_again(hop):
    with relay("--to", hop.url, "--grpc", "127.0.0.1:0") as one:
        import grpc

        hop.status, hop.headers = 503, {"Retry-After": "7"}
        status, _, headers = one.send(request(chat()))
        assert (status, headers["retry-after"]) == (503, "7")
        with grpc.insecure_channel(one.address("over gRPC")) as channel:
            export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
            with pytest.raises(grpc.RpcError) as refused:
                export(request(chat()))
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        hop.status, hop.headers = 401, {}
        assert one.send(request(chat()))[0] == 401
        hop.status = 200
        assert one.send(request(chat()))[0] == 200
        code, _, log = one.stop()
        assert code == 0
        assert "answers with status 503" in log
        assert "refuses requests for good with status 401" in log


def test_keys_and_parents_go_on_with_each_request_s_spans(hop):
    with relay("--to", hop.url, "--hold", "500ms", "--forward-headers", "--header", "x-team=blue") as one:
        for key in ("a", "b"):
            headers = {"authorization": f"Bearer {key}", "x-bt-parent": f"project_name:{key}", "cookie": "no"}
            one.send(request(chat(f"said by {key}"), root()), **headers)
        hop.wait_for(ROOT, 2)
        for headers, spans in hop.received():
            key = headers["authorization"].removeprefix("Bearer ")
            assert (headers["x-bt-parent"], headers["x-team"]) == (f"project_name:{key}", "blue")
            assert "cookie" not in headers
            assert [one.attributes[RUN_OUTPUT] for one in spans] == [f"said by {key}"] * len(spans)


def test_by_braintrust_s_variables(hop):
    with relay(
        "--hold",
        "500ms",
        BRAINTRUST_API_URL=hop.base,
        BRAINTRUST_API_KEY="the-key",
        BRAINTRUST_PARENT="project_name:shop",
        BRAINTRUST_RUN_OUTPUT_KEY="answer",
    ) as one:
        one.send(request(chat(), root()))
        hop.wait_for(ROOT)
        headers, spans = hop.received()[-1]
        assert (headers["authorization"], headers["x-bt-parent"]) == ("Bearer the-key", "project_name:shop")
        assert hop.paths[-1] == "/otel/v1/traces"
        assert spans[0].attributes["braintrust.metadata.answer"] == "Paris."


def test_without_a_key_for_braintrust_it_says_what_to_set():
    with relay() as one:
        assert "There is no API key, so Braintrust will refuse it: set BRAINTRUST_API_KEY" in one.said
    with relay("--forward-headers") as one:
        assert "no API key" not in one.said


def test_every_option_is_a_variable(hop):
    with relay(
        BRAINTRUST_RUN_OUTPUT_RELAY_TO=hop.base,
        BRAINTRUST_RUN_OUTPUT_RELAY_HOLD="400ms",
        BRAINTRUST_RUN_OUTPUT_RELAY_HEADER="x-team=dark%20blue,x-other=1",
        BRAINTRUST_RUN_OUTPUT_RELAY_COMPRESSION="gzip",
    ) as one:
        one.send(request(chat(), root()))
        hop.wait_for(ROOT)
        headers, _ = hop.received()[-1]
        assert (headers["x-team"], headers["x-other"], headers["content-encoding"]) == ("dark blue", "1", "gzip")
        assert one.stop()[2] == ""


def test_at_sigterm_what_waits_goes_on_at_once(hop):
    with relay("--to", hop.url, "--hold", "1h", "--max-hold", "2h") as one:
        for number in range(1, 101):
            assert one.send(request(chat(trace=f"{number:032x}"), root(trace=f"{number:032x}")))[0] == 200
        code, out, log = one.stop()
    assert (code, log) == (0, "")
    assert "Sending on what waits" in out
    roots = [span for _, spans in hop.received() for span in spans if span.parent_id is None]
    assert sorted(span.trace_id for span in roots) == list(range(1, 101))
    assert {span.attributes[RUN_OUTPUT] for span in roots} == {"Paris."}


def test_what_is_left_at_the_end_is_said_and_found_again(tmp_path, hop):
    with relay("--to", hop.url, "--hold", "1h", "--max-hold", "1h", "--state-dir", str(tmp_path)) as one:
        one.send(request(chat(), root()))
        hop.status = 503
        code, out, _ = one.stop()
    assert code == 1
    assert f"--state-dir {tmp_path} to try again" in out
    hop.status = 200
    with relay("--to", hop.url, "--hold", "500ms", "--state-dir", str(tmp_path)) as one:
        assert "1 root spans of an earlier run wait." in one.said
        hop.wait_for(ROOT)
        assert hop.run_outputs()[ROOT] == "Paris."


def test_a_temporary_state_directory_is_said_and_goes(hop):
    with relay("--to", hop.url) as one:
        (line,) = [line for line in one.said.splitlines() if "is temporary" in line]
        directory = Path(line.split("What waits is in ")[1].split(",")[0])
        assert directory.exists()
        one.stop()
        assert not directory.exists()


@pytest.mark.parametrize(
    ("options", "variables", "message"),
    [
        (["--listen", "nowhere"], {}, "'nowhere' is no address: give HOST:PORT"),
        (["--listen", "127.0.0.1:99999"], {}, "'127.0.0.1:99999' is no address"),
        (["--hold", "soon"], {}, "'soon' is no duration: give one like 500ms"),
        (["--max-held-bytes", "much"], {}, "'much' is no size"),
        (["--to", "braintrust"], {}, "'braintrust' is no address to send to"),
        (["--header", "the-key-itself"], {}, "a header is NAME=VALUE"),
        (["--certificate", __file__], {}, "give --certificate and --private-key, or neither"),
        ([], {"BRAINTRUST_RUN_OUTPUT_RELAY_HOLD": "soon"}, "'soon' is no duration"),
        ([], {"OTEL_EXPORTER_OTLP_ENDPOINT": "nowhere"}, "'nowhere' is no address to send to"),
        (["--state-dir", __file__], {}, "Directory"),
        (["--listen", "127.0.0.1:4318", "--to", "http://localhost:4318"], {}, "the relay would send to itself"),
    ],
)
def test_what_is_wrong_is_named(options, variables, message):
    if "--to" not in options and not variables:
        options = [*options, "--to", "http://127.0.0.1:1"]
    ended = run_command([sys.executable, "-m", "braintrust_run_output", "relay", *options], **variables)
    said = " ".join((ended.out + ended.log).split())
    assert (ended.code, message in said) == (2, True), said
    assert "the-key-itself" not in said


def test_with_a_certificate_all_that_is_listened_on_has_tls(tmp_path, hop):
    import ssl

    import grpc

    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    made = subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", certificate),
        ],
        capture_output=True,
    )
    if made.returncode:
        pytest.skip("there is no openssl")
    options = ["--certificate", str(certificate), "--private-key", str(key), "--grpc", "127.0.0.1:0"]
    with relay("--to", hop.url, "--hold", "500ms", *options) as one:
        assert one.url.startswith("https://")
        context = ssl.create_default_context(cafile=certificate)
        assert one.send(request(chat()), context=context)[0] == 200
        credentials = grpc.ssl_channel_credentials(certificate.read_bytes())
        with grpc.secure_channel(one.address("over gRPC"), credentials) as channel:
            channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")(request(root()))
        hop.wait_for(ROOT)
        assert hop.run_outputs()[ROOT] == "Paris."


def test_no_payload_and_no_key_is_in_the_log(hop):
    secret = "the-word-that-must-not-be-seen"
    with relay("--to", hop.url, "--forward-headers", "--hold", "300ms") as one:
        for status in (503, 400, 200):
            hop.status = status
            one.send(request(chat(secret), root(**{secret: secret})), authorization=f"Bearer {secret}")
            one.send(secret.encode(), authorization=f"Bearer {secret}")
            one.send(b'{"resourceSpans": "' + secret.encode() + b'"}', content_type=JSON)
        hop.wait_for(ROOT)
        code, out, log = one.stop()
    assert code == 0
    assert secret not in out + log
