"""A front end: it passes a question on to the agent. The root of the trace is here, the answer's span is not."""

from __future__ import annotations

import sys
import urllib.request

from opentelemetry import propagate, trace

tracer = trace.get_tracer("front")

if __name__ == "__main__":
    agent, question = sys.argv[1:]
    headers: dict[str, str] = {}
    with (
        tracer.start_as_current_span("POST /chat", kind=trace.SpanKind.SERVER),
        tracer.start_as_current_span("POST", kind=trace.SpanKind.CLIENT),
    ):
        propagate.inject(headers)
        request = urllib.request.Request(agent, question.encode(), headers)  # noqa: S310 (the demo's own)
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            print(answer.read().decode())  # noqa: T201
