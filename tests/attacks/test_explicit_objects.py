"""What an application set that JSON cannot hold, as native spans may have it, is there all the same."""

from __future__ import annotations

import pytest

from braintrust_run_output import RunOutputConfig
from braintrust_run_output.metadata import attribute
from braintrust_run_output.outcome import read_outcome
from braintrust_run_output.run import Rule, decide
from support import RUN_OUTPUT


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no text")


def circle() -> list[object]:
    one: list[object] = []
    one.append(one)
    return one


OBJECTS = [{(1, 2): "a"}, {b"a": 1}, Unprintable(), [Unprintable()], circle(), 10**5_000]


@pytest.mark.parametrize("value", OBJECTS, ids=["tuple", "bytes", "object", "objects", "circle", "number"])
def test_it_counts_and_costs_nobody_else_anything(value):
    config = RunOutputConfig()
    assert attribute(config.key) == RUN_OUTPUT
    root = read_outcome({RUN_OUTPUT: value, "gen_ai.completion": "Paris."}, key=(1, 1), config=config)
    other = read_outcome({"gen_ai.completion": "Rome."}, key=(1, 2), config=config, end=2)

    assert decide(root, [other], {2: 1}, config).rule is Rule.EXPLICIT


def test_a_model_whose_output_is_null_costs_nothing(caplog):
    attributes = {"openinference.span.kind": "LLM", "output.value": None}

    assert read_outcome(attributes, key=(1, 1), config=RunOutputConfig()).completion is None
    assert not caplog.records
