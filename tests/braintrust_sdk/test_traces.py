"""The run output of a stored trace."""

from __future__ import annotations

import itertools
import json

import pytest

from braintrust_run_output import RunOutputConfig
from braintrust_run_output.braintrust.traces import find_root, read_trace, run_output_of
from braintrust_sdk.stored import agent_trace, chat, stored_row


def value(rows, **settings):
    found = run_output_of(rows, RunOutputConfig(**settings))
    return found and found.value


def test_the_completion_that_ended_last_in_whatever_order_rows_come():
    for rows in itertools.permutations(agent_trace("t")):
        found = run_output_of(rows, RunOutputConfig())
        assert (found.value, found.span_id, found.root_span_id) == ("Paris.", "t-chat", "t")


@pytest.mark.parametrize(
    ("root", "expected"),
    [("last", "Paris."), ("first", "a plan"), ("all", '["a plan","Paris."]'), ("own", None), ("off", None)],
)
def test_the_configured_one(root, expected):
    assert value(agent_trace("t"), root=root) == expected


def test_a_completion_that_came_after_the_root_had_ended_counts():
    rows = [*agent_trace("t"), stored_row("t", "late", "root", kind="llm", start=20, end=30, output="late")]

    assert value(rows) == "late"


def test_what_was_said_below_another_root_of_the_trace_does_not_count():
    other = [
        stored_row("t", "other", start=10, end=20, output="the other root"),
        stored_row("t", "other chat", "other", kind="llm", start=11, end=12, output=chat("Other.")),
        stored_row("t", "step", "unknown", start=1, end=2),
    ]

    assert value([*agent_trace("t"), *other]) == "Paris."


def test_what_failed_does_not_count():
    broken = stored_row("t", "broken", "root", kind="llm", end=20, output="half", error="RuntimeError")

    assert value([*agent_trace("t"), broken]) == "Paris."


def test_what_a_judge_says_does_not_count():
    judge = {"span_attributes": {"purpose": "scorer"}}
    rows = [
        *agent_trace("t"),
        stored_row("t", "judge", "root", kind="score", start=20, end=40, output={"score": 1}),
        stored_row("t", "judge's chat", "judge", kind="llm", start=20, end=30, output="yes", **judge),
    ]

    assert value(rows) == "Paris."


def test_what_is_on_the_root_wins():
    root, *others = agent_trace("t")

    assert value([{**root, "metadata": {"run_output": "set"}}, *others]) == "set"
    assert value([{**root, "span_attributes": {"type": "llm"}, "output": "own"}, *others]) == "own"
    assert value([{**root, "metadata": {"gen_ai.completion": "own"}}, *others]) == "own"


def test_what_the_application_set_below_counts():
    rows = [stored_row("t", "root"), stored_row("t", "agent", "root", metadata={"run_output": ["set"]})]

    assert value(rows) == '["set"]'


def test_attributes_that_braintrust_left_in_the_metadata_are_read():
    attributes = {"llm.output_messages.0.message.content": "Paris.", "openinference.span.kind": "LLM"}
    tool = {"output.value": "a result", "openinference.span.kind": "TOOL"}
    rows = [
        stored_row("t", "root"),
        stored_row("t", "llm", "root", metadata=attributes),
        stored_row("t", "tool", "root", end=5, metadata=tool),
    ]

    assert value(rows) == "Paris."


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ('{"response": "a structured answer"}', '{"response": "a structured answer"}'),
        ('[{"a": 1}]', '[{"a": 1}]'),
        ('{"choices": [{"message": {"role": "assistant", "content": "Paris."}}]}', "Paris."),
        ('[{"type": "text", "text": "Paris."}]', "Paris."),
        ([{"role": "assistant", "content": '[{"type": "text", "text": "Paris."}]'}], "Paris."),
        ([{"role": "assistant", "content": '[{"a": 1}]'}], '[{"a": 1}]'),
    ],
)
def test_json_in_a_models_output(output, expected):
    assert value([stored_row("t", "root"), stored_row("t", "llm", "root", kind="llm", output=output)]) == expected


def test_generic_outputs_where_there_is_no_model():
    tool = stored_row("t", "tool", "root", kind="tool", end=9, output="a result")
    chain = stored_row("t", "chain", "root", output={"output": "from below"})

    assert value([stored_row("t", "root", output={"response": "Sunny."}), chain, tool]) == "Sunny."
    assert value([stored_row("t", "root"), chain, tool]) == "from below"
    assert value([stored_row("t", "root"), chain, tool], root="own") is None
    assert value([stored_row("t", "root"), tool]) is None


def test_tool_calls_are_chat_messages():
    call = {"id": "1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    output = [{"message": {"role": "assistant", "content": None, "tool_calls": [call]}}]

    written = value([stored_row("t", "root"), stored_row("t", "llm", "root", kind="llm", output=output)])

    assert json.loads(written) == [{"role": "assistant", "content": None, "tool_calls": [call]}]


def test_a_trace_without_a_root_has_none():
    _, *others = agent_trace("t")

    assert find_root(others) is None
    assert value(others) is None
    assert value([]) is None


def test_a_log_record_is_no_root():
    log = stored_row("t", "Log", kind="log", output="a line")

    assert find_root([log, stored_row("t", "root")])["id"] == "t-root"
    assert value([log]) is None


def test_rows_of_odd_shapes_do_no_harm():
    odd = [
        {"id": "x", "root_span_id": "t", "span_parents": ["t-root"], "metrics": None, "span_attributes": None},
        {"id": "y", "root_span_id": "t", "span_parents": ["t-root"], "metrics": {"end": "soon"}, "metadata": []},
        stored_row("t", "llm", "root", kind="llm", output=[1, None, {"x": 1}]),
        stored_row("t", "none", "root", kind="llm", output=None),
    ]

    assert value([stored_row("t", "root"), *odd, stored_row("t", "chat", "root", kind="llm", end=9, output=chat("a"))])


# --- which span said it --------------------------------------------------------------------------------------------


def test_the_span_that_said_it_also_where_the_root_carries_it_already():
    root, *others = agent_trace("t")
    mirrored = {**root, "metadata": {"run_output": "Paris."}}

    assert run_output_of([mirrored, *others], RunOutputConfig()).span_id == "t-chat"


def test_that_of_one_that_was_cut():
    root, *others = agent_trace("t")
    cut = {**root, "metadata": {"run_output": "Par", "run_output_truncated": True}}

    assert run_output_of([cut, *others], RunOutputConfig(max_length=3)).span_id == "t-chat"


def test_that_of_one_which_is_not_the_last_or_that_another_setting_chose():
    root, *others = agent_trace("t")
    carried = {**root, "metadata": {"run_output": "a plan"}}

    assert run_output_of([carried, *others], RunOutputConfig()).span_id == "t-plan"


def test_the_span_that_the_root_names_where_no_text_is_the_same():
    root, *others = agent_trace("t")
    carried = {**root, "metadata": {"run_output": "Pa", "span_id": "t-plan", "root_span_id": "t"}}

    assert run_output_of([carried, *others], RunOutputConfig()).span_id == "t-plan"
    carried["metadata"]["span_id"] = "of another trace"
    assert run_output_of([carried, *others], RunOutputConfig()).span_id == "t-root"


def test_the_root_itself_where_the_application_set_what_nobody_said():
    root, *others = agent_trace("t")
    by_hand = {**root, "metadata": {"run_output": "by hand"}}

    found = run_output_of([by_hand, *others], RunOutputConfig())
    assert (found.value, found.span_id) == ("by hand", "t-root")


def test_a_probe_of_doctor_says_nothing():
    root, *others = agent_trace("t")

    assert value([{**root, "metadata": {"run_output_probe": True}}, *others]) is None


# --- what is no answer ---------------------------------------------------------------------------------------------

ABOUT_A_RUN = ("facet", "preprocessor", "automation", "review", "classifier", "decision", "question", "score", "scorer")


@pytest.mark.parametrize("kind", ABOUT_A_RUN)
def test_rows_about_a_run_and_everything_below_them_say_nothing(kind):
    rows = [
        *agent_trace("t"),
        stored_row("t", "about", "root", kind=kind, start=20, end=60, output="a verdict"),
        stored_row("t", "step", "about", start=21, end=50, output="a step of it"),
        stored_row("t", "model", "step", kind="llm", start=22, end=40, output=chat("a long answer of another kind")),
    ]

    assert value(rows) == "Paris."
    assert value([rows[0], *rows[4:]]) is None
    assert read_trace([rows[0], *rows[4:]], RunOutputConfig()).reason == (
        "in which only evaluators and the like say something"
    )


@pytest.mark.parametrize(
    "output",
    [
        {"embedding_length": 8},
        {"count": 2},
        {"input_tokens": 12},
        [{"index": 1, "relevance_score": 0.06}],
        {"id": "modr-1", "results": [{"categories": {"hate": False}, "flagged": False}]},
        [{"embedding": [0.1, 0.2], "index": 0}],
    ],
)
def test_what_a_provider_calls_a_model_and_is_no_answer(output):
    other = stored_row("t", "other", "root", kind="llm", start=20, end=30, output=output)

    assert value([*agent_trace("t"), other]) == "Paris."
    assert value([stored_row("t", "root"), other]) is None
    chain = stored_row("t", "chain", "root", end=5, output={"output": "from below"})
    assert value([stored_row("t", "root"), chain, other]) == "from below"


def test_what_the_root_returned_tells_which_completion_was_the_answer():
    root, *others = agent_trace("t", "It is sunny in Paris today.")
    title = stored_row("t", "title", "root", kind="llm", start=20, end=30, output=chat("Weather in Paris"))

    found = run_output_of(
        [{**root, "output": {"answer": "It is sunny in Paris today."}}, *others, title], RunOutputConfig()
    )

    assert (found.value, found.span_id) == ("It is sunny in Paris today.", "t-chat")


def test_spans_that_are_named_hold_the_answer_or_never_do():
    title = stored_row("t", "title", "root", kind="llm", start=20, end=30, output=chat("a title"))

    assert value([*agent_trace("t"), title], side_spans="tit*") == "Paris."
    assert value([*agent_trace("t"), title], answer_spans="plan,x") == "a plan"


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([stored_row("t", "root")], "without a model call"),
        ([stored_row("t", "root"), stored_row("t", "m", "root", kind="llm")], "whose model calls say nothing"),
        (
            [stored_row("t", "root"), stored_row("t", "m", "root", kind="llm", output="[REDACTED]")],
            "whose model calls say nothing",
        ),
        (
            [stored_row("t", "root"), stored_row("t", "m", "root", kind="llm", output=chat("__REDACTED__"))],
            "whose model calls say nothing",
        ),
        (
            [stored_row("t", "root"), stored_row("t", "m", "root", kind="llm", output={"embedding_length": 8})],
            "without a model call",
        ),
        (
            [stored_row("t", "root"), stored_row("t", "m", "root", kind="llm", error="RuntimeError")],
            "whose last model call failed",
        ),
        ([stored_row("t", "m", "root", kind="llm", output="x")], "without a root"),
        ([], "without a root"),
    ],
)
def test_why_there_is_none(rows, reason):
    assert read_trace(rows, RunOutputConfig()).reason == reason


def test_a_transform_that_withholds_is_the_reason_and_is_asked_once_for_each_value():
    asked = []

    def transform(text, span):
        asked.append((text, span.name))
        return None if text == "Paris." else text.upper()

    assert (
        read_trace(agent_trace("t"), RunOutputConfig(transform=transform)).reason == "whose output transform withholds"
    )
    assert asked == [("Paris.", "chat")]
    assert value(agent_trace("t"), transform=transform, root="all") == '["A PLAN"]'
    assert asked[1:] == [("a plan", "plan"), ("Paris.", "chat")]


def test_a_row_that_is_repeated_in_an_older_version_counts_once():
    rows = agent_trace("t")

    assert value([*rows, {**rows[-1], "output": chat("an older version")}], root="all") == '["a plan","Paris."]'


def test_a_row_that_does_not_say_whether_it_is_a_root_is_one_without_parents():
    rows = [{**row, "is_root": None} for row in agent_trace("t")]

    assert value(rows) == "Paris."


# --- voices and tools that call their type llm ---------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["transcribe", "translate", "ocr"])
def test_what_a_user_said_is_the_answer_only_where_nothing_else_is(operation):
    asked = {"operation": operation, "content": []}
    heard = {"content": [{"type": "text", "text": "What is it?"}], "annotations": {"language": "en"}}
    root, *rows = [
        stored_row("t", "root", end=90),
        stored_row("t", "stt", "root", kind="llm", end=80, input=asked, output=heard),
        stored_row("t", "llm", "root", kind="llm", start=3, end=5, output=chat("Paris.")),
        stored_row("t", "tts", "root", kind="llm", start=5, end=6, input="Paris.", output={"content": []}),
    ]

    assert value([root, *rows]) == "Paris."
    assert value([root, rows[0]]) == "What is it?"


@pytest.mark.parametrize("kind", [None, "llm"])
def test_the_calls_of_a_root_around_the_tool_and_the_answer_are_no_answer(kind):
    function = {"name": "look", "arguments": "{}"}
    message = {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "function": function}]}
    calls = [{"index": 0, "message": message, "finish_reason": "tool_calls"}]
    looked = {"tool.name": "look", "tool.call_id": "c1"}
    rows = [
        stored_row("t", "chat", kind=kind, end=9, output=calls),
        stored_row("t", "look", "chat", kind="tool", start=2, end=3, metadata=looked, output="sunny"),
        stored_row("t", "chat 2", "chat", kind=kind, start=4, end=8, output=chat("It is sunny.")),
    ]

    assert value(rows) == "It is sunny."


def test_a_function_that_is_called_is_a_tool():
    rows = [
        stored_row("t", "agent", kind="agent", end=9),
        stored_row("t", "llm", "agent", kind="llm", start=1, end=2, output=chat("")),
        stored_row("t", "look", "agent", kind="function_call", start=3, end=4, output={"result": "It is sunny there."}),
    ]

    assert value(rows) is None


def test_a_tool_that_langchain_calls_a_model_says_nothing():
    call = [{"message": {"content": "", "tool_calls": [{"name": "look", "args": {}, "id": "1", "type": "tool_call"}]}}]
    looked = {"input_str": "{}", "input": {}, "serialized": {}}
    rows = [
        stored_row("t", "root", end=9),
        stored_row("t", "chat", "root", kind="llm", start=1, end=2, output={"generations": [call]}),
        stored_row("t", "look", "root", kind="llm", start=3, end=4, metadata=looked, output="sunny"),
    ]

    assert "look" in value(rows)
    assert (
        value([*rows, stored_row("t", "again", "root", kind="llm", start=5, end=6, output=chat("Sunny."))]) == "Sunny."
    )
