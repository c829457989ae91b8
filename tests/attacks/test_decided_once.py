"""A span's value is decided when it ends, on the thread that ends it, and nothing is written after that."""

from __future__ import annotations

import gc
import json
import threading

import pytest
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider

from braintrust_run_output import RunOutputConfig, RunOutputSpanProcessor
from reliability.parts import FOR_EVER, Sink, answered, around, start
from support import RUN_OUTPUT, Pipeline, parts, pipeline


class Remembering(SpanProcessor):
    """Keeps each span that ends, and what was on it at that moment."""

    def __init__(self) -> None:
        self.spans: list[tuple[ReadableSpan, dict[str, object], type]] = []

    def on_end(self, span):
        self.spans.append((span, dict(span.attributes), type(span._attributes)))

    @property
    def changed(self) -> list[str]:
        return [
            span.name
            for span, before, store in self.spans
            if dict(span.attributes) != before or type(span._attributes) is not store
        ]


def both(form: str, **config) -> tuple[Remembering, Pipeline]:
    remembering = Remembering()
    provider = TracerProvider(shutdown_on_exit=False)
    ours = RunOutputSpanProcessor(
        *([remembering] if form == "wrapping" else []), config=RunOutputConfig(hold_millis=FOR_EVER, **config)
    )
    provider.add_span_processor(ours)
    if form == "in place":
        provider.add_span_processor(remembering)
    return remembering, Pipeline(provider, ours, exporter=None)


@pytest.mark.parametrize("hold", ["never", "open", "always"])
@pytest.mark.parametrize("number", [1, 65, 1_000])
@pytest.mark.parametrize("form", ["in place", "wrapping"])
def test_nothing_changes_after_a_processor_has_seen_it(form, number, hold):
    remembering, app = both(form, hold=hold)
    root = start(app, "root", None, **{"braintrust.metadata": '{"a": 1}'})
    late = [answered(app, "late", root, f"late {n}") for n in range(3)]
    spans = []
    for n in range(number):
        spans.append(start(app, "llm", root))
        spans[-1].set_attribute("gen_ai.output.messages", parts(f"answer {n}"))
        spans[-1].end()
    root.end()
    at_end = [(span, dict(span.attributes), type(span._attributes)) for span in (*spans, root)]
    for one in late:
        one.end()
    app.processor.force_flush()
    for span, _, _ in remembering.spans:
        span.to_json()  # whoever reads it first
    gc.collect()
    app.processor.shutdown()

    assert remembering.changed == []
    assert [(span, dict(span.attributes), type(span._attributes)) for span in (*spans, root)] == at_end
    assert len(remembering.spans) == number + 4


def test_the_attribute_store_is_the_sdks_own(build):
    """No class of ours stands in for it, live or ended."""
    plain = TracerProvider(shutdown_on_exit=False).get_tracer("app").start_span("plain")
    app = build()
    span = answered(app, "llm")
    assert type(span._attributes) is type(plain._attributes)
    assert type(span) is type(plain)
    span.end()

    assert type(span._attributes) is type(plain._attributes)
    assert type(app.spans["llm"]._attributes) is type(plain._attributes)
    assert type(span) is type(plain)


def test_it_is_decided_on_the_thread_that_ends_the_span(build):
    threads: list[str] = []

    def transform(value, span):
        threads.append(threading.current_thread().name)
        return value

    app = build(transform=transform)
    span = answered(app, "llm")
    ending = threading.Thread(target=span.end, name="ends it")
    ending.start()
    ending.join()
    app.exporter.get_finished_spans()[0].to_json()

    assert threads == ["ends it"]


def test_a_span_that_is_ended_twice_is_written_once(build):
    asked = []

    def transform(value, span):
        asked.append(value)
        return value

    app = build(transform=transform)
    root = start(app, "root")
    llm = answered(app, "llm", root)
    for span in (llm, llm, root, root):
        span.end()

    assert asked == ["Paris."]
    assert [span.name for span in app.exporter.get_finished_spans()] == ["llm", "root"]
    assert app.run_outputs == {"llm": "Paris.", "root": "Paris."}
    assert app.live == 0


def test_an_end_that_a_processor_around_repeats_writes_nothing_new():
    """As a retrying or fanning out wrapper does."""
    sink = Sink()
    app = around(sink, hold="never", root="all")
    root = start(app, "root")
    llm = answered(app, "llm", root)
    llm.end()
    app.processor.on_end(llm)
    root.end()
    app.processor.on_end(root)

    values = {span.name: span.attributes[RUN_OUTPUT] for span in sink.spans if RUN_OUTPUT in span.attributes}
    assert values == {"llm": "Paris.", "root": '["Paris."]'}


@pytest.mark.parametrize("number", [2, 63, 64, 65, 66, 200])
def test_the_result_does_not_depend_on_how_many_spans_there_are(build, number):
    app = build()
    root = start(app, "root")
    for n in range(number):
        answered(app, f"llm {n}", root, f"answer {n}").end()
    root.end()

    assert app.run_outputs == {f"llm {n}": f"answer {n}" for n in range(number)} | {"root": f"answer {number - 1}"}


@pytest.mark.parametrize("number", [2, 63, 64, 65, 66, 200])
def test_a_witness_finds_an_answer_however_long_ago_it_was(build, number):
    """The root returned what the first call said; everything after it was titles and the like."""
    app = build()
    root = start(app, "root")
    answered(app, "answer", root, "This is the one answer that counts.").end()
    for n in range(number):
        answered(app, f"title {n}", root, f"A title, number {n}").end()
    root.set_attribute("output.value", "This is the one answer that counts.")
    root.end()

    assert app.run_output("root") == "This is the one answer that counts."


def test_linkage_names_the_span_that_said_it_whatever_came_later():
    app = pipeline(linkage=True)
    root = start(app, "root")
    llm = answered(app, "llm", root)
    llm.end()
    late = answered(app, "late", root, "Rome.")
    root.end()
    late.end()

    said = format(llm.get_span_context().span_id, "016x")
    assert app.attributes("root")["braintrust.metadata.span_id"] == said
    assert json.loads(app.spans["root"].to_json())["attributes"][RUN_OUTPUT] == "Paris."
