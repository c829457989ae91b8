"""Processes for the relay's benchmarks: a next hop that counts, a pass-through that parses nothing, a foreign proxy."""

import contextlib
import gzip
import json
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from braintrust_run_output.otlp import messages

PYTHON = sys.executable


async def _body(receive):
    chunks = []
    while True:
        event = await receive()
        chunks.append(event.get("body", b""))
        if not event.get("more_body"):
            return b"".join(chunks)


async def _answer(send, body=b"", kind=b"application/x-protobuf"):
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Sink:
    """Takes everything, and says how much: bytes, requests, roots with and without a run output."""

    def __init__(self):
        self.seen = {"requests": 0, "bytes": 0, "spans": 0}
        self.roots = {}

    async def __call__(self, scope, receive, send):
        body = await _body(receive)
        if scope["path"] in ("/seen", "/roots"):
            said = self.seen if scope["path"] == "/seen" else self.roots
            await _answer(send, json.dumps(said).encode(), b"application/json")
            return
        if (b"content-encoding", b"gzip") in scope["headers"]:
            body = gzip.decompress(body)
        self.seen["requests"] += 1
        self.seen["bytes"] += len(body)
        self._count(body)
        await _answer(send)

    def _count(self, body):
        """Count spans, and note when the roots of a request have come, by what their trace ids begin with."""
        for group in messages.Request.FromString(body).groups:
            for scope_group in group.scope_groups:
                self.seen["spans"] += len(scope_group.items)
                # The first span tells: what the relay sends late are roots, together.
                glance = messages.Span.FromString(scope_group.items[0])
                if not glance.parent_span_id:
                    for item in scope_group.items:
                        self.roots.setdefault(messages.Span.FromString(item).trace_id[:8].hex(), time.time())


class PassThrough:
    """Sends every request on as it came: the least that a relay on the same parts can cost."""

    def __init__(self, to):
        self.to, self.session = to, None

    async def __call__(self, scope, receive, send):
        import aiohttp

        if self.session is None:
            self.session = aiohttp.ClientSession()
        body = await _body(receive)
        async with self.session.post(self.to, data=body, headers={"content-type": "application/x-protobuf"}) as answer:
            await answer.read()
        await _answer(send)


def serve(app, port):
    import uvicorn

    uvicorn.run(
        app, host="127.0.0.1", port=port, http="httptools", loop="uvloop", interface="asgi3", lifespan="off", ws="none",
        log_level="warning", access_log=False,
    )  # fmt: skip


def free_port():
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Process:
    """A process, with the CPU time and the memory that it takes."""

    def __init__(self, command, port, **variables):
        kept = {
            key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "BRAINTRUST_", "ROTEL_"))
        }
        self._log = open(os.devnull, "w") if not os.environ.get("SHOW") else None  # noqa: SIM115
        self._process = subprocess.Popen(command, env={**kept, **variables}, stdout=self._log, stderr=self._log)
        self.url = f"http://127.0.0.1:{port}/v1/traces"
        self.port = port
        _wait_for(port)

    @property
    def cpu_seconds(self):
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def resident_bytes(self):
        return int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def stop(self):
        self._process.terminate()
        self._process.wait(60)


def _wait_for(port):
    import socket

    deadline = time.monotonic() + 30
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing listens on port {port}")
        time.sleep(0.05)


@contextlib.contextmanager
def running(one):
    """Stop a process afterwards, if there is one."""
    try:
        yield one
    finally:
        if one is not None:
            one.stop()


def sink():
    port = free_port()
    return Process([PYTHON, "-m", "benchmarks.relay_hops", "sink", str(port)], port)


def seen(one, path="/seen"):
    with urllib.request.urlopen(f"http://127.0.0.1:{one.port}{path}", timeout=10) as answer:
        return json.load(answer)


def pass_through(to):
    port = free_port()
    return Process([PYTHON, "-m", "benchmarks.relay_hops", "pass-through", str(port), to], port)


def relay(to, *options):
    port = free_port()
    command = [PYTHON, "-m", "braintrust_run_output", "relay", "--listen", f"127.0.0.1:{port}", "--to", to, *options]
    return Process(command, port)


def rotel(to):
    """Start Rotel as a proxy, if it is installed; None if not."""
    try:
        import rotel as package
    except ImportError:
        return None
    agent = Path(package.__file__).with_name("rotel-agent")
    port, grpc_port = free_port(), free_port()
    options = (
        f"--otlp-http-endpoint 127.0.0.1:{port} --otlp-grpc-endpoint 127.0.0.1:{grpc_port} --exporter otlp "
        f"--otlp-exporter-endpoint {to.removesuffix('/v1/traces')} --otlp-exporter-protocol http "
        f"--otlp-exporter-compression none --pid-file /tmp/rotel-{port}.pid"
    )
    command = [str(agent), "start", *options.split()]
    return Process(command, port)


if __name__ == "__main__":
    kind, port, *rest = sys.argv[1:]
    serve(Sink() if kind == "sink" else PassThrough(*rest), int(port))
