"""docs/supported.md is what the recorded traces say."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from replay import load
from test_recorded import CASES, REPLAYS_LOGS

DOCS = Path(__file__).parents[2] / "docs"
pytestmark = pytest.mark.skipif(not REPLAYS_LOGS, reason="log records cannot be replayed on this SDK")


def test_the_page_is_up_to_date():
    generate = runpy.run_path(str(DOCS / "generate_supported.py"))

    assert (DOCS / "supported.md").read_text(encoding="utf-8") == generate["page"](), (
        "run python docs/generate_supported.py"
    )


def test_every_recorded_instrumentation_is_on_it():
    page = (DOCS / "supported.md").read_text(encoding="utf-8")

    for case in map(load, CASES):
        instrumentation = case["instrumentation"]
        name = f"{case['framework']}, {instrumentation}" if case["framework"] else instrumentation.partition("+")[0]
        assert f"| **{name}** |" in page
