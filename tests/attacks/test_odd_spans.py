"""Spans with names and times that are none, and rules that fail: no span lives on, none loses what it says itself."""

from __future__ import annotations

import datetime
import math

import pytest

from braintrust_run_output.run import Run
from reliability.parts import answered, start

NAMES = [None, 1, b"llm", ("llm",), "", "\ud800", "\x00"]
TIMES = [None, "12", "noon", 1.5, math.nan, math.inf, 2**70, -5, datetime.datetime(2026, 1, 1), object()]
PATTERNS = {"answer_spans": "*answer*", "side_spans": "title*"}


@pytest.mark.parametrize("config", [{}, PATTERNS], ids=["plain", "patterns"])
def test_a_span_of_any_name_says_what_it_says_and_ends(build, config):
    app = build(**config)
    for name in NAMES:
        root = start(app, name)
        start(app, name, root).end()
        answered(app, name, root).end()
        root.end()
    app.provider.force_flush()

    assert app.live == 0
    outputs = [span.attributes.get("braintrust.metadata.run_output") for span in app.exporter.get_finished_spans()]
    assert outputs == [None, "Paris.", "Paris."] * len(NAMES)


@pytest.mark.parametrize("time", TIMES, ids=[str(n) for n in range(len(TIMES))])
def test_a_span_that_ends_at_any_time_costs_nobody_anything(build, time):
    app = build()
    root = start(app, "root")
    answered(app, "before", root).end()
    odd = answered(app, "odd", root)
    odd.end(end_time=time)
    answered(app, "after", root).end()
    root.end()

    assert app.live == 0
    assert app.run_outputs == dict.fromkeys(("before", "odd", "after", "root"), "Paris.")


@pytest.mark.parametrize("method", ["hear", "choose"])
def test_a_rule_that_fails_leaves_no_span_alive(build, monkeypatch, method):
    def failing(*_: object) -> None:
        raise ValueError

    monkeypatch.setattr(Run, method, failing)
    app = build()
    root = start(app, "root")
    answered(app, "llm", root).end()
    root.end()

    assert sorted(app.spans) == ["llm", "root"]
    assert app.live == 0
