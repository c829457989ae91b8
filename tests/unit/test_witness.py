"""The witness: what a handler, chain or decorated function returned tells which completion is the answer."""

from __future__ import annotations

import json

import pytest

from braintrust_run_output import Completion
from braintrust_run_output.completion import Message, ToolCall
from braintrust_run_output.conventions import Side
from braintrust_run_output.run import Rule
from outcomes import Trace, calls, text

ANSWER = "The capital of France is Paris."
TITLE = "Paris, the capital of France"
WORK = Side.WORK


def titled() -> Trace:
    """An answer, and a title after it."""
    return Trace().add("llm", says=ANSWER, input='"asked"').add("title", says=TITLE, input='"title this"')


# --- a text ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("returns", [ANSWER, f"\n {ANSWER} "])
def test_a_text_that_equals_a_completion(returns):
    choice = titled().choose(returns=returns)

    assert (choice.rule, choice.source.name, choice.said[0].what) == (Rule.WITNESS, "llm", text(ANSWER))


def test_a_text_whose_white_space_is_another():
    trace = Trace().add("llm", says="The capital of France\n\nis Paris. ").add("title", says=TITLE)

    assert trace.source(returns=ANSWER) == "llm"


def test_a_short_text_that_equals_a_completion():
    assert Trace().add("llm", says="4").add("title", says=TITLE).value(returns="4") == "4"


def test_of_completions_that_a_text_equals_the_last_one_said_it():
    trace = Trace().add("llm 1", says=ANSWER).add("llm 2", says=ANSWER).add("title", says=TITLE)

    assert trace.source(returns=ANSWER) == "llm 2"


def test_a_text_that_is_part_of_a_completion_is_the_answer_without_its_scaffolding():
    trace = Trace().add("llm", says=f"Thought: I know this.\nFinal Answer: {ANSWER}").add("title", says=TITLE)

    choice = trace.choose(returns=ANSWER)

    assert choice.said[0].what.text == ANSWER
    assert choice.source.name == "llm"


LONG = f"{ANSWER} It is on the Seine, and has been the capital for centuries."


@pytest.mark.parametrize(
    ("returns", "is_cut"),
    [
        (LONG[:39], True),
        (f"{LONG[:40]}...", True),
        (f"{LONG[:36]}\N{HORIZONTAL ELLIPSIS}", True),
        (f"{LONG[:40]}... [truncated]", True),
        (f"{LONG[:40]}<TRUNCATED>", True),
        (f"{LONG[:40]}\N{HORIZONTAL ELLIPSIS} (truncated, 52 more characters)", True),
        ("The capital [truncated]", False),
        (ANSWER, False),
        (LONG[5:40], False),
        ("The capital...", False),
    ],
)
def test_a_text_that_was_cut_is_the_whole_completion(returns, is_cut):
    trace = Trace().add("llm", says=LONG).add("title", says=TITLE)

    assert (trace.value(returns=returns) == LONG) is is_cut


@pytest.mark.parametrize("cut", [LONG[:39], f"{LONG[:40]}...", f"{LONG[:40]} [truncated]"])
@pytest.mark.parametrize("returns", [LONG, json.dumps({"answer": LONG})])
def test_a_text_that_has_all_of_a_completion_that_was_cut_is_the_answer(cut, returns):
    choice = Trace().add("llm", says=cut).add("title", says=TITLE).choose(returns=returns)

    assert (choice.rule, choice.source.name, choice.said[0].what.text) == (Rule.WITNESS, "llm", LONG)


@pytest.mark.parametrize("said", [ANSWER, "Let me look that up for you..."])
def test_a_text_that_goes_on_after_a_whole_completion_is_not_all_of_it(said):
    trace = Trace().add("llm", says=said).add("title", says=TITLE)

    assert trace.value(returns=f"{said} Sources: 1") == said


@pytest.mark.parametrize(
    ("said", "returns", "fits"),
    [
        ("Final Answer: 4", "4", True),
        ("Final Answer:\t4", "4", True),
        ("I think.\n4", "4", True),
        ("I think it is 4", "4", False),
        ("4: my final answer", "4", False),
        ("It is okay.", "ok", False),
        ("<think>It is two and two.</think>4", "4", True),
        ("<reason>Two and two.</reason><answer>4</answer>", "4", True),
        ("<reason>4 it is</reason><answer>four</answer>", "4", False),
        ("```sql\nSELECT 1\n```", "SELECT 1", True),
        ("```sql\nSELECT 1\nLIMIT 1\n```", "SELECT 1", False),
    ],
)
def test_a_short_text_is_part_of_a_completion_only_where_it_stands_alone(said, returns, fits):
    assert Trace().add("llm", says=said).add("title", says=TITLE).value(returns=returns) == (returns if fits else TITLE)


def test_a_short_text_that_a_completion_names_its_answer():
    trace = Trace().add("llm", says='{"thought": "I know.", "answer": "Paris"}').add("title", says=TITLE)

    assert trace.value(returns="Paris") == "Paris"
    assert trace.value(returns="know") == TITLE


def test_a_text_that_contains_a_completion_has_that_as_its_answer():
    assert titled().value(returns=f"{ANSWER}\n\nSources: [1] atlas.pdf") == ANSWER


def test_of_completions_in_a_text_that_ran_one_after_the_other_the_last_is_the_answer():
    trace = Trace().add("draft", says="A draft of the text, long enough.").add("llm", says=ANSWER)

    assert trace.add("title", says=TITLE).value(returns=f"A draft of the text, long enough. {ANSWER}") == ANSWER


def test_a_completion_in_another_in_a_text_is_not_the_answer():
    trace = Trace().add("llm", says=f"In short: {ANSWER} More in the atlas.").add("summary", says=ANSWER)

    assert trace.source(returns=f"In short: {ANSWER} More in the atlas. [1]") == "llm"


def test_a_long_title_that_is_part_of_the_answer_is_not_the_answer():
    title = "The capital of France and its river"
    answer = f"{title}: Paris lies on the Seine."

    assert Trace().add("llm", says=answer).add("title", says=title).value(returns=f"{answer}\n[1] atlas") == answer


def test_a_title_after_an_answer_whose_witness_adds_sources():
    assert titled().value(returns=f"{ANSWER}\n\nSources: [1] atlas.pdf, [2] map.pdf") == ANSWER


@pytest.mark.parametrize("returns", ["Answer: 4", "The answer\n4"])
def test_a_short_completion_at_the_end_of_a_text_after_a_colon_or_a_line_break(returns):
    assert Trace().add("llm", says="4").add("title", says=TITLE).value(returns=returns) == "4"


def test_a_short_completion_elsewhere_in_a_text_is_not_meant():
    assert Trace().add("llm", says="4").add("title", says=TITLE).value(returns="Done in 4 seconds") == TITLE


# --- branches --------------------------------------------------------------------------------------------------

LEFT = "The left half of it, at some length."
RIGHT = "The right half of it, at some length."


def branches() -> Trace:
    return Trace().add("left", says=LEFT, at=(0, 3), input='"l"').add("right", says=RIGHT, at=(1, 4), input='"r"')


def test_two_branches_in_parallel_that_code_has_merged():
    choice = branches().choose(returns=f"{LEFT}\n{RIGHT}", input='"both"')

    assert choice.said[0].what.text == f"{LEFT}\n{RIGHT}"
    assert (choice.source.name, choice.input_of.name) == ("root", "root")


def test_two_branches_in_parallel_that_a_model_has_merged():
    merged = "Left and right, merged into one text."

    assert branches().add("merge", says=merged).value(returns=merged) == merged
    assert branches().add("merge", says=merged).value() == merged


def test_two_branches_in_parallel_that_said_the_same_are_not_merged():
    trace = Trace().add("left", says=ANSWER, at=(0, 3)).add("right", says=ANSWER, at=(1, 4))

    assert trace.value(returns=f"{ANSWER} {ANSWER}") == ANSWER


PARTS = ("The first part is long enough.", "The second part is long enough.")


@pytest.mark.parametrize(
    ("returns", "is_joined"),
    [
        ("\n".join(PARTS), True),
        ("\n\n---\n\n".join(PARTS), True),
        ("- " + "\n- ".join(PARTS) + "\n", True),
        (" ".join(PARTS), False),
        ("\nThen:\n".join(PARTS), False),
        ("\n".join(PARTS) + "\nSource: a book", False),
        (f"# The first\n\n{PARTS[0]}\n\n## The second\n{PARTS[1]}", True),
        ("\n".join(PARTS[::-1]), False),
    ],
)
def test_parts_that_code_has_put_together_line_by_line(returns, is_joined):
    trace = Trace().add("part 1", says=PARTS[0]).add("part 2", says=PARTS[1]).add("title", says=TITLE)

    assert trace.value(returns=returns) == (returns.strip() if is_joined else PARTS[1])


def test_a_title_that_code_has_made_the_heading_is_not_the_answer():
    assert titled().value(returns=f"# {TITLE}\n\n{ANSWER}") == ANSWER
    assert titled().value(returns=f"# {TITLE}") == TITLE


def test_a_map_reduce():
    trace = Trace()
    for n in range(3):
        trace.add(f"map {n}", says=f"Summary of part number {n}.", at=(0, n + 1))
    reduced = "All parts, in one summary."

    assert trace.add("reduce", says=reduced).value() == reduced
    assert trace.value(returns=reduced) == reduced


def test_a_map_reduce_with_a_late_mapper():
    trace = Trace().add("map 1", says="Summary of part number 1.", at=(0, 1))
    trace.add("reduce", says="All parts, in one summary.", at=(1, 2)).add("map 2", says="Summary of part 2.", at=(0, 9))

    assert trace.value(returns="All parts, in one summary.") == "All parts, in one summary."
    assert trace.value(
        returns='{"summaries": ["Summary of part number 1."], "answer": "All parts, in one summary."}'
    ) == ("All parts, in one summary.")


@pytest.mark.parametrize("between", [" / ", " | ", ", ", "; ", " - "])
def test_parts_that_code_has_put_together_with_a_mark_between_them(between):
    trace = Trace().add("llm 1", says=ANSWER).add("llm 2", says="Berlin is the capital of Germany.")
    returns = f"{ANSWER}{between}Berlin is the capital of Germany."

    assert trace.value(returns=returns) == returns


@pytest.mark.parametrize("between", ["", " "])
def test_what_was_said_on_the_way_and_streamed_with_the_answer_is_no_part(between):
    trace = Trace().add("llm 1", says="Let me look that up first.").add("llm 2", says=ANSWER)

    assert trace.value(returns=f"Let me look that up first.{between}{ANSWER}") == ANSWER


# --- a state ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "answer",
        "final_answer",
        "output",
        "response",
        "result",
        "reply",
        "generation",
        "final_output",
        "message",
        "final",
    ],
)
def test_a_states_text_under_a_telling_name_is_a_witness(name):
    assert titled().value(returns=json.dumps({"title": TITLE, name: ANSWER, "question": "?"})) == ANSWER


@pytest.mark.parametrize(
    "state",
    [
        {"status": "ok", "data": {"answer": ANSWER, "title": TITLE}},
        {"status": 200, "body": json.dumps({"reply": ANSWER, "title": TITLE})},
        {"status": 200, "body": json.dumps([{"role": "assistant", "content": ANSWER}])},
        {"response": {"reply": ANSWER}, "title": TITLE},
    ],
    ids=str,
)
def test_the_one_object_in_a_state_that_has_an_answer(state):
    assert titled().value(returns=json.dumps(state)) == ANSWER


def test_of_several_objects_that_have_an_answer_none_is_asked():
    state = {"first": {"answer": ANSWER}, "second": {"answer": TITLE}}

    assert titled().value(returns=json.dumps(state)) == TITLE


def test_a_list_of_the_pieces_of_a_completion():
    assert titled().value(returns=json.dumps([ANSWER[:5], ANSWER[5:9], ANSWER[9:]])) == ANSWER


def test_a_list_of_strings_that_are_no_pieces_changes_nothing():
    assert titled().value(returns=json.dumps([ANSWER, "more"])) == ANSWER
    assert titled().value(returns=json.dumps(["some", "more"])) == TITLE


def test_of_two_names_that_are_as_sure_none_counts():
    translated = "La capitale de la France est Paris."
    trace = Trace().add("llm", says=ANSWER).add("translator", says=translated).add("title", says=TITLE)

    assert trace.value(returns=json.dumps({"answer": ANSWER, "final": translated, "title": TITLE})) == translated
    assert trace.value(returns=json.dumps({"answer": ANSWER, "final": True, "title": TITLE})) == ANSWER


def test_a_states_answer_counts_before_its_output():
    assert titled().value(returns=json.dumps({"output": TITLE, "answer": ANSWER})) == ANSWER


def test_a_state_with_several_telling_names_holds_the_last_that_it_holds():
    assert titled().value(returns=json.dumps({"output": ANSWER, "result": TITLE})) == TITLE


def test_a_state_that_holds_one_completion_and_not_the_last():
    state = {"messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": ANSWER}]}

    assert titled().source(returns=json.dumps(state)) == "llm"


def test_of_several_that_a_state_holds_the_last_is_the_answer():
    trace = Trace().add("turn 1", says="Hello, Ann!").add("turn 2", says=ANSWER).add("title", says=TITLE)

    assert trace.value(returns=json.dumps({"messages": ["Hello, Ann!", ANSWER]})) == ANSWER


def test_a_state_that_holds_the_last_changes_nothing():
    choice = titled().choose(returns=json.dumps({"first": ANSWER, "second": TITLE}))

    assert choice.source.name == "title"


@pytest.mark.parametrize(
    "state",
    [
        {"content": ANSWER, "title": TITLE},
        {"text": ANSWER, "chatTitle": TITLE},
        {"question": "?", "draft": ANSWER, "critique": TITLE},
        {"draft": ANSWER, "follow_up_questions": json.dumps([TITLE])},
    ],
)
def test_what_a_state_holds_about_its_answer_is_not_the_answer(state):
    assert titled().source(returns=json.dumps(state)) == "llm"


def test_what_a_state_holds_about_an_answer_is_one_where_it_holds_nothing_else():
    assert titled().source(returns=json.dumps({"topic": "France", "title": TITLE})) == "title"


def test_a_structured_answer_in_a_state_beside_what_was_said_about_it():
    said = '{"city": "Paris", "country": "France"}'
    trace = Trace().add("llm", says=said).add("title", says=TITLE)

    assert trace.source(returns=json.dumps({"result": json.loads(said), "title": TITLE})) == "llm"


MARKED_DOWN = (
    "**Paris** is the capital of `France`, see [here](https://example.org/paris).\n\n1. It's old.\n2. It's big."
)
MARKED_UP = (
    "<div><p><b>Paris</b> is the capital of <code>France</code>, see <a href='https://example.org/paris'>here</a>.</p>"
    "<ol><li>It&#x27;s old.</li><li>It&#x27;s big.</li></ol></div>"
)


@pytest.mark.parametrize(
    "returns",
    [
        MARKED_UP,
        f"<html><body><h1>Answer</h1>{MARKED_UP}<footer>Bye.</footer></body></html>",
        "Paris is the capital of France, see here.\n\nIt's old.\nIt's big.",
    ],
)
def test_a_text_that_has_the_words_of_a_completion(returns):
    choice = Trace().add("llm", says=MARKED_DOWN).add("title", says=TITLE).choose(returns=returns)

    assert choice.said[0].what == text(MARKED_DOWN)


@pytest.mark.parametrize(
    "returns", ["<p>Paris is the capitals of France, see here: it's old, it's big.</p>", "<p></p>" * 10, "<p>?</p>"]
)
def test_other_words_are_no_witness(returns):
    trace = Trace().add("llm", says=MARKED_DOWN).add("line", says="-" * 30).add("title", says=TITLE)

    assert trace.source(returns=returns) == "title"


def test_words_are_looked_for_in_what_is_not_too_long():
    trace = Trace().add("llm", says=MARKED_DOWN).add("huge", says="a " * 200_000).add("title", says=TITLE)

    assert trace.source(returns=MARKED_UP) == "llm"
    assert trace.source(returns=MARKED_UP + "<br>" * 100_000) == "title"


def test_a_state_that_holds_what_a_completion_is_as_json():
    said = '{"city": "Paris", "country": "France"}'
    trace = Trace().add("llm", says=said).add("title", says=TITLE)

    assert trace.value(returns='{"final": {"country":"France","city":"Paris"}, "steps": 2}') == said


def test_a_structured_answer_that_equals_the_state():
    said = '{"city": "Paris"}'

    assert Trace().add("llm", says=said).add("title", says=TITLE).value(returns=said) == said


def test_a_state_that_holds_what_a_completion_has_in_a_code_fence():
    said = '```json\n{"city": "Paris"}\n```'

    assert Trace().add("llm", says=said).add("title", says=TITLE).value(returns='{"city": "Paris"}') == said


def test_a_state_that_equals_the_arguments_of_a_call_that_nobody_executed():
    """As structured answers are asked for."""
    asked = Completion("test", messages=(Message("assistant", None, (ToolCall("City", '{"city":"Paris"}', "c1"),)),))
    trace = Trace().add("llm", says=asked).add("title", says=TITLE)

    assert trace.source(returns='{"city": "Paris"}') == "llm"
    assert trace.source(returns='{"city": "Paris", "n": 1}') == "title"
    assert trace.source(returns='{"calls": [{"city": "Paris"}]}') == "title"
    assert trace.add("City", executes=("City", "c1"), side=WORK).source(returns='{"city": "Paris"}') == "title"


def test_a_state_that_equals_the_arguments_of_the_call_that_all_ended_in_though_a_tool_checked_it():
    asked = Completion("test", messages=(Message("assistant", None, (ToolCall("City", '{"city":"Paris"}', "c1"),)),))
    trace = Trace().add("llm", says=asked).add("City", executes=("City", "c1"), side=WORK)

    assert trace.value(returns='{"city": "Paris"}') == '{"city": "Paris"}'
    assert trace.add("more", says="It is sunny.").value(returns='{"city": "Paris"}') == "It is sunny."


def test_a_states_text_that_is_an_argument_of_a_call():
    call = ToolCall("done", json.dumps({"complete": True, "reasoning": ANSWER}), "c1")
    trace = Trace().add("llm", says=Completion("test", messages=(Message("assistant", None, (call,)),)))

    assert (
        trace.value(returns=json.dumps({"success": True, "message": ANSWER, "actions": [{"type": "done"}]})) == ANSWER
    )
    assert "done" in trace.value(returns=json.dumps({"success": True, "message": "", "actions": []}))


@pytest.mark.parametrize("is_executed", [True, False])
@pytest.mark.parametrize("returns", [ANSWER, "Paris"])
def test_a_text_that_is_an_argument_of_a_call(returns, is_executed):
    call = ToolCall("final_answer", json.dumps({"answer": returns, "sure": True}), "c1")
    trace = Trace().add("llm", says=Completion("test", messages=(Message("assistant", None, (call,)),)))
    if is_executed:
        trace.add("final_answer", executes=("final_answer", "c1"))
    trace.add("title", says=TITLE)

    assert trace.value(returns=returns) == (TITLE if is_executed and returns == "Paris" else returns)
    assert trace.value(returns="answer") == TITLE


def test_a_part_of_a_string_in_a_state_is_not_held():
    assert titled().value(returns=json.dumps({"log": f"said: {ANSWER}"})) == TITLE


RED, BLUE = "Red is one of the colours.", "Blue is one of the colours."


def test_the_only_text_in_a_state_where_code_has_put_it_together():
    trace = Trace().add("red", says=RED, at=(0, 3)).add("blue", says=BLUE, at=(0, 2))

    assert trace.value(returns=json.dumps({"report": f"{RED} {BLUE}", "parts": 2})) == f"{RED} {BLUE}"
    assert trace.value(returns=json.dumps({"report": f"{RED} {BLUE}", "id": "x"})) == RED


def test_json_that_does_not_parse_is_a_text():
    assert titled().value(returns=f"[1] {ANSWER}") == ANSWER
    assert titled().value(returns="{not: json}") == TITLE
    assert titled().value(returns="[" * 100_000) == TITLE


# --- which witness ---------------------------------------------------------------------------------------------


def test_a_handler_that_returns_ok_decides_nothing_and_the_chain_below_it_is_asked():
    trace = Trace().add("llm", "chain", says=ANSWER).add("title", "chain", says=TITLE)
    trace.add("chain", "handler", returns=ANSWER, at=(0, 3)).add("handler", returns="ok", at=(0, 4))

    assert trace.value(returns="ok") == ANSWER


def test_the_outermost_that_fits_decides():
    trace = Trace().add("llm", "chain", says=ANSWER).add("title", "chain", says=TITLE)
    trace.add("chain", "handler", returns=TITLE, at=(0, 3)).add("handler", returns=ANSWER, at=(0, 4))

    assert trace.value() == ANSWER
    assert trace.value(returns=TITLE) == TITLE


def test_what_is_said_outside_of_a_chain_is_not_named_by_it():
    trace = Trace().add("before", says=ANSWER).add("llm", "chain", says=TITLE).add("chain", returns=ANSWER)

    assert trace.value() == TITLE


def test_a_chain_beside_the_last_completion_is_not_asked():
    trace = Trace().add("llm", "chain", says=ANSWER).add("chain", returns=ANSWER).add("title", says=TITLE)

    assert trace.value() == TITLE


def test_a_chain_around_the_last_completion_and_beside_it_is_asked_where_nothing_is_below_it():
    """Not all instrumentations know parents."""

    def flat(**chain: object) -> Trace:
        trace = Trace().add("llm", says=ANSWER, at=(1, 2)).add("title", says=TITLE, at=(3, 4))
        return trace.add("graph", returns=ANSWER, **{"at": (0, 5), **chain})

    assert flat().value() == ANSWER
    assert flat(at=(0, 3)).value() == TITLE
    assert flat().add("inside", "graph", says=TITLE, at=(1, 2)).value() == TITLE
    assert flat(parent="other").add("other", at=(0, 6)).value() == TITLE


def test_asgis_http_send_spans_beside_the_chain_change_nothing():
    trace = Trace().add("llm", "chain", says=ANSWER).add("title", "chain", says=TITLE)
    trace.add("chain", "GET /ask", returns=ANSWER, at=(0, 3))
    trace.add("http send 1", "GET /ask", returns="http.response.start").add("http send 2", "GET /ask", returns="body")

    assert trace.add("GET /ask", at=(0, 9)).value() == ANSWER


@pytest.mark.parametrize("returns", ["ok", "200", "None", "", "{}", "[]", '{"status": "done"}'])
def test_a_witness_that_fits_nothing_decides_nothing(returns):
    assert titled().choose(returns=returns).rule is Rule.LAST


# --- side completions ------------------------------------------------------------------------------------------


def graded(says: str) -> Trace:
    trace = Trace().add("llm", says=ANSWER).add("in it", "guard", says=says, at=(1, 2))
    return trace.add("guard", side=WORK, at=(1, 3))


@pytest.mark.parametrize("returns", ["yes", '{"verdict": "yes"}', '{"answer": "yes"}', "Verdict: yes", "Verdict:\nyes"])
def test_a_short_side_completion_is_not_named(returns):
    assert graded("yes").value(returns=returns) == ANSWER


@pytest.mark.parametrize("returns", ["{0}", "{0} [1]", '{{"text": "{0}"}}', '{{"answer": "{0}"}}'])
def test_a_long_side_completion_is_named(returns):
    said = "What the agent in the tool said."

    assert graded(said).value(returns=returns.format(said)) == said


def test_a_state_that_holds_the_last_and_what_a_tool_said_after_it():
    said = "What the agent in the tool said."

    assert graded(said).value(returns=json.dumps({"text": ANSWER, "notes": [said]})) == ANSWER


def test_a_grader_that_says_yes_while_documents_in_the_state_contain_it():
    trace = Trace().add("llm", says=ANSWER).add("in it", "grader", says="yes", at=(1, 2))
    trace.add("grader", side=Side.VERDICT, at=(1, 3))
    state = {"documents": ["yes", "no", f"yes, {TITLE}"], "grade": "yes", "generation": ANSWER}

    assert trace.value(returns=json.dumps(state)) == ANSWER


def test_an_unmarked_grader_before_the_answer_changes_nothing():
    trace = Trace().add("grader", says="yes").add("llm", says=ANSWER)
    state = {"documents": ["yes"], "grade": "yes", "generation": ANSWER}

    assert trace.value(returns=json.dumps(state)) == ANSWER


def test_what_an_evaluator_said_is_not_named_even_if_it_was_returned():
    trace = Trace().add("llm", says=ANSWER).add("in it", "judge", says=TITLE, at=(1, 2))

    assert trace.add("judge", side=Side.VERDICT, at=(1, 3)).value(returns=TITLE) == ANSWER


# --- calls, explicit values, inputs ----------------------------------------------------------------------------


def test_a_witness_names_a_text_before_a_call_that_nobody_executed():
    trace = Trace().add("llm", says=ANSWER).add("llm 2", says=calls(("save", "c1")))

    assert trace.value(returns=ANSWER) == ANSWER


def test_a_witness_names_an_explicit_value():
    assert Trace().add("post", explicit=ANSWER).add("title", says=TITLE).value(returns=ANSWER) == ANSWER


def test_the_witness_spans_input_belongs_to_the_answer_or_else_the_calls():
    assert titled().input(returns=ANSWER, input='"asked of the root"') == '"asked of the root"'
    assert titled().input(returns=ANSWER) == '"asked"'
    assert titled().input(returns="ok", input='"asked of the root"') == '"title this"'


def test_a_roots_own_generic_output_as_a_witness_comes_after_its_own_completion():
    assert titled().choose(says="own", returns=ANSWER).rule is Rule.OWN


REFUSAL = "I cannot help with that request."


def test_what_is_said_above_a_guard_that_said_no():
    trace = Trace().add("guard llm", says='{"unsafe": true, "why": "weapons"}', side=WORK)

    choice = trace.choose(returns=REFUSAL)

    assert (choice.rule, choice.said[0].what.text) == (Rule.GENERIC, REFUSAL)


@pytest.mark.parametrize("returns", ["ok", '{"status": "blocked", "reason": "by the guard"}', None])
def test_what_only_a_guard_said_where_nothing_is_said_above_it(returns):
    trace = Trace().add("guard llm", says=ANSWER, side=WORK)

    assert trace.value(returns=returns) == ANSWER


def test_what_is_said_above_a_guard_and_a_model_that_answered():
    trace = Trace().add("guard llm", says="It is safe to answer this.", side=WORK).add("llm", says=ANSWER)

    assert trace.value(returns=REFUSAL) == ANSWER


HALVES = (ANSWER[:12], ANSWER[12:])
PIECES = {
    "content": [{"type": "token", "content": half} for half in HALVES],
    "with others": [{"type": "start"}, *({"type": "delta", "delta": half} for half in HALVES), {"type": "end"}],
    "nested": [{"event": "stream", "data": {"chunk": {"content": half}}} for half in HALVES],
    "beside metadata": [[{"type": "AIMessageChunk", "content": half}, {"node": "model"}] for half in HALVES],
    "blocks": [{"content": [{"type": "text", "text": half}]} for half in HALVES],
}


@pytest.mark.parametrize("returns", PIECES.values(), ids=PIECES)
def test_a_list_of_what_was_streamed(returns):
    assert titled().source(returns=json.dumps(returns)) == "llm"


def test_a_list_that_adds_up_to_nothing():
    assert titled().source(returns=json.dumps([{"name": "a"}, {"name": "b"}])) == "title"
