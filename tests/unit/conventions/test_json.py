"""JSON text of values that are none of JSON's, and JSON that is not whole."""

from __future__ import annotations

import datetime
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from braintrust_run_output import read_completion
from braintrust_run_output.conventions import read_generic_output
from braintrust_run_output.conventions._json import compact, looks_like_json, was_cut

DAY = datetime.date(2026, 1, 31)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"day": DAY}, '{"day":"2026-01-31"}'),
        ({"image": b"\x89PNG", "caption": "A cat."}, '{"image":null,"caption":"A cat."}'),
        ([bytearray(b"x"), "y"], '[null,"y"]'),
        (b"\x89PNG", ""),
        (bytearray(b"x"), ""),
    ],
    ids=str,
)
def test_compact(value, text):
    assert compact(value) == text


BYTES = st.sampled_from([b"\x89PNG nobody", b"nobody", bytearray(b"nobody")])


@given(
    st.recursive(BYTES, lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["text", "content"]), inner)),
    st.sampled_from(["gen_ai.completion", "gen_ai.output.messages", "output.value", "traceloop.entity.output"]),
)
def test_bytes_are_no_run_output(value, key):
    completion = read_completion({key: value, "gen_ai.operation.name": "chat", "openinference.span.kind": "LLM"})

    assert completion is None or "nobody" not in completion.render()


WHOLE = {"city": 'São "Paulo"', "tags": ["a", {"b": [1.5, True, None]}], "text": "one\ntwo }"}


@pytest.mark.parametrize("value", [WHOLE, [WHOLE], json.dumps([WHOLE])], ids=["object", "array", "text"])
def test_json_is_cut_wherever_it_ends_early(value):
    text = json.dumps(value)

    assert [at for at in range(8, len(text)) if looks_like_json(text[:at]) and not was_cut(text[:at])] == []
    assert not was_cut(text)


SAID = [
    '{"city": "Paris"}\n\nIt is the capital.',
    '{"a": 1}\n{"a": 2}',
    '["Paris"] is the answer',
    '{"a": 1,}',
    '{"a": undefined}',
    '{"a": "say "hi""}',
]


@pytest.mark.parametrize("text", SAID)
@pytest.mark.parametrize(
    "attributes",
    [
        lambda text: {"langfuse.observation.type": "generation", "langfuse.observation.output": text},
        lambda text: {"openinference.span.kind": "LLM", "output.value": text},
        lambda text: {"gen_ai.output.messages": text},
        lambda text: {"ai.response.object": text},
        lambda text: {"gen_ai.completion": text},
        lambda text: {"braintrust.output_json": text},
        lambda text: {"lmnr.span.type": "LLM", "lmnr.span.output": json.dumps(text)},
    ],
)
def test_json_with_more_after_it_or_broken_within_is_what_was_said(attributes, text):
    assert read_completion(attributes(text)).render() == text


@pytest.mark.parametrize("text", SAID)
def test_so_it_is_of_a_function(text):
    assert read_generic_output({"traceloop.entity.output": text}).render() == text
