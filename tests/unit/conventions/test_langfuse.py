"""Langfuse: ``langfuse.observation.output``."""

from __future__ import annotations

import json

import pytest

from braintrust_run_output import RunOutputConfig, read_completion
from braintrust_run_output.conventions import generic_excerpt, kinds_of, read_generic_output
from braintrust_run_output.outcome import read_outcome

T = "The capital of France is Paris."
KEY = "langfuse.observation.output"
CALL = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'}}


def read(value: object, kind: str = "generation") -> str | None:
    encoded = value if isinstance(value, str) else json.dumps(value)
    completion = read_completion({"langfuse.observation.type": kind, KEY: encoded}, scope_name="langfuse-sdk")
    return None if completion is None else completion.render()


@pytest.mark.parametrize(
    "value",
    [
        T,
        json.dumps(T),
        {"role": "assistant", "content": T},
        [{"role": "assistant", "content": T}],
        {"role": "assistant", "content": [{"type": "text", "text": T}]},
        {"role": "assistant", "content": T, "tool_calls": None, "refusal": None, "annotations": []},
        [{"type": "reasoning", "id": "rs_1", "summary": []},
         {"type": "message", "id": "m", "role": "assistant", "content": [{"type": "output_text", "text": T}]}],
        {"type": "message", "id": "m", "role": "assistant", "content": [{"type": "output_text", "text": T}]},
        [{"type": "text", "text": T}],
    ],
    ids=json.dumps,
)  # fmt: skip
def test_a_text(value):
    assert read(value) == T


@pytest.mark.parametrize(
    "said",
    [{"response": "x"}, {"text": "x"}, {"generation": "x"}, {"results": ["a", "b"]}, {"answer": 42}],
    ids=json.dumps,
)
def test_json_that_the_model_said_is_no_response(said):
    """A streamed answer is written as it is."""
    assert read(json.dumps(said)) == json.dumps(said)


def test_several_choices():
    rendered = json.loads(read([{"role": "assistant", "content": T}, {"role": "assistant", "content": "Paris."}]))

    assert [message["content"] for message in rendered] == [T, "Paris."]


@pytest.mark.parametrize(
    "value",
    [
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "assistant", "tool_calls": [CALL]},
        [{"type": "function_call", "call_id": "c1", "name": "get_weather", "arguments": '{"city":"Paris"}'}],
        {"type": "function_call", "call_id": "c1", "name": "get_weather", "arguments": '{"city":"Paris"}'},
    ],
    ids=json.dumps,
)
def test_a_tool_call(value):
    assert json.loads(read(value)) == [{"role": "assistant", "content": None, "tool_calls": [CALL]}]


@pytest.mark.parametrize("answer", ['{"city": "Paris"}', '["Paris"]', "42"])
def test_a_structured_answer_keeps_its_characters(answer):
    assert read(answer) == answer


@pytest.mark.parametrize(
    "value", ["", "null", "[]", "{}", {"role": "assistant", "content": None}, {"role": "user", "content": "?"}]
)
def test_no_completion(value):
    assert read(value) is None


@pytest.mark.parametrize("kind", ["span", "chain", "agent"])
def test_other_observations_are_generic(kind):
    attributes = {"langfuse.observation.type": kind, KEY: json.dumps({"output": T})}

    assert read(attributes[KEY], kind) is None
    assert read_generic_output(generic_excerpt(attributes)).render() == T


@pytest.mark.parametrize("kind", ["tool", "retriever", "embedding", "evaluator", "guardrail"])
def test_observations_that_are_never_an_output(kind):
    attributes = {"langfuse.observation.type": kind, KEY: T}

    assert read(T, kind) is None
    assert generic_excerpt(attributes) is None


@pytest.mark.parametrize(("kind", "is_said"), [("span", True), (None, True), ("chain", False), ("embedding", False)])
def test_a_span_that_names_a_model_is_a_generation(kind, is_said):
    named = {"langfuse.observation.model.name": "gpt-4o", KEY: json.dumps({"role": "assistant", "content": T})}
    completion = read_completion(named if kind is None else {**named, "langfuse.observation.type": kind})

    assert (completion and completion.render()) == (T if is_said else None)


def test_the_output_of_the_trace_is_generic():
    assert read_generic_output(generic_excerpt({"langfuse.trace.output": T})).render() == T


def test_an_observation_that_failed_by_its_level():
    """Langfuse leaves the span's status alone."""
    assert kinds_of({"langfuse.observation.type": "generation", "langfuse.observation.level": "ERROR"}).has_failed
    assert not kinds_of({"langfuse.observation.type": "generation", "langfuse.observation.level": "WARNING"}).has_failed
    failed = read_outcome(
        {"langfuse.observation.type": "generation", "langfuse.observation.level": "ERROR", KEY: T},
        key=(1, 2),
        config=RunOutputConfig(),
    )
    assert (failed.has_failed, failed.completion, failed.side, failed.is_model) == (True, None, None, True)
