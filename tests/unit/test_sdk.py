"""The techniques of _sdk.py, on the SDK as it is, as it was before 1.40, and as it may become."""

from __future__ import annotations

import threading
from time import time_ns

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import (
    ConcurrentMultiSpanProcessor,
    ReadableSpan,
    Span,
    SpanProcessor,
    TracerProvider,
)
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from braintrust_run_output import RunOutputConfig, RunOutputSpanProcessor, _sdk
from support import ARRANGEMENTS, RUN_OUTPUT, pipeline


@pytest.fixture
def end_like(monkeypatch):
    """Replace how the SDK ends spans."""
    return lambda end: monkeypatch.setattr(Span, "end", end)


def end_before_1_40(span, end_time=None):
    """No ``_on_ending``."""
    if span._end_time is not None:
        return
    span._end_time = end_time if end_time is not None else time_ns()
    span._span_processor.on_end(span._readable_span())


def end_mutable_then_frozen(span, end_time=None):
    """The fix proposed upstream: the span is mutable in ``_on_ending``, its attribute store is frozen afterwards."""
    if span._end_time is not None:
        return
    end_time = end_time if end_time is not None else time_ns()
    span._span_processor._on_ending(span)
    span._end_time = end_time
    span._attributes._immutable = True
    span._span_processor.on_end(span._readable_span())


def end_with_a_frozen_copy(span, end_time=None):
    """Another way to fix it: what ``on_end`` sees is a frozen copy made after ``_on_ending``."""
    if span._end_time is not None:
        return
    end_time = end_time if end_time is not None else time_ns()
    span._span_processor._on_ending(span)
    span._end_time = end_time
    readable = span._readable_span()
    readable._attributes = type(span._attributes)(None, dict(span._attributes), immutable=True)
    span._span_processor.on_end(readable)


HAS_ON_ENDING = hasattr(SpanProcessor, "_on_ending")
ENDS = [end_before_1_40, end_mutable_then_frozen, end_with_a_frozen_copy] if HAS_ON_ENDING else [end_before_1_40]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("arrangement", list(ARRANGEMENTS))
def test_other_ways_to_end_a_span(end_like, end, arrangement):
    end_like(end)
    app = pipeline(arrangement)
    with app.tracer.start_as_current_span("root") as root:
        root.set_attributes({f"app.{n}": n for n in range(128)})
        with app.tracer.start_as_current_span("llm") as span:
            span.set_attribute("gen_ai.completion", "Paris.")

    assert app.run_outputs == {"llm": "Paris.", "root": "Paris."}
    assert "app.0" in app.attributes("root")
    assert app.spans["root"].dropped_attributes == 0
    assert app.live == 0


@pytest.mark.skipif(not HAS_ON_ENDING, reason="this SDK has no _on_ending")
def test_only_a_few_ends_are_shadowed_until_it_is_known_whether_that_is_needed():
    app = pipeline()
    spans = [app.tracer.start_span(f"llm {n}", attributes={"gen_ai.completion": f"{n}"}) for n in range(1_000)]
    assert 0 < sum("end" in span.__dict__ for span in spans) < 100
    for span in spans:
        span.end()

    assert app.run_outputs == {f"llm {n}": f"{n}" for n in range(1_000)}
    assert "end" not in app.tracer.start_span("later").__dict__


def test_every_end_is_shadowed_where_nobody_calls_on_ending(end_like):
    end_like(end_before_1_40)
    app = pipeline()
    app.tracer.start_span("first").end()
    spans = [app.tracer.start_span(f"llm {n}", attributes={"gen_ai.completion": f"{n}"}) for n in range(1_000)]
    for span in spans:
        span.end()

    assert app.run_outputs == {f"llm {n}": f"{n}" for n in range(1_000)}


def test_spans_of_which_nobody_tells_are_forgotten_when_they_end(end_like):
    end_like(end_before_1_40)
    app = pipeline()
    spans = [app.tracer.start_span(f"llm {n}", attributes={"gen_ai.completion": f"{n}"}) for n in range(1_000)]
    for span in spans:
        span.end()

    assert len(app.run_outputs) >= 64
    assert app.live == 0


def test_a_shadowed_end_leaves_no_trace_and_keeps_the_end_time(end_like):
    end_like(end_before_1_40)
    app = pipeline()
    span = app.tracer.start_span("llm", start_time=1, attributes={"gen_ai.completion": "Paris."})
    assert "end" in span.__dict__
    span.end(end_time=42)
    span.end(end_time=43)

    assert "end" not in span.__dict__
    assert [one.end_time for one in app.exporter.get_finished_spans()] == [42]
    assert app.run_output("llm") == "Paris."


def test_two_processors_shadow_one_end(end_like):
    end_like(end_before_1_40)
    app = pipeline()
    second = RunOutputSpanProcessor(config=type(app.processor.config)(key="second"))
    app.provider.add_span_processor(second)
    with app.tracer.start_as_current_span("llm") as span:
        span.set_attribute("gen_ai.completion", "Paris.")

    assert app.run_output("llm") == "Paris."
    assert app.attributes("llm")["braintrust.metadata.second"] == "Paris."


@pytest.mark.parametrize("arrangement", list(ARRANGEMENTS))
def test_concurrent_multi_span_processor(arrangement):
    provider = TracerProvider(active_span_processor=ConcurrentMultiSpanProcessor(num_threads=3), shutdown_on_exit=False)
    app = pipeline(arrangement, provider=provider)
    for n in range(50):
        with app.tracer.start_as_current_span(f"root {n}"), app.tracer.start_as_current_span(f"llm {n}") as span:
            span.set_attribute("gen_ai.completion", f"answer {n}")
    provider.shutdown()

    assert app.run_outputs == {f"{kind} {n}": f"answer {n}" for n in range(50) for kind in ("root", "llm")}
    assert app.live == 0


def test_attributes_can_be_read_on_other_threads_while_one_is_written():
    app = pipeline()
    span = app.tracer.start_span("span", attributes={f"app.{n}": n for n in range(20)})
    failures: list[Exception] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            try:
                for _ in span.attributes:
                    pass
            except RuntimeError as error:
                failures.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for n in range(2_000):
        _sdk.write(span, {f"ours.{n}": "x"})
    stop.set()
    reader.join()
    assert failures == []
    assert len(span.attributes) == 2_020


class _Proxy:
    """A span in disguise, as Braintrust's own processors make them."""

    def __init__(self, span: ReadableSpan, attributes: dict) -> None:
        self._span = span
        self.attributes = attributes

    def __getattr__(self, name: str) -> object:
        return getattr(self._span, name)


class _Computed(ReadableSpan):
    @property
    def attributes(self):
        return {"gen_ai.completion": "computed"}


@pytest.mark.parametrize("disguise", ["proxy", "subclass", "plain dict"])
def test_a_wrapped_processor_gets_a_real_span_from_spans_in_disguise(disguise):
    received: list[ReadableSpan] = []

    class Collect(SpanProcessor):
        def on_end(self, span):
            received.append(span)

    class Disguise(SpanProcessor):
        def __init__(self, inner: SpanProcessor) -> None:
            self.inner = inner

        def on_end(self, span):
            values = dict(name=span.name, context=span.context, parent=span.parent, resource=span.resource)
            self.inner.on_end({
                "proxy": lambda: _Proxy(span, {"gen_ai.completion": "proxied"}),
                "subclass": lambda: _Computed(**values),
                "plain dict": lambda: ReadableSpan(**values, attributes={"gen_ai.completion": "plain"}),
            }[disguise]())  # fmt: skip

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(Disguise(RunOutputSpanProcessor(Collect())))
    with provider.get_tracer("app").start_as_current_span("span") as span:
        for n in range(130):
            span.add_event(str(n))

    (copy,) = received
    assert copy.attributes[RUN_OUTPUT] == {"proxy": "proxied", "subclass": "computed", "plain dict": "plain"}[disguise]
    assert copy.name == "span"
    assert isinstance(copy.to_json(), str)
    if disguise == "proxy":
        assert copy.dropped_events == 2


def test_wrapping_leaves_the_span_untouched_for_others():
    app = pipeline("wrapping")
    seen: list[ReadableSpan] = []

    class Other(SpanProcessor):
        def on_end(self, span):
            seen.append(span)

    app.provider.add_span_processor(Other())
    with app.tracer.start_as_current_span("llm") as span:
        span.set_attribute("gen_ai.completion", "Paris.")

    assert dict(seen[0].attributes) == {"gen_ai.completion": "Paris."}
    assert app.run_output("llm") == "Paris."
    assert app.spans["llm"] is not seen[0]


def test_wrapping_passes_spans_without_output_through_as_they_are():
    received: list[ReadableSpan] = []

    class Collect(SpanProcessor):
        def on_end(self, span):
            received.append(span)

    provider = TracerProvider(shutdown_on_exit=False)
    outer = Collect()
    provider.add_span_processor(outer)
    provider.add_span_processor(RunOutputSpanProcessor(Collect()))
    with provider.get_tracer("app").start_as_current_span("db"):
        pass

    assert received[0] is received[1]


def test_a_duck_typed_wrapped_processor_needs_no_on_ending():
    class Duck:
        ended: list[str] = []

        def on_start(self, span, parent_context=None): ...
        def shutdown(self): ...
        def on_end(self, span):
            self.ended.append(span.name)

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(RunOutputSpanProcessor(Duck()))
    with provider.get_tracer("app").start_as_current_span("span"):
        assert trace.get_current_span().is_recording()

    assert Duck.ended == ["span"]


@pytest.mark.skipif(not HAS_ON_ENDING, reason="this SDK has no _on_ending")
def test_a_processor_that_does_not_forward_on_ending_is_worked_around():
    """As logfire's ``additional_span_processors`` are wrapped."""

    class Deaf(SpanProcessor):
        def __init__(self, inner: SpanProcessor) -> None:
            self.inner = inner

        def on_start(self, span, parent_context=None):
            self.inner.on_start(span, parent_context)

        def on_end(self, span):
            self.inner.on_end(span)

    provider = TracerProvider(shutdown_on_exit=False)
    processor = RunOutputSpanProcessor(config=RunOutputConfig())
    provider.add_span_processor(Deaf(processor))
    exporter = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("app")
    for n in range(3):
        with tracer.start_as_current_span(f"root {n}"), tracer.start_as_current_span(f"llm {n}") as span:
            span.set_attribute("gen_ai.completion", f"answer {n}")

    found = {span.name: span.attributes[RUN_OUTPUT] for span in exporter.get_finished_spans()}
    assert found == {f"{kind} {n}": f"answer {n}" for n in range(3) for kind in ("root", "llm")}
    assert processor._traces.remembered == 0
