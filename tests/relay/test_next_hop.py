"""A next hop that answers nonsense, and senders that take their time."""

from __future__ import annotations

import asyncio
import gzip
import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import replace

import pytest

from braintrust_run_output.config import RunOutputConfig
from braintrust_run_output.relay import forwarding, receiving
from braintrust_run_output.relay.forwarding import Forwarder, UnavailableError
from braintrust_run_output.relay.metrics import Metrics
from braintrust_run_output.relay.receiving import Intake, answer_to
from braintrust_run_output.relay.relay import Relay
from braintrust_run_output.relay.settings import RelaySettings
from braintrust_run_output.relay.spool import Spool

SETTINGS = RelaySettings(traces_to="http://127.0.0.1:1/v1/traces", timeout=10.0)
NO_BODY = b"content-length: 0\r\n\r\n"


@contextmanager
def answering(answer: bytes):
    """Yield the address of a next hop that answers every request with these bytes, and closes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:  # the test is over
                    return
                with connection, suppress(ConnectionError):  # who has read enough hangs up
                    taken = b""
                    while not taken.endswith(b"spans"):
                        taken += connection.recv(65_536)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1/traces"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
    thread.join()


def send(url: str) -> None:
    async def whole() -> None:
        forwarder = Forwarder(replace(SETTINGS, traces_to=url), Metrics())
        try:
            await forwarder.send("traces", b"spans")
        finally:
            await forwarder.close()

    asyncio.run(whole())


@pytest.mark.parametrize(
    "said",
    [
        b"content-length: 50\r\n\r\nbroken off",
        b"content-encoding: gzip\r\ncontent-length: 6\r\n\r\nno zip",
        b"content-encoding: unknown\r\ncontent-length: 2\r\n\r\n{}",
        b"content-length: 5\r\n\r\n\xff\xff\xff\xff\xff",
    ],
    ids=["broken off", "no zip", "unknown encoding", "no protobuf"],
)
def test_what_was_taken_is_not_sent_again_whatever_is_said_beside_it(said):
    with answering(b"HTTP/1.1 200 OK\r\n" + said) as url:
        send(url)


def test_of_an_answer_without_end_little_is_read(monkeypatch):
    read = []

    class Judged(forwarding._Answer):
        def __new__(cls, *fields):
            read.append(len(fields[2]))
            return super().__new__(cls, *fields)

    monkeypatch.setattr(forwarding, "_Answer", Judged)
    zeros = gzip.compress(bytes(50_000_000))
    bomb = b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(zeros) + zeros
    for said in (bomb, b"content-length: 5000000\r\n\r\n" + bytes(5_000_000)):
        with answering(b"HTTP/1.1 200 OK\r\n" + said) as url:
            send(url)

    assert len(read) == 2
    assert max(read) <= 64 * 1024


@pytest.mark.parametrize("after", ["nan", "-nan", "-inf", "inf", "1e999", "-1", "", "soon", "1e9", "0x10", "١٢"])
def test_a_time_to_come_again_that_is_none_is_a_number_of_seconds_or_nothing(after):
    answer = b"HTTP/1.1 503 Busy\r\nretry-after: " + after.encode() + b"\r\n" + NO_BODY
    with answering(answer) as url, pytest.raises(UnavailableError) as refused:
        send(url)

    seconds = refused.value.retry_after
    assert seconds is None or 0 <= seconds <= 120
    assert answer_to(refused.value, "application/json").status == 503


def test_a_failure_of_ours_is_told_to_all_who_wait_and_stops_nobody_after_them():
    async def whole() -> None:
        forwarder = Forwarder(SETTINGS, Metrics())
        asked = 0

        async def failing(*_, **__) -> None:
            nonlocal asked
            asked += 1
            number = asked
            await asyncio.sleep(0)
            if number <= 2:
                raise ValueError

        forwarder.post = failing  # type: ignore[method-assign]
        huge = bytes(4 * 1024 * 1024)
        sending = [forwarder.send("traces", huge) for _ in range(6)]
        results = await asyncio.wait_for(asyncio.gather(*sending, return_exceptions=True), 30)
        assert [type(one) for one in results] == [UnavailableError] * 2 + [type(None)] * 4

    asyncio.run(whole())


def test_a_sender_that_stops_in_the_middle_gives_back_its_room(monkeypatch, tmp_path):
    monkeypatch.setattr(receiving, "_LONGEST_PAUSE", 0.01)
    scope = {
        "type": "http",
        "path": "/v1/traces",
        "method": "POST",
        "headers": [(b"content-type", b"application/x-protobuf")],
    }
    sent = []

    async def whole() -> None:
        metrics, spool = Metrics(), Spool(tmp_path)
        relay = Relay(SETTINGS, RunOutputConfig(), spool, Forwarder(SETTINGS, metrics), metrics)
        intake = Intake(relay, SETTINGS, metrics)
        begun = [{"type": "http.request", "body": bytes(1_000), "more_body": True}]

        async def receive():
            return begun.pop() if begun else await asyncio.Event().wait()

        async def send(event):
            sent.append(event)

        await asyncio.wait_for(intake(scope, receive, send), 30)
        assert intake._in_flight == 0
        await spool.close()

    asyncio.run(whole())
    assert sent[0]["status"] == 408
