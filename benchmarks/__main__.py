"""Run the benchmarks: ``python -m benchmarks [--quick] [--only NAME ...] [--json FILE] [--docs]``."""

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from . import footprint
from .contenders import ANSWERS, BY_HAND, BY_LENGTH, CONTENDERS, EMPTY, GROWING, MISSING, NONE, Contender, provider
from .goals import goals
from .measure import Case, measure, prepare, ratios, summary
from .report import Results, Table, environment, microseconds, overview, ratio, write_docs
from .workloads import (
    ANSWER_COUNTS,
    EXPORTED,
    LIVE_SPANS,
    OUTPUT_SIZES,
    REQUEST_5,
    WORKLOADS,
    Workload,
    among_live_spans,
    one_more_answer,
    plain_output,
)

EXPORTED_PREFIX = "exported-"
_GROWTHS = ("live-spans", "output-size", "answers")
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
    table = Table(
        f"{workload.title}, and its export" if exports else workload.title,
        ("", "µs per span", "to an empty processor", "to by hand", "changes attributes"),
    )
    data = {}
    for name, taken in samples.items():
        to_empty = ratios(taken, samples[EMPTY])
        to_by_hand = ratios(taken, samples[BY_HAND]) if BY_HAND in samples else None
        table.rows.append((
            _BY_NAME[name].title,
            microseconds(summary(taken).median),
            ratio(to_empty),
            ratio(to_by_hand) if to_by_hand else "",
            "yes" if changes[name] else "no",
        ))  # fmt: skip
        data[name] = {
            "ns_per_span": asdict(summary(taken)),
            "to_empty": asdict(to_empty),
            "to_by_hand": asdict(to_by_hand) if to_by_hand else None,
            "changes_attributes": changes[name],
        }
    results.add(f"{EXPORTED_PREFIX}{workload.name}" if exports else workload.name, table, data)


def _changes_attributes(contender: Contender, workload: Workload) -> bool:
    """Whether what is exported has other attributes than the application set."""

    def exported(one: Contender) -> list[dict[str, object]]:
        exporter = InMemorySpanExporter()
        tracer_provider = provider(one, exporter)
        workload.build(tracer_provider.get_tracer("benchmarks"), one.by_hand)()
        tracer_provider.shutdown()
        return [dict(span.attributes or {}) for span in exporter.get_finished_spans()]

    return exported(contender) != exported(_BY_NAME[NONE])


def growth(
    key: str,
    title: str,
    workloads: Mapping[str, Workload],
    contenders: tuple[Contender, ...],
    rounds: int,
    results: Results,
) -> None:
    """Compare each contender with itself, while something grows.

    Args:
        key: The name of the experiment.
        title: For the table.
        workloads: What is run at each size, by the size.
        contenders: Who is compared.
        rounds: How many rounds.
        results: Where the results go.
    """
    names = {(contender.name, size): f"{contender.name} {size}" for contender in contenders for size in workloads}
    cases = {
        names[contender.name, size]: prepare(contender, workload)
        for contender in contenders
        for size, workload in workloads.items()
    }
    samples = measure(cases, rounds)
    first = next(iter(workloads))
    table = Table(title, ("", *workloads), note="µs per span, and the ratio to the first column.")
    data: dict[str, dict[str, object]] = {}
    for contender in contenders:
        cells = []
        for size in workloads:
            taken = samples[names[contender.name, size]]
            grown = ratios(taken, samples[names[contender.name, first]])
            cells.append(f"{microseconds(summary(taken).median)} ({grown.median:.2f})")
            data.setdefault(contender.name, {})[size] = {
                "ns_per_span": asdict(summary(taken)),
                "to_first": asdict(grown),
            }
        table.rows.append((contender.title, *cells))
    results.add(key, table, data)


def memory(quick: bool, results: Results) -> None:
    """Measure memory per live span, and what stays after many spans."""
    data: dict[str, float] = {}
    table = Table("Memory", ("", "SDK", "**the processor**"))
    for name, title, children in (
        ("of ten", "bytes a live span, traces of ten", 9),
        ("of one", "bytes a live span, traces of one", 0),
    ):
        sdk, ours = footprint.memory_per_live_span(10_000, children)
        data[name] = ours
        table.rows.append((title, f"{sdk:,.0f}", f"{ours:,.0f}"))
    spans = 50_000 if quick else 1_000_000
    ours_after, empty_after = footprint.memory_after(spans)
    data["blocks after"] = ours_after - empty_after
    table.rows.append((f"blocks that stay after {spans:,} spans", f"{empty_after:,}", f"{ours_after - empty_after:,}"))
    results.add("memory", table, data)


def imports(quick: bool, results: Results) -> None:
    """Measure what importing costs."""
    times = footprint.import_times(3 if quick else 9)
    table = Table("Import", ("", "ms of CPU"), [(title, f"{taken:,.0f}") for title, taken in times.items()])
    results.add("import", table, times)


# --- the command line -----------------------------------------------------------------------------------------------


def experiments(options: argparse.Namespace, rounds: int, results: Results) -> dict[str, Callable[[], None]]:
    """Return all experiments by their names."""
    found: dict[str, Callable[[], None]] = {
        workload.name: lambda workload=workload: side_by_side(workload, _rounds_of(workload, rounds), results)
        for workload in WORKLOADS
    }
    found |= {
        f"{EXPORTED_PREFIX}{workload.name}": lambda workload=workload: side_by_side(
            workload, rounds, results, exports=True
        )
        for workload in WORKLOADS
        if workload.name in EXPORTED
    }
    live = {f"{count:,} live spans": count for count in LIVE_SPANS}
    sizes = {f"{size // 1024:,} KB": size for size in OUTPUT_SIZES}
    answers = {f"{count:,} answers": count for count in ANSWER_COUNTS}
    found["live-spans"] = lambda: growth(
        "live-spans",
        "Among live spans: a request of five spans",
        {size: among_live_spans(count, REQUEST_5) for size, count in live.items()},
        GROWING,
        rounds,
        results,
    )
    found["output-size"] = lambda: growth(
        "output-size",
        "By the length of a plain output",
        {size: plain_output(count) for size, count in sizes.items()},
        BY_LENGTH,
        rounds,
        results,
    )
    found["answers"] = lambda: growth(
        "answers",
        "One more answer below a root that has some",
        {size: one_more_answer(count) for size, count in answers.items()},
        ANSWERS,
        min(rounds, 51),
        results,
    )
    found["memory"] = lambda: memory(options.quick, results)
    found["import"] = lambda: imports(options.quick, results)
    return found


def main() -> None:
    """Run what was asked for."""
    options = _options()
    rounds = options.rounds or (31 if options.quick else 201)
    results = Results(data={"environment": environment(), "rounds": rounds})
    found = experiments(options, rounds, results)
    if options.list:
        print(*found, sep="\n")
        return
    if MISSING:
        print(f"Peers that are not installed: {', '.join(MISSING)} (pip install --group benchmarks)\n")
    for name, experiment in found.items():
        if not options.only or any(part in name for part in options.only):
            experiment()
    results.goals = goals(results.data)
    print(results.goals)
    if options.json:
        options.json.write_text(json.dumps(results.data, indent=1) + "\n")
    if options.docs:
        write_docs(_shown(results))


def _shown(results: Results) -> list[Table]:
    """Return the tables of docs/performance.md: the goals, who costs what, what grows with what."""
    columns = {
        "request-5": "no AI content",
        "gen_ai-completion": "a plain string",
        "openinference": "OpenInference",
        "messages-1k": "messages, 1 KB",
        "agent": "an agent",
        "deep-tree": "a deep tree",
        "threads-4": "4 threads",
    }
    exported = {f"{EXPORTED_PREFIX}{name}": title for name, title in columns.items() if name in EXPORTED}
    titles = {contender.name: contender.title for contender in CONTENDERS if contender.name != EMPTY}
    shown = [results.goals] if results.goals else []
    shown.append(overview("On the application's thread, to an empty processor", columns, titles, results.data))
    shown.append(overview("With the export, to an empty processor", exported, titles, results.data))
    return shown + [results.tables[key] for key in (*_GROWTHS, "memory") if key in results.tables]


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
