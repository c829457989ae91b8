"""Ids that repeat, within a trace and across traces: nothing that is held is dropped, nothing is overwritten."""

from __future__ import annotations

from itertools import cycle

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator

from braintrust_run_output import RunOutputConfig, RunOutputSpanProcessor
from reliability.parts import FOR_EVER, Sink, answered, start
from support import CountedIds, Pipeline

SPANS = 50


class Repeating(IdGenerator):
    """The same trace id for ever, and the same few span ids."""

    def __init__(self, *span_ids: int) -> None:
        self._span_ids = cycle(span_ids)

    def generate_trace_id(self) -> int:
        return 7

    def generate_span_id(self) -> int:
        return next(self._span_ids)


def around_with(ids: IdGenerator, **config) -> tuple[Sink, Pipeline]:
    sink = Sink()
    provider = TracerProvider(id_generator=ids, shutdown_on_exit=False)
    processor = RunOutputSpanProcessor(sink, config=RunOutputConfig(hold_millis=FOR_EVER, **config))
    provider.add_span_processor(processor)
    return sink, Pipeline(provider, processor, exporter=None)


@pytest.mark.parametrize("release", ["force_flush", "shutdown"])
def test_held_roots_with_one_id_all_go_out(release):
    sink, app = around_with(Repeating(1), hold="always")
    for n in range(SPANS):
        start(app, f"root {n}").end()  # one whose ids are taken over goes out: nothing could be told to come for it
    getattr(app.processor, release)()

    assert sorted(sink.names) == sorted(f"root {n}" for n in range(SPANS))


@pytest.mark.parametrize("ends", [True, False], ids=["children end", "children live"])
def test_roots_that_are_held_for_children_whose_ids_repeat_all_go_out(ends):
    sink, app = around_with(Repeating(1, 2), hold="open")
    children = []
    for n in range(SPANS):
        root = start(app, f"root {n}")
        children.append(start(app, f"child {n}", root))
        root.end()
    for child in children if ends else ():
        child.end()
    app.processor.shutdown()

    expected = [f"root {n}" for n in range(SPANS)] + [f"child {n}" for n in range(SPANS) if ends]
    assert sorted(sink.names) == sorted(expected)


@pytest.mark.parametrize("hold", ["open", "always"])
def test_held_roots_of_traces_that_share_span_ids_get_their_own_answers(hold):
    sink, app = around_with(CountedIds(), hold=hold)
    late = []
    for n in range(SPANS):
        root = start(app, f"root {n}")
        late.append(start(app, f"llm {n}", root))
        root.end()
    for n, llm in enumerate(late):
        llm.set_attribute("gen_ai.completion", f"answer {n}")
        llm.end()
    app.processor.force_flush()

    assert sink.run_outputs == {f"{kind} {n}": f"answer {n}" for n in range(SPANS) for kind in ("root", "llm")}
    assert app.live == 0


def test_live_spans_with_one_id_are_all_exported():
    for arrangement in ("open", "always", "never"):
        sink, app = around_with(Repeating(1), hold=arrangement)
        spans = [answered(app, f"span {n}", text=f"answer {n}") for n in range(SPANS)]
        for span in spans:
            span.end()
        app.processor.shutdown()

        assert sink.run_outputs == {f"span {n}": f"answer {n}" for n in range(SPANS)}
