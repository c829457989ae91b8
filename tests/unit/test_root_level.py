"""Which local root gets which completion."""

from __future__ import annotations

import json

import pytest
from opentelemetry import context, trace
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from support import RUN_OUTPUT


def answer(app, name: str, text: str, **attributes) -> None:
    with app.tracer.start_as_current_span(name) as span:
        span.set_attributes({"gen_ai.completion": text, **attributes})


def remote(trace_id: int = 0xABC, span_id: int = 0xDEF, *, is_remote: bool = True):
    parent = SpanContext(trace_id, span_id, is_remote, TraceFlags(TraceFlags.SAMPLED))
    return trace.set_span_in_context(NonRecordingSpan(parent))


def test_the_childs_completion_is_mirrored_and_nothing_else_gets_one(build):
    app = build()
    with app.tracer.start_as_current_span("POST /ask"):
        with app.tracer.start_as_current_span("middleware"):
            answer(app, "llm", "Paris.")
        with app.tracer.start_as_current_span("db"):
            pass

    assert app.run_outputs == {"POST /ask": "Paris.", "llm": "Paris."}


@pytest.mark.parametrize(
    ("policy", "expected"),
    [("last", "two"), ("first", "one"), ("all", '["one","two"]'), ("own", None), ("off", None)],
)
def test_root_policies(build, policy, expected):
    app = build(root=policy)
    with app.tracer.start_as_current_span("root"):
        answer(app, "llm 1", "one")
        answer(app, "llm 2", "two")

    assert app.run_output("root") == expected
    assert app.run_output("llm 1") == "one"
    assert app.live == 0


def test_all_holds_messages_as_messages(build):
    app = build(root="all")
    with app.tracer.start_as_current_span("root"):
        with app.tracer.start_as_current_span("llm 1") as span:
            span.set_attributes({
                "gen_ai.completion.0.tool_calls.0.name": "get_weather",
                "gen_ai.completion.0.tool_calls.0.arguments": "{}",
            })  # fmt: skip
        answer(app, "llm 2", "Sunny.")

    call, text = json.loads(app.run_output("root"))
    assert call[0]["tool_calls"][0]["function"] == {"name": "get_weather", "arguments": "{}"}
    assert text == "Sunny."


def test_last_is_by_end_time_not_by_arrival(build):
    app = build()
    root = app.tracer.start_span("root", start_time=1)
    within = trace.set_span_in_context(root)
    later = app.tracer.start_span("later", within, attributes={"gen_ai.completion": "later"}, start_time=2)
    earlier = app.tracer.start_span("earlier", within, attributes={"gen_ai.completion": "earlier"}, start_time=2)
    later.end(end_time=200)
    earlier.end(end_time=100)
    root.end(end_time=300)

    assert app.run_output("root") == "later"


def test_the_roots_own_completion_comes_first(build):
    app = build()
    with app.tracer.start_as_current_span("root") as root:
        answer(app, "llm", "draft")
        root.set_attribute("braintrust.output", "final")

    assert app.run_output("root") == "final"


@pytest.mark.parametrize("policy", ["last", "own", "all"])
def test_a_root_that_is_the_llm_span_has_its_own(build, policy):
    app = build(root=policy)
    answer(app, "llm", "Paris.")

    assert app.run_output("llm") == "Paris."


def test_root_off_writes_nothing_on_roots(build):
    app = build(root="off")
    answer(app, "llm", "Paris.")

    assert app.run_outputs == {}


@pytest.mark.parametrize("explicit", [{RUN_OUTPUT: "mine"}, {"braintrust.metadata": '{"run_output": "mine"}'}])
def test_an_explicit_value_on_the_root_is_untouched(build, explicit):
    app = build()
    with app.tracer.start_as_current_span("root", attributes=explicit):
        answer(app, "llm", "Paris.")

    assert dict(app.attributes("root")) == explicit


def test_overwrite_mirrors_over_an_explicit_value(build):
    app = build(overwrite=True)
    with app.tracer.start_as_current_span("root", attributes={RUN_OUTPUT: "mine"}):
        answer(app, "llm", "Paris.")

    assert app.run_output("root") == "Paris."


def test_overwrite_keeps_an_explicit_value_where_there_is_nothing_better(build):
    app = build(overwrite=True)
    with app.tracer.start_as_current_span("root", attributes={RUN_OUTPUT: "mine"}):
        pass

    assert app.run_output("root") == "mine"


def test_an_explicit_value_on_a_descendant_counts_as_its_completion(build):
    app = build()
    with app.tracer.start_as_current_span("root"):
        answer(app, "llm", "Paris.")
        with app.tracer.start_as_current_span("post-processing", attributes={RUN_OUTPUT: "PARIS!"}):
            pass

    assert app.run_output("root") == "PARIS!"


def test_linkage_names_the_span_that_the_output_came_from(build):
    app = build(linkage=True)
    with app.tracer.start_as_current_span("root"):
        answer(app, "llm", "Paris.")

    llm = app.spans["llm"].context
    assert app.attributes("root")["braintrust.metadata.span_id"] == format(llm.span_id, "016x")
    assert app.attributes("root")["braintrust.metadata.root_span_id"] == format(llm.trace_id, "032x")
    assert "braintrust.metadata.span_id" not in app.attributes("llm")


# --- what a local root is --------------------------------------------------------------------------------------


def test_a_span_with_a_remote_parent_is_a_local_root(build):
    app = build()
    with app.tracer.start_as_current_span("server", context=remote()):
        answer(app, "llm", "Paris.")

    assert app.run_output("server") == "Paris."


def test_a_span_with_a_dropped_local_parent_is_a_local_root(build):
    app = build()
    with app.tracer.start_as_current_span("orphan", context=remote(is_remote=False)):
        answer(app, "llm", "Paris.")

    assert app.run_output("orphan") == "Paris."


def test_a_span_with_a_parent_of_another_provider_is_a_local_root(build):
    app = build()
    other = TracerProvider(shutdown_on_exit=False).get_tracer("other")
    with other.start_as_current_span("theirs"), app.tracer.start_as_current_span("ours"):
        answer(app, "llm", "Paris.")

    assert app.run_output("ours") == "Paris."


def test_a_span_with_an_unsampled_parent_is_a_local_root(build):
    app = build()
    unsampled = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False).get_tracer("unsampled")
    with unsampled.start_as_current_span("dropped"):
        parent = trace.get_current_span().get_span_context()
        flags = TraceFlags(TraceFlags.SAMPLED)
        within = trace.set_span_in_context(NonRecordingSpan(SpanContext(parent.trace_id, parent.span_id, False, flags)))
        with app.tracer.start_as_current_span("ours", context=within):
            answer(app, "llm", "Paris.")

    assert app.run_output("ours") == "Paris."


def test_several_local_roots_in_one_trace_have_their_own_subtrees(build):
    app = build()
    with app.tracer.start_as_current_span("a", context=remote(span_id=1)):
        answer(app, "llm a", "A")
    with app.tracer.start_as_current_span("b", context=remote(span_id=2)):
        answer(app, "llm b", "B")
    with app.tracer.start_as_current_span("c", context=remote(span_id=3)):
        pass

    assert app.spans["a"].context.trace_id == app.spans["b"].context.trace_id
    assert [app.run_output(name) for name in "abc"] == ["A", "B", None]


def test_a_service_that_calls_itself_gives_both_roots_the_output(build):
    app = build()
    with app.tracer.start_as_current_span("outer") as outer:
        called = outer.get_span_context()
        token = context.attach(remote(called.trace_id, called.span_id))
        with app.tracer.start_as_current_span("inner"):
            answer(app, "llm", "Paris.")
        context.detach(token)

    assert app.run_output("inner") == "Paris."
    assert app.run_output("outer") == "Paris."
    assert app.live == 0


def test_a_child_that_starts_after_its_parents_end_belongs_to_the_live_root(build):
    app = build()
    root = app.tracer.start_span("root")
    step = app.tracer.start_span("step", trace.set_span_in_context(root))
    step.end()
    llm = app.tracer.start_span("llm", trace.set_span_in_context(step), attributes={"gen_ai.completion": "Paris."})
    llm.end()
    root.end()

    assert app.run_output("root") == "Paris."
    assert app.live == 0


def test_a_span_that_starts_after_its_roots_end_is_a_local_root(build):
    app = build()
    root = app.tracer.start_span("root")
    root.end()
    with app.tracer.start_as_current_span("task", context=trace.set_span_in_context(root)):
        answer(app, "llm", "Paris.")

    assert app.run_output("task") == "Paris."
    assert app.run_output("root") is None
    assert app.live == 0


def test_a_child_that_outlives_its_root_leaves_nothing_behind(build):
    app = build(hold="never")
    root = app.tracer.start_span("root")
    child = app.tracer.start_span("child", trace.set_span_in_context(root), attributes={"gen_ai.completion": "late"})
    root.end()
    child.end()

    assert app.run_outputs == {"child": "late"}
    assert app.live == 0


def test_a_span_from_before_the_processor_still_gets_its_own(build):
    provider = TracerProvider(shutdown_on_exit=False)
    early = provider.get_tracer("app").start_span("early", attributes={"gen_ai.completion": "Paris."})
    app = build(provider=provider)
    early.end()

    # Before SDK 1.40 the end of a span has to be shadowed from its start, unless another processor is wrapped.
    reached = app.processor.wraps or hasattr(SpanProcessor, "_on_ending")
    assert app.run_output("early") == ("Paris." if reached else None)


def test_ending_twice_and_ending_on_another_thread(build):
    from concurrent.futures import ThreadPoolExecutor

    app = build()
    root = app.tracer.start_span("root")
    llm = app.tracer.start_span("llm", trace.set_span_in_context(root), attributes={"gen_ai.completion": "Paris."})
    with ThreadPoolExecutor(1) as pool:
        pool.submit(llm.end).result()
    llm.end()
    root.end()

    assert len(app.exporter.get_finished_spans()) == 2
    assert app.run_output("root") == "Paris."
