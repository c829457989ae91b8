"""insert --per turn: a row of each turn of a conversation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from braintrust_run_output import RunOutputConfig
from braintrust_run_output.braintrust.datasets import insert, make_row, make_turn_rows
from braintrust_run_output.braintrust.traces import A_PROBE, NO_ROOT
from braintrust_run_output.braintrust.turns import NO_TURN, read_turns
from braintrust_sdk.stored import chat, stored_row


def user(text):
    return {"role": "user", "content": text}


def assistant(text):
    return {"role": "assistant", "content": text}


def call(name, start, messages, output, parent="root", **fields):
    """A call of a model."""
    output = chat(output) if isinstance(output, str) else output
    return stored_row(
        "t", name, parent, kind="llm", start=start, end=start + 1, input=messages, output=output, **fields
    )


def tool_call(name):
    function = {"name": name, "arguments": "{}"}
    message = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "c1", "type": "function", "function": function}],
    }
    return [{"message": message}]


SYSTEM = {"role": "system", "content": "be kind"}
TURN_1 = [SYSTEM, user("hello")]
TURN_2 = [*TURN_1, assistant("hi"), user("weather?")]
TURN_3 = [*TURN_2, assistant("Sunny."), user("weather?")]


@pytest.fixture
def conversation():
    """Three turns; the second one an agent's loop, the third one asks the same again."""
    after_tool = [
        *TURN_2,
        {"role": "assistant", "content": None},
        {"role": "tool", "content": "22", "tool_call_id": "c1"},
    ]
    return [
        stored_row("t", "root", end=99, metadata={"user": "u"}, expected="of the whole"),
        call("a", 1, TURN_1, "hi"),
        call("b", 3, TURN_2, tool_call("look")),
        stored_row("t", "look", "root", kind="tool", start=5, end=9, output="22"),
        call("sub", 6, [user("a tool's own question")], "a tool's own answer", parent="look"),
        call("c", 10, after_tool, "Sunny."),
        call("d", 12, TURN_3, "Still sunny."),
    ]


def rows_of(trace, **settings):
    return make_turn_rows(trace, RunOutputConfig(**settings), dataset_id="d", project_id="p")


def test_each_turn_is_a_row_with_its_own_input_and_output(conversation):
    rows = rows_of(conversation)

    assert [row["metadata"]["run_output"] for row in rows] == ["hi", "Sunny.", "Still sunny."]
    assert [row["input"] for row in rows] == [TURN_1, TURN_2, TURN_3]
    assert [row["metadata"]["span_id"] for row in rows] == ["t-a", "t-c", "t-d"]
    assert [row["origin"]["id"] for row in rows] == ["t-a", "t-b", "t-d"]
    assert {row["metadata"]["root_span_id"] for row in rows} == {"t"}
    assert all("expected" not in row for row in rows)


def test_the_order_of_the_rows_of_a_trace_does_not_matter(conversation):
    assert rows_of(reversed(conversation)) == rows_of(conversation)


def test_a_better_choice_later_changes_the_row_and_adds_none(conversation):
    *early, late, last = conversation

    before, after = rows_of([*early, last]), rows_of([*early, late, last])

    assert [row["id"] for row in before] == [row["id"] for row in after]
    assert before[1]["metadata"]["run_output"] != after[1]["metadata"]["run_output"] == "Sunny."


def test_ids_are_those_of_no_row_of_a_trace(conversation):
    ids = {row["id"] for row in rows_of(conversation)}

    assert len(ids) == 3
    assert make_row(conversation, RunOutputConfig(), dataset_id="d")["id"] not in ids


def test_what_a_call_expects_and_the_roots_metadata(conversation):
    conversation[1]["expected"] = "of the turn"

    rows = make_turn_rows(conversation, RunOutputConfig(), dataset_id="d", with_metadata=True)

    assert [row.get("expected") for row in rows] == ["of the turn", None, None]
    assert {row["metadata"]["user"] for row in rows} == {"u"}


def test_inputs_that_are_texts_and_objects_with_messages():
    trace = [
        stored_row("t", "root"),
        call("a", 1, "hello", "hi"),
        call("b", 2, "hello", "hi there"),
        call("c", 3, {"messages": TURN_2, "model": "m"}, "Sunny."),
    ]

    assert [(row["input"], row["metadata"]["run_output"]) for row in rows_of(trace)] == [
        ("hello", "hi there"),
        ({"messages": TURN_2, "model": "m"}, "Sunny."),
    ]


def test_a_witness_inside_a_turn_decides_in_it():
    trace = [
        stored_row("t", "root", end=99),
        stored_row("t", "step", "root", start=0, end=5, output="It is sunny in Paris today."),
        call("a", 1, TURN_1, "It is sunny in Paris today.", parent="step"),
        call("title", 3, TURN_1, "A title", parent="step"),
    ]

    (row,) = rows_of(trace)
    assert (row["metadata"]["run_output"], row["metadata"]["span_id"]) == ("It is sunny in Paris today.", "t-a")


def test_a_root_that_is_a_call_itself_is_a_turn():
    root = {**call("root", 1, TURN_1, "hi"), "span_parents": [], "is_root": True}

    (row,) = rows_of([root])
    assert (row["input"], row["metadata"]["run_output"], row["origin"]["id"]) == (TURN_1, "hi", "t-root")


def test_a_run_output_that_is_on_the_spans_already_changes_nothing(conversation):
    marked = [{**row, "metadata": {**row["metadata"], "run_output": "Still sunny."}} for row in conversation[:1]]
    marked += [
        {**row, "metadata": {"run_output": row["output"][0]["message"]["content"]}}
        if row["span_attributes"]["type"] == "llm" and row["output"][0]["message"]["content"]
        else row
        for row in conversation[1:]
    ]

    assert [row["metadata"]["run_output"] for row in rows_of(marked)] == ["hi", "Sunny.", "Still sunny."]


def test_why_there_are_none(conversation):
    root, *others = conversation
    config = RunOutputConfig()

    assert [one.reason for one in read_turns(others, config)] == [NO_ROOT]
    assert [one.reason for one in read_turns([root], config)] == [NO_TURN]
    probe = {**root, "metadata": {"run_output_probe": True}}
    assert [one.reason for one in read_turns([probe, *others], config)] == [A_PROBE]


def test_turns_are_inserted_and_corrections_in_them_stay(conversation, intake, api, project):
    dataset = api.create_dataset("turns", project)

    def insert_turns():
        return insert([conversation], dataset, api, config=RunOutputConfig(), per="turn", apply=True)

    report = insert_turns()
    assert (report.traces, report.found, report.written, report.skipped) == (1, 3, 3, 0)
    row = intake.store.dataset(dataset.id)[0]
    intake.store.insert_dataset_rows([{"id": row["id"], "_is_merge": True, "expected": "corrected"}], dataset.id)

    again = insert_turns()
    assert (again.written, again.unchanged) == (0, 3)
    assert intake.store.dataset(dataset.id)[0]["expected"] == "corrected"


_MESSAGES = st.lists(
    st.builds(dict, role=st.sampled_from(["user", "assistant", "tool", "system"]), content=st.sampled_from("abc")),
    max_size=4,
)


@given(st.lists(st.tuples(_MESSAGES | st.none() | st.text(max_size=3), st.sampled_from(["x", "y", ""])), max_size=8))
def test_whatever_is_asked_each_call_is_of_one_turn_and_its_row_says_what_one_of_them_said(calls):
    trace = [stored_row("t", "root", end=99)]
    trace += [call(str(n), n + 1, messages, output) for n, (messages, output) in enumerate(calls)]

    turns = [turn for turn in read_turns(trace, RunOutputConfig()) if turn.found is not None]

    assert len({turn.about["id"] for turn in turns}) == len(turns) <= sum(bool(output) for _, output in calls)
    assert {turn.found.value for turn in turns} <= {output for _, output in calls}


def test_a_turn_is_not_cut_because_the_roots_value_was(conversation):
    conversation[0]["metadata"] = {"run_output": "Still", "run_output_truncated": True, "user": "u"}

    rows = make_turn_rows(conversation, RunOutputConfig(), dataset_id="d", with_metadata=True)

    assert [row["metadata"].get("run_output_truncated") for row in rows] == [None] * 3
