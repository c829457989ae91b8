"""What costs more than its size: outputs, traces and names that make one rule look at everything again and again."""

from __future__ import annotations

import functools
import json

import pytest

from attacks.counting import lines_run
from attacks.test_steps import continued
from braintrust_run_output import RunOutputConfig, witness
from braintrust_run_output.completion import Completion
from braintrust_run_output.conventions import _kinds, kinds_of
from braintrust_run_output.outcome import Outcome, matches
from braintrust_run_output.run import Choice, Rule, Run
from reliability.parts import Sink, around, start
from support import Pipeline, pipeline

LONG = "A text that is long enough to be looked for, and that fits nothing: "


def said(text: str) -> Completion:
    return Completion("gen_ai.completion", text, (), text)


def chosen_below(chains: list[str], completions: list[str]) -> Choice:
    """Return the choice of a root above chains, each in the one before it, and completions in the last of them."""
    run = Run(RunOutputConfig())
    way = list(range(len(chains), 0, -1))
    for at, text in enumerate(completions):
        run.hear(Outcome((1, 1_000_000 + at), start=10 * at, end=10 * at + 5, completion=said(text)), way)
    for at, text in reversed([*enumerate(chains, 1)]):
        end = 10**9 - at
        run.hear(Outcome((1, at), start=0, end=end, generic=said(text)), way[len(chains) - at + 1 :])
    return run.choose(Outcome((1, 0), start=0, end=10**9))


# --- witnesses -----------------------------------------------------------------------------------------------


def looked_through(monkeypatch: pytest.MonkeyPatch, chains: list[str], completions: list[str]) -> int:
    """Return in how many texts words were looked for."""
    calls: list[str] = []
    words = witness.words_of

    def counted(text: str) -> str:
        calls.append(text)
        return words(text)

    monkeypatch.setattr(witness, "words_of", counted)
    assert chosen_below(chains, completions).rule is Rule.LAST
    return len(calls)


def test_what_is_in_a_completion_is_worked_out_once_for_all_chains_above_it(monkeypatch):
    chains = [f"{LONG}{n}" for n in range(50)]
    completions = [f"What a model said, the {n}. time, in as many words." for n in range(40)]

    assert looked_through(monkeypatch, chains, completions) <= len(chains) + len(completions)


def test_a_text_that_fits_nothing_is_not_looked_for_again_on_every_chain_within(monkeypatch):
    assert looked_through(monkeypatch, [LONG] * 50, ["What a model said, in as many words as it takes."]) <= 2


def test_words_are_looked_for_in_a_bounded_part_of_all_chains(monkeypatch):
    chains = [f"{n} {LONG}" + "word " * 20_000 for n in range(60)]

    assert looked_through(monkeypatch, chains, ["What a model said, in as many words as it takes."]) <= 25


def test_a_chain_within_may_name_what_the_one_around_it_did_not():
    texts = ["The capital of France is Paris.", "A title for all this"]
    states = [json.dumps({"status": "ok"}), texts[0], json.dumps({"status": "ok"})]

    choice = chosen_below(states, texts)

    assert choice.rule is Rule.WITNESS
    assert [one.what for one in choice.said] == [said(texts[0])]


# --- what fails in a witness ---------------------------------------------------------------------------------


@pytest.mark.parametrize("reference", ["&#" + "9" * 5_000 + ";", "&#x" + "f" * 5_000 + ";", "&#" + "0" * 4_999 + "65"])
def test_a_reference_to_a_character_that_there_is_not_costs_nothing(reference):
    app = pipeline()
    with app.tracer.start_as_current_span("root", attributes={"openinference.span.kind": "CHAIN"}) as root:
        with app.tracer.start_as_current_span("llm") as llm:
            llm.set_attribute("gen_ai.completion", f"Pick the number {reference} for an **answer** to all of it.")
        root.set_attribute("output.value", f"<p>Pick the number {reference} for an <b>answer</b> to all of it.</p>")

    assert app.run_outputs["root"] == app.run_outputs["llm"]


def test_a_witness_that_fails_costs_that_one_witness(monkeypatch):
    read = witness.Witnesses._read

    def failing(self, text, *others):
        if text == LONG:
            raise ValueError(text)
        return read(self, text, *others)

    monkeypatch.setattr(witness.Witnesses, "_read", failing)
    texts = ["The capital of France is Paris.", "A title for all this"]

    choice = chosen_below([LONG, texts[0]], texts)

    assert choice.rule is Rule.WITNESS
    assert [one.what for one in choice.said] == [said(texts[0])]


# --- names and kinds -----------------------------------------------------------------------------------------


def test_a_pattern_of_many_stars_is_matched_in_steps_that_do_not_multiply():
    assert not matches("*a*a*a*a*a*a*a*b", "a" * 3_000)  # for ever, where each star tries all places of the others
    assert matches("*a*a*a*a*a*a*a*b", "a" * 3_000 + "b")


def test_long_values_of_what_says_a_spans_kind_are_not_remembered():
    cached = _kinds._kinds_from
    before = cached.cache_info().currsize
    for n in range(10):
        assert kinds_of({"span.type": "tool", "gen_ai.operation.name": f"{n} " + "x" * 10_000}).is_tool

    assert cached.cache_info().currsize == before


# --- long traces ---------------------------------------------------------------------------------------------


def run_on(app: Pipeline, steps: int, before):
    """Run steps, each below the one before it, which ends only when the next one has begun."""
    for n in range(steps):
        step = start(app, f"step {n}", before)
        step.set_attribute("gen_ai.completion", f"answer {n}")
        before.end()
        before = step
    return before


def test_steps_that_begin_before_the_last_one_ends_are_followed_however_many_there_are(build):
    app = build()
    workflow = start(app, "workflow")
    first = start(app, "first", workflow)
    run_on(app, 6_000, first).end()
    workflow.end()

    assert app.run_outputs["workflow"] == "answer 5999"
    assert app.live == 0


def test_a_step_costs_no_more_however_many_began_before_it():
    app = pipeline()
    workflow = start(app, "workflow")
    last = run_on(app, 500, start(app, "first", workflow))
    costs = []
    for _ in range(2):
        ends = []
        costs.append(lines_run(functools.partial(lambda one, into: into.append(run_on(app, 300, one)), last, ends)))
        last = run_on(app, 1_000, ends[0])

    assert costs[1] < 1.1 * costs[0]


def test_a_root_among_thousands_in_one_trace_is_held_without_a_look_at_all_of_them():
    costs = []
    for beside in (2_000, 4_000):
        app = around(Sink())
        outer = start(app, "outer")
        requests = [continued(app, "request", outer) for _ in range(beside)]
        costs.append(lines_run(requests[0].end))
        app.provider.shutdown()

    assert costs[1] < 1.1 * costs[0]
