"""Reprs of Python objects: what can be read of them, and what says nothing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from braintrust_run_output.conventions._objects import as_object, plain
from braintrust_run_output.conventions._reprs import is_repr, read_fields, read_repr


class Role(Enum):
    ASSISTANT = "assistant"


@dataclass
class Message:
    role: object
    content: object


class Dumped:
    """An object of a provider's SDK, as pydantic makes them."""

    def __init__(self, **fields):
        self.fields = fields

    def model_dump(self):
        return self.fields


class Broken:
    def __init__(self):
        self.name = "x"

    def model_dump(self):
        raise ValueError


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


@given(values, values)
def test_the_fields_of_an_object_are_read(role, content):
    text = repr(Message(role, content))

    assert is_repr(text)
    assert read_repr(text) == {"role": role, "content": content}
    assert read_repr(f"[{text}]") == [{"role": role, "content": content}]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (repr(Message(Role.ASSISTANT, "x")), {"role": "assistant", "content": "x"}),
        ("A(x=<B object at 0x7f12>, y=1)", {"x": None, "y": 1}),
        ("A(at=datetime.datetime(2026, 1, 2), y=1)", {"at": {}, "y": 1}),
        ("[A(x=b), {'y': (1, 2)}]", [{"x": None}, {"y": [1, 2]}]),
        ("{'a': None}", {"a": None}),
    ],
)
def test_what_stands_in_it(text, value):
    assert read_repr(text) == value


@pytest.mark.parametrize(
    "text", ["", "Paris.", "A(x=", "A(x=...)garbage(", "<B object at 0x7f12>", "__import__('os').getcwd()", "A(" * 5000]
)
def test_what_is_none_or_cut_says_nothing(text):
    assert read_repr(text) is None


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("name='f' args={'city': 'Paris'} id=None", {"name": "f", "args": {"city": "Paris"}, "id": None}),
        ("text='a b=1 c' n=2", {"text": "a b=1 c", "n": 2}),
        ("function=Function(arguments='{}', name='f') type='function'", {"function": {"arguments": "{}", "name": "f"}, "type": "function"}),
        ("role=<Role.ASSISTANT: 'assistant'> x=1", {"role": "assistant", "x": 1}),
    ],
)  # fmt: skip
def test_the_str_of_a_pydantic_object(text, fields):
    assert read_fields(text) == fields
    assert as_object(text) == fields


@pytest.mark.parametrize("text", ["", "Paris.", "a=b c=d", "x = 1", "x=(", "x=1 y=(" * 30])
def test_no_str_of_an_object(text):
    assert read_fields(text) is None


@given(st.text())
def test_any_text(text):
    read_repr(text)
    read_repr(f"A(x={text})")
    read_fields(f"x={text} y=1")
    assert isinstance(is_repr(text), bool)


def test_live_objects_become_their_fields():
    assert plain({"calls": [Dumped(id="c", function=Dumped(name="f"))], "n": 1}) == {
        "calls": [{"id": "c", "function": {"name": "f"}}],
        "n": 1,
    }
    assert plain(Broken()) == {"name": "x"}
    assert plain(object()) is not None


@pytest.mark.parametrize("item", [{"id": "c"}, '{"id": "c"}', "Call(id='c')"])
def test_an_object_in_any_form(item):
    assert as_object(item) == {"id": "c"}


@pytest.mark.parametrize("item", [None, 7, "text", "[1]", ["x"]])
def test_no_object(item):
    assert as_object(item) is None


# --- reprs that were cut ----------------------------------------------------------------------------------------


@given(values, values, st.data())
def test_of_a_repr_that_was_cut_each_whole_field_of_the_outermost_is_read(role, content, data):
    text = repr(Message(role, content))
    end = data.draw(st.integers(text.index(", content=") + 1, len(text) - 1))

    found = read_repr(f"{text[:end]}...")

    assert isinstance(found, dict)
    assert found["role"] == role


@given(values, st.data())
def test_a_text_that_was_cut_is_never_read_as_whole(content, data):
    text = repr(Message(f"{content}!", "whole"))
    end = data.draw(st.integers(len("Message(role="), text.rindex(", content=") - 1))

    assert not (read_repr(f"{text[:end]}...") or {}).get("role")


@pytest.mark.parametrize("text", ["[Message(role='a'], x='b'...", "Message(role=..."])
def test_what_cannot_be_closed_is_not_read(text):
    assert read_repr(text) is None
