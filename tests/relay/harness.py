"""A relay in the test's own process: a next hop that says what it is told to, and a clock that stands still."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from braintrust_run_output.config import RunOutputConfig
from braintrust_run_output.otlp import read_spans
from braintrust_run_output.relay.metrics import Metrics
from braintrust_run_output.relay.relay import Relay
from braintrust_run_output.relay.settings import RelaySettings
from braintrust_run_output.relay.spool import Spool

RUN_OUTPUT = "braintrust.metadata.run_output"
TRACE = "0af7651916cd43dd8448eb211c80319c"
ROOT, CHAT, TOOL = "00000000000000aa", "00000000000000bb", "00000000000000cc"
SETTINGS = RelaySettings(traces_to="http://127.0.0.1:1/v1/traces", hold=10.0, max_hold=60.0, remember=900.0)


def attribute(key, value):
    if isinstance(value, bool):
        return KeyValue(key=key, value=AnyValue(bool_value=value))
    return KeyValue(key=key, value=AnyValue(string_value=value))


def span(span_id, parent="", *, trace=TRACE, name="span", start=1, end=2, failed=False, **attributes):
    """Make a span; in the names of its attributes two underscores stand for a dot."""
    return Span(
        trace_id=bytes.fromhex(trace),
        span_id=bytes.fromhex(span_id),
        parent_span_id=bytes.fromhex(parent),
        name=name,
        start_time_unix_nano=start,
        end_time_unix_nano=end,
        attributes=[attribute(key.replace("__", "."), value) for key, value in attributes.items()],
        status=Status(code=2 if failed else 0),
    )


def root(**fields):
    return span(ROOT, name="GET /", end=100, **fields)


def chat(answer="Paris.", span_id=CHAT, parent=ROOT, **fields):
    return span(
        span_id, parent, name="chat", **{"gen_ai__operation__name": "chat", "gen_ai__completion": answer, **fields}
    )


def request(*spans, service="shop"):
    return ExportTraceServiceRequest(
        resource_spans=[
            ResourceSpans(
                resource=Resource(attributes=[attribute("service.name", service)]),
                scope_spans=[ScopeSpans(scope=InstrumentationScope(name="tests"), spans=spans)],
            )
        ]
    ).SerializeToString()


class Clock:
    """Stands still until it is moved."""

    def __init__(self):
        self.now = 1_000.0

    def __call__(self):
        return self.now


class NextHop:
    """Keeps what it is sent; ``fail`` is raised instead, or called with the spans and raised if it returns something."""

    def __init__(self):
        self.requests = []
        self.fail = None
        self.is_reached = True
        self.signals = []

    async def send(self, signal, body, headers=()):
        await asyncio.sleep(0)
        spans = list(read_spans(body)) if signal == "traces" else []
        error = self.fail(spans) if callable(self.fail) else self.fail
        if error is not None:
            raise error
        self.signals.append(signal)
        self.requests.append((headers, spans, body))

    @property
    def spans(self):
        return [one for _, spans, _ in self.requests for one in spans]

    def named(self, span_id):
        """Return what arrived of one span, in order."""
        return [one for one in self.spans if one.span_hex == span_id]

    def run_output(self, span_id=ROOT):
        """Return the run output of a span that has arrived once."""
        (one,) = self.named(span_id)
        return one.attributes.get(RUN_OUTPUT)

    async def close(self):
        pass


class Bench:
    """A relay, and all about it."""

    def __init__(self, directory, settings, config):
        self.clock, self.hop, self.metrics = Clock(), NextHop(), Metrics()
        self.spool = Spool(directory)
        self.relay = Relay(settings, config, self.spool, self.hop, self.metrics, self.clock)

    async def take(self, *spans, headers=(), service="shop"):
        await self.relay.take_traces(request(*spans, service=service), headers)

    async def wait(self, seconds):
        """Let time pass, and all that is due happen."""
        self.clock.now += seconds
        self.relay._releaser.release_due()
        await self.settle()

    async def settle(self):
        while self.relay._releaser.tasks:
            await asyncio.wait(set(self.relay._releaser.tasks))

    def count(self, name, **labels):
        return self.metrics.registry.get_sample_value(f"braintrust_run_output_relay_{name}", labels) or 0


@asynccontextmanager
async def bench(directory, config=None, **settings):
    """Yield a relay at work; time passes only where the test lets it."""
    one = Bench(directory, replace(SETTINGS, **settings), config or RunOutputConfig())
    one.relay.restore()
    try:
        yield one
    finally:
        await one.spool.close()


def through_the_relay(body, config):
    """Send a request of a whole trace through a relay; return its root's run output."""

    async def whole():
        with tempfile.TemporaryDirectory() as directory:
            async with bench(Path(directory), config) as one:
                await one.relay.take_traces(body)
                await one.wait(100)
                (root,) = [span for span in one.hop.spans if span.parent_id is None]
                return root.attributes.get(RUN_OUTPUT)

    return asyncio.run(whole())
