from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from braintrust_run_output.local import Store, map_request
from local.otlp_requests import SPAN_ID, TRACE_ID, export_request, span


def row_of(attributes=None, events=(), **fields):
    ((row,), rejected) = map_request(export_request(span(attributes, events, **fields)))
    assert rejected == 0
    return row


def test_a_row_is_identified_and_timed_by_its_span():
    row = row_of(name="chat gpt", kind=Span.SPAN_KIND_CLIENT)

    assert row["id"] == row["span_id"] == SPAN_ID
    assert row["root_span_id"] == TRACE_ID
    assert row["span_parents"] is None
    assert row["is_root"]
    assert row["created"] == "2023-11-14T22:13:20.000Z"
    assert row["metrics"] == {"start": 1_700_000_000.0, "end": 1_700_000_001.5}
    assert row["span_attributes"]["name"] == "chat gpt"
    assert row["error"] is None
    assert row["context"]["kind"] == "CLIENT"
    assert row["context"]["scope"] == "a.scope"
    assert row["context"]["resource"] == {"service.name": "shop"}


def test_a_child_names_its_parent():
    row = row_of(parent_id="00f067aa0ba902b7")

    assert row["span_parents"] == ["00f067aa0ba902b7"]
    assert not row["is_root"]


@pytest.mark.parametrize("field", ["input", "output", "expected"])
@pytest.mark.parametrize(
    ("suffix", "value", "expected"),
    [
        ("", "plain text", "plain text"),
        ("", '{"stays": "text"}', '{"stays": "text"}'),
        ("_json", '{"a": [1, null]}', {"a": [1, None]}),
        ("_json", "null", None),
    ],
)
def test_a_braintrust_attribute_becomes_its_field_and_leaves_metadata(field, suffix, value, expected):
    row = row_of({f"braintrust.{field}{suffix}": value})

    assert row[field] == expected
    assert row["metadata"] == {}


@pytest.mark.parametrize("value", ["not json", "{", 7, True, "NaN", "[1e999]", "[" * 200 + "]" * 200])
def test_json_that_is_none_stays_in_metadata(value):
    row = row_of({"braintrust.output_json": value})

    assert row["output"] is None
    assert row["metadata"] == {"braintrust.output_json": value}


def test_flattened_names_become_lists_and_objects():
    row = row_of(
        {
            "braintrust.output.1.content": "second",
            "braintrust.output.0.content": "first",
            "braintrust.input.question": "why?",
        }
    )

    assert row["output"] == [{"content": "first"}, {"content": "second"}]
    assert row["input"] == {"question": "why?"}
    assert row["metadata"] == {}


def test_metadata_is_what_was_given_merged_and_the_unread_rest():
    row = row_of(
        {
            "braintrust.metadata": '{"a": {"x": 1}, "run_output": "old"}',
            "braintrust.metadata.run_output": "It is sunny.",
            "braintrust.metadata.a.y": 2,
            "http.route": "/ask",
        }
    )

    assert row["metadata"] == {"a": {"x": 1, "y": 2}, "run_output": "It is sunny.", "http.route": "/ask"}


def test_a_metadata_attribute_that_is_no_object_stays_under_its_name():
    assert row_of({"braintrust.metadata": "[1]"})["metadata"] == {"braintrust.metadata": "[1]"}


def test_of_two_names_that_exclude_each_other_one_stays_flat():
    row = row_of({"braintrust.metadata.a": 1, "braintrust.metadata.a.b": 2})

    assert row["metadata"] == {"a": 1, "braintrust.metadata.a.b": 2}


def test_numbers_become_metrics_and_scores_and_the_rest_does_not():
    row = row_of(
        {
            "braintrust.metrics": '{"cost": 0.5, "note": "x"}',
            "braintrust.metrics.tokens": 12,
            "braintrust.metrics.wrong": "many",
            "braintrust.scores.accuracy": 0.9,
            "braintrust.scores.wrong": True,
            "gen_ai.usage.input_tokens": 3,
        }
    )

    assert row["metrics"] == {
        "start": 1_700_000_000.0,
        "end": 1_700_000_001.5,
        "cost": 0.5,
        "tokens": 12,
        "prompt_tokens": 3,
    }
    assert row["scores"] == {"accuracy": 0.9}
    assert row["metadata"] == {"braintrust.metrics.wrong": "many", "braintrust.scores.wrong": True}


@pytest.mark.parametrize(
    "attributes",
    [
        {"braintrust.tags": ["a", "b"]},
        {"braintrust.tags": '["a", "b"]'},
        {"braintrust.tags.0": "a", "braintrust.tags.1": "b"},
    ],
)
def test_tags(attributes):
    row = row_of(attributes)

    assert row["tags"] == ["a", "b"]
    assert row["metadata"] == {}


def test_span_attributes_override_name_and_type():
    row = row_of({"braintrust.span_attributes": '{"type": "task"}', "gen_ai.operation.name": "chat"})

    assert row["span_attributes"] == {"name": "chat", "type": "task"}


@pytest.mark.parametrize(
    ("attributes", "span_type"),
    [
        ({"gen_ai.operation.name": "chat"}, "llm"),
        ({"gen_ai.operation.name": "execute_tool"}, "tool"),
        ({"http.route": "/ask"}, "task"),
    ],
)
def test_the_span_type_is_guessed(attributes, span_type):
    assert row_of(attributes)["span_attributes"]["type"] == span_type


PARTS = [{"role": "assistant", "parts": [{"type": "text", "content": "Sunny."}]}]


@pytest.mark.parametrize(
    ("attributes", "output"),
    [
        ({"gen_ai.completion": "Sunny."}, "Sunny."),
        ({"gen_ai.completion_json": '[{"content": "Sunny."}]'}, [{"content": "Sunny."}]),
        (
            {"gen_ai.completion.0.role": "assistant", "gen_ai.completion.0.content": "Sunny."},
            [{"role": "assistant", "content": "Sunny."}],
        ),
        ({"gen_ai.output.messages": json.dumps(PARTS)}, PARTS),
        ({"gen_ai.output.messages": PARTS}, PARTS),
    ],
)
def test_what_a_model_said_becomes_the_output_and_leaves_metadata(attributes, output):
    row = row_of(attributes)

    assert row["output"] == output
    assert row["metadata"] == {}


def test_prompts_become_the_input():
    assert row_of({"gen_ai.prompt": "Hi"})["input"] == "Hi"
    assert row_of({"gen_ai.prompt.0.content": "Hi"})["input"] == [{"content": "Hi"}]
    assert row_of({"gen_ai.input.messages": json.dumps(PARTS)})["input"] == PARTS


def test_braintrust_attributes_win_and_what_was_not_read_stays():
    row = row_of({"braintrust.output": "mine", "gen_ai.completion": "the model's"})

    assert row["output"] == "mine"
    assert row["metadata"] == {"gen_ai.completion": "the model's"}


def test_message_events_become_input_and_output():
    row = row_of(
        {"gen_ai.completion": "attribute"},
        [
            ("gen_ai.user.message", {"content": "Hi"}),
            ("gen_ai.choice", {"index": 0, "finish_reason": "stop", "message": '{"content": "Hello"}'}),
            ("gen_ai.choice", {"gen_ai.event.content": '{"message": {"content": "Bye"}, "index": 1}'}),
            ("unrelated", {"content": "x"}),
        ],
    )

    assert row["input"] == [{"role": "user", "content": "Hi"}]
    assert row["output"] == [
        {"role": "assistant", "content": "Hello", "index": 0, "finish_reason": "stop"},
        {"role": "assistant", "content": "Bye", "index": 1},
    ]


def test_preserve_attributes_keeps_what_was_read():
    row = row_of({"gen_ai.completion": "Sunny.", "braintrust.otel.preserve_attributes": True})

    assert row["output"] == "Sunny."
    assert row["metadata"]["gen_ai.completion"] == "Sunny."


@pytest.mark.parametrize(
    ("message", "events", "error"),
    [
        ("no such model", (), "no such model"),
        (
            "",
            [("exception", {"exception.type": "KeyError", "exception.message": "'city'"})],
            "KeyError: 'city'",
        ),
        ("", (), "ERROR"),
    ],
)
def test_errors(message, events, error):
    status = Status(code=Status.STATUS_CODE_ERROR, message=message)

    assert row_of({}, events, status=status)["error"] == error


@pytest.mark.parametrize(
    "bad",
    [
        Span(name="no ids"),
        Span(trace_id=b"short", span_id=b"12345678"),
        Span(trace_id=bytes(16), span_id=b"12345678"),
        Span(trace_id=b"1234567890123456", span_id=bytes(8)),
    ],
)
def test_a_span_without_valid_ids_is_left_out(bad):
    rows, rejected = map_request(export_request(bad, span()))

    assert [row["id"] for row in rows] == [SPAN_ID]
    assert rejected == 1


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    | st.binary(max_size=8)
    | st.sampled_from(['{"a": 1}', "[1", '["x"]', "null", "[NaN]", '"\\ud800"', "1e999"])
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab.0", max_size=4), inner)
)
prefixes = st.sampled_from(
    [f"braintrust.{field}" for field in ("input", "output", "metadata", "metrics", "tags", "span_attributes")]
    + ["gen_ai.prompt", "gen_ai.completion", "gen_ai.output.messages", "gen_ai.usage.input_tokens", ""]
)
names = st.builds("{}{}{}".format, prefixes, st.sampled_from(["", ".", "_json", ".0."]), st.text("a0²९.", max_size=4))


@settings(deadline=None)
@given(
    st.dictionaries(names, values, max_size=8),
    st.lists(
        st.tuples(
            st.sampled_from(["gen_ai.choice", "gen_ai.user.message", "exception"]),
            st.dictionaries(st.sampled_from(["message", "content", "gen_ai.event.content"]), values),
        ),
        max_size=3,
    ),
    st.integers(0, 2**64 - 1),
)
def test_any_span_becomes_a_row_that_can_be_stored(attributes, events, start):
    status = Status(code=Status.STATUS_CODE_ERROR)
    row = row_of(attributes, events, start_time_unix_nano=start, status=status)
    store = Store()
    store.insert([row])

    assert store.row(row["id"]) == row


@settings(deadline=None)
@given(st.dictionaries(names, values, max_size=8))
def test_no_attribute_vanishes_without_a_field(attributes):
    row = row_of({**attributes, "braintrust.otel.preserve_attributes": True})

    assert attributes.keys() <= row["metadata"].keys()


def test_what_a_span_does_not_hold_is_null():
    row = row_of()

    assert (row["tags"], row["scores"], row["origin"], row["span_parents"]) == (None, None, None, None)


def test_a_model_and_its_settings_go_where_braintrust_shows_them():
    row = row_of({
        "gen_ai.request.model": "gpt-4o", "gen_ai.request.temperature": 0.5, "gen_ai.usage.total_tokens": 12,
        "code.function": "answer", "code.filepath": "app.py", "code.lineno": 7,
        "braintrust.context_json": '{"caller_lineno": 8, "shard": 1}',
        "braintrust.origin": '{"object_type": "dataset", "object_id": "d", "id": "r"}',
    })  # fmt: skip

    assert row["metadata"] == {"model": "gpt-4o", "temperature": 0.5}
    assert row["metrics"]["tokens"] == 12
    assert {name: row["context"][name] for name in ("caller_functionname", "caller_filename", "caller_lineno", "shard")} == {
        "caller_functionname": "answer", "caller_filename": "app.py", "caller_lineno": 8, "shard": 1
    }  # fmt: skip
    assert row["origin"] == {"object_type": "dataset", "object_id": "d", "id": "r"}


def test_a_parent_id_of_zeros_is_no_parent():
    assert row_of(parent_id="0" * 16)["is_root"]


def test_bytes_are_never_text():
    row = row_of({"gen_ai.completion": b"answer", "braintrust.metadata.run_output": b"answer", "list": [b"x", 1]})

    assert row["output"] is None
    assert row["metadata"]["run_output"] is None
    assert row["metadata"]["list"] == [None, 1]


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"gen_ai.request.model": "gpt"}, "llm"),
        ({"gen_ai.request.model": "ada", "gen_ai.operation.name": "embeddings"}, "task"),
        ({"gen_ai.request.model": "gpt", "gen_ai.operation.name": "invoke_agent"}, "task"),
        ({"gen_ai.operation.name": "execute_tool"}, "tool"),
        ({"openinference.span.kind": "LLM"}, "llm"),
        ({}, "task"),
    ],
)
def test_the_type_of_a_span(attributes, expected):
    assert row_of(attributes)["span_attributes"]["type"] == expected
