"""The soak, small; and that it would notice."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider

from support import RUN_OUTPUT

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from soak import report  # noqa: E402
from soak.pipelines import SIZE, TRACE, WANTED, Checking, Tally  # noqa: E402
from soak.plan import MAX_LENGTH, Trace, traces  # noqa: E402


@pytest.fixture(scope="module")
def figures(tmp_path_factory):
    file = tmp_path_factory.mktemp("soak") / "soak.json"
    ran = subprocess.run(
        [sys.executable, "-m", "soak", "--spans", "12000", "--json", str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return json.loads(file.read_text())


def test_a_small_soak(figures):
    assert figures["spans"] > 11_000
    assert figures["roots checked"] > 3_000
    assert report.problems(figures) == []
    assert set(figures["faults injected"]) == {"failing transform", "failing exporter", "failing processor"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lost", 1),
        ("exported twice", 1),
        ("processes whose sums of span ids differ", 1),
        ("roots wrong", 1),
        ("failures of its own", 1),
        ("threads left", 1),
        ("remembered after shutdown", 1),
        ("remembered at most", 10**6),
        ("memory after", 10**6),
        ("roots checked", 0),
        ("spans known to a forked child at its start", 1),
    ],
)
def test_what_makes_it_fail(figures, name, value):
    assert report.problems({**figures, name: value})


def test_the_same_seed_gives_the_same_traces():
    def first(seed: int) -> list[Trace]:
        plan = traces(seed, "worker")
        return [next(plan) for _ in range(50)]

    assert first(1) == first(1)
    assert first(1) != first(2)


@pytest.mark.parametrize(
    ("wanted", "size", "value", "is_wrong"),
    [
        ("0", 10, Trace("t", "", 10).answer(), False),
        ("0", 10, Trace("other", "", 10).answer(), True),
        ("1", 10, Trace("t", "", 10).answer(0), True),
        ("0", 10, None, True),
        ("none", 10, None, False),
        ("none", 10, "anything", True),
        ("answer of mine", 10, "x", True),
        ("0", MAX_LENGTH + 1, Trace("t", "", MAX_LENGTH + 1).answer(), True),
    ],
)
def test_a_wrong_root_is_noticed(wanted, size, value, is_wrong):
    tally = Tally()
    span = TracerProvider(shutdown_on_exit=False).get_tracer("t").start_span("root")
    span.set_attributes({TRACE: "t", SIZE: size, WANTED: wanted if len(wanted) < 5 else "mine"})
    if value is not None:
        span.set_attribute(RUN_OUTPUT, value)
    Checking(tally).on_end(span)

    assert tally.counts["roots wrong"] == is_wrong
    assert len(tally.wrong) == is_wrong


def test_lost_and_doubled_spans_are_noticed():
    tally = Tally()
    spans = [TracerProvider(shutdown_on_exit=False).get_tracer("t").start_span("span") for _ in range(2)]
    for span in spans:
        tally.ended(span)
    tally.exported(spans[0])
    assert report.together([{"spans": 2, "counts": tally.counts, "ids": tally.ids, "wrong": []}])["lost"] == 1

    tally.exported(spans[0])  # as many as ended, but not the same
    added = report.together([{"spans": 2, "counts": tally.counts, "ids": tally.ids, "wrong": []}])
    assert added["lost"] == 0
    assert added["processes whose sums of span ids differ"] == 1


def test_the_figures_are_written_between_the_marks(figures, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    report.write_into(page, figures)

    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "| spans lost | 0 |" in text
    assert "old" not in text
    page.write_text("no marks")
    with pytest.raises(ValueError, match="no section"):
        report.write_into(page, figures)
