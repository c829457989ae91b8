"""What is written on a span that carries a completion, and what is not."""

from __future__ import annotations

import json

import pytest
from opentelemetry.sdk.trace import SpanLimits, TracerProvider

from support import ARRANGEMENTS, RUN_OUTPUT, parts, pipeline


def test_a_completion_becomes_the_spans_run_output(build):
    app = build()
    with app.tracer.start_as_current_span("llm") as span:
        span.set_attribute("gen_ai.completion", "Paris.")

    assert app.run_outputs == {"llm": "Paris."}


def test_the_source_attribute_stays(build):
    app = build()
    with app.tracer.start_as_current_span("llm") as span:
        span.set_attribute("gen_ai.output.messages", parts("Paris."))

    assert app.attributes("llm")["gen_ai.output.messages"] == parts("Paris.")


def test_a_span_without_a_completion_gets_nothing(build):
    app = build()
    with app.tracer.start_as_current_span("db") as span:
        span.set_attributes({"db.system": "postgresql", "db.statement": "SELECT 1"})

    assert dict(app.attributes("db")) == {"db.system": "postgresql", "db.statement": "SELECT 1"}


@pytest.mark.parametrize(
    "kind",
    [
        {"openinference.span.kind": "TOOL"},
        {"openinference.span.kind": "RETRIEVER"},
        {"openinference.span.kind": "EMBEDDING"},
        {"openinference.span.kind": "RERANKER"},
        {"openinference.span.kind": "GUARDRAIL"},
        {"openinference.span.kind": "EVALUATOR"},
        {"openinference.span.kind": "PROMPT"},
        {"gen_ai.operation.name": "execute_tool"},
        {"gen_ai.operation.name": "embeddings"},
        {"traceloop.span.kind": "tool"},
        {"llm.request.type": "embedding"},
        {"langsmith.span.kind": "prompt"},
        {"langfuse.observation.type": "embedding"},
        {"braintrust.span_attributes.type": "tool"},
        {"braintrust.span_attributes": '{"type": "score"}'},
    ],
    ids=str,
)
def test_tools_and_their_like_are_never_completions(build, kind):
    app = build()
    with app.tracer.start_as_current_span("root"), app.tracer.start_as_current_span("not a model") as span:
        span.set_attributes({"gen_ai.completion": "23 degrees", "braintrust.output": "23 degrees", **kind})

    assert app.run_outputs == {}


def test_what_the_application_set_is_kept(build):
    app = build()
    with app.tracer.start_as_current_span("llm") as span:
        span.set_attributes({"gen_ai.completion": "Paris.", RUN_OUTPUT: "mine"})

    assert app.run_output("llm") == "mine"


def test_overwrite_replaces_what_the_application_set(build):
    app = build(overwrite=True)
    with app.tracer.start_as_current_span("llm") as span:
        span.set_attributes({"gen_ai.completion": "Paris.", RUN_OUTPUT: "mine"})

    assert app.run_output("llm") == "Paris."


def test_spans_none_writes_on_roots_only(build):
    app = build(spans="none")
    with app.tracer.start_as_current_span("root"), app.tracer.start_as_current_span("llm") as span:
        span.set_attribute("gen_ai.completion", "Paris.")

    assert app.run_outputs == {"root": "Paris."}


def test_enabled_false_does_nothing(build):
    app = build(enabled=False)
    with app.tracer.start_as_current_span("llm") as span:
        span.set_attribute("gen_ai.completion", "Paris.")

    assert app.run_outputs == {}
    assert list(app.spans) == ["llm"]


def test_the_key_can_be_chosen(build):
    app = build(key="model_said")
    with app.tracer.start_as_current_span("llm") as span:
        span.set_attribute("gen_ai.completion", "Paris.")

    assert app.attributes("llm")["braintrust.metadata.model_said"] == "Paris."


# --- the metadata object -----------------------------------------------------------------------------------


def test_the_metadata_object_gets_it_as_well(build):
    app = build()
    with app.tracer.start_as_current_span("llm") as span:
        span.set_attributes({"gen_ai.completion": "Paris.", "braintrust.metadata": '{"user": "ann"}'})

    assert json.loads(app.attributes("llm")["braintrust.metadata"]) == {"user": "ann", "run_output": "Paris."}
    assert app.run_output("llm") == "Paris."


def test_a_run_output_in_the_metadata_object_is_the_applications(build):
    app = build()
    with app.tracer.start_as_current_span("llm") as span:
        span.set_attributes({"gen_ai.completion": "Paris.", "braintrust.metadata": '{"run_output": "mine"}'})

    assert app.attributes("llm")["braintrust.metadata"] == '{"run_output": "mine"}'
    assert app.run_output("llm") is None


@pytest.mark.parametrize("broken", ["not json", "[1]", "{", '"run_output"', ""])
def test_metadata_that_is_no_object_is_left_alone(build, broken):
    app = build()
    with app.tracer.start_as_current_span("llm") as span:
        span.set_attributes({"gen_ai.completion": "Paris.", "braintrust.metadata": broken})

    assert app.attributes("llm")["braintrust.metadata"] == broken
    assert app.run_output("llm") == "Paris."


# --- limits --------------------------------------------------------------------------------------------------


def test_nothing_is_evicted_at_the_attribute_limit(build):
    app = build()
    with app.tracer.start_as_current_span("root") as root:
        root.set_attributes({f"root.{n}": n for n in range(128)})
        with app.tracer.start_as_current_span("llm") as span:
            span.set_attributes({f"llm.{n}": n for n in range(127)})
            span.set_attribute("gen_ai.completion", "Paris.")

    for name in ("root", "llm"):
        assert f"{name}.0" in app.attributes(name)
        assert len(app.attributes(name)) == 129
        assert app.run_output(name) == "Paris."
        assert app.spans[name].dropped_attributes == 0


def test_dropped_counts_stay_true(build):
    app = build()
    with app.tracer.start_as_current_span("llm") as span:
        span.set_attributes({f"app.{n}": n for n in range(130)})
        span.set_attribute("gen_ai.completion", "Paris.")
        for n in range(131):
            span.add_event(str(n))

    assert app.run_output("llm") == "Paris."
    assert app.spans["llm"].dropped_attributes == 3
    assert app.spans["llm"].dropped_events == 3
    assert app.spans["llm"].dropped_links == 0


def test_a_cut_value_says_so(build):
    app = build(max_length=4)
    with app.tracer.start_as_current_span("llm") as span:
        span.set_attribute("gen_ai.completion", "Paris.")

    assert app.run_output("llm") == "Pari"
    assert app.attributes("llm")["braintrust.metadata.run_output_truncated"] is True


def test_a_value_that_fits_is_not_marked(build):
    app = build(max_length=6)
    with app.tracer.start_as_current_span("llm") as span:
        span.set_attribute("gen_ai.completion", "Paris.")

    assert app.run_output("llm") == "Paris."
    assert "braintrust.metadata.run_output_truncated" not in app.attributes("llm")


@pytest.mark.parametrize("arrangement", list(ARRANGEMENTS))
def test_the_sdks_length_limit_holds(arrangement):
    provider = TracerProvider(span_limits=SpanLimits(max_attribute_length=5), shutdown_on_exit=False)
    app = pipeline(arrangement, provider=provider)
    with app.tracer.start_as_current_span("root") as span:
        span.set_attribute("gen_ai.completion.0.content", "Paris")
        span.set_attribute("gen_ai.completion.1.content", "Lyon")

    assert len(app.run_output("root")) == 5
    assert app.attributes("root")["braintrust.metadata.run_output_truncated"] is True


# --- format and transform --------------------------------------------------------------------------------------


def test_format_messages_is_always_the_array(build):
    app = build(format="messages")
    with app.tracer.start_as_current_span("llm") as span:
        span.set_attribute("gen_ai.completion", "Paris.")

    assert json.loads(app.run_output("llm")) == [{"role": "assistant", "content": "Paris."}]


def test_format_verbatim_is_the_source(build):
    app = build(format="verbatim")
    with app.tracer.start_as_current_span("llm") as span:
        span.set_attribute("gen_ai.output.messages", parts("Paris."))

    assert app.run_output("llm") == parts("Paris.")


def test_transform_sees_the_value_and_its_span(build):
    app = build(transform=lambda value, span: f"{span.name}: {value.replace('Paris', '***')}")
    with app.tracer.start_as_current_span("root"), app.tracer.start_as_current_span("llm") as span:
        span.set_attribute("gen_ai.completion", "Paris.")

    assert app.run_outputs == {"llm": "llm: ***.", "root": "llm: ***."}


@pytest.mark.parametrize("transform", [lambda _value, _span: None, lambda _value, _span: 1 / 0, lambda _v, _s: 42])
def test_a_transform_that_gives_no_text_writes_nothing(build, transform):
    app = build(transform=transform)
    with app.tracer.start_as_current_span("root"), app.tracer.start_as_current_span("llm") as span:
        span.set_attribute("gen_ai.completion", "Paris.")

    assert app.run_outputs == {}
    assert set(app.spans) == {"root", "llm"}
