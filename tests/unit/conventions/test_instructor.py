"""Instructor: the structured answer around the model's tool call."""

from __future__ import annotations

import pytest

from braintrust_run_output import read_completion

ANSWER = '{"capital": "Paris", "country": "France"}'
CHAIN = {"openinference.span.kind": "CHAIN", "output.value": ANSWER, "output.mime_type": "application/json"}
CALL = {"llm.invocation_parameters": '{"model": "gpt-4o-mini"}'}
SCOPE = "openinference.instrumentation.instructor"


def test_the_structured_answer():
    assert read_completion({**CHAIN, **CALL}, scope_name=SCOPE).render() == ANSWER


@pytest.mark.parametrize(
    ("attributes", "scope"),
    [
        (CHAIN, SCOPE),  # handle_response_model: the schema that was asked for
        ({**CHAIN, **CALL}, "openinference.instrumentation.langchain"),
        ({**CHAIN, **CALL, "openinference.span.kind": "TOOL"}, SCOPE),
        ({**CHAIN, **CALL, "output.value": ""}, SCOPE),
    ],
)
def test_no_completion(attributes, scope):
    assert read_completion(attributes, scope_name=scope) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [('{"choices": [{"message": {"role": "assistant", "content": "Paris."}}]}', "Paris."), ('"Paris."', "Paris.")],
)
def test_an_answer_without_a_shape(value, expected):
    assert read_completion({**CHAIN, **CALL, "output.value": value}, scope_name=SCOPE).render() == expected
