"""Requests that are made to harm: small ones that are large, values that nothing can hold, pages of other servers."""

from __future__ import annotations

import gzip
import json
import sqlite3
import subprocess
import sys
import threading
import zlib
from pathlib import Path

import pytest

from braintrust_run_output.local import LocalIntake, Store
from braintrust_run_output.local.intake import bounds
from braintrust_run_output.local.intake.database import Database
from braintrust_run_output.otlp import JSON, PROTOBUF, BodyTooLargeError
from local.calls import call
from local.otlp_requests import SPAN_ID, TRACE_ID, export_request, span

TRACES = "/otel/v1/traces"
MEBIBYTE = 1024 * 1024


def send(intake, body, content_type=PROTOBUF, path=TRACES, **headers):
    return call(intake, "POST", path, body, Content_Type=content_type, Authorization="Bearer k", **headers)


def nested(number, piece):
    """Lengths in protobuf, for a message of pieces below a group and its scope."""

    def field(tag, content):
        length = b""
        size = len(content)
        while size >= 0x80:
            length, size = length + bytes([size & 0x7F | 0x80]), size >> 7
        return bytes([tag]) + length + bytes([size]) + content

    return field(0x0A, field(0x12, field(0x12, piece * number)))


# --- sizes -------------------------------------------------------------------------------------------------------

BOMBS = {
    "text": b'"' + b" " * (8 * MEBIBYTE) + b'"',
    "zeros": b"\0" * (8 * MEBIBYTE),
    "brackets": b"[[]" + b",[]" * (2 * MEBIBYTE) + b"]",
    "groups": b"\x0a\0" * (4 * MEBIBYTE),
    "attributes": nested(3 * MEBIBYTE, b"\x4a\0"),
    "events": nested(3 * MEBIBYTE, b"\x5a\0"),
}


ATTACKED = """
import resource, sys
sys.path.insert(0, "tests/local"); sys.path.insert(0, "tests")
from braintrust_run_output.local import LocalIntake
from local.intake.test_attacks import BOMBS, send
import gzip

def most():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

with LocalIntake() as intake:
    packed = {name: gzip.compress(body) for name, body in BOMBS.items()}
    send(intake, packed["text"], "application/json", Content_Encoding="gzip")
    before = most()
    for name, body in packed.items():
        kind = "application/json" if name in ("text", "brackets") else "application/x-protobuf"
        print(send(intake, body, kind, Content_Encoding="gzip")[0])
    print(most() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the most memory that was used is in other units elsewhere")
def test_a_few_kilobytes_are_not_hundreds_of_megabytes():
    """An 8 KiB body once took 750 MiB."""
    assert all(len(gzip.compress(body)) < 32 * 1024 for body in BOMBS.values())
    ended = subprocess.run(
        [sys.executable, "-c", ATTACKED], cwd=Path(__file__).parents[3], capture_output=True, text=True, timeout=60
    )

    assert ended.returncode == 0, ended.stderr
    *statuses, grown = map(int, ended.stdout.split())
    assert set(statuses) <= {200, 400, 413}
    assert len(statuses) == len(BOMBS)
    assert grown < 150


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_what_shrinks_as_telemetry_does_is_taken(intake, encoding):
    spans = [span({"gen_ai.completion": f"answer {n} " * 200}, span_id=f"{n:016x}") for n in range(1, 1500)]
    body = export_request(*spans).SerializeToString()
    packed = gzip.compress(body) if encoding == "gzip" else zlib.compress(body)
    assert len(body) > 2 * MEBIBYTE

    assert send(intake, packed, Content_Encoding=encoding)[0] == 200
    assert intake.store.count() == len(spans)


def test_an_answer_of_many_megabytes_is_taken(intake):
    text = json.dumps([1] * MEBIBYTE)
    assert send(intake, export_request(span({"gen_ai.completion": text})).SerializeToString())[0] == 200
    assert intake.store.rows()[0]["output"] == text


@pytest.mark.parametrize(
    "body",
    [
        b"\x0a\0" * bounds.MOST_VALUES + b"\x0a\0",
        nested(bounds.MOST_VALUES, b"\x4a\0"),
        nested(1, b"\x4a\xff\xff\xff\xff\x0f"),
        nested(1, b"\x4a\x04\x12\x02\x2a\0" * bounds.MOST_VALUES),
    ],
    ids=["groups", "attributes", "cut", "lists"],
)
def test_values_are_counted_before_anything_is_built(body):
    if len(body) > bounds.FREE_BYTES:
        with pytest.raises(BodyTooLargeError, match="smaller batches"):
            bounds.check_contents(body, PROTOBUF)
    else:
        bounds.check_contents(body + b"\0" * bounds.FREE_BYTES, PROTOBUF)


def test_marks_of_json_are_counted_before_anything_is_built():
    bounds.check_contents(b"[" + b"1," * MEBIBYTE + b"1]", JSON)
    with pytest.raises(BodyTooLargeError, match="smaller batches"):
        bounds.check_contents(b"[" * (bounds.MOST_MARKS + 1), JSON)


def test_a_large_request_blocks_no_other(intake):
    spans = [span({f"a.{m}": m for m in range(20)}, span_id=f"{n:016x}") for n in range(1, 5000)]
    body = export_request(*spans).SerializeToString()
    answered = []
    sender = threading.Thread(target=lambda: answered.append(send(intake, body)[0]))
    sender.start()
    between = 0
    while not answered:
        assert call(intake, "GET", "/ui/live")[0] == 200
        between += 1
    sender.join()

    assert answered == [200]
    assert between > 1


# --- values ------------------------------------------------------------------------------------------------------


def otlp_json(**fields):
    one = {"traceId": TRACE_ID, "spanId": SPAN_ID, "name": "s", **fields}
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [one]}]}]}).encode()


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"traceId": "CvdlGRbNQ92ESOshHIAxnA=="}, b"traceId is in base64"),
        ({"spanId": "t61rcWkgMzE="}, b"spanId is in base64"),
        ({"parentSpanId": "t61rcWkgMzE="}, b"parentSpanId is in base64"),
        ({"startTimeUnixNano": 10**30}, b"does not fit"),
        ({"startTimeUnixNano": "1e400"}, b"not a whole number"),
        ({"name": 7}, b"name is not a string"),
    ],
)
def test_what_is_wrong_is_said_without_quoting_the_rest(intake, fields, says):
    status, _, answer = send(intake, otlp_json(**fields), JSON)

    assert status == 400
    assert says in answer


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "\ud800", "attributes": [{"key": "\udfff", "value": {"stringValue": "\ud83d"}}]},
        {"attributes": [{"key": "braintrust.metadata.run_output", "value": {"stringValue": "half an emoji \ud83d"}}]},
        {"attributes": [{"key": "braintrust.metrics.n", "value": {"intValue": str(2**63 - 1)}}]},
        {"attributes": [{"key": "braintrust.metadata", "value": {"stringValue": '{"n": ' + "9" * 400 + "}"}}]},
        {"startTimeUnixNano": str(2**64 - 1), "endTimeUnixNano": str(2**64 - 1), "kind": 2**31 - 1},
        {"parentSpanId": "0" * 16},
    ],
)
def test_what_nothing_can_hold_is_stored_and_shown(intake, fields):
    assert send(intake, otlp_json(**fields), JSON)[0] == 200

    assert intake.store.rows()[0]["is_root"]
    for path in ("/", f"/ui/traces/{TRACE_ID}", "/traces", f"/traces/{TRACE_ID}"):
        assert call(intake, "GET", path)[0] == 200
    assert call(intake, "POST", f"/traces/{TRACE_ID}/dataset")[0] == 201
    assert call(intake, "GET", "/ui/dataset")[0] == 200


LOGS = {"op": "function", "name": {"op": "ident", "name": ["project_logs"]}}


def test_no_query_breaks_the_server(intake):
    project = intake.store.register("project", "p").id
    intake.store.insert(
        [{"id": "\ud800", "tags": "no list", "metadata": {"n": 10**400}, "metrics": {"n": 10**400}}], project
    )
    source = {**LOGS, "args": [{"op": "literal", "value": project}]}
    ident = {"op": "ident", "name": ["metadata", "n"]}
    queries = [
        {"filter": {"op": "eq", "left": ident, "right": {"op": "literal", "value": 10**200}}},
        {"filter": {"op": "eq", "left": ident, "right": {"op": "literal", "value": "\ud800"}}},
        {
            "filter": {
                "op": "eq",
                "left": {"op": "ident", "name": ["\ud800", "\0"]},
                "right": {"op": "literal", "value": 1},
            }
        },
        {"filter": {"op": "in", "left": ident, "right": {"op": "literal", "value": list(range(40_000))}}},
        {"filter": {"op": "in", "left": ident, "right": {"op": "literal", "value": [10**300, "\ud800"]}}},
        {
            "filter": {
                "op": "includes",
                "left": {"op": "ident", "name": ["tags"]},
                "right": {"op": "literal", "value": "x"},
            }
        },
        {"filter": {"btql": "metadata.n > 1e999"}},
        {"filter": {"op": "like", "left": ident, "right": {"op": "literal", "value": "%_[*" * 5000}}},
        {"cursor": "999999999999999999", "limit": 1},
        {"from": {**source, "shape": "summary"}},
        {"from": {**LOGS, "args": [{"op": "literal", "value": "\ud800"}]}},
    ]
    for asked in queries:
        status, _, answer = send(intake, json.dumps({"query": {"from": source, **asked}}), JSON, "/btql")
        assert status in (200, 400, 404), (asked, answer)


def test_no_pattern_takes_forever(intake):
    """SQLite's own LIKE would try every way to divide the text."""
    project = intake.store.register("project", "p").id
    intake.store.insert([{"id": "r", "output": "a" * 100_000}], project)
    select = f"SELECT id FROM project_logs('{project}') WHERE output"
    for operator in ("LIKE", "ILIKE", "MATCH"):
        query = f"{select} {operator} '{'%a' * 1000}b'"
        assert send(intake, json.dumps({"query": query}), JSON, "/btql")[0] == 200
    too_long = f"{select} LIKE '{'%a' * 10_000}'"
    assert send(intake, json.dumps({"query": too_long}), JSON, "/btql")[0] == 400


def test_a_slow_query_is_given_up_and_others_go_on(intake, monkeypatch):
    monkeypatch.setattr("braintrust_run_output.local.intake.database.MOST_SECONDS", -1)
    monkeypatch.setattr("braintrust_run_output.local.intake.database._STEPS", 1)
    status, _, answer = call(intake, "GET", "/traces")
    assert status == 504
    assert b"ask for less" in answer
    monkeypatch.undo()
    assert call(intake, "GET", "/traces")[0] == 200


# --- other pages, other writers ----------------------------------------------------------------------------------

WRITING = [
    ("POST", TRACES), ("POST", "/traces/t/dataset"), ("POST", "/logs3"), ("POST", "/btql"), ("POST", "/v1/project"),
    ("POST", "/v1/project_logs/x/insert"), ("DELETE", "/v1/dataset/x"), ("POST", "/ui/traces/t/dataset"),
    ("POST", "/ui/dataset/x/remove"), ("POST", "/api/apikey/login"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), WRITING)
@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://127.0.0.1:1"}, {"Origin": "https://evil.example"}, {"Origin": "null"},
     {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}],
)  # fmt: skip
def test_what_another_page_sends_is_refused(intake, method, path, headers):
    status, _, answer = call(intake, method, path, b"{}", Content_Type=JSON, Authorization="Bearer k", **headers)

    assert status == 403
    assert b"of this server" in answer
    assert intake.store.count() == 0


def test_what_its_own_page_sends_is_taken(intake):
    body = export_request(span()).SerializeToString()

    assert send(intake, body, Origin=intake.url)[0] == 200
    assert send(intake, body, **{"Sec-Fetch-Site": "none"})[0] == 200


def test_a_locked_database_is_busy_and_blocks_nobody(tmp_path):
    file = tmp_path / "traces.sqlite"
    with LocalIntake(store=Store(file)) as intake:
        send(intake, export_request(span()).SerializeToString())
        other = sqlite3.connect(file, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        try:
            status, _, answer = send(intake, export_request(span()).SerializeToString())
            assert status == 503
            assert b"try again" in answer
            for path in ("/", "/traces", f"/ui/traces/{TRACE_ID}", "/ui/live"):
                assert call(intake, "GET", path)[0] == 200
            assert call(intake, "POST", f"/ui/traces/{TRACE_ID}/dataset")[0] == 503
        finally:
            other.execute("ROLLBACK")
            other.close()
        assert send(intake, export_request(span()).SerializeToString())[0] == 200


def test_a_file_of_another_program_is_not_touched(tmp_path):
    file = tmp_path / "other.sqlite"
    other = sqlite3.connect(file)
    other.execute("CREATE TABLE spans (id)")
    other.close()
    before = file.read_bytes()

    with pytest.raises(sqlite3.DatabaseError, match="name a new file"):
        Database(file)
    assert file.read_bytes() == before
