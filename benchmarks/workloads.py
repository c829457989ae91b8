"""What is timed: what an application does with its tracer, from the first span's start to the last span's end.

Every workload is a function of a tracer and of whether the application carries out the snippet of Braintrust's guide
itself (``set_attribute("braintrust.metadata.run_output", ...)`` on the model's span and on the root). It returns the
function that is timed; whatever can be prepared is prepared before.

Spans without AI content are made as applications make them: ``start_as_current_span`` and a ``set_attribute`` for each
attribute. Recorded traces set their attributes as the
instrumentation does that they were recorded from: OpenLLMetry one by one, the others at once.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from opentelemetry.trace import Span, SpanKind, Tracer, set_span_in_context

from braintrust_run_output import RunOutputConfig

CASES = Path(__file__).parent.parent / "tests" / "conformance" / "cases"
RUN_OUTPUT = "braintrust.metadata.run_output"
KIB = 1024
_LONGEST = RunOutputConfig().max_length
"""What is cut by hand as well: so long an attribute is not to be sent."""

Run = Callable[[], None]


@dataclass(frozen=True)
class Workload:
    """One thing that an application does.

    Args:
        name: What ``--only`` matches.
        title: For the table.
        spans: How many spans one run makes.
        build: From a tracer, and whether the application sets the run output by hand, to the function that is timed.
        has_output: Whether there is any output to set.
        threads: How many threads run it at once.
        plain: Whether the output is a plain string, None if there is none.
    """

    name: str
    title: str
    spans: int
    build: Callable[[Tracer, bool], Run]
    has_output: bool = True
    threads: int = 1
    plain: bool | None = None


# --- spans without AI content ------------------------------------------------------------------------------------

_HTTP = {
    "http.request.method": "POST",
    "url.path": "/ask",
    "url.scheme": "https",
    "http.response.status_code": 200,
    "http.route": "/ask",
    "server.address": "api.example.com",
    "server.port": 443,
    "client.address": "192.0.2.7",
    "client.port": 51324,
    "network.protocol.name": "http",
    "network.protocol.version": "1.1",
    "user_agent.original": "python-httpx/0.28.1",
    "http.request.body.size": 512,
    "http.response.body.size": 2048,
    "enduser.id": "u-1842",
    "session.id": "5f2c9a7e",
    "deployment.environment.name": "production",
    "thread.id": 1,
    "thread.name": "MainThread",
    "app.tenant": "acme",
}


def _http_attributes(count: int) -> dict[str, Any]:
    return dict(list(_HTTP.items())[:count])


def _single_span(attributes: int, tracer: Tracer, _by_hand: bool) -> Run:
    values = list(_http_attributes(attributes).items())

    def run() -> None:
        with tracer.start_as_current_span("POST /ask") as span:
            for key, value in values:
                span.set_attribute(key, value)

    return run


def _request(attributes: int, tracer: Tracer, _by_hand: bool) -> Run:
    values = list(_http_attributes(attributes).items())

    def run() -> None:
        with tracer.start_as_current_span("POST /ask") as root:
            for key, value in values:
                root.set_attribute(key, value)
            for _ in range(4):
                with tracer.start_as_current_span("SELECT") as child:
                    for key, value in values:
                        child.set_attribute(key, value)

    return run


# --- recorded traces of real instrumentations ---------------------------------------------------------------------


@dataclass(frozen=True)
class _Step:
    """A span's start or end in a recorded trace."""

    is_start: bool
    span: int
    parent: int | None
    name: str
    kind: SpanKind
    attributes: dict[str, Any]
    has_output: bool = False


@cache
def _recorded(case: str) -> tuple[tuple[_Step, ...], str, str]:
    """Return a recorded trace's steps, the model's output, and the name of the instrumentation scope."""
    recording = json.loads((CASES / f"{case}.json").read_text())
    text = recording["expected_text"]
    numbers: dict[str, int] = {}
    at_start: dict[str, dict[str, Any]] = {}
    steps = []
    scope = "benchmarks"
    for step in recording["timeline"]:
        span_id = step["span_id"]
        attributes = {key: value for key, value in step["attributes"].items() if value is not None}
        if step["op"] == "start":
            numbers[span_id] = len(numbers)
            at_start[span_id] = attributes
            parent = numbers.get(step["parent_span_id"])
            kind = SpanKind[(step["kind"] or "INTERNAL").rsplit(".", 1)[-1]]
            steps.append(_Step(True, numbers[span_id], parent, step["name"], kind, attributes))
        elif step["op"] == "end":
            rest = {key: value for key, value in attributes.items() if at_start[span_id].get(key) != value}
            has_output = _is_a_models_span(attributes, text)
            scope = step.get("scope") or scope
            steps.append(_Step(False, numbers[span_id], None, step["name"], SpanKind.INTERNAL, rest, has_output))
    return tuple(steps), text, scope


def _is_a_models_span(attributes: Mapping[str, Any], text: str) -> bool:
    return any(key.startswith(("gen_ai.request", "llm.", "ai.model", "langfuse.")) for key in attributes) and any(
        isinstance(value, str) and text in value for value in attributes.values()
    )


def _count(case: str) -> int:
    return sum(step.is_start for step in _recorded(case)[0])


def _replay(case: str, characters: int | None, rename: Mapping[str, str | None], tracer: Tracer, by_hand: bool) -> Run:
    """Replay a recorded trace.

    Args:
        case: Its name.
        characters: How long the output shall be; None as recorded.
        rename: Attributes to replace by another one that holds the plain output, None to leave it out.
        tracer: The tracer.
        by_hand: Whether the application sets the run output itself.
    """
    steps, text, _ = _recorded(case)
    output = text if characters is None else (text + " ") * (characters // (len(text) + 1) + 1)
    output = output[: characters or len(output)]

    def resized(attributes: dict[str, Any]) -> dict[str, Any]:
        values = {
            key: value.replace(text, output) if isinstance(value, str) else value for key, value in attributes.items()
        }
        for old, new in rename.items():
            if values.pop(old, None) is not None and new is not None:
                values[new] = output
        return values

    steps = tuple(
        _Step(step.is_start, step.span, step.parent, step.name, step.kind, resized(step.attributes), step.has_output)
        for step in steps
    )

    sets_one_by_one = "openllmetry" in case

    def run() -> None:
        live: list[Span] = []
        for step in steps:
            if step.is_start:
                context = None if step.parent is None else set_span_in_context(live[step.parent])
                live.append(tracer.start_span(step.name, context, step.kind, step.attributes))
            else:
                span = live[step.span]
                if sets_one_by_one:
                    for key, value in step.attributes.items():
                        span.set_attribute(key, value)
                else:
                    span.set_attributes(step.attributes)
                if by_hand and step.has_output:
                    value = output[:_LONGEST]
                    span.set_attribute(RUN_OUTPUT, value)
                    if step.span:
                        live[0].set_attribute(RUN_OUTPUT, value)
                span.end()

    return run


def _recording(
    name: str,
    title: str,
    case: str,
    *,
    plain: bool,
    characters: int | None = None,
    rename: Mapping[str, str | None] | None = None,
) -> Workload:
    return Workload(name, title, _count(case), partial(_replay, case, characters, rename or {}), plain=plain)


_FASTAPI = "fastapi__openllmetry__sync"
_PLAIN: dict[str, Mapping[str, str | None]] = {
    "gen_ai.completion": {"gen_ai.output.messages": "gen_ai.completion"},
}


def plain_output(characters: int) -> Workload:
    """Return a request whose model output is a plain string of this length."""
    return _recording(
        f"plain-{characters}",
        f"`gen_ai.completion`, a plain string of {characters:,} characters",
        _FASTAPI,
        plain=True,
        characters=characters,
        rename=_PLAIN["gen_ai.completion"],
    )


# --- a deep tree --------------------------------------------------------------------------------------------------

_LEVELS, _LEAVES = 200, 4


def _deep_tree(tracer: Tracer, by_hand: bool) -> Run:
    """Return a trace of 200 nested levels, each with four leaves; one leaf of every tenth level is a model's span."""
    values = _http_attributes(5)
    text = "The capital of France is Paris. " * 16
    answer = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini", "gen_ai.completion": text}

    def run() -> None:
        inner: list[Span] = []
        for level in range(_LEVELS):
            span = tracer.start_span("step", set_span_in_context(inner[-1]) if inner else None)
            span.set_attributes(values)
            inner.append(span)
            context = set_span_in_context(span)
            for leaf in range(_LEAVES):
                is_model = leaf == 0 and level % 10 == 9
                child = tracer.start_span("chat" if is_model else "work", context)
                child.set_attributes(answer if is_model else values)
                if is_model and by_hand:
                    child.set_attribute(RUN_OUTPUT, text)
                    inner[0].set_attribute(RUN_OUTPUT, text)
                child.end()
        for span in reversed(inner):
            span.end()

    return run


# --- many live spans ----------------------------------------------------------------------------------------------


def among_live_spans(count: int, workload: Workload) -> Workload:
    """Return a workload that runs while this many other spans are live."""

    def build(tracer: Tracer, by_hand: bool) -> Run:
        live = [tracer.start_span("connection") for _ in range(count)]
        run = workload.build(tracer, by_hand)

        def run_among(_live: list[Span] = live) -> None:  # the default keeps them alive as long as the function
            run()

        return run_among

    return Workload(
        f"{workload.name}-among-{count}", f"{count:,}", workload.spans, build, workload.has_output, plain=workload.plain
    )


# --- many answers -------------------------------------------------------------------------------------------------


def one_more_answer(count: int) -> Workload:
    """Return a workload that adds an answer below a root that has this many."""

    def build(tracer: Tracer, _by_hand: bool) -> Run:
        root = tracer.start_span("root")
        context = set_span_in_context(root)
        text = "The capital of France is Paris. " * 4
        numbers = iter(range(10**9))

        def run(_root: Span = root) -> None:  # the default keeps it alive as long as the function
            span = tracer.start_span("chat", context)
            span.set_attribute("gen_ai.completion", f"{text}{next(numbers)}")
            span.end()

        for _ in range(count):
            run()
        return run

    return Workload(f"answers-{count}", f"{count:,}", 1, build, plain=True)


# --- all of them --------------------------------------------------------------------------------------------------


def _without_output(name: str, title: str, spans: int, build: Callable[[Tracer, bool], Run]) -> Workload:
    return Workload(name, title, spans, build, has_output=False)


REQUEST_5 = _without_output("request-5", "a root and 4 children, 5 attributes each", 5, partial(_request, 5))
CHAT = _recording(
    "messages-1k",
    "`gen_ai.output.messages` of 1 KB (FastAPI, OpenLLMetry)",
    _FASTAPI,
    plain=False,
    characters=KIB,
)
WORKLOADS: tuple[Workload, ...] = (
    _without_output("span-5", "a span, 5 attributes", 1, partial(_single_span, 5)),
    REQUEST_5,
    _without_output("request-20", "a root and 4 children, 20 attributes each", 5, partial(_request, 20)),
    *(
        _recording(key.replace(".", "-"), f"`{key}`, a plain string (FastAPI)", _FASTAPI, plain=True, rename=rename)
        for key, rename in _PLAIN.items()
    ),
    _recording(
        "openinference", "`llm.output_messages.*` (OpenInference)", "openinference-openai__chat_text_sync", plain=True
    ),
    CHAT,
    _recording("agent", "an agent with a tool (LangChain)", "langchain__openinference__react_invoke", plain=False),
    Workload("deep-tree", "1,000 spans, 200 levels deep, 20 outputs", _LEVELS * (_LEAVES + 1), _deep_tree, plain=True),
    Workload("threads-4", "messages of 1 KB, 4 threads", CHAT.spans, CHAT.build, threads=4, plain=False),
)
EXPORTED = ("request-5", "gen_ai-completion", "messages-1k", "agent")
"""The names of those that are measured with their export as well."""
LIVE_SPANS = (10, 100, 1_000, 10_000)
OUTPUT_SIZES = tuple(size * KIB for size in (4, 64, 1024, 4096))
ANSWER_COUNTS = (1_000, 80_000)
