"""Random trees of outcomes: what is chosen was said, in whatever order it came, at a cost that grows with their number."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

import braintrust_run_output
from braintrust_run_output import RunOutputConfig
from braintrust_run_output.conventions import Side
from braintrust_run_output.conventions.tools import ToolExecution
from braintrust_run_output.outcome import Outcome, matches
from braintrust_run_output.run import Choice, Rule, Run, decide, way_up
from braintrust_run_output.writing import value_of
from outcomes import ROOT, calls, text
from support import examples

ANSWER = "The capital of France is Paris."
TEXTS = (ANSWER, f"Final Answer: {ANSWER}", f"{ANSWER} [1] atlas.pdf", "Paris, the capital of France", "yes", "ok", "4")
GENERICS = (
    *TEXTS, "Answer: 4", f"{ANSWER}\nParis, the capital of France", json.dumps({"answer": ANSWER}),
    json.dumps({"messages": ["yes", {"content": ANSWER}], "grade": "yes"}), "{}",
)  # fmt: skip


class Tree(NamedTuple):
    """What the root says, what the spans below it say, and their parents."""

    own: Outcome
    below: list[Outcome]
    parents: dict[int, int | None]

    def choose(self, config: RunOutputConfig, order: list[Outcome] | None = None) -> Choice:
        """Feed a run in an order, default that of the ends."""
        run = Run(config)
        for one in sorted(self.below, key=lambda one: one.order) if order is None else order:
            run.hear(one, way_up(one.span_id, ROOT, self.parents))
        return run.choose(self.own)


def told(choice: Choice) -> tuple[object, ...]:
    return choice.rule, [said.what for said in choice.said], choice.key, choice.input_of, choice.reason


PATTERNS = RunOutputConfig(answer_spans="answer")

completions = st.sampled_from(TEXTS).map(text) | st.sampled_from(["c1", "c2", None]).map(
    lambda one: calls(("ask", one))
)
sides = st.sampled_from([None, None, None, Side.WORK, Side.VERDICT])
executions = st.sampled_from([None, None, None, ToolExecution("c1", "ask"), ToolExecution(None, "ask")])


@st.composite
def outcomes(draw, span_id, end):
    has_failed = draw(st.integers(0, 9)) == 0
    completion = None if has_failed else draw(st.none() | completions)
    generic = None if has_failed or completion is not None else draw(st.none() | st.sampled_from(GENERICS).map(text))
    name = draw(st.sampled_from(["step", "step", "answer"]))
    return Outcome(
        (1, span_id),
        name=name,
        start=draw(st.integers(0, end)),
        end=end,
        explicit=draw(st.none() | st.sampled_from(TEXTS[:3])) if draw(st.integers(0, 5)) == 0 else None,
        completion=completion,
        generic=generic,
        side=draw(sides),
        execution=draw(executions),
        is_model=completion is not None or draw(st.integers(0, 5)) == 0,
        is_agent=draw(st.integers(0, 2)) == 0,
        is_answer=matches(PATTERNS.answer_spans, name) and draw(st.booleans()),
        has_failed=has_failed,
        input=draw(st.none() | st.just('"asked"')),
    )


@st.composite
def trees(draw, most=12):
    number = draw(st.integers(0, most))
    ends = draw(st.permutations(range(1, number + 1)))
    parents: dict[int, int | None] = {ROOT: None}
    below = []
    for span_id, end in enumerate(ends, ROOT + 1):
        parents[span_id] = draw(st.integers(ROOT, span_id - 1))
        below.append(draw(outcomes(span_id, end * 10)))
    own = draw(outcomes(ROOT, 10_000))
    own.explicit = None
    return Tree(own, below, parents)


configs = st.sampled_from([RunOutputConfig(root=root) for root in ("last", "last", "last", "first", "all", "own")])


def said_in(tree: Tree, generics: bool = True) -> set[str]:
    """All texts of a tree, as they are written."""
    found: set[str] = set()
    for one in (tree.own, *tree.below):
        found |= {one.explicit} if one.explicit is not None else set()
        found |= {one.completion.render()} if one.completion is not None else set()
        found |= {one.generic.render()} if generics and one.generic is not None else set()
    return found


@examples(250)
@given(trees(), configs)
def test_what_is_chosen_was_said(tree, config):
    choice = tree.choose(config)
    value = value_of(choice, config)

    if value is None:
        assert (choice.rule, choice.said) == (None, ())
        assert choice.reason is not None
    elif choice.is_list:
        values = json.loads(value.text)
        assert {one if isinstance(one, str) else json.dumps(one, separators=(",", ":")) for one in values} <= said_in(
            tree
        )
    else:
        assert any(value.text in one or value.text in json.dumps(one) for one in said_in(tree))
        assert value.text in said_in(tree) or choice.rule in (Rule.WITNESS, Rule.ANSWER_SPANS)
    assert (choice.rule is None) == (choice.source is None)


@examples(250)
@given(trees(), configs, st.data())
def test_the_order_of_arrival_changes_nothing(tree, config, data):
    order = data.draw(st.permutations(tree.below))

    assert told(tree.choose(config, order)) == told(tree.choose(config))
    assert told(decide(tree.own, order, tree.parents, config)) == told(tree.choose(config))


@examples(200)
@given(trees(), configs, st.integers(1, 4))
def test_spans_that_say_nothing_on_the_way_change_nothing(tree, config, number):
    """One more between the root and what is below it, as frameworks add them."""
    parents = {key: 1_000 if parent == ROOT else parent for key, parent in tree.parents.items()}
    parents |= {1_000 + n: 1_001 + n for n in range(number - 1)} | {999 + number: ROOT}

    assert told(tree._replace(parents=parents).choose(config)) == told(tree.choose(config))


@examples(80)
@given(trees(), configs, st.sampled_from([1, 2, 10, 250]))
def test_what_judges_say_changes_nothing(tree, config, number):
    """Not when a judge says it, nor how often; only why there is nothing."""
    parents = dict(tree.parents)
    judged = list(tree.below)
    for n in range(number):
        judge, model = 2_000 + 2 * n, 2_001 + 2 * n
        parents |= {judge: ROOT, model: judge}
        judged += [
            Outcome((1, model), start=200 + n, end=201 + n, completion=text(TEXTS[n % 7])),
            Outcome((1, judge), start=200 + n, end=202 + n, side=Side.VERDICT),
        ]

    assert told(Tree(tree.own, judged, parents).choose(config))[:4] == told(tree.choose(config))[:4]


@examples(100)
@given(trees(most=6), st.integers(1, 12), st.data())
def test_an_earlier_run_of_the_same_changes_nothing_for_the_last(tree, number, data):
    """A chat of many turns in which each turn is the same: the answer is that of the last one, if a model gave it."""
    config = RunOutputConfig()
    own = Outcome((1, ROOT), end=10**9)
    once = Tree(own, [one for one in tree.below if one.side is None and one.execution is None], tree.parents)
    expected = once.choose(config)
    if expected.rule not in (Rule.LAST, Rule.WITNESS) or any(one.is_answer for one in once.below):
        return
    parents: dict[int, int | None] = {}
    turns = []
    for turn in range(number):
        for one in once.below:
            turns.append(_moved(one, turn))
        parents |= {key + 100 * turn: ROOT if up == ROOT else up + 100 * turn for key, up in once.parents.items() if up}
    chosen = Tree(own, turns, parents).choose(config)

    assert [said.what for said in chosen.said] == [said.what for said in expected.said]
    assert chosen.source.span_id == expected.source.span_id + 100 * (number - 1)


def _moved(one: Outcome, turn: int) -> Outcome:
    return Outcome(
        (1, one.span_id + 100 * turn),
        start=one.start + 1_000 * turn,
        end=one.end + 1_000 * turn,
        explicit=one.explicit,
        completion=one.completion,
        generic=one.generic,
        is_model=one.is_model,
        is_agent=one.is_agent,
        has_failed=one.has_failed,
    )


# --- cost ------------------------------------------------------------------------------------------------------

PACKAGE = str(Path(braintrust_run_output.__file__).parent)


class CountedId(int):
    """A span id that counts how often it is hashed or compared."""

    count = 0

    def __hash__(self) -> int:
        CountedId.count += 1
        return int.__hash__(self)

    def __eq__(self, other: object) -> bool:
        CountedId.count += 1
        return int.__eq__(self, other)

    def __lt__(self, other: int) -> bool:
        CountedId.count += 1
        return int.__lt__(self, other)


def operations(number: int, config: RunOutputConfig, shape: str) -> int:
    """Count the lines that run and the ids that are compared, where so many spans speak."""
    CountedId.count = lines = 0

    def trace(frame, event, _arg):
        nonlocal lines
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        lines += event == "line"
        return trace

    below = []
    for n in range(2, number + 2):
        way = [CountedId(n + number)] if shape == "beside" else [CountedId(n + number), CountedId(10**6)]
        said = calls(("search", f"c{n}")) if shape == "calls" and n % 2 else text(f"answer number {n}, and more")
        below.append((Outcome((1, CountedId(n)), start=n, end=n, completion=said), way))
        side = Side.WORK if n % 3 == 0 else None
        wrapper = Outcome((1, way[0]), start=n, end=n, generic=text(f"answer number {n}, and more"), side=side)
        below.append((wrapper, way[1:]))
    own = Outcome((1, CountedId(1)), generic=text("answer number 5, and more, with sources"), end=10**6)
    run = Run(config)
    sys.settrace(trace)
    try:
        for outcome, way in below:
            run.hear(outcome, way)
        run.choose(own)
    finally:
        sys.settrace(None)
    return lines + CountedId.count


@pytest.mark.skipif(sys.gettrace() is not None, reason="lines are counted by the hook that measures coverage")
@pytest.mark.parametrize("shape", ["beside", "below", "calls"])
@pytest.mark.parametrize("root", ["last", "first", "all"])
def test_the_cost_grows_with_the_number_of_spans_and_not_faster(root, shape):
    config = RunOutputConfig(root=root)
    some, twice = operations(1_000, config, shape), operations(2_000, config, shape)

    assert twice < 2.3 * some
