"""Which of the things said below a root is its run output: one test a rule, with the smallest trace that needs it."""

from __future__ import annotations

import json

import pytest

from braintrust_run_output import Completion, RunOutputConfig
from braintrust_run_output.conventions import Side
from braintrust_run_output.outcome import Outcome
from braintrust_run_output.run import Reason, Rule, Run
from outcomes import Trace, calls, text

ANSWER = "The capital of France is Paris."
TITLE = "Paris, the capital of France"
VERDICT = Side.VERDICT
WORK = Side.WORK


# --- the order -------------------------------------------------------------------------------------------------


def test_nothing_is_written_over_what_the_application_set_on_the_root():
    choice = Trace().add("llm", says=ANSWER).choose(explicit="mine", says="own")

    assert choice.rule is Rule.EXPLICIT
    assert not choice.said


def test_with_overwrite_the_next_rule_decides():
    assert Trace(overwrite=True).add("llm", says=ANSWER).value(explicit="mine") == ANSWER


def test_the_roots_own_completion_comes_before_its_descendants():
    choice = Trace().add("llm", says="draft").choose(says=ANSWER)

    assert (choice.rule, choice.source.name) == (Rule.OWN, "root")


@pytest.mark.parametrize(("root", "rule"), [("last", Rule.LAST), ("first", Rule.OWN), ("own", Rule.OWN)])
def test_the_roots_own_calls_around_a_text(root, rule):
    choice = Trace(root=root).add("llm", says=ANSWER).choose(says=calls(("f", "c1")))

    assert choice.rule is rule


def test_the_last_completion_of_the_descendants_comes_before_the_roots_generic_output():
    choice = Trace().add("llm 1", says="draft").add("llm 2", says=ANSWER).choose(returns="200 OK")

    assert (choice.rule, choice.source.name) == (Rule.LAST, "llm 2")


def test_the_roots_generic_output_where_nobody_said_anything():
    choice = Trace().add("step", returns="step").choose(returns="done")

    assert (choice.rule, choice.said[0].what) == (Rule.GENERIC, text("done"))


def test_the_last_generic_output_below_where_the_root_has_none():
    trace = Trace().add("step 1", returns="one").add("step 2", returns="two").add("tool", returns="three", side=WORK)
    trace.add("in the tool", "tool", returns="four")

    choice = trace.choose()

    assert (choice.rule, choice.source.name) == (Rule.GENERIC_BELOW, "step 2")


@pytest.mark.parametrize("has_failed", [True, False])
def test_a_model_that_failed_or_said_nothing_discards_the_generic_outputs_before_it(has_failed):
    trace = Trace().add("retrieve", returns="documents").add("llm", is_model=True, has_failed=has_failed)

    assert trace.value() is None
    assert trace.add("fallback", returns="Sorry.").value() == "Sorry."


@pytest.mark.parametrize(
    ("trace", "reason"),
    [
        (Trace().add("db"), Reason.NO_MODEL),
        (Trace().add("llm", is_model=True), Reason.NO_CONTENT),
        (Trace().add("llm", is_model=True, has_failed=True), Reason.FAILED),
        (Trace().add("judge", says="yes", side=VERDICT), Reason.SIDE_ONLY),
        (Trace(root="own").add("llm", says=ANSWER), Reason.NOT_MIRRORED),
        (Trace(root="off").add("llm", says=ANSWER), Reason.NOT_MIRRORED),
    ],
    ids=lambda value: value.name if isinstance(value, Reason) else "",
)
def test_why_there_is_nothing(trace, reason):
    choice = trace.choose()

    assert (choice.rule, choice.said, choice.source, choice.reason) == (None, (), None, reason)


def test_a_retry_after_a_failure_is_the_answer():
    assert Trace().add("llm 1", is_model=True, has_failed=True).add("llm 2", says=ANSWER).value() == ANSWER


SORRY = "Sorry, something went wrong."


def test_what_the_root_says_itself_after_the_last_call_failed():
    trace = Trace().add("router", says="billing").add("llm", is_model=True, has_failed=True)

    assert trace.choose(returns=SORRY).rule is Rule.GENERIC
    assert trace.value(returns=SORRY) == SORRY
    assert trace.value() == "billing"
    assert trace.value(returns="ok") == "billing"
    assert trace.value(returns='{"status": "failed", "reason": "timeout"}') == "billing"


def test_what_a_function_says_above_the_last_call_that_failed():
    trace = Trace().add("plan", "answer", says="A plan").add("llm", "answer", is_model=True, has_failed=True)
    trace.add("answer", "handler", returns=SORRY).add("handler", returns="ok").add(
        "beside", returns="Nothing went wrong."
    )

    assert trace.value() == SORRY
    assert trace.value(returns="The handler's own words.") == "The handler's own words."


def test_what_the_root_says_itself_comes_before_what_a_chain_below_it_returned_before_the_last_call_failed():
    trace = Trace().add("rewrite", "chain", says="capital of France").add("chain", returns="capital of France")
    trace.add("llm", is_model=True, has_failed=True)

    assert trace.value(returns=SORRY) == SORRY
    assert trace.value() == "capital of France"


def test_the_last_call_may_start_before_the_completion_before_it_has_ended():
    """Clocks of milliseconds."""
    trace = Trace().add("router", says="billing", at=(0, 3)).add("llm", is_model=True, has_failed=True, at=(2, 4))

    assert trace.value(returns=SORRY) == SORRY


def test_a_call_that_failed_before_or_around_the_last_completion_changes_nothing():
    assert Trace().add("llm", is_model=True, has_failed=True).add("again", says=ANSWER).value(returns=SORRY) == ANSWER
    around = Trace().add("llm", "outer", says=ANSWER, at=(1, 2)).add("outer", is_model=True, has_failed=True, at=(0, 3))
    assert around.value(returns=SORRY) == ANSWER
    assert Trace().add("llm", says=ANSWER).add("silent", is_model=True).value(returns=SORRY) == ANSWER


@pytest.mark.parametrize("word", ["unsafe", "billing", "42"])
def test_what_the_root_says_itself_after_a_word(word):
    trace = Trace().add("llm", says=ANSWER).add("guard", says=word)

    assert trace.value(returns=SORRY) == SORRY
    for returned in (None, "ok", '{"status": "the guard has blocked it"}', "0f8fad5b-d9cb-469f-a165-70867728950e"):
        assert trace.value(returns=returned) == word
    assert trace.value(returns=f"Marked as {word.upper()} and sent to the team.") == word
    assert Trace().add("guard", says="This is unsafe.").value(returns=SORRY) == "This is unsafe."


def test_what_a_tool_returned_and_the_root_with_it():
    trace = Trace().add("llm", says=calls(("weather", "c1")))
    asked = trace.value()

    assert trace.value(returns="It is sunny in Paris.") == asked
    trace.add("weather", executes=("weather", "c1"))
    assert trace.value(returns="It is sunny in Paris.") == "It is sunny in Paris."
    assert trace.value(returns="ok") == asked


def test_a_judge_that_failed_changes_nothing():
    judged = Trace().add("llm", says=ANSWER).add("judge llm", "judge", is_model=True, has_failed=True)

    assert judged.add("judge", side=Side.VERDICT).value(returns=SORRY) == ANSWER


def test_a_title_that_failed_changes_nothing():
    trace = Trace().add("llm", says=ANSWER).add("title", is_model=True, has_failed=True)

    assert trace.value(returns=f"{ANSWER} (from a book)") == ANSWER


def test_a_failed_root_gets_its_descendants_completion():
    assert Trace().add("llm", says=ANSWER).value(has_failed=True) == ANSWER


# --- first, all, own, off --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("root", "value"),
    [("last", "three"), ("first", "one"), ("all", '["one","two","three"]'), ("own", None), ("off", None)],
)
def test_the_policies_leave_out_side_completions(root, value):
    trace = Trace(root=root).add("judge", says="0", side=VERDICT).add("in a tool", "tool", says="zero")
    trace.add("tool", side=WORK, at=(1, 2))
    trace.add("llm 1", says="one").add("llm 2", says="two").add("llm 3", says="three")
    trace.add("judge 2", says="4", side=VERDICT)

    assert trace.value() == value


@pytest.mark.parametrize(("root", "value"), [("first", "one"), ("all", '["one","two"]')])
def test_the_policies_take_side_completions_where_nothing_else_is(root, value):
    trace = Trace(root=root).add("in a tool", "tool", says="one").add("in a guard", "guard", says="two")
    trace.add("tool", side=WORK, at=(0, 2)).add("guard", side=WORK, at=(0, 3))

    assert trace.value() == value


@pytest.mark.parametrize("root", ["first", "all"])
def test_first_and_all_ask_no_witness(root):
    trace = Trace(root=root).add("llm 1", says="a first thought").add("llm 2", says=ANSWER)

    assert trace.choose(returns=ANSWER).rule is Rule(root)
    assert "a first thought" in trace.value(returns=ANSWER)


def test_first_is_by_end_time():
    trace = Trace(root="first").add("inner", "outer", says="inner", at=(1, 2)).add("outer", says="outer", at=(0, 3))

    assert trace.value() == "inner"


def test_all_counts_a_call_once_that_two_instrumentations_have_seen():
    trace = Trace(root="all").add("http client", "sdk", says="one", at=(0, 1)).add("sdk", says="one", at=(0, 2))
    trace.add("llm", says="two", at=(2, 3))

    assert trace.value() == '["one","two"]'


def test_all_counts_twice_what_two_calls_said():
    assert Trace(root="all").add("llm 1", says="yes").add("llm 2", says="yes").value() == '["yes","yes"]'


def test_all_counts_calls_of_tools_once_as_well():
    called = calls(("search", "c1"))
    trace = Trace(root="all").add("client", "sdk", says=called, at=(0, 1)).add("sdk", says=called, at=(0, 2))

    assert len(json.loads(trace.value())) == 1


# --- explicit values below -------------------------------------------------------------------------------------


def test_an_explicit_value_below_is_a_completion():
    assert Trace().add("llm", says="paris").add("post", explicit=ANSWER).value() == ANSWER


def test_an_explicit_value_stays_if_its_span_failed():
    assert Trace().add("llm", explicit=ANSWER, has_failed=True).value() == ANSWER


@pytest.mark.parametrize("root", ["last", "all"])
def test_what_a_services_own_processor_has_mirrored_is_the_completion_below(root):
    trace = Trace(root=root).add("llm", "service", says=ANSWER, at=(0, 1), input='"asked"')
    trace.add("service", explicit=ANSWER, at=(0, 3))

    assert trace.source() == "llm"
    assert trace.input() == '"asked"'
    assert trace.value() == (ANSWER if root == "last" else json.dumps([ANSWER]))


def test_what_a_service_has_mirrored_does_not_make_its_completion_later_than_it_was():
    trace = Trace().add("llm", "service", says="draft", at=(0, 1)).add("writer", says=ANSWER, at=(1, 2))
    trace.add("service", explicit="draft", at=(0, 3))

    assert trace.value() == ANSWER


def test_an_explicit_value_that_equals_a_completion_elsewhere_is_its_own():
    assert Trace().add("llm", says=ANSWER).add("other", says="more").add("post", explicit=ANSWER).source() == "post"


# --- side completions ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [VERDICT, WORK])
def test_what_is_said_below_a_side_span_is_not_the_answer(side):
    trace = Trace().add("llm", says=ANSWER).add("in it", "step", says="yes")
    trace.add("step", "side", at=(1, 3)).add("side", side=side, at=(1, 4))

    assert trace.value() == ANSWER


def test_a_side_span_below_the_completion_changes_nothing():
    assert Trace().add("guard", "llm", side=VERDICT, at=(0, 1)).add("llm", says=ANSWER, at=(0, 2)).value() == ANSWER


def test_what_an_agent_says_in_a_tool_is_the_answer_where_nothing_else_is():
    assert Trace().add("llm", "tool", says=ANSWER, at=(0, 1)).add("tool", side=WORK, at=(0, 2)).value() == ANSWER


def test_what_an_evaluator_says_is_never_the_answer():
    assert Trace().add("llm", "judge", says="yes", at=(0, 1)).add("judge", side=VERDICT, at=(0, 2)).value() is None


def test_the_innermost_work_does_not_save_what_is_said_below_an_evaluator():
    trace = Trace().add("llm", "tool", says="yes", at=(0, 1)).add("tool", "judge", side=WORK, at=(0, 2))

    assert trace.add("judge", side=VERDICT, at=(0, 3)).value() is None


def test_what_a_tool_says_is_the_answer_where_all_else_ends_in_a_call_that_nobody_executed():
    """A guardrail's wrapper around the call that answers, as one instrumentation has it."""
    trace = Trace().add("llm", says=calls(("search", "c1"))).add("in it", "guard", says=ANSWER)

    assert trace.add("guard", side=WORK, at=(1, 3)).value() == ANSWER


def test_what_a_tool_said_before_an_open_call_does_not_answer_it():
    trace = Trace().add("in it", "guard", says=ANSWER, at=(0, 1)).add("guard", side=WORK, at=(0, 2))

    assert trace.add("llm", says=calls(("search", "c1")), at=(3, 4)).source() == "llm"


def test_an_executed_call_is_answered_by_what_its_tool_says_where_nothing_else_is_said():
    """An agent that is asked by a tool, whose answer is returned as it is."""
    trace = Trace().add("llm", says=calls(("ask", "c1"))).add("in it", "tool", says="inner answer", at=(1, 2))
    trace.add("tool", side=WORK, executes=("ask", "c1"), at=(1, 3))

    assert trace.source() == "in it"
    assert trace.add("llm 2", says=ANSWER).source() == "llm 2"


def test_what_was_said_below_a_call_of_a_model_led_up_to_its_text():
    trace = Trace().add("llm 2", "llm", says="fine", at=(2, 7)).add("llm", says=ANSWER, at=(1, 3), is_model=True)
    assert trace.value() == ANSWER


# --- agents beside each other -----------------------------------------------------------------------------------


def guarded(**says: object) -> Trace:
    """An agent, and one beside it that starts after it and ends before it, though after its model's answer."""
    trace = Trace().add("llm", "main", **says, at=(1, 3)).add("guards llm", "guard", says="fine", at=(2, 7))
    return trace.add("guard", is_agent=True, at=(2, 8)).add("main", is_agent=True, at=(0, 9))


def test_what_an_agent_says_within_the_time_of_another_beside_it_is_not_the_answer():
    assert guarded(says=ANSWER).value() == ANSWER


def test_it_is_the_answer_where_the_other_ended_in_a_call():
    assert guarded(says=calls(("ask", "c1"))).value() == "fine"


def test_it_is_the_answer_where_an_answer_span_says_so():
    trace = Trace(answer_spans="guard").add("llm", "main", says=ANSWER, at=(1, 3))
    trace.add("guards llm", "guard", says="fine", at=(2, 7)).add("guard", is_agent=True, at=(2, 8))

    assert trace.add("main", is_agent=True, at=(0, 9)).value() == "fine"


@pytest.mark.parametrize("beside", [(2, 8), (0, 9), (3, 12)])
def test_an_agent_that_ends_last_or_at_once_gives_the_answer(beside):
    trace = Trace().add("llm 1", "one", says="draft", at=(1, 2)).add("one", is_agent=True, at=(0, min(8, beside[1])))
    trace.add("llm 2", "two", says=ANSWER, at=(4, 8)).add("two", is_agent=True, at=beside)

    assert trace.value() == ANSWER


def test_agents_below_each_other_are_not_beside_each_other():
    trace = Trace().add("llm", "outer", says="I hand over.", at=(1, 2)).add("llm 2", "inner", says=ANSWER, at=(3, 4))

    assert (
        trace.add("inner", "outer", is_agent=True, at=(3, 5)).add("outer", is_agent=True, at=(0, 6)).value() == ANSWER
    )


@pytest.mark.parametrize("at", [(2, 7), (4, 7)], ids=["a slow guard", "after it"])
def test_an_agent_below_another_that_had_a_model_say_the_answer_itself_works_for_it(at):
    trace = Trace().add("llm", "main", says=ANSWER, at=(1, 3)).add("guards llm", "guard", says="fine", at=at)

    assert trace.add("guard", "main", is_agent=True, at=at).add("main", is_agent=True, at=(0, 9)).value() == ANSWER


@pytest.mark.parametrize(
    ("says", "caller"),
    [("geography", "main"), (calls(("hand over", "c1"), says="I hand over to an expert."), "main"), (TITLE, "node")],
    ids=["a router", "a call", "a node of a graph"],
)
def test_an_agent_below_another_that_did_not_answer_itself_gives_the_answer(says, caller):
    trace = Trace().add("llm", caller, says=says, at=(1, 2)).add("node", "main", at=(1, 2))
    trace.add("expert's llm", "expert", says=ANSWER, at=(3, 4)).add("expert", "main", is_agent=True, at=(3, 5))

    assert trace.add("main", is_agent=True, at=(0, 6)).value() == ANSWER


def test_other_spans_that_run_within_the_time_of_another_are_not_asked():
    trace = Trace().add("llm", "one", says="draft", at=(1, 3)).add("llm 2", "two", says=ANSWER, at=(2, 7))

    assert trace.add("two", at=(2, 8)).add("one", at=(0, 9)).value() == ANSWER


# --- calls of tools --------------------------------------------------------------------------------------------


def test_a_text_after_a_call_beats_it_even_if_the_calls_span_ends_last():
    """A model's span that ends after the agent that it called."""
    trace = Trace().add("sub-agent", "outer", says=ANSWER, at=(1, 2)).add("outer", says=calls(("ask", None)), at=(0, 3))

    assert trace.value() == ANSWER


def test_a_text_beats_a_call_on_a_clock_that_has_one_time_for_both():
    trace = Trace().add("llm 2", says=ANSWER, at=(0, 0)).add("llm 1", says=calls(("delete", None)), at=(0, 0))

    assert trace.value() == ANSWER


def test_a_call_that_was_executed_by_id_is_not_the_answer():
    trace = Trace().add("llm", says="Let me see.", at=(0, 1)).add("llm 2", says=calls(("search", "c1")), at=(1, 2))
    trace.add("tool", executes=("search", "c1"), side=WORK)

    assert trace.value() == "Let me see."


def test_a_call_that_was_executed_by_name_is_not_the_answer():
    trace = Trace().add("llm", says="Let me see.", at=(0, 1)).add("llm 2", says=calls(("search", "c1")), at=(1, 2))

    assert trace.add("tool", executes=("search", None), side=WORK).value() == "Let me see."


def test_a_tool_with_an_id_that_no_call_has_executes_by_name():
    trace = Trace().add("llm", says="Let me see.").add("llm 2", says=calls(("search", "c1")))

    assert trace.add("tool", executes=("search", "run-77"), side=WORK).value() == "Let me see."


def test_a_tool_with_another_calls_id_does_not_execute_this_one():
    trace = Trace().add("llm 1", says=calls(("search", "c1"))).add("tool", executes=("search", "c1"), side=WORK)
    trace.add("llm 2", says=calls(("search", "c2"))).add("tool again", executes=("search", "c1"), side=WORK)

    assert trace.source() == "llm 2"


def test_a_tool_that_started_before_the_call_does_not_execute_it():
    trace = Trace().add("llm", says="Let me see.").add("tool", executes=("search", None), side=WORK)

    assert trace.add("llm 2", says=calls(("search", None))).source() == "llm 2"


def test_a_call_that_waits_for_approval_is_the_answer():
    called = calls(("delete", "c1"), says="I shall delete it.")
    trace = Trace().add("llm 1", says="Let me see.").add("llm 2", says=called)

    assert trace.source() == "llm 2"
    assert json.loads(trace.value())[0]["tool_calls"][0]["function"]["name"] == "delete"


def test_of_two_calls_in_one_message_all_have_to_be_executed():
    trace = Trace().add("llm", says="Let me see.").add("llm 2", says=calls(("read", "c1"), ("delete", "c2")))
    trace.add("tool", executes=("read", "c1"), side=WORK)

    assert trace.source() == "llm 2"
    assert trace.add("tool 2", executes=("delete", "c2"), side=WORK).source() == "llm"


def test_an_executed_call_is_the_answer_where_there_is_nothing_else():
    trace = Trace().add("llm", says=calls(("search", "c1"))).add("tool", executes=("search", "c1"), side=WORK)

    assert trace.source() == "llm"


# --- the last --------------------------------------------------------------------------------------------------


def test_an_earlier_turn_stands_beside_the_last():
    trace = Trace().add("turn 1", says="Hello, Ann!").add("turn 2", says="It is 4.").add("turn 3", says="You are Ann.")

    assert trace.value() == "You are Ann."


@pytest.mark.parametrize(
    ("one", "other", "last"),
    [((0, 5), (0, 6), "other"), ((0, 5), (1, 5), "other"), ((0, 5), (0, 5), "other"), ((1, 5), (0, 5), "one")],
)
def test_ties_are_broken_by_end_then_start_then_span_id(one, other, last):
    assert Trace().add("one", says="one", at=one).add("other", says="other", at=other).value() == last


def test_an_eval_whose_task_calls_no_model_gets_what_its_task_returned():
    trace = Trace().add("task", returns="4", at=(0, 1)).add("llm", "score", says="yes, it is 4", at=(1, 2))

    assert trace.add("score", side=VERDICT, at=(1, 3)).value() == "4"
    assert trace.value(returns="4.0") == "4.0"


def test_a_voice_session_has_the_last_turn_or_what_the_root_says_itself():
    trace = Trace()
    for turn in range(100):
        trace.add(f"llm {turn}", f"turn {turn}", says=f"Answer number {turn}, spoken aloud.")
        trace.add(f"turn {turn}", at=(2 * turn, 2 * turn + 2))

    assert trace.value() == "Answer number 99, spoken aloud."
    transcript = json.dumps([{"role": "assistant", "content": f"Answer number {n}, spoken aloud."} for n in range(100)])
    assert trace.value(returns=transcript) == "Answer number 99, spoken aloud."


# --- answer_spans ----------------------------------------------------------------------------------------------


def test_answer_spans_come_before_all_else():
    trace = Trace(answer_spans="writer").add("llm", "writer", says=ANSWER, at=(0, 1)).add("writer", at=(0, 2))
    choice = trace.add("title", says=TITLE).choose(says="own", returns=TITLE)

    assert (choice.rule, choice.source.name) == (Rule.ANSWER_SPANS, "llm")


def test_an_answer_span_that_says_it_itself():
    assert Trace(answer_spans="writer").add("writer", says=ANSWER).add("title", says=TITLE).value() == ANSWER


def test_an_answer_spans_generic_output_counts_where_no_completion_is_below_it():
    trace = Trace(answer_spans="join").add("llm", says="a part").add("join", returns="a part and another")

    assert trace.value() == "a part and another"


def test_an_answer_spans_generic_output_is_a_witness_of_what_is_below_it():
    trace = Trace(answer_spans="writer").add("llm", "writer", says=ANSWER).add("title", "writer", says=TITLE)

    assert trace.add("writer", returns=ANSWER, at=(0, 3)).value() == ANSWER


def test_where_no_answer_span_says_anything_the_other_rules_decide():
    assert Trace(answer_spans="writer").add("llm", says=ANSWER).add("writer").choose().rule is Rule.LAST


def test_an_answer_span_in_a_tool_holds_the_answer():
    trace = Trace(answer_spans="writer").add("writer", "tool", says=ANSWER, at=(0, 1)).add("tool", side=WORK, at=(0, 2))

    assert trace.add("llm", says="I have written it.").value() == ANSWER


def test_an_answer_span_that_is_a_tool_itself_holds_the_answer():
    trace = Trace(answer_spans="write").add("llm", "write", says=ANSWER, at=(0, 1))

    assert trace.add("write", side=WORK, at=(0, 2)).add("llm 2", says="I have written it.").value() == ANSWER


def test_an_answer_span_that_is_an_evaluator_holds_the_answer():
    trace = Trace(answer_spans="judge").add("llm", says=ANSWER).add("in it", "judge", says="It is right.", at=(1, 2))

    assert trace.add("judge", side=VERDICT, at=(1, 3)).value() == "It is right."


@pytest.mark.parametrize(("root", "value"), [("first", "one"), ("all", '["one","two"]'), ("own", None), ("off", None)])
def test_answer_spans_and_the_policies(root, value):
    trace = Trace(root=root, answer_spans="writer*").add("plan", says="zero").add("writer 1", says="one")

    assert trace.add("writer 2", says="two").add("title", says="three").value() == value


@pytest.mark.parametrize(
    ("patterns", "name", "is_matched"),
    [
        ("writer", "writer", True),
        ("writer", "Writer", False),
        ("writer", "the writer", False),
        ("*writer", "the writer", True),
        ("writer ?", "writer 1", True),
        ("writer ?", "writer 12", False),
        ("/api/[id]", "/api/[id]", True),
        ("/api/[id]", "/api/i", False),
        ("GET /api/[id]/*", "GET /api/[id]/answer", True),
        (" plan , write.* ", "write.all", True),
        (" plan , write.* ", "plan", True),
        ("a.c", "abc", False),
        ("a*c", "a\nc", True),
    ],
)
def test_patterns_of_names(patterns, name, is_matched):
    trace = Trace(answer_spans=patterns).add(name, says=ANSWER).add("title", says=TITLE)

    assert trace.value() == (ANSWER if is_matched else TITLE)


# --- however many there are ------------------------------------------------------------------------------------

NUMBERS = [10, 64, 65, 130, 1_000]


@pytest.mark.parametrize("number", NUMBERS)
def test_the_last_of_any_number(number):
    trace = Trace()
    for n in range(number):
        trace.add(f"llm {n}", says=f"answer number {n}")

    assert trace.value() == f"answer number {number - 1}"


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("root", ["first", "all"])
def test_the_first_and_all_of_any_number(root, number):
    trace = Trace(root=root)
    for n in range(number):
        trace.add(f"llm {n}", says=f"answer {n}")

    assert trace.value() == (
        "answer 0" if root == "first" else json.dumps([f"answer {n}" for n in range(number)], separators=(",", ":"))
    )


@pytest.mark.parametrize("number", NUMBERS)
def test_a_witness_of_what_was_said_first(number):
    trace = Trace().add("llm", says=ANSWER)
    for n in range(number):
        trace.add(f"title {n}", says=f"A title, attempt {n}")

    assert trace.value(returns=ANSWER) == ANSWER


@pytest.mark.parametrize("number", NUMBERS)
def test_a_witness_of_what_was_said_neither_first_nor_last(number):
    trace = Trace().add("plan", says="First I look it up, then I answer.").add("draft", says="Paris, I think.")
    trace.add("llm", says=ANSWER)
    for n in range(number):
        trace.add(f"title {n}", says=f"A title, attempt {n}")

    assert trace.value(returns=ANSWER) == ANSWER
    assert trace.value(returns=json.dumps({"answer": ANSWER, "sources": [1, 2]})) == ANSWER
    assert trace.value(returns=json.dumps({"messages": [{"content": ANSWER}], "steps": 3})) == ANSWER
    assert trace.value(returns=f"{ANSWER}\n\nSources:\n[1] atlas.pdf\n[2] map.pdf") == ANSWER
    assert trace.value(returns=f"Dear Ann,\n\n{ANSWER}") == ANSWER


@pytest.mark.parametrize("number", NUMBERS)
def test_a_witness_far_from_the_root(number):
    """What a chain returned that many chains without a model follow."""
    trace = (
        Trace()
        .add("llm", "chain", says=ANSWER)
        .add("title", "chain", says=TITLE)
        .add("chain", returns=ANSWER, at=(0, 3))
    )
    for n in range(number):
        trace.add(f"step {n}", returns=f"what step {n} returned")

    assert trace.value() == ANSWER


@pytest.mark.parametrize("number", NUMBERS)
def test_the_last_generic_output_before_any_number_of_tools(number):
    trace = Trace().add("chain", returns=ANSWER)
    for n in range(number):
        trace.add(f"in tool {n}", f"tool {n}", returns="cleaned up", at=(n + 1, n + 2))
        trace.add(f"tool {n}", returns="cleaned up", side=WORK, at=(n + 1, n + 2))

    assert trace.value() == ANSWER


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("side", [VERDICT, WORK])
@pytest.mark.parametrize("before", [0, 1, 200])
def test_what_one_judge_or_tool_says_is_not_the_answer_however_much_it_is(side, before, number):
    """Whether its span is a judge's is known only at its end, after all that was said below it."""
    trace = Trace()
    for n in range(before):
        trace.add(f"draft {n}", says=f"draft {n}")
    trace.add("llm", says=ANSWER)
    for n in range(number):
        trace.add(f"in it {n}", f"step {n}", says=f"fine, says number {n}", at=(before + 1 + n, before + 2 + n))
        trace.add(f"step {n}", "side", returns="fine", at=(before + 1 + n, before + 2 + n))
    trace.add("side", side=side, at=(before + 1, before + number + 2))

    assert trace.value() == ANSWER


@pytest.mark.parametrize("number", NUMBERS)
def test_the_first_is_not_what_one_judge_says_that_began_before_it(number):
    trace = Trace(root="first").add("early", "judge", says="fine", at=(0, 1)).add("llm", says=ANSWER, at=(0, 2))
    for n in range(number):
        trace.add(f"in it {n}", "judge", says=f"fine, says number {n}").add(f"llm {n}", says=f"answer {n}")

    assert trace.add("judge", side=VERDICT, at=(0, 3 * number)).value() == ANSWER


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("side", [VERDICT, WORK])
def test_what_many_judges_or_tools_say_is_not_the_answer(side, number):
    trace = Trace().add("draft", says="draft").add("llm", says=ANSWER)
    for n in range(number):
        trace.add(f"in it {n}", f"side {n}", says=f"fine, says number {n}", at=(n + 2, n + 3))
        trace.add(f"side {n}", side=side, at=(n + 2, n + 3))

    assert trace.value() == ANSWER
    assert trace.value(returns="ok") == ANSWER


@pytest.mark.parametrize("number", NUMBERS)
def test_a_short_word_that_many_guards_said_names_none_of_them(number):
    trace = Trace()
    for n in range(number):
        trace.add(f"in it {n}", f"guard {n}", says="ok", at=(n, n + 1)).add(f"guard {n}", side=WORK, at=(n, n + 1))

    assert trace.add("llm", says=ANSWER).value(returns="ok") == ANSWER


@pytest.mark.parametrize("number", NUMBERS)
def test_an_agents_loop_of_any_length(number):
    trace = Trace()
    for n in range(number):
        trace.add(f"llm {n}", says=calls(("search", f"c{n}"))).add(f"tool {n}", executes=("search", f"c{n}"), side=WORK)

    assert trace.source() == f"llm {number - 1}"
    assert trace.add("llm", says=ANSWER).add("title", "title maker", says="t", side=VERDICT).value() == ANSWER


@pytest.mark.parametrize("number", NUMBERS)
def test_tools_that_say_nothing_do_not_make_a_judge_forgotten(number):
    trace = (
        Trace()
        .add("llm", says=ANSWER)
        .add("in it", "judge", says="yes", at=(1, 2))
        .add("judge", side=VERDICT, at=(1, 2))
    )
    for n in range(5 * number):
        trace.add(f"tool {n}", side=WORK, executes=("search", f"c{n}"))

    assert trace.value() == ANSWER


@pytest.mark.parametrize("number", NUMBERS)
def test_what_an_answer_span_said_before_any_number_of_titles(number):
    trace = Trace(answer_spans="writer").add("plan", says="plan").add("llm", "writer", says=ANSWER, at=(1, 2))
    trace.add("writer", at=(1, 2))
    for n in range(number):
        trace.add(f"title {n}", says=f"A title, attempt {n}")

    assert trace.value() == ANSWER


def test_what_the_application_set_on_a_models_span_counts_for_its_root():
    corrected = Outcome((1, 2), end=2, explicit="Paris!", completion=Completion("c", "Paris."))
    mirrored = Outcome((1, 3), end=3, explicit="Rome.", completion=Completion("c", "Rome."))
    own = Outcome((1, 1))

    for outcome, config, expected in (
        (corrected, RunOutputConfig(), "Paris!"),
        (corrected, RunOutputConfig(overwrite=True), Completion("c", "Paris.")),
        (mirrored, RunOutputConfig(), Completion("c", "Rome.")),
    ):
        run = Run(config)
        run.hear(outcome)
        assert run.choose(own).said[0].what == expected
