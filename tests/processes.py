"""Applications in processes of their own, and the receivers that their spans arrive at."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from braintrust_run_output.local import Store, create_app, map_request
from braintrust_run_output.local.server import BackgroundServer

TIMEOUT = 60
INSTRUMENT = [
    sys.executable,
    "-c",
    "from opentelemetry.instrumentation.auto_instrumentation import run; run()",
    sys.executable,
]
"""``opentelemetry-instrument python``, of this environment whatever ``PATH`` says."""
PLAIN = [sys.executable]

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


def run(code: str, *, command: Sequence[str] = PLAIN, cwd: Path | None = None, **variables: str) -> Ended:
    """Run an application that calls no model to its end: the slow import of an instrumented openai is left out."""
    variables.setdefault("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "openai")
    return run_command([*command, "-c", code], cwd=cwd, **variables)


def run_command(
    command: Sequence[str], *, cwd: Path | None = None, timeout: float = TIMEOUT, **variables: str
) -> Ended:
    """Run a command to its end, which takes so many seconds at most."""
    ended = subprocess.run(
        command, env=environment(**variables), cwd=cwd, capture_output=True, text=True, timeout=timeout
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


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
