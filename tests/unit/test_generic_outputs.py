"""Generic outputs through the processor: for roots that have no completion anywhere."""

from __future__ import annotations

import json

import pytest

from support import parts, pipeline

T = "The capital of France is Paris."
CHAIN = {"openinference.span.kind": "CHAIN", "output.value": T}


def run(own: dict[str, object], /, *children: dict[str, object], **config: object) -> dict[str, object]:
    traced = pipeline(**config)
    with traced.tracer.start_as_current_span("root", attributes=own):
        for n, attributes in enumerate(children):
            with traced.tracer.start_as_current_span(f"child {n}", attributes=attributes):
                pass
    assert traced.live == 0
    return traced.run_outputs


@pytest.mark.parametrize(
    "attributes",
    [
        CHAIN,
        {"openinference.span.kind": "AGENT", "output.value": json.dumps({"messages": [{"type": "ai", "content": T}]})},
        {"traceloop.span.kind": "workflow", "traceloop.entity.output": json.dumps({"outputs": T})},
        {"traceloop.span.kind": "agent", "traceloop.entity.output": T},
        {"crewai.crew.result": T},
        {
            "output.value": json.dumps(
                {"raw": T, "agent_role": "Writer", "messages": [{"role": "user", "content": "?"}]}
            )
        },
        {"langsmith.span.kind": "chain", "gen_ai.completion": json.dumps({"output": T})},
        {"langfuse.observation.type": "chain", "langfuse.observation.output": T},
        {"langfuse.trace.output": T},
        {"haystack.pipeline.output_data": json.dumps({"llm": {"replies": [T]}})},
        {"output.value": "[[ ## answer ## ]]\n" + T + "\n\n[[ ## completed ## ]]"},
    ],
    ids=lambda attributes: " ".join(attributes),
)
def test_of_the_root_and_of_a_descendant(attributes):
    assert run(attributes) == {"root": T}
    assert run({}, attributes) == {"root": T}


def test_the_roots_own_comes_before_its_descendants():
    assert run({"output.value": T}, {"output.value": "step"}) == {"root": T}


def test_of_the_descendants_the_one_that_ended_last():
    assert run({}, {"output.value": "first"}, {"output.value": T}) == {"root": T}


def test_what_says_nothing_leaves_it_to_another():
    assert run({}, {"output.value": T}, {"output.value": "__REDACTED__"}) == {"root": T}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["completion first", "completion last"])
def test_none_where_there_is_a_completion_anywhere(order):
    children = [{"gen_ai.output.messages": parts(T)}, {**CHAIN, "output.value": "generic"}]
    outputs = run({**CHAIN, "output.value": "generic of the root"}, *(children[n] for n in order))

    assert outputs == {f"child {order.index(0)}": T, "root": T}


@pytest.mark.parametrize("kind", ["TOOL", "RETRIEVER", "EMBEDDING", "RERANKER", "PROMPT", "GUARDRAIL", "EVALUATOR"])
def test_kinds_that_never_have_one(kind):
    attributes = {"openinference.span.kind": kind, "output.value": T}

    assert run({}, attributes) == {}
    assert run(attributes) == {}


def test_a_span_that_failed_has_none():
    traced = pipeline()
    with pytest.raises(ValueError, match="oops"):
        with traced.tracer.start_as_current_span("root", attributes=CHAIN):
            raise ValueError("oops")

    assert traced.run_outputs == {}


def test_it_is_written_to_the_root_only():
    assert run({}, CHAIN, CHAIN) == {"root": T}


@pytest.mark.parametrize("root", ["own", "off"])
def test_policies_that_mirror_nothing(root):
    assert run({}, CHAIN, root=root) == {}


def test_a_haystack_pipeline_of_openllmetry():
    llm = {
        "llm.request.type": "chat",
        "gen_ai.completion.0.role": "assistant",
        "gen_ai.completion.0.content": "replies",
    }
    output = json.dumps({"llm": {"replies": [{"_role": "assistant", "_content": [{"text": T}]}]}})
    traced = pipeline()
    tracer = traced.provider.get_tracer("opentelemetry.instrumentation.haystack")
    with tracer.start_as_current_span("pipeline", attributes={"traceloop.entity.output": output}):
        with tracer.start_as_current_span("llm", attributes=llm):
            pass

    assert traced.run_outputs == {"pipeline": T}


def test_a_smolagents_run_under_a_bare_root():
    traced = pipeline()
    tracer = traced.provider.get_tracer("openinference.instrumentation.smolagents")
    code = {
        "openinference.span.kind": "LLM",
        "llm.output_messages.0.message.content": f'<code>final_answer("{T}")</code>',
    }
    with traced.tracer.start_as_current_span("root"):
        with tracer.start_as_current_span(
            "CodeAgent.run", attributes={"openinference.span.kind": "AGENT", "output.value": T}
        ):
            with tracer.start_as_current_span(
                "Step 1", attributes={"openinference.span.kind": "CHAIN", "output.value": "logs"}
            ):
                with tracer.start_as_current_span("generate", attributes=code):
                    pass

    assert traced.run_outputs["root"] == traced.run_outputs["CodeAgent.run"] == T


def test_a_root_that_calls_itself_a_tool_gets_the_output_of_its_models():
    root = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.call.result": "FunctionResult(value=...)"}

    assert run(root, {"gen_ai.output.messages": parts(T)}) == {"child 0": T, "root": T}
    assert run(root) == {}


MODELS = [
    {"openinference.span.kind": "LLM"},
    {"gen_ai.operation.name": "chat"},
    {"llm.request.type": "completion"},
    {"langsmith.span.kind": "llm"},
    {"langfuse.observation.type": "generation"},
]


@pytest.mark.parametrize("kind", MODELS, ids=str)
@pytest.mark.parametrize("arrangement", ["in place, last", "wrapping"])
def test_what_led_up_to_a_model_that_failed_is_no_output(arrangement, kind):
    """A retriever's documents, a prompt."""
    app = pipeline(arrangement)
    with app.tracer.start_as_current_span("root"):
        app.tracer.start_span("splitter", attributes={"output.value": "Berlin is in Germany."}).end()
        with (
            pytest.raises(TimeoutError),
            app.tracer.start_as_current_span("llm", attributes={**kind, "gen_ai.completion": T}),
        ):
            raise TimeoutError

    assert app.run_outputs == {}


def test_what_ends_after_a_model_that_failed_is_one():
    app = pipeline()
    with app.tracer.start_as_current_span("root"), app.tracer.start_as_current_span("chain") as chain:
        with (
            pytest.raises(TimeoutError),
            app.tracer.start_as_current_span("llm", attributes={"gen_ai.operation.name": "chat"}),
        ):
            raise TimeoutError
        chain.set_attribute("output.value", "A default answer.")

    assert app.run_outputs == {"root": "A default answer."}


@pytest.mark.parametrize(
    "found",
    [
        [{"node": {"id_": "1", "text": "doc", "class_name": "TextNode"}, "score": 0.9, "class_name": "NodeWithScore"}],
        [{"id_": "1", "text": "doc", "class_name": "TextNode"}],
    ],
    ids=json.dumps,
)
def test_what_a_llama_index_retriever_finds_is_no_output(found):
    assert run({"traceloop.span.kind": "workflow", "traceloop.entity.output": json.dumps(found)}) == {}


def test_what_is_called_output_beside_an_input_is_a_witness_and_a_roots_own_and_else_no_answer():
    function = {"input": "q", "output": T}
    title = {"gen_ai.output.messages": parts("Paris, the capital")}

    assert run(function) == {"root": T}
    assert run({}, function) == {}
    assert run(function, {"gen_ai.output.messages": parts(T)}, title)["root"] == T


@pytest.mark.parametrize(
    ("output", "value"),
    [
        (f"StopEvent(result={{'answer': '{T}', 'title': 'France'}})", f'{{"answer":"{T}","title":"France"}}'),
        ("StopEvent(result=Place(city='Paris'))", '{"city":"Paris"}'),
        ("city='Paris' country='France' people=2000000", '{"city":"Paris","country":"France","people":2000000}'),
        (f"answer='{T}'", T),
        ("x=4", "x=4"),
        (
            "StopEvent(result=AgentOutput(response=ChatMessage(role=<MessageRole.ASSISTANT: 'assistant'>, "
            f"additional_kwargs={{}}, blocks=[TextBlock(block_type='text', text='{T}')]), st...",
            T,
        ),
        ("StopEvent(result=AgentOutput(response=ChatMessage(blocks=[TextBlock(block_type='text', text='The ...", None),
        ("E1(x='The capital', y='of')", None),
    ],
)
def test_the_text_of_an_object_that_a_workflow_returned(output, value):
    root = {"openinference.span.kind": "CHAIN", "output.value": output}

    assert run(root).get("root") == value
