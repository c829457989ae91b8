"""Applications in processes of their own, and the receivers that their spans arrive at."""

from __future__ import annotations

import atexit
import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from select import select
from threading import Lock

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
    if is_short() and hasattr(os, "fork") and not cold:
        if command[: len(INSTRUMENT)] == INSTRUMENT:
            return _warm_python.run(command[len(INSTRUMENT) :], _instrumented(environ, cwd), cwd, timeout)
        if Path(command[0]).name == "opentelemetry-instrument" and command[1] == sys.executable:
            return _warm_python.run(command[2:], _instrumented(environ, cwd), cwd, timeout)
        if command[0] == sys.executable:
            return _warm_python.run(command[1:], environ, cwd, timeout)
    ended = subprocess.run(command, env=environ, cwd=cwd, capture_output=True, text=True, timeout=timeout)
    return Ended(ended.returncode, ended.stdout, ended.stderr)


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


class _WarmPython:
    """Runs each command as a fork of ``warm.py``."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._lock = Lock()

    def run(self, arguments: Sequence[str], environ: Mapping[str, str], cwd: Path | None, timeout: float) -> Ended:
        with self._lock, tempfile.NamedTemporaryFile() as out, tempfile.NamedTemporaryFile() as log:
            process = self._process = self._process or self._start()
            command = {"arguments": arguments, "cwd": str(cwd or Path.cwd()), "environ": dict(environ)}
            process.stdin.write(json.dumps({**command, "out": out.name, "log": log.name}) + "\n")
            process.stdin.flush()
            if not select([process.stdout], [], [], timeout)[0]:
                self.stop()
                raise subprocess.TimeoutExpired(arguments, timeout)
            return Ended(int(process.stdout.readline()), out.read().decode(), log.read().decode())

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, Path(__file__).with_name("warm.py")],
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def stop(self) -> None:
        """End it, with the command that it runs."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.communicate()
            self._process = None


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
