"""Applications in processes of their own, and the receivers that their spans arrive at."""

from __future__ import annotations

import atexit
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from select import select
from threading import Lock, Timer

from braintrust_run_output.local import Store, create_app, map_request
from braintrust_run_output.local.server import BackgroundServer
from support import is_short

TIMEOUT = 60
INSTRUMENT = [
    sys.executable,
    "-c",
    "from opentelemetry.instrumentation.auto_instrumentation import run; run()",
    sys.executable,
]
"""``opentelemetry-instrument python``, of this environment whatever ``PATH`` says."""
PLAIN = [sys.executable]

NO_MODEL = {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "openai"}
"""For an application that calls no model: the slow import of an instrumented openai is left out."""

AGENT = """
from opentelemetry import trace

tracer = trace.get_tracer("agent")
with tracer.start_as_current_span("root"):
    with tracer.start_as_current_span("chat", attributes={"gen_ai.operation.name": "chat"}) as span:
        span.set_attribute("gen_ai.completion", "It is sunny.")
print("done")
"""
"""An application that knows of OpenTelemetry's API and of nothing else."""


@dataclass(frozen=True)
class Ended:
    """An application that has ended."""

    code: int
    out: str
    log: str

    def warnings(self, *words: str) -> list[str]:
        """Return the lines of its log that have all the words."""
        return [line for line in self.log.splitlines() if all(word in line for word in words)]


def environment(**variables: str) -> dict[str, str]:
    """Make an environment with nothing of this machine's that has to do with telemetry."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OTEL_", "BRAINTRUST_", "PYTHON")) and not name.lower().endswith("_proxy")
    }
    return {**kept, "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none", **variables}


def run(
    code: str, *, command: Sequence[str] = PLAIN, cwd: Path | None = None, cold: bool = False, **variables: str
) -> Ended:
    """Run an application that calls no model to its end."""
    return run_command([*command, "-c", code], cwd=cwd, cold=cold, **{**NO_MODEL, **variables})


def run_command(
    command: Sequence[str],
    *,
    cwd: Path | None = None,
    timeout: float = TIMEOUT,
    cold: bool = False,
    **variables: str,
) -> Ended:
    """Run a command to its end, which takes so many seconds at most; ``cold`` as in `run_process`."""
    return run_process(command, environment(**variables), cwd=cwd, timeout=timeout, cold=cold)


def run_process(
    command: Sequence[str],
    environ: Mapping[str, str],
    *,
    cwd: Path | None = None,
    timeout: float = TIMEOUT,
    cold: bool = False,
) -> Ended:
    """Run a command with nothing but these variables.

    In the short profile a Python runs as a fork of a warm one, which has imported what is slow to import. CI starts
    each from nothing; so does ``cold``, where it matters what is imported.
    """
    return Application(command, environ, cwd=cwd, cold=cold).end(timeout)


def subprocess_run(
    command: Sequence[str], *, env: Mapping[str, str], timeout: float, **_: object
) -> subprocess.CompletedProcess[str]:
    """Do what ``subprocess.run`` does, by `run_process`."""
    ended = run_process(command, env, timeout=timeout)
    return subprocess.CompletedProcess(command, ended.code, ended.out, ended.log)


def _instrumented(environ: Mapping[str, str], cwd: Path | None) -> dict[str, str]:
    """Return the variables with which ``opentelemetry-instrument`` replaces itself by the application."""
    auto_instrumentation = importlib.util.find_spec("opentelemetry.instrumentation.auto_instrumentation")
    path = [os.path.dirname(auto_instrumentation.origin), str(cwd or Path.cwd()), environ.get("PYTHONPATH")]
    return {**environ, "PYTHONPATH": os.pathsep.join(filter(None, path))}


class Application:
    """A process as in `run_process`, which runs until it ends or is ended. It leads a group of processes.

    ``out`` is what it writes, to be read line by line until `end`.
    """

    def __init__(
        self, command: Sequence[str], environ: Mapping[str, str], *, cwd: Path | None = None, cold: bool = False
    ) -> None:
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed at its end
        out, write = os.pipe()
        self.out = os.fdopen(out)
        warm = None if cold else _as_warm(command, environ, cwd)
        if warm:
            self._process = _warm_python.start(*warm, cwd, out=write, log=self._log.fileno())
        else:
            self._process = subprocess.Popen(
                command,
                env=environ,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=write,
                stderr=self._log,
                start_new_session=True,
            )
        os.close(write)
        self._command = command

    def send_signal(self, signal_number: int) -> None:
        """Send a signal to this process alone."""
        os.kill(self._process.pid, signal_number)

    def kill(self) -> None:
        """Kill it and all that it has started, if it still runs, and wait for its end."""
        self._kill()
        self._process.wait()

    def _kill(self) -> None:
        if self._process.poll() is None:
            with suppress(ProcessLookupError):  # it has ended since
                os.killpg(self._process.pid, signal.SIGKILL)

    def end(self, timeout: float = TIMEOUT) -> Ended:
        """Read to the end; what takes longer is killed, and `subprocess.TimeoutExpired` raised."""
        late = []
        watchdog = Timer(timeout, lambda: (late.append(True), self._kill()))
        watchdog.start()
        with self.out, self._log:
            out = self.out.read()
            code = self._process.wait()
            watchdog.cancel()
            if late:
                raise subprocess.TimeoutExpired(self._command, timeout)
            self._log.seek(0)
            return Ended(code, out, self._log.read())


def _as_warm(
    command: Sequence[str], environ: Mapping[str, str], cwd: Path | None
) -> tuple[Sequence[str], Mapping[str, str]] | None:
    """Return what a warm Python has to run, and with which variables, if the command is of Python and it may."""
    if not is_short() or not hasattr(os, "fork"):
        return None
    if command[: len(INSTRUMENT)] == INSTRUMENT:
        return command[len(INSTRUMENT) :], _instrumented(environ, cwd)
    if Path(command[0]).name == "opentelemetry-instrument" and command[1] == sys.executable:
        return command[2:], _instrumented(environ, cwd)
    return (command[1:], environ) if command[0] == sys.executable else None


class _WarmPython:
    """Runs each command as a fork of ``warm.py``."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = Lock()

    def start(
        self, arguments: Sequence[str], environ: Mapping[str, str], cwd: Path | None, *, out: int, log: int
    ) -> _Fork:
        command = {"arguments": arguments, "cwd": str(cwd or Path.cwd()), "environ": dict(environ)}
        body = json.dumps(command, default=str).encode()
        news, tell = os.pipe()
        with self._lock:
            if self._process is None:
                self._start()
            socket.send_fds(self._connection, [len(body).to_bytes(8, "big")], [out, log, tell])
            self._connection.sendall(body)
        os.close(tell)
        return _Fork(news)

    def _start(self) -> None:
        self._connection, its_end = socket.socketpair()
        with its_end:
            warm = [sys.executable, Path(__file__).with_name("warm.py")]
            self._process = subprocess.Popen(warm, env=environment(), stdin=its_end, stdout=subprocess.DEVNULL)

    def stop(self) -> None:
        """Let it end: it does when it can be told nothing more."""
        if self._process is not None:
            self._connection.shutdown(socket.SHUT_RDWR)  # not close: a fork of this process may have it too
            self._process.wait()


class _Fork:
    """A process of a warm Python, which writes a line with its number, and another one with the code that it ends with."""

    def __init__(self, news: int) -> None:
        self._news = os.fdopen(news)
        self._code: int | None = None
        self.pid = int(self._news.readline())

    def poll(self) -> int | None:
        return self.wait() if self._code is not None or select([self._news], [], [], 0)[0] else None

    def wait(self) -> int:
        if self._code is None:
            with self._news:
                self._code = int(self._news.readline())
        return self._code


_warm_python = _WarmPython()
atexit.register(_warm_python.stop)


class Receiver:
    """What every receiver has: the rows that Braintrust would make of what arrived."""

    store: Store

    @property
    def run_outputs(self) -> dict[str, object]:
        """Span names to run outputs, None where there is none."""
        return {
            str(row["span_attributes"]["name"]): (row.get("metadata") or {}).get("run_output")
            for row in self.store.rows()
        }

    def wait_for(self, *names: str) -> dict[str, object]:
        """Wait until spans of these names have arrived."""
        self.store.wait_for(lambda: set(names) <= set(self.run_outputs), timeout=TIMEOUT)
        return self.run_outputs


class HttpReceiver(BackgroundServer, Receiver):
    """The local intake, which also keeps the headers of each request."""

    def __init__(self) -> None:
        self.store = Store()
        self.headers: list[Mapping[str, str]] = []
        intake = create_app(self.store)

        async def app(scope, receive, send):
            self.headers.append({name.decode(): value.decode() for name, value in scope["headers"]})
            await intake(scope, receive, send)

        super().__init__(app)

    @property
    def variables(self) -> dict[str, str]:
        """What sends an application's spans here by OTLP over HTTP."""
        return {
            "OTEL_TRACES_EXPORTER": "otlp",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{self.url}/otel/v1/traces",
        }

    @property
    def braintrust_variables(self) -> dict[str, str]:
        """What sends an application's spans here through Braintrust's exporters."""
        return {
            "BRAINTRUST_API_URL": self.url,
            "BRAINTRUST_API_KEY": "key-of-the-test",
            "BRAINTRUST_PARENT": "project_name:weather",
        }


class GrpcReceiver(Receiver):
    """Takes OTLP over gRPC."""

    def __init__(self) -> None:
        import grpc
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
            TraceServiceServicer,
            add_TraceServiceServicer_to_server,
        )

        store = self.store = Store()

        class Servicer(TraceServiceServicer):
            def Export(self, request, context):  # noqa: N802
                store.insert(map_request(request).rows)
                return ExportTraceServiceResponse()

        self._server = grpc.server(ThreadPoolExecutor(2))
        add_TraceServiceServicer_to_server(Servicer(), self._server)
        self._port = self._server.add_insecure_port("127.0.0.1:0")

    @property
    def variables(self) -> dict[str, str]:
        """What sends an application's spans here."""
        return {
            "OTEL_TRACES_EXPORTER": "otlp",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self._port}",
        }

    def __enter__(self):
        self._server.start()
        return self

    def __exit__(self, *_):
        self._server.stop(None).wait()
