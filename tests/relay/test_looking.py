"""A span read as far as it is looked at: the same values as reading all of it, and no more of it kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_codec import attributes, spans

from braintrust_run_output.otlp import BadPayloadError, Scope, messages
from braintrust_run_output.otlp.spans import read_span
from braintrust_run_output.relay.looking import LookedAt, glance_at, look


def looked(raw):
    return look(glance_at(raw), Scope(), {})


@given(spans)
def test_it_has_what_reading_all_of_it_has(span):
    raw = span.SerializeToString()
    whole, found = read_span(raw, Scope(), {}), looked(raw).span
    assert dict(found.attributes) == whole.attributes
    for field in ("trace_id", "span_id", "parent_id", "name", "start", "end", "events", "has_failed"):
        assert getattr(found, field) == getattr(whole, field), field


@given(spans, attributes, st.data())
def test_what_was_looked_at_is_kept_and_nothing_else(span, more, data):
    span.attributes.extend(more)
    raw = span.SerializeToString()
    whole = read_span(raw, Scope(), {}).attributes
    names = data.draw(st.sets(st.sampled_from([*whole, "not there"])))
    ways = {"get": LookedAt.get, "[]": lambda one, name: name in whole and one[name], "in": LookedAt.__contains__}
    one = looked(raw)
    for name in names:
        ways[data.draw(st.sampled_from(sorted(ways)))](one.attributes, name)
    kept = read_span(one.excerpt(lambda _: True), Scope(), {})
    assert kept.attributes == {name: value for name, value in whole.items() if name in names}


def test_what_is_not_there():
    found = looked(messages.Span(trace_id=b"t" * 16, span_id=b"s" * 8).SerializeToString()).attributes
    assert found.get("gone") is None
    assert found.get("gone", 1) == 1
    assert "gone" not in found
    with pytest.raises(KeyError):
        found["gone"]


def test_a_value_that_cannot_be_read_is_no_trouble_until_it_is_looked_at():
    glance = messages.Glance(
        attributes={"fine": messages.AnyValue(bool_value=True).SerializeToString(), "bad": b"\x0a"}
    )
    found = look(glance, Scope(), {}).attributes
    assert found["fine"] is True
    with pytest.raises(BadPayloadError):
        found["bad"]
