"""Run the benchmarks: ``python -m benchmarks [--quick] [--only NAME ...] [--json FILE] [--docs]``."""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from . import footprint
from .contenders import AGAIN, BY_HAND, CONTENDERS, EMPTY, IN_PLACE, MISSING, NONE, OURS, WRAPPING, Contender, provider
from .measure import Case, differences, measure, prepare, ratios, summary
from .report import Results, Table, environment, microseconds, ratio, write_docs
from .steps import PROFILED, STEPS
from .workloads import (
    EXPORTED,
    LIVE_SPANS,
    OUTPUT_SIZES,
    REQUEST_5,
    WORKLOADS,
    Workload,
    among_live_spans,
    plain_output,
)

_EXPORTED_PREFIX, _STEPS_PREFIX = "exported-", "steps-"
_BY_NAME = {contender.name: contender for contender in CONTENDERS}


# --- experiments ------------------------------------------------------------------------------------------------


def side_by_side(workload: Workload, rounds: int, results: Results, *, exports: bool = False) -> None:
    """Compare all contenders with one workload: on the application's thread, or all the way to an encoded export."""
    cases: dict[str, Case] = {}
    changes: dict[str, bool] = {}
    for contender in CONTENDERS:
        if contender.by_hand and not workload.has_output:
            continue
        try:
            changes[contender.name] = _changes_attributes(contender, workload)
            cases[contender.name] = prepare(contender, workload, exports=exports)
        except Exception as error:  # noqa: BLE001 (a peer that fails is no reason to stop)
            print(f"{contender.name} fails on {workload.name} with {type(error).__name__}: left out")
    samples = measure(cases, rounds)
    by_hand = samples.get(BY_HAND)
    table = Table(
        f"{workload.title}, and its export" if exports else workload.title,
        ("", "µs per span", "to no processor", "to an empty one", "to by hand", "changes attributes"),
    )
    data = {}
    for name, taken in samples.items():
        to_none, to_empty = ratios(taken, samples[NONE]), ratios(taken, samples[EMPTY])
        to_by_hand = ratios(taken, by_hand) if by_hand else None
        nanoseconds = summary(taken)
        table.rows.append((
            _BY_NAME[name].title,
            microseconds(nanoseconds.median),
            ratio(to_none),
            ratio(to_empty),
            ratio(to_by_hand) if to_by_hand else "",
            "yes" if changes[name] else "no",
        ))  # fmt: skip
        data[name] = {
            "ns_per_span": asdict(nanoseconds),
            "to_none": asdict(to_none),
            "to_empty": asdict(to_empty),
            "to_by_hand": asdict(to_by_hand) if to_by_hand else None,
            "changes_attributes": changes[name],
        }
    results.add(f"{_EXPORTED_PREFIX}{workload.name}" if exports else workload.name, table, data)


def _changes_attributes(contender: Contender, workload: Workload) -> bool:
    """Whether what is exported has other attributes than the application set."""

    def exported(one: Contender) -> list[dict[str, object]]:
        exporter = InMemorySpanExporter()
        tracer_provider = provider(one, exporter)
        workload.build(tracer_provider.get_tracer("benchmarks"), one.by_hand)()
        tracer_provider.shutdown()
        return [dict(span.attributes or {}) for span in exporter.get_finished_spans()]

    return exported(contender) != exported(_BY_NAME[NONE])


def step_by_step(workload: Workload, rounds: int, results: Results) -> None:
    """Show what each step costs with one workload, on the application's thread."""
    steps = [step for step in STEPS if workload.has_output or not step.by_hand]
    samples = measure({step.name: prepare(step, workload) for step in steps}, rounds)
    table = Table(
        f"Step by step: {workload.title}",
        ("", "µs per span", "more than an empty processor, ns", "to an empty one", "to by hand"),
    )
    data = {}
    for step in steps:
        taken, more = samples[step.name], differences(samples[step.name], samples[EMPTY])
        to_empty = ratios(taken, samples[EMPTY])
        to_by_hand = ratios(taken, samples[BY_HAND]) if BY_HAND in samples else None
        table.rows.append((
            step.title,
            microseconds(summary(taken).median),
            f"{more.median:,.0f}",
            ratio(to_empty),
            ratio(to_by_hand) if to_by_hand else "",
        ))  # fmt: skip
        data[step.name] = {
            "ns_per_span": asdict(summary(taken)),
            "ns_more_than_empty": asdict(more),
            "to_empty": asdict(to_empty),
            "to_by_hand": asdict(to_by_hand) if to_by_hand else None,
        }
    results.add(f"{_STEPS_PREFIX}{workload.name}", table, data)


def growth_with_live_spans(rounds: int, results: Results) -> None:
    """Compare each contender with itself, while few and many other spans are live."""
    for workload in (REQUEST_5, plain_output(1024)):
        cases = {
            f"{contender.name} {count}": prepare(contender, among_live_spans(count, workload))
            for contender in OURS
            if contender.name not in (AGAIN, BY_HAND)
            for count in LIVE_SPANS
        }
        samples = measure(cases, rounds)
        _growth(
            f"live-spans-{workload.name}",
            f"Cost per span among live spans: {workload.title}",
            "live spans",
            [f"{count:,}" for count in LIVE_SPANS],
            lambda name, at, samples=samples: samples[f"{name} {LIVE_SPANS[at]}"],
            (NONE, EMPTY, IN_PLACE, WRAPPING),
            results,
        )


def growth_with_output(rounds: int, results: Results) -> None:
    """Compare each contender with itself, for small and large outputs."""
    contenders = [contender for contender in OURS if contender.name not in (EMPTY, AGAIN)]
    cases = {
        f"{contender.name} {size}": prepare(contender, plain_output(size))
        for contender in contenders
        for size in OUTPUT_SIZES
    }
    samples = measure(cases, rounds)
    _growth(
        "output-size",
        "Cost per span by the length of a plain output",
        "output",
        [f"{size // 1024:,} KB" for size in OUTPUT_SIZES],
        lambda name, at: samples[f"{name} {OUTPUT_SIZES[at]}"],
        [contender.name for contender in contenders],
        results,
    )


def _growth(
    key: str,
    title: str,
    what: str,
    steps: list[str],
    samples: Callable[..., list[float]],
    contenders: tuple[str, ...] | list[str],
    results: Results,
) -> None:
    table = Table(title, (what, *steps), note="µs per span, and the ratio to the first column.")
    data: dict[str, dict[str, object]] = {}
    for name in contenders:
        cells = []
        for at, step in enumerate(steps):
            taken, grown = summary(samples(name, at)), ratios(samples(name, at), samples(name, 0))
            cells.append(f"{microseconds(taken.median)} ({grown.median:.2f})")
            data.setdefault(name, {})[step] = {"ns_per_span": asdict(taken), "to_first": asdict(grown)}
        table.rows.append((_BY_NAME[name].title, *cells))
    results.add(key, table, data)


def memory(quick: bool, results: Results) -> None:
    """Measure memory per live span, and what stays after many spans."""
    per_span = footprint.memory_per_live_span((1_000, 10_000, 50_000))
    table = Table("Memory per live span", ("live spans", "SDK, bytes", "**the processor, bytes**"))
    table.rows = [(f"{count:,}", f"{sdk:,.0f}", f"{ours:,.0f}") for count, (sdk, ours) in per_span.items()]
    results.add("memory", table, {count: {"sdk": sdk, "ours": ours} for count, (sdk, ours) in per_span.items()})
    spans = 50_000 if quick else 1_000_000
    ours, empty = footprint.memory_after(spans)
    table = Table(f"Memory blocks more than before, after {spans:,} spans", ("", "blocks"))
    table.rows = [("**in place**", f"{ours:,}"), ("an empty processor", f"{empty:,}")]
    results.add("memory-after", table, {"spans": spans, "ours": ours, "empty": empty})


def imports(quick: bool, results: Results) -> None:
    """Measure what importing costs."""
    times = footprint.import_times(3 if quick else 9)
    table = Table("Import", ("module", "ms of CPU"), [(title, f"{taken:,.0f}") for title, taken in times.items()])
    results.add("import", table, times)


# --- the command line -----------------------------------------------------------------------------------------------


def main() -> None:
    """Run what was asked for."""
    options = _options()
    rounds = options.rounds or (31 if options.quick else 201)
    results = Results(data={"environment": environment(), "rounds": rounds})
    experiments: dict[str, Callable[[], None]] = {
        workload.name: lambda workload=workload: side_by_side(workload, _rounds_of(workload, rounds), results)
        for workload in WORKLOADS
    }
    experiments |= {
        f"{_EXPORTED_PREFIX}{workload.name}": lambda workload=workload: side_by_side(
            workload, rounds, results, exports=True
        )
        for workload in WORKLOADS
        if workload.name in EXPORTED
    }
    experiments |= {
        f"{_STEPS_PREFIX}{workload.name}": lambda workload=workload: step_by_step(workload, rounds, results)
        for workload in WORKLOADS
        if workload.name in PROFILED
    }
    experiments |= {
        "live-spans": lambda: growth_with_live_spans(rounds, results),
        "output-size": lambda: growth_with_output(rounds, results),
        "memory": lambda: memory(options.quick, results),
        "import": lambda: imports(options.quick, results),
    }
    if options.list:
        print(*experiments, sep="\n")
        return
    if MISSING:
        print(f"Peers that are not installed: {', '.join(MISSING)} (pip install --group benchmarks)\n")
    for name, experiment in experiments.items():
        if not options.only or any(part in name for part in options.only):
            experiment()
    if options.json:
        options.json.write_text(json.dumps(results.data, indent=1) + "\n")
    if options.docs:
        write_docs(results)


def _rounds_of(workload: Workload, rounds: int) -> int:
    """Fewer rounds where one run is long: the blocks of a deep tree are ten times as long as the others."""
    return max(21, rounds // 4) if workload.spans >= 1_000 or workload.threads > 1 else rounds


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds: seconds instead of minutes, less exact")
    parser.add_argument("--rounds", type=int, help="how many rounds (default 201, with --quick 31)")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="only experiments with one of these in their name")
    parser.add_argument("--list", action="store_true", help="print the names of the experiments")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results as JSON as well")
    parser.add_argument("--docs", action="store_true", help="write the tables into docs/performance.md")
    return parser.parse_args()


if __name__ == "__main__":
    main()
