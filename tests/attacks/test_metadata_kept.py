"""The application's ``braintrust.metadata`` keeps everything that is not ours as it was, to the letter."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support import ARRANGEMENTS, RUN_OUTPUT, examples, pipeline

METADATA = "braintrust.metadata"

KEPT = [
    '{"price": 1.10}',
    '{"limit": 1e999}',
    '{"limit": -1e999, "x": NaN}',
    '{"a": 1, "a": 2}',
    '{"outer": {"a": 1, "a": 2}}',
    '{"id": 12345678901234567890123}',
    '{"n": 1.0e2, "m": -0.0, "k": 1E5}',
    '{"city": "S\\u00e3o Paulo", "slash": "a\\/b"}',
    '{"emoji": "\\ud83d\\ude00"}',
    ' \n{\n  "spaced" :\t[ 1 ,2 ]\n}\n',
    "{}",
    '{"run_output_of_mine": "x"}',
    '{"nested": {"run_output": "not ours"}}',
]
LEFT_ALONE = ["[]", "7", '"text"', "null", "{", "", '{"a": }', "{'a': 1}", "[" * 100_000]


class Number(str):
    """A number as it was written."""


def to_the_letter(text: str) -> object:
    """Parse JSON so that nothing is lost: the members of objects in order, numbers as they were written."""
    return json.loads(text, object_pairs_hook=list, parse_float=Number, parse_int=Number, parse_constant=Number)


def written(arrangement: str, metadata: str, value: str = "Paris.", **config) -> dict[str, object]:
    app = pipeline(arrangement, **config)
    app.tracer.start_span("llm", attributes={"gen_ai.completion": value, METADATA: metadata}).end()
    return dict(app.attributes("llm"))


def check(attributes: dict[str, object], metadata: str, value: str = "Paris.") -> None:
    """The flattened attribute is written; what is merged is ours alone."""
    assert attributes[RUN_OUTPUT] == value
    after = attributes[METADATA]
    if after != metadata:
        added = [("run_output", value)]
        assert to_the_letter(after) == [*to_the_letter(metadata), *added]


@pytest.mark.parametrize("metadata", KEPT)
def test_what_is_merged_changes_nothing_else(arrangement, metadata):
    check(written(arrangement, metadata), metadata)


@pytest.mark.parametrize("metadata", LEFT_ALONE, ids=lambda text: text[:12])
def test_what_is_no_object_is_left_alone(arrangement, metadata):
    attributes = written(arrangement, metadata)

    assert attributes[METADATA] == metadata
    assert attributes[RUN_OUTPUT] == "Paris."


def test_where_it_can_be_merged_it_is(arrangement):
    """So the checks above can fail."""
    attributes = written(arrangement, '{"customer": "c-17", "price": 1.10}')

    assert json.loads(attributes[METADATA]) == {"customer": "c-17", "price": 1.10, "run_output": "Paris."}
    assert "1.10" in attributes[METADATA]


@pytest.mark.parametrize("metadata", ['{"run_output": "old", "price": 1.10}', '{"run_output": 1, "run_output": 2}'])
def test_overwriting_keeps_the_rest_too(arrangement, metadata):
    attributes = written(arrangement, metadata, overwrite=True)
    after = attributes[METADATA]

    assert attributes[RUN_OUTPUT] == "Paris."
    if after != metadata:
        others = [one for one in to_the_letter(metadata) if one[0] != "run_output"]
        assert [one for one in to_the_letter(after) if one[0] != "run_output"] == others


_numbers = st.sampled_from(
    ["0", "-0", "1.10", "1e999", "-1E-7", "100000000000000000000000", "0.30000000000000004", "NaN"]
)
_texts = st.text(max_size=5).map(json.dumps) | st.sampled_from(['"\\u0041"', '"\\/"', '"\\ud83d"', '""'])
_spaces = st.sampled_from(["", " ", "\n", "\t  "])


def _object(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    member = st.tuples(_spaces, _texts, _spaces, values).map(lambda one: f"{one[0]}{one[1]}:{one[2]}{one[3]}")
    return st.tuples(st.lists(member, max_size=4), _spaces).map(lambda one: "{" + ",".join(one[0]) + one[1] + "}")


_values = st.recursive(
    _numbers | _texts | st.sampled_from(["true", "null"]),
    lambda inner: _object(inner) | st.lists(inner, max_size=3).map(lambda items: "[" + ", ".join(items) + "]"),
    max_leaves=6,
)


@examples(200)
@given(metadata=_object(_values), value=st.text(min_size=1).filter(str.strip), form=st.sampled_from(list(ARRANGEMENTS)))
def test_any_object(metadata, value, form):
    attributes = written(form, metadata, value)
    if RUN_OUTPUT not in attributes:  # a placeholder, the representation of an object
        assert attributes[METADATA] == metadata
        return
    check(attributes, metadata, attributes[RUN_OUTPUT])
    attributes[METADATA].encode()
