"""``python -m soak``: run the soak, print and write its figures, and fail if anything was lost or wrong."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import threading
import time
from pathlib import Path

from . import report
from .pipelines import Contained, Pipeline, Tally, pipelines
from .work import Here, Report, fork, outcome, subprocess_worker

ROUNDS = 20
FLOOD = 200_000
"""Spans that are started at once and never end: more than a processor remembers, and so many that the dictionary they
go through has its full size (10 MiB) when memory is first measured."""
PAGE = Path(__file__).parent.parent / "docs" / "reliability.md"


def main() -> int:
    """Run the soak; return 1 if anything was lost or wrong."""
    options = _options()
    report.give_memory_back()
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # the faults are ours
    if options.worker:
        json.dump(_work(options.seed, options.worker, options.spans), sys.stdout)
        return 0
    figures = run(options.spans, options.minutes, options.seed)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    _say(report.table(figures))
    problems = report.problems(figures)
    for problem in problems:
        _say(f"FAILED: {problem}")
    if options.docs and not problems:
        report.write_into(PAGE, figures)
    return 1 if problems else 0


def run(spans: int, minutes: float, seed: int) -> report.Figures:
    """Run the soak and return its figures."""
    started = time.monotonic()
    threads = threading.active_count()
    tally = _tally()
    all_pipelines = pipelines(tally)
    flood = min(FLOOD, spans // 5)
    _flood(all_pipelines[0], flood)
    here = Here(all_pipelines, seed, "main")
    rest = spans - flood
    forks = hasattr(os, "fork")
    workers = [subprocess_worker(seed, f"subprocess {n}", rest // 6) for n in range(2)]
    each = rest * 2 // 3 // ROUNDS
    parts: list[report.Figures] = []
    remembered = rounds = before = kept = 0
    while rounds < ROUNDS or time.monotonic() - started < 60 * minutes:
        rounds += 1
        waiting: list[Report] = []

        def beside(number: int = rounds, waiting: list[Report] = waiting) -> None:
            if forks:
                waiting.append(fork(all_pipelines, tally, seed, f"fork {number}", each // 5))

        here.round(each * 4 // 5, beside)
        parts += [wait() for wait in waiting]
        remembered = max(remembered, *(pipeline.live for pipeline in all_pipelines))
        if rounds == 1:
            before, kept = report.memory(), _kept(all_pipelines)
        _say(f"round {rounds}: {here.spans:,} spans in this process, {report.memory()} MiB")
    after, kept = report.memory(), _kept(all_pipelines) - kept
    parts += [wait() for wait in workers]
    _shut_down(all_pipelines)
    parts.append(outcome(tally, here.spans + flood))
    return {
        **report.together(parts),
        **report.environment(),
        "seed": seed,
        "flood": flood,
        "memory before": before,
        "memory after": after,
        "kept for spans that never ended": kept // 2**20,
        "remembered at most": remembered,
        "remembered after shutdown": sum(pipeline.live for pipeline in all_pipelines),
        "threads left": threading.active_count() - threads,
        "seconds": round(time.monotonic() - started),
    }


def _work(seed: int, worker: str, spans: int) -> report.Figures:
    """Do the part of a subprocess."""
    tally = _tally()
    all_pipelines = pipelines(tally)
    here = Here(all_pipelines, seed, worker)
    rounds = max(1, spans // 20_000)
    for _ in range(rounds):
        here.round(spans // rounds)
    _shut_down(all_pipelines)
    left = sum(pipeline.live for pipeline in all_pipelines) + threading.active_count() - 1
    if left:
        raise RuntimeError(f"{worker} left {left} spans and threads behind")
    return outcome(tally, here.spans)


def _tally() -> Tally:
    """Return what counts, and have the package report to it, not to the console."""
    tally = Tally()
    reports = logging.getLogger("braintrust_run_output")
    reports.setLevel(logging.DEBUG)
    reports.propagate = False
    reports.addHandler(Contained(tally))
    return tally


def _kept(all_pipelines: list[Pipeline]) -> int:
    return sum(pipeline.kept for pipeline in all_pipelines)


def _flood(pipeline: Pipeline, spans: int) -> None:
    for n in range(spans):
        pipeline.tracer.start_span(f"never ended {n}")


def _shut_down(all_pipelines: list[Pipeline]) -> None:
    for pipeline in all_pipelines:
        pipeline.provider.shutdown()
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join(5)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m soak", description=__doc__)
    parser.add_argument("--spans", type=int, default=1_000_000, help="how many spans to start, about")
    parser.add_argument("--minutes", type=float, default=0, help="go on for at least so long")
    parser.add_argument("--seed", type=int, default=1, help="what decides on the traces")
    parser.add_argument("--json", type=Path, default=Path("build/soak.json"), help="where to write the figures")
    parser.add_argument("--docs", action="store_true", help="write the figures into docs/reliability.md")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
