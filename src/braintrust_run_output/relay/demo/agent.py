"""An agent service: it answers a request with what a model says. It knows OpenTelemetry and OpenAI, and no relay."""

from __future__ import annotations

import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NoReturn

from openai import OpenAI
from opentelemetry import propagate, trace

tracer = trace.get_tracer("agent")


class Handler(BaseHTTPRequestHandler):
    """Answers a request."""

    def do_POST(self) -> None:
        """Ask the model, in the trace that the caller has begun."""
        caller = propagate.extract({name.lower(): value for name, value in self.headers.items()})
        with tracer.start_as_current_span("POST /ask", caller, kind=trace.SpanKind.SERVER):
            question = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            reply = OpenAI().chat.completions.create(
                model="gpt-4o-mini", messages=[{"role": "user", "content": question}]
            )
            body = (reply.choices[0].message.content or "").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


def _end(*_: object) -> NoReturn:
    sys.exit(0)


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    signal.signal(signal.SIGTERM, _end)
    print(f"http://127.0.0.1:{server.server_port}/ask", flush=True)  # noqa: T201
    server.serve_forever()
