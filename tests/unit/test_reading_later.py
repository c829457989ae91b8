"""Outputs are read when a span's attributes are first read, and whoever reads them finds them."""

from __future__ import annotations

import copy
import gc
import sys
import threading
import weakref
from collections.abc import Callable, Mapping

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from braintrust_run_output import RunOutputConfig, RunOutputSpanProcessor, _sdk, reader
from braintrust_run_output.aggregator import MAX_NOTED, Aggregator, Gathered
from braintrust_run_output.run_outputs import Findings
from support import ARRANGEMENTS, RUN_OUTPUT, parts, pipeline

RUN_OUTPUTS = {"root": "Paris.", "llm": "Paris."}


class Collecting(SpanProcessor):
    """Keeps spans, and looks at nothing."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)


def collecting(arrangement: str, **config) -> tuple[TracerProvider, Collecting]:
    provider, collected = TracerProvider(shutdown_on_exit=False), Collecting()
    ARRANGEMENTS[arrangement](provider, collected, RunOutputConfig(**config))
    return provider, collected


def one_trace(provider: TracerProvider, **attributes: str) -> None:
    tracer = provider.get_tracer("app")
    with tracer.start_as_current_span("root"), tracer.start_as_current_span("llm") as span:
        span.set_attributes({"gen_ai.output.messages": parts("Paris."), **attributes})


@pytest.fixture
def reads(monkeypatch) -> list[int]:
    """The threads on which completions are read, one entry each time."""
    threads: list[int] = []
    read = reader.read_completion

    def reading(*args):
        threads.append(threading.get_ident())
        return read(*args)

    monkeypatch.setattr(reader, "read_completion", reading)
    return threads


def test_an_output_is_read_on_the_exporters_thread(arrangement, reads):
    class Encoding(SpanExporter):
        found: dict[str, object] = {}
        is_complete = threading.Event()

        def export(self, spans):
            self.found |= {span.name: (span.attributes or {}).get(RUN_OUTPUT) for span in spans}
            if "root" in self.found:
                self.is_complete.set()
            return SpanExportResult.SUCCESS

    provider, exporter = TracerProvider(shutdown_on_exit=False), Encoding()
    ARRANGEMENTS[arrangement](provider, BatchSpanProcessor(exporter, schedule_delay_millis=1), RunOutputConfig())
    one_trace(provider)
    assert exporter.is_complete.wait(20)
    provider.shutdown()

    assert exporter.found == RUN_OUTPUTS
    assert reads
    assert threading.get_ident() not in reads


def test_an_output_that_nobody_looks_at_is_not_read(arrangement, reads):
    provider, collected = collecting(arrangement)
    one_trace(provider)

    assert [span.name for span in collected.spans] == ["llm", "root"]
    assert reads == []


def test_an_output_is_read_once(arrangement, reads):
    provider, collected = collecting(arrangement)
    one_trace(provider)
    for _ in range(3):
        assert {span.name: span.attributes[RUN_OUTPUT] for span in reversed(collected.spans)} == RUN_OUTPUTS

    assert len(reads) == 1


def test_a_span_that_may_get_nothing_is_left_as_it_is(arrangement, reads):
    provider, collected = TracerProvider(shutdown_on_exit=False), Collecting()
    seen = Collecting()
    provider.add_span_processor(seen)
    ARRANGEMENTS[arrangement](provider, collected, RunOutputConfig(spans="none"))
    one_trace(provider)

    llm = collected.spans[0]
    assert llm is seen.spans[0]
    assert RUN_OUTPUT not in llm.attributes
    assert reads == []
    assert collected.spans[1].attributes[RUN_OUTPUT] == "Paris."


LOOKS: dict[str, Callable[[ReadableSpan], object]] = {
    "get": lambda span: span.attributes.get(RUN_OUTPUT),
    "item": lambda span: span.attributes[RUN_OUTPUT],
    "items": lambda span: dict(span.attributes.items())[RUN_OUTPUT],
    "iteration": lambda span: RUN_OUTPUT in list(span.attributes) and "Paris.",
    "contains": lambda span: RUN_OUTPUT in span.attributes and "Paris.",
    "length": lambda span: len(span.attributes) == 2 and "Paris.",
    "copy": lambda span: span.attributes.copy()[RUN_OUTPUT],
    "deep copy": lambda span: copy.deepcopy(dict(span.attributes))[RUN_OUTPUT],
    "a copied span": lambda span: copy.copy(span).attributes[RUN_OUTPUT],
    "to_json": lambda span: RUN_OUTPUT in span.to_json() and "Paris.",
    "the store": lambda span: span._attributes[RUN_OUTPUT],
    "another span": lambda span: ReadableSpan("other", attributes=span._attributes).attributes[RUN_OUTPUT],
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=list(LOOKS))
def test_whatever_looks_first_finds_it(arrangement, look):
    provider, collected = collecting(arrangement)
    one_trace(provider)

    llm, _ = collected.spans
    assert look(llm) == "Paris."
    assert look(llm) == "Paris."


def test_the_root_may_be_read_before_the_spans_below_it(arrangement):
    provider, collected = collecting(arrangement)
    one_trace(provider)

    assert {span.name: span.attributes[RUN_OUTPUT] for span in reversed(collected.spans)} == RUN_OUTPUTS


def test_threads_that_read_one_span_at_the_same_time_all_find_it(arrangement):
    threads, traces = 6, 150
    provider, collected = collecting(arrangement)
    for _ in range(traces):
        one_trace(provider)
    barrier, found = threading.Barrier(threads), [[] for _ in range(threads)]

    def read(mine: list[object]) -> None:
        for span in collected.spans:
            barrier.wait()
            mine.append((span.attributes or {}).get(RUN_OUTPUT))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        readers = [threading.Thread(target=read, args=(mine,)) for mine in found]
        for one in readers:
            one.start()
        for one in readers:
            one.join()
    finally:
        sys.setswitchinterval(interval)

    assert found == [["Paris."] * (2 * traces)] * threads


def test_a_transform_is_called_where_the_span_ends_and_once(arrangement):
    calls: list[tuple[int, str]] = []

    def transform(value: str, span: ReadableSpan) -> str:
        calls.append((threading.get_ident(), span.name))
        return value.upper()

    provider, collected = collecting(arrangement, transform=transform)
    one_trace(provider)
    assert calls == [(threading.get_ident(), "llm")]

    for _ in range(2):
        assert [span.attributes[RUN_OUTPUT] for span in collected.spans] == ["PARIS.", "PARIS."]
    assert len(calls) == 1


@pytest.mark.parametrize("lacks", [["writes_later"], ["writes_later", "copies_later"]], ids=" and ".join)
def test_where_attributes_cannot_be_completed_later_they_are_at_once(lacks, arrangement, reads, monkeypatch):
    for one in lacks:
        monkeypatch.setattr(_sdk, one, lambda: False)
    provider, collected = collecting(arrangement)
    one_trace(provider)
    assert reads

    assert {span.name: span.attributes[RUN_OUTPUT] for span in reversed(collected.spans)} == RUN_OUTPUTS


def test_two_processors_with_keys_of_their_own(arrangement):
    provider, collected = TracerProvider(shutdown_on_exit=False), Collecting()
    provider.add_span_processor(RunOutputSpanProcessor(config=RunOutputConfig(key="other")))
    ARRANGEMENTS[arrangement](provider, collected, RunOutputConfig())
    one_trace(provider)

    for span in collected.spans:
        assert span.attributes[RUN_OUTPUT] == span.attributes["braintrust.metadata.other"] == "Paris."


# --- copies ------------------------------------------------------------------------------------------------------


def copied(then: SpanProcessor | None = None) -> tuple[ReadableSpan, ReadableSpan]:
    """Return a span with all that a span can have, and the copy that a wrapped processor got of it."""
    provider = TracerProvider(
        shutdown_on_exit=False, span_limits=SpanLimits(max_attributes=3, max_events=1, max_links=1)
    )
    wrapped, seen = Collecting(), Collecting()
    for one in (RunOutputSpanProcessor(wrapped, config=RunOutputConfig()), then, seen):
        if one is not None:
            provider.add_span_processor(one)
    parent = trace.SpanContext(1, 2, is_remote=True, trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED))
    span = provider.get_tracer("app", "1.2").start_span(
        "llm",
        trace.set_span_in_context(trace.NonRecordingSpan(parent)),
        kind=trace.SpanKind.CLIENT,
        links=[trace.Link(parent), trace.Link(parent)],
        start_time=1,
    )
    span.set_attributes({f"app.{n}": n for n in range(3)} | {"gen_ai.completion": "Paris."})
    for name in ("first", "second"):
        span.add_event(name)
    span.set_status(trace.StatusCode.OK)
    span.end(2)
    return seen.spans[0], wrapped.spans[0]


FIELDS = [name for name, value in vars(ReadableSpan).items() if isinstance(value, property) and name != "attributes"]


@pytest.mark.parametrize("first", FIELDS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_copy_is_like_the_span_whatever_is_looked_at_first(first):
    span, copy_of_it = copied()
    assert getattr(copy_of_it, first) == getattr(span, first)

    assert copy_of_it is not span
    assert {name: getattr(copy_of_it, name) for name in FIELDS} == {name: getattr(span, name) for name in FIELDS}
    assert copy_of_it.attributes == {**span.attributes, RUN_OUTPUT: "Paris."}
    assert (copy_of_it.dropped_attributes, copy_of_it.dropped_events, copy_of_it.dropped_links) == (1, 1, 1)
    assert RUN_OUTPUT not in span.attributes


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy])
def test_a_copy_can_be_copied_like_any_span(how):
    span, copy_of_it = copied()
    try:
        how(span)
    except TypeError:
        pytest.skip("this SDK's spans cannot be copied in this way")
    for one in (how(copy_of_it), copy_of_it):
        assert (one.name, one.attributes[RUN_OUTPUT], one.end_time) == ("llm", "Paris.", 2)


def test_a_copy_has_nothing_that_a_span_has_not():
    span, copy_of_it = copied()
    with pytest.raises(AttributeError) as expected:
        _ = span.nothing
    for _ in range(2):
        with pytest.raises(AttributeError) as error:
            _ = copy_of_it.nothing
        assert str(error.value) == str(expected.value)
    assert type(copy_of_it) is type(span)


def test_what_another_processor_does_to_the_span_afterwards_is_not_in_the_copy():
    class Rewriting(SpanProcessor):
        """As OpenInference's processors do."""

        def on_end(self, span):
            span._attributes = {"rewritten": True}

    span, copy_of_it = copied(Rewriting())

    assert span.attributes == {"rewritten": True}
    assert copy_of_it.attributes == {"app.1": 1, "app.2": 2, "gen_ai.completion": "Paris.", RUN_OUTPUT: "Paris."}


def test_what_is_put_on_a_copy_before_it_is_looked_at_stays():
    _, copy_of_it = copied()
    copy_of_it._name = "renamed"

    assert copy_of_it.kind is trace.SpanKind.CLIENT
    assert copy_of_it.name == "renamed"


# --- memory ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrapped", [(), (SpanProcessor(),)], ids=["in place", "wrapping"])
def test_spans_that_nobody_reads_need_no_garbage_collector(wrapped):
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(RunOutputSpanProcessor(*wrapped, config=RunOutputConfig()))
    tracer = provider.get_tracer("app")
    gc.collect()
    gc.disable()
    try:
        root = tracer.start_span("root", trace.set_span_in_context(trace.INVALID_SPAN))
        llm = tracer.start_span("llm", trace.set_span_in_context(root), attributes={"gen_ai.completion": "Paris."})
        llm.end()
        root.end()
        references = [weakref.ref(span) for span in (root, llm)]
        del root, llm
        assert [reference() for reference in references] == [None, None]
    finally:
        gc.enable()


def test_a_root_that_lives_on_does_not_keep_the_prompts_of_spans_that_have_been_read(arrangement):
    prompt = "".join(["what is the capital of France? "] * 1_000)
    provider, collected = collecting(arrangement)
    tracer = provider.get_tracer("app")
    with tracer.start_as_current_span("root"):
        before = sys.getrefcount(prompt)
        with tracer.start_as_current_span("llm") as span:
            span.set_attributes({"gen_ai.completion": "Paris.", "gen_ai.input.messages": prompt})
        assert collected.spans[0].attributes[RUN_OUTPUT] == "Paris."
        del span
        collected.spans.clear()
        assert sys.getrefcount(prompt) == before
    assert collected.spans[0].attributes[RUN_OUTPUT] == "Paris."


def test_a_root_that_lives_on_keeps_one_answer_of_those_that_have_been_read(arrangement):
    answers = ["".join([f"answer {n} "] * 1_000) for n in range(10)]
    provider, collected = collecting(arrangement)
    tracer = provider.get_tracer("app")
    with tracer.start_as_current_span("root"):
        before = [sys.getrefcount(answer) for answer in answers]
        for answer in answers:
            with tracer.start_as_current_span("llm") as span:
                span.set_attribute("gen_ai.completion", answer)
        assert [span.attributes[RUN_OUTPUT] for span in collected.spans] == answers
        del span
        collected.spans.clear()
        assert [sys.getrefcount(answer) for answer in answers][:-1] == before[:-1]
    assert collected.spans[0].attributes[RUN_OUTPUT] == answers[-1]


def test_who_has_not_been_read_is_never_out_of_sight():
    """Not even for a moment: the root may be read on another thread just then, and would go without it."""

    class Noted:
        findings: Findings | None = None

        def read(self) -> Findings:
            self.findings = Findings(())
            return self.findings

    taken = []

    class Watched(Gathered):
        def pop(self, at):
            taken.append(self[at].findings)
            return super().pop(at)

    first, second = Noted(), Noted()
    aggregator, root = Aggregator("last", max_chars=100), Watched([first, second])
    second.read()
    aggregator.count_read(root)
    assert (taken, list(root)) == ([], [first, second])

    first.read()
    aggregator.count_read(root)
    assert (taken, list(root)) == ([first.findings, second.findings], [])


@pytest.mark.parametrize("policy", ["first", "last", "all"])
def test_few_spans_wait_to_be_read(policy):
    app = pipeline(root=policy)
    with app.tracer.start_as_current_span("root") as root:
        key = root.get_span_context()[:2]
        app.exporter.export = lambda _spans: SpanExportResult.SUCCESS  # nobody reads these
        for n in range(3 * MAX_NOTED):
            with app.tracer.start_as_current_span("llm") as span:
                span.set_attribute("gen_ai.completion", f"answer {n}")
            assert len(app.processor._aggregator.gathered[key]) <= MAX_NOTED
        del app.exporter.export

    answers = [f"answer {n}" for n in range(3 * MAX_NOTED)]
    expected: Mapping[str, object] = {
        "first": answers[0],
        "last": answers[-1],
        "all": "[" + ",".join(f'"{answer}"' for answer in answers) + "]",
    }
    assert app.run_output("root") == expected[policy]
