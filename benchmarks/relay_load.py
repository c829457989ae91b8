"""What the relay's benchmarks send: traces over two services, in requests that differ only in their trace ids."""

import asyncio
import itertools
import os
import time
from dataclasses import dataclass

import aiohttp
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

SPANS_PER_TRACE = 8
"""Three of the front end's, the root among them, and five of the agent's, one model call among them."""
_MARK = b"\xa5\x5a" * 4
_START = 1_700_000_000_000_000_000
HEADERS = {"content-type": "application/x-protobuf"}


def _add(scope, trace, number, parent, name, start, end, **attributes):
    span = scope.spans.add(
        trace_id=trace,
        span_id=number.to_bytes(8, "big"),
        parent_span_id=parent.to_bytes(8, "big") if parent else b"",
        name=name,
        kind=Span.SPAN_KIND_CLIENT,
        start_time_unix_nano=_START + start,
        end_time_unix_nano=_START + end,
        flags=0x101,
    )
    for key, value in attributes.items():
        span.attributes.add(key=key.replace("__", ".")).value.string_value = value


_HTTP = {
    "http__request__method": "POST",
    "url__full": "http://agent.internal:8080/ask?session=0af7651916cd43dd",
    "server__address": "agent.internal",
    "server__port": "8080",
    "network__protocol__version": "1.1",
    "user_agent__original": "python-httpx/0.28.1",
    "http__response__status_code": "200",
}


def make(traces, prompt=2_000, answer=500):
    """Return a front end's request and an agent's, as protobuf, of so many traces."""
    front, agent = ExportTraceServiceRequest(), ExportTraceServiceRequest()
    for request, service in ((front, "front"), (agent, "agent")):
        group = request.resource_spans.add()
        group.resource.attributes.add(key="service.name").value.string_value = service
        group.scope_spans.add().scope.name = "opentelemetry.instrumentation.http"
    ours, theirs = front.resource_spans[0].scope_spans[0], agent.resource_spans[0].scope_spans[0]
    for at in range(traces):
        trace, base = _MARK + at.to_bytes(8, "big"), 16 * (at + 1)
        _add(ours, trace, base + 1, 0, "POST /chat", 0, 1_000, **_HTTP)
        _add(ours, trace, base + 2, base + 1, "render", 1, 999, step="render")
        _add(ours, trace, base + 3, base + 2, "POST", 2, 900, **_HTTP)
        _add(theirs, trace, base + 4, base + 3, "POST /ask", 3, 890, **_HTTP)
        _add(
            theirs, trace, base + 5, base + 4, "SELECT", 4, 50, db__system="postgresql", db__statement="SELECT * FROM t"
        )
        _add(theirs, trace, base + 6, base + 4, "agent", 60, 880, step="agent")
        _add(
            theirs, trace, base + 7, base + 6, "chat gpt", 70, 870,
            gen_ai__operation__name="chat", gen_ai__system="openai", gen_ai__request__model="gpt-4o-mini",
            gen_ai__input__messages='[{"role":"user","parts":[{"type":"text","content":"%s"}]}]' % ("p" * prompt),
            gen_ai__output__messages='[{"role":"assistant","parts":[{"type":"text","content":"%s"}],"finish_reason":"stop"}]'
            % ("a" * answer),
        )  # fmt: skip
        _add(theirs, trace, base + 8, base + 7, "POST", 80, 860, **_HTTP)
    return front.SerializeToString(), agent.SerializeToString()


class Requests:
    """Gives out requests with fresh trace ids: an agent's and, of the same traces, a front end's, in turn.

    Args:
        traces: How many traces a request has.
    """

    def __init__(self, traces, **sizes):
        front, agent = make(traces, **sizes)
        self._bodies = (agent, 5 * traces), (front, 3 * traces)
        self._count = itertools.count()
        self._run = os.urandom(4)
        self.traces = traces
        self.sent_at = {}
        """When a front end's request was given out, by what the trace ids in it begin with."""

    def __next__(self):
        number = next(self._count)
        body, spans = self._bodies[number % 2]
        begin = self._run + (number // 2).to_bytes(4, "big")
        if number % 2:
            self.sent_at[begin.hex()] = time.time()
        return body.replace(_MARK, begin), spans

    @property
    def bytes_per_span(self):
        return sum(len(body) for body, _ in self._bodies) / sum(spans for _, spans in self._bodies)


def with_state(number, size):
    """Return a request of one trace with a chain whose state is so many bytes long, a root and a model call."""
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    trace, base = os.urandom(12) + number.to_bytes(4, "big"), 16 * (number + 1)
    _add(scope, trace, base + 1, 0, "POST /chat", 0, 1_000, **_HTTP)
    state = '{"messages": ["%s"]}' % ("s" * size)
    _add(scope, trace, base + 2, base + 1, "graph", 1, 999, openinference__span__kind="CHAIN", output__value=state)
    _add(scope, trace, base + 3, base + 2, "chat", 2, 900, gen_ai__operation__name="chat", gen_ai__completion="Paris.")
    return request.SerializeToString()


@dataclass
class Sent:
    """What was sent, and how long it took until it was acknowledged, in seconds."""

    spans: int
    seconds: float
    delays: list
    failed: int

    def delay(self, share):
        return self.delays[min(len(self.delays) - 1, int(len(self.delays) * share))]


async def send(url, requests, *, seconds, connections=8, rate=0):
    """Send requests for some time, over so many connections; with a rate, so many spans a second."""
    delays, spans, failed = [], 0, 0
    began = time.perf_counter()
    end = began + seconds

    async def worker(session, first):
        nonlocal spans, failed
        due = began + first
        while time.perf_counter() < end:
            body, count = next(requests)
            at = time.perf_counter()
            try:
                async with session.post(url, data=body, headers=HEADERS) as answer:
                    await answer.read()
                    is_taken = answer.status == 200
            except aiohttp.ClientError:
                is_taken = False
            if is_taken:
                delays.append(time.perf_counter() - at)
                spans += count
            else:
                failed += 1
                await asyncio.sleep(0.05)
            if rate:
                due += connections * count / rate
                await asyncio.sleep(max(0.0, due - time.perf_counter()))

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(*(worker(session, 0.001 * one) for one in range(connections)))
    return Sent(spans, time.perf_counter() - began, sorted(delays), failed)
