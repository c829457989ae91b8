"""Who belongs to whom, where span ids are not what they should be."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from braintrust_run_output.lineage import Lineage
from support import RUN_OUTPUT, CountedIds, Pipeline, names, pipeline

SAMPLED = TraceFlags(TraceFlags.SAMPLED)
NOWHERE = trace.set_span_in_context(trace.INVALID_SPAN)


def sharing_ids(arrangement: str, **config) -> tuple[CountedIds, Pipeline]:
    """Build a pipeline for traces whose spans have the same ids, and return the generator of these with it."""
    ids = CountedIds()
    provider = TracerProvider(id_generator=ids, shutdown_on_exit=False)
    return ids, pipeline(arrangement, provider=provider, **config)


def start(app: Pipeline, name: str, parent: trace.Span | None = None, **attributes: str) -> trace.Span:
    within = NOWHERE if parent is None else trace.set_span_in_context(parent)
    return app.tracer.start_span(name, within, attributes=attributes)


def test_traces_that_share_their_span_ids_keep_their_own_answers(arrangement):
    _, app = sharing_ids(arrangement)
    roots = []
    for n in range(5):
        root = start(app, f"root {n}")
        roots.append((n, root, start(app, f"llm {n}", root)))
    assert len({root.get_span_context().span_id for _, root, _ in roots}) == 1
    for n, root, llm in roots:
        llm.set_attribute("gen_ai.completion", f"answer {n}")
        llm.end()
        root.end()

    roots_got = {span.name: span.attributes[RUN_OUTPUT] for span in app.exporter.get_finished_spans()}
    assert roots_got == {f"{kind} {n}": f"answer {n}" for n in range(5) for kind in ("root", "llm")}
    assert app.live == 0


def test_traces_that_share_their_span_ids_are_held_for_their_own_late_answers():
    _, app = sharing_ids("wrapping", hold="open", hold_millis=3_600_000)
    first = start(app, "first")  # nothing runs below it
    late = []
    for n in range(3):
        root = start(app, f"root {n}")
        late.append(start(app, f"llm {n}", root))
        root.end()
    for n, llm in enumerate(late):
        llm.set_attribute("gen_ai.completion", f"answer {n}")
        llm.end()
    first.end()
    app.processor.force_flush()

    assert app.run_outputs == {f"{kind} {n}": f"answer {n}" for n in range(3) for kind in ("root", "llm")}
    assert app.live == 0


def test_a_root_is_not_held_for_another_trace_whose_root_had_its_id():
    ids, app = sharing_ids("wrapping", hold="open", hold_millis=3_600_000)
    first = start(app, "first")
    below = start(app, "below", first)
    first.end()
    app.processor.force_flush()  # it is held no more, but "below" lives
    second = start(app, "second")
    assert second.get_span_context().span_id == first.get_span_context().span_id
    ids.trace_id = first.get_span_context().trace_id
    late = start(app, "late", below)
    second.end()
    assert names(app.exporter.get_finished_spans()) == ["first", "second"]

    for span in (late, below):
        span.end()
    assert app.live == 0


def test_children_of_ended_spans_that_share_an_id_still_find_their_roots(arrangement):
    ids, app = sharing_ids(arrangement)
    traces = []
    for n in range(3):
        root = start(app, f"root {n}")
        traces.append((root, start(app, f"parent {n}", root)))
    for _, parent in traces:
        parent.end()
    for n, (root, parent) in enumerate(traces):
        ids.trace_id = root.get_span_context().trace_id
        start(app, f"llm {n}", parent, **{"gen_ai.completion": f"answer {n}"}).end()
    for root, _ in traces:
        root.end()

    assert app.run_outputs == {f"{kind} {n}": f"answer {n}" for n in range(3) for kind in ("root", "llm")}
    assert app.live == 0


def test_a_remote_parent_with_the_id_of_a_live_span_of_another_trace_is_no_parent():
    lineage = Lineage(lambda _spans: None)
    lineage.start((1, 7, False), None)
    lineage.start((2, 8, False), (2, 7, False))

    assert lineage.root_of((2, 8)) == (2, 8)
    assert lineage.root_of((1, 7)) == (1, 7)
    assert lineage.root_of((2, 7)) is None


def test_a_root_found_once_is_found_no_more_when_it_has_ended():
    lineage = Lineage(lambda _spans: None)
    lineage.start((1, 1, False), None)
    for n in range(2, 12):
        lineage.start((1, n, False), (1, n - 1, False))
    assert lineage.root_of((1, 11)) == (1, 1)
    lineage.end((1, 1))
    lineage.start((1, 20, False), (1, 1, False))

    assert lineage.root_of((1, 11)) is None
    assert lineage.root_of((1, 20)) == (1, 20)


def test_a_deep_chain_of_ended_spans_still_leads_to_the_live_root():
    lineage = Lineage(lambda _spans: None)
    lineage.start((1, 1, False), None)
    for n in range(2, 12):
        lineage.start((1, n, False), (1, n - 1, False))
    for n in range(2, 12):
        lineage.end((1, n))
    lineage.start((1, 20, False), (1, 11, False))

    assert lineage.root_of((1, 20)) == (1, 1)


def end(lineage: Lineage, span: trace.Span) -> None:
    """End a span, and hand it on at once."""
    context = span.get_span_context()
    origin = lineage.end(context)
    if origin is not None:
        lineage.done(context, origin)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_the_hooks_follow_spans_as_lineage_does(data):
    """What `SpanHooks` has written out is what `Lineage.start` and `Lineage.end` do."""
    tiny = CountedIds()
    ids = tiny if data.draw(st.booleans()) else RandomIdGenerator()
    arrangement = data.draw(st.sampled_from(["in place, first", "wrapping"]))
    app = pipeline(arrangement, provider=TracerProvider(id_generator=ids, shutdown_on_exit=False))
    hooks, general = app.processor._lineage, Lineage(lambda _spans: None, follows_running=app.processor.wraps)
    hooks.max_ended = general.max_ended = app.processor._max_ended = 6
    spans: list[trace.Span] = []
    live: list[trace.Span] = []
    for _ in range(data.draw(st.integers(1, 40))):
        if live and data.draw(st.booleans()):
            span = live.pop(data.draw(st.integers(0, len(live) - 1)))
            end(general, span)
            if app.processor.wraps:  # its hook may hold a root back, which then lives on: only starts are compared
                end(hooks, span)
            else:
                span.end()
        else:
            parent = data.draw(st.sampled_from([None, *spans]))
            within = trace.set_span_in_context(trace.INVALID_SPAN)
            if parent is not None:
                trace_id, span_id = parent.get_span_context()[:2]
                tiny.trace_id = trace_id
                kind = data.draw(st.sampled_from(["span", "span", "span", "remote", "local"]))
                foreign = NonRecordingSpan(SpanContext(trace_id, span_id, kind == "remote", SAMPLED))
                within = trace.set_span_in_context(parent if kind == "span" else foreign)
            span = app.tracer.start_span("span", within)
            general.start(span.get_span_context(), span.parent)
            spans.append(span)
            live.append(span)
        keys = [span.get_span_context()[:2] for span in spans]
        assert [hooks.root_of(key) for key in keys] == [general.root_of(key) for key in keys]
        assert (hooks.live, hooks.ended, hooks.twins) == (general.live, general.ended, general.twins)
        assert hooks.running == general.running
    for span in live:
        end(general, span)
    assert not general.running
