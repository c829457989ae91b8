"""docs/supported.md is what the recorded traces say."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from replay import load
from test_recorded import CASES, REPLAYS_LOGS

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "supported.md").read_text(encoding="utf-8")
NARROW = 46
"""Characters that a table may be wide to be legible at 390 pixels."""
pytestmark = pytest.mark.skipif(not REPLAYS_LOGS, reason="log records cannot be replayed on this SDK")
generate = runpy.run_path(str(DOCS / "generate_supported.py"))


def test_the_page_is_up_to_date():
    assert generate["page"]() == PAGE, "run python docs/generate_supported.py"


def test_every_recorded_instrumentation_is_on_it():
    for case in map(load, CASES):
        _, _, section = PAGE.partition(f"## {generate['_family'](case).title}\n")
        assert f"| {generate['_traced'](case)} |" in section.partition("\n## ")[0]


def test_the_tables_are_legible_on_a_phone():
    rows = [line for line in PAGE.splitlines() if line.startswith("|")]

    assert rows
    assert max(len(row) for row in rows) <= NARROW + len("| in part |")
