"""A service, as a process of its own: it calls another one, or asks a model, and is traced the way its variables say.

``python service.py PORT``; NEXT is the address of the service that it calls, INSTRUMENTATION what traces the model's
client, PROCESSOR whether it has a processor of this package, LATE whether it answers before the model does.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry import context, propagate, trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

GRPC = os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL") == "grpc"
NEXT, LATE = os.environ.get("NEXT"), bool(os.environ.get("LATE"))
if GRPC:
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
else:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

provider = TracerProvider(resource=Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", "python")}))
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
if os.environ.get("PROCESSOR"):
    from braintrust_run_output import RunOutputSpanProcessor

    provider.add_span_processor(RunOutputSpanProcessor())
trace.set_tracer_provider(provider)
tracer = trace.get_tracer("service")


def instrument():
    if os.environ.get("INSTRUMENTATION") == "openinference":
        from openinference.instrumentation.openai import OpenAIInstrumentor
    else:
        from opentelemetry.instrumentation.openai import OpenAIInstrumentor
    OpenAIInstrumentor().instrument(tracer_provider=provider)
    from openai import OpenAI

    return OpenAI()


model = None if NEXT else instrument()


def ask_the_model():
    messages = [{"role": "user", "content": "What is the capital of France?"}]
    if not LATE:
        return model.chat.completions.create(model="gpt-4o-mini", messages=messages).choices[0].message.content
    stream = model.chat.completions.create(model="gpt-4o-mini", messages=messages, stream=True)
    return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)


def answer():
    if NEXT:
        headers = {}
        with tracer.start_as_current_span("POST", kind=trace.SpanKind.CLIENT):
            propagate.inject(headers)
            with urllib.request.urlopen(urllib.request.Request(NEXT, b"", headers), timeout=30) as answered:
                return answered.read()
    if not LATE:
        return ask_the_model().encode()
    current = context.get_current()

    def later():
        root_has_ended.wait(30)
        token = context.attach(current)
        ask_the_model()
        context.detach(token)

    threading.Thread(target=later).start()
    return b"later"


root_has_ended = threading.Event()


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        if self.path == "/go-on":
            root_has_ended.set()
            body = b""
        else:
            caller = propagate.extract({name.lower(): value for name, value in self.headers.items()})
            with tracer.start_as_current_span(f"POST {self.path}", caller, kind=trace.SpanKind.SERVER):
                body = answer()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def stop(*_):
    threading.Thread(target=server.shutdown).start()


server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
signal.signal(signal.SIGTERM, stop)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever(0.05)
provider.shutdown()
