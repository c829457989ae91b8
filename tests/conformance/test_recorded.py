"""The recorded traces: what each root ends up with, played through the real SDK with the default configuration."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from opentelemetry._logs import LogRecord
from replay import load, meets, replay, root_span
from unmet import UNMET

from braintrust_run_output import RunOutputConfig, RunOutputLogRecordProcessor, RunOutputSpanProcessor
from support import RUN_OUTPUT

CASES = sorted((Path(__file__).parent / "cases").glob("*.json"))
REPLAYS_LOGS = {"event_name", "context"} <= set(inspect.signature(LogRecord.__init__).parameters)
"""On an SDK before 1.40 only the span steps can be played."""


def params():
    for path in CASES:
        case = load(path)
        found_in = case["expect"]["found_in"]
        if not REPLAYS_LOGS:
            case["timeline"] = [step for step in case["timeline"] if step["op"] != "log"]
        marks = []
        if found_in == "log" and not REPLAYS_LOGS:
            marks.append(pytest.mark.skip(reason="log records cannot be replayed on this SDK"))
        if path.stem in UNMET:
            marks.append(pytest.mark.xfail(reason=UNMET[path.stem]))
        yield pytest.param(case, id=path.stem, marks=marks)


@pytest.mark.parametrize("case", list(params()))
def test_the_root_has_what_the_case_expects(case):
    spans = RunOutputSpanProcessor(config=RunOutputConfig())
    root = root_span(case, replay(case, [spans], [RunOutputLogRecordProcessor(spans)]))

    value = root.attributes.get(RUN_OUTPUT)
    if case in LATE:  # in place nothing can be held back: what comes late is missing, and nothing else is taken for it
        assert value is None
    else:
        assert meets(value, case["expect"]), value
    assert spans._traces.remembered == 0


LATE = [case for case in map(load, CASES) if case["expect"]["found_in"].startswith(("late", "log-late"))]


@pytest.mark.parametrize("case", LATE, ids=lambda case: case["id"])
def test_a_root_that_is_held_back_has_what_comes_late(case):
    wrapping = []

    def around(exporting):
        wrapping.append(RunOutputSpanProcessor(exporting, config=RunOutputConfig(hold="always", hold_millis=60_000)))
        return wrapping[0]

    root = root_span(case, replay(case, exporting=around))

    assert meets(root.attributes.get(RUN_OUTPUT), case["expect"]), root.attributes.get(RUN_OUTPUT)
    assert wrapping[0]._traces.remembered == 0
