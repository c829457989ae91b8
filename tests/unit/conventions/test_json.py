"""JSON text of values that are none of JSON's."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from braintrust_run_output import read_completion
from braintrust_run_output.conventions._json import compact

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
