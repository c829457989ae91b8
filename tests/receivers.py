"""Real OTLP receivers on loopback that keep every span they are sent."""

from __future__ import annotations

import gzip
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

RUN_OUTPUT = "braintrust.metadata.run_output"


class Received:
    """The spans that arrived, by name; attributes of type string and bool."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._spans: list[tuple[str, dict[str, object]]] = []
        self.headers: list[dict[str, str]] = []
        self.endpoint = ""

    def add(self, request: ExportTraceServiceRequest) -> None:
        with self._changed:
            for resource_spans in request.resource_spans:
                for scope_spans in resource_spans.scope_spans:
                    for span in scope_spans.spans:
                        values = {
                            item.key: getattr(item.value, item.value.WhichOneof("value") or "string_value")
                            for item in span.attributes
                        }
                        self._spans.append((span.name, values))
            self._changed.notify_all()

    def spans(self, count: int, timeout: float = 20) -> dict[str, dict[str, object]]:
        """Wait until so many spans have arrived and return them."""
        with self._changed:
            arrived = self._changed.wait_for(lambda: len(self._spans) >= count, timeout)
            assert arrived, f"{len(self._spans)} of {count} spans arrived in {timeout} s: {[n for n, _ in self._spans]}"
            return dict(self._spans)

    def run_outputs(self, count: int) -> dict[str, object]:
        return {name: values[RUN_OUTPUT] for name, values in self.spans(count).items() if RUN_OUTPUT in values}


@contextmanager
def http_receiver():
    """Yield a `Received` whose ``endpoint`` is an OTLP/HTTP URL (any path is accepted)."""
    received = Received()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            received.headers.append({name.lower(): value for name, value in self.headers.items()})
            received.add(ExportTraceServiceRequest.FromString(body))
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    received.endpoint = f"http://127.0.0.1:{server.server_port}/v1/traces"
    try:
        yield received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def grpc_receiver():
    """Yield a `Received` whose ``endpoint`` is an OTLP/gRPC URL."""
    import grpc
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as services

    received = Received()

    class Service(services.TraceServiceServicer):
        def Export(self, request, context):  # noqa: N802
            received.add(request)
            return ExportTraceServiceResponse()

    server = grpc.server(ThreadPoolExecutor(2))
    services.add_TraceServiceServicer_to_server(Service(), server)
    received.endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield received
    finally:
        server.stop(None).wait()
