"""The same trace, in one process and with nothing late, gets the same value by whatever way it comes in.

The span processor in place and around another one, stored rows, a file of OTLP, the relay, and the rules alone. Here the
spans are as real ones are: they overlap, fail, call tools and have events. tests/braintrust_sdk/test_one_decision.py
has the same for native spans, which know less.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Status, StatusCode

from braintrust_run_output import RunOutputConfig
from support import ARRANGEMENTS, RUN_OUTPUT, examples

pytest.importorskip("starlette")
pytest.importorskip("aiohttp")

from google.protobuf.json_format import MessageToDict
from harness import through_the_relay

from braintrust_run_output.braintrust.otlp_files import traces_of_otlp
from braintrust_run_output.braintrust.traces import run_output_of
from braintrust_run_output.local import map_request
from braintrust_run_output.otlp import read_spans
from braintrust_run_output.outcome import read_outcome
from braintrust_run_output.run import decide
from braintrust_run_output.writing import value_of

SECOND = 1_000_000_000
START = 1_800_000_000 * SECOND

TEXTS = [
    "ok",
    "yes",
    "Paris.",
    "The capital of France is Paris.",
    "Sources: 1, 2.\nThe capital of France is Paris.",
    "Capitals: a short title",
    "São Paulo \U0001f600",
]
STATES = ['{"answer": "Paris."}', '{"documents": ["yes", "The capital of France is Paris."], "grade": "yes"}', "[]"]
KINDS = ["CHAIN", "AGENT", "TOOL", "RETRIEVER", "GUARDRAIL", "EVALUATOR", "LLM", None]


@dataclass(frozen=True)
class Planned:
    """A span: what is on it, below which of those before it it is, and when it ends."""

    name: str
    parent: int
    attributes: dict[str, str]
    has_failed: bool = False
    end: int = 0


def _messages(text: str | None, call: str | None) -> str:
    parts: list[dict[str, object]] = [] if text is None else [{"type": "text", "content": text}]
    if call is not None:
        parts.append({"type": "tool_call", "id": call, "name": f"tool {call}", "arguments": {"city": "Paris"}})
    return json.dumps([{"role": "assistant", "parts": parts, "finish_reason": "stop"}])


@st.composite
def attributes(draw: st.DrawFn, *, models_say_so: bool) -> dict[str, str]:
    kind = draw(st.sampled_from(KINDS[:-1] if models_say_so else KINDS))
    found = {} if kind is None else {"openinference.span.kind": kind}
    says = draw(st.sampled_from(["text", "messages", "call", None])) if kind in ("LLM", None) else None
    if says == "text":
        found["gen_ai.completion"] = draw(st.sampled_from(TEXTS))
    elif says is not None:
        text = draw(st.none() | st.sampled_from(TEXTS)) if says == "call" else draw(st.sampled_from(TEXTS))
        call = draw(st.sampled_from(["a", "b"])) if says == "call" else None
        found["gen_ai.output.messages"] = _messages(text, call)
    elif draw(st.booleans()):
        found["output.value"] = draw(st.sampled_from([*TEXTS, *STATES]))
    if kind == "TOOL" and draw(st.booleans()):
        found["gen_ai.tool.call.id"] = draw(st.sampled_from(["a", "b"]))
        found["gen_ai.tool.name"] = f"tool {found['gen_ai.tool.call.id']}"
    if draw(st.integers(0, 11)) == 0:
        found[RUN_OUTPUT] = draw(st.sampled_from(TEXTS))
    return found


@st.composite
def traces(draw: st.DrawFn, *, models_say_so: bool) -> list[Planned]:
    """Spans in the order of their starts, the root first; it ends last, the others in any order.

    Where models say so, every completion is on a span that calls itself a model's. A stored row of another type does not
    tell the output of a model from one of a function.
    """
    number = draw(st.integers(1, 9))
    ends = draw(st.permutations(range(1, number)))
    return [
        Planned(
            draw(st.sampled_from(["step", "answer", "side"])),
            0 if at == 0 else draw(st.integers(0, at - 1)),
            draw(attributes(models_say_so=models_say_so)),
            draw(st.integers(0, 7)) == 0,
            number + (number if at == 0 else ends[at - 1]),
        )
        for at in range(number)
    ]


configs = st.builds(
    RunOutputConfig,
    root=st.sampled_from(["last", "first", "all", "own", "off"]),
    format=st.sampled_from(["text", "messages", "verbatim"]),
    answer_spans=st.sampled_from([None, None, "answer", "ans*,nothing"]),
    side_spans=st.sampled_from([None, None, "side"]),
    max_length=st.sampled_from([1_000_000, 1_000_000, 20]),
    hold=st.sampled_from(["never", "open"]),
)


def played(planned: list[Planned], config: RunOutputConfig | None, arrangement: str) -> list[ReadableSpan]:
    """Trace what is planned, with our processor or, without a configuration, without it; return what is exported."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    if config is None:
        provider.add_span_processor(SimpleSpanProcessor(exporter))
    else:
        ARRANGEMENTS[arrangement](provider, SimpleSpanProcessor(exporter), config)
    tracer = provider.get_tracer("app")
    spans: list[trace.Span] = []
    for at, one in enumerate(planned):
        within = trace.set_span_in_context(spans[one.parent] if spans else trace.INVALID_SPAN)
        span = tracer.start_span(one.name, within, attributes=one.attributes, start_time=START + at * SECOND)
        if one.has_failed:
            span.set_status(Status(StatusCode.ERROR, "it failed"))
        spans.append(span)
    for one, span in sorted(zip(planned, spans, strict=True), key=lambda pair: pair[0].end):
        span.end(START + one.end * SECOND)
    provider.force_flush()
    provider.shutdown()
    return list(exporter.get_finished_spans())


def live(planned: list[Planned], config: RunOutputConfig, arrangement: str) -> object:
    (root,) = [span for span in played(planned, config, arrangement) if span.parent is None]
    return root.attributes.get(RUN_OUTPUT)


def stored(spans: list[ReadableSpan], config: RunOutputConfig) -> object:
    rows = [{**row, "is_root": not row["span_parents"]} for row in map_request(encode_spans(spans)).rows]
    found = run_output_of(rows, config)
    return None if found is None else found.value


def of_a_file(spans: list[ReadableSpan], config: RunOutputConfig) -> object:
    request = MessageToDict(encode_spans(spans))
    for resource in request["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:  # as OTLP has them: in hexadecimal
                for key in ("traceId", "spanId", "parentSpanId"):
                    if key in span:
                        span[key] = _hexadecimal(span[key])
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "otlp.json")
        path.write_text(json.dumps(request), encoding="utf-8")
        (rows,) = traces_of_otlp(path)
        found = run_output_of(rows, config)
    return None if found is None else found.value


def _hexadecimal(encoded: str) -> str:
    import base64

    return base64.b64decode(encoded).hex()


def by_the_rules(spans: list[ReadableSpan], config: RunOutputConfig) -> object:
    read = list(read_spans(encode_spans(spans).SerializeToString()))
    outcomes = {
        one.span_id: read_outcome(
            one.attributes,
            one.events,
            one.scope.name,
            key=one.key,
            config=config,
            name=one.name,
            start=one.start,
            end=one.end,
            has_failed=one.has_failed,
        )
        for one in read
    }
    (root,) = [one for one in read if not one.parent_id]
    own = outcomes.pop(root.span_id)
    if own.explicit is not None:
        return own.explicit
    value = value_of(decide(own, outcomes.values(), {one.span_id: one.parent_id for one in read}, config), config)
    return None if value is None else value.text


@pytest.mark.parametrize("mouth", ["in place, last", "wrapping", "stored rows", "a file", "the relay", "the rules"])
def test_the_same_trace_has_the_same_value(mouth):
    @examples(200)
    @given(traces(models_say_so=mouth == "stored rows"), configs)
    def same(planned: list[Planned], config: RunOutputConfig) -> None:
        expected = live(planned, config, "in place, first")
        if mouth in ARRANGEMENTS:
            assert live(planned, config, mouth) == expected
            return
        spans = played(planned, None, mouth)
        if mouth == "stored rows":
            assert stored(spans, config) == expected
        elif mouth == "a file":
            assert of_a_file(spans, config) == expected
        elif mouth == "the relay":
            assert through_the_relay(encode_spans(spans).SerializeToString(), config) == expected
        else:
            assert by_the_rules(spans, config) == expected

    same()
