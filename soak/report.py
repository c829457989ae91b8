"""The figures of a soak: what they must be, as a table, and in docs/reliability.md."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import platform
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import Any

BEGIN = "<!-- soak: written by python -m soak --docs -->"
END = "<!-- end of soak -->"
MAX_GROWTH = 8
"""MiB that the memory of the process may grow by between the first round and the last, beside what it has to keep."""
MAX_REMEMBERED = 120_000
"""How much one processor may remember: its cap of live spans, and what goes with them."""

Figures = dict[str, Any]


def memory() -> int:
    """Return the resident memory of this process in MiB, without what is free and malloc has not given back."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return pages * os.sysconf("SC_PAGE_SIZE") // 2**20


def give_memory_back() -> None:
    """Have glibc's malloc give back what is freed, or it would count as used memory.

    One arena, not one a thread; and large outputs outside of it, which otherwise go into it once one has been freed.
    """
    m_mmap_threshold, m_arena_max = -3, -8
    with contextlib.suppress(OSError, AttributeError):  # another C library
        libc = ctypes.CDLL(None)
        libc.mallopt(m_arena_max, 1)
        libc.mallopt(m_mmap_threshold, 128 * 1024)


def together(parts: list[Figures]) -> Figures:
    """Add up what the processes reported."""
    counts: Counter[str] = Counter()
    for part in parts:
        counts.update(part["counts"])
    return {
        "spans": sum(part["spans"] for part in parts),
        "processes": len(parts),
        "spans ended": counts["spans ended"],
        "spans exported": counts["spans exported"],
        "spans never ended": counts["spans never ended"],
        "lost": sum(max(0, _missing(part)) for part in parts),
        "exported twice": sum(max(0, -_missing(part)) for part in parts),
        "processes whose sums of span ids differ": sum(part["ids"] != 0 for part in parts),
        "roots checked": counts["roots checked"],
        "roots wrong": counts["roots wrong"],
        "failures of its own": counts["failures of its own"],
        "wrong": [problem for part in parts for problem in part["wrong"]][:20],
        "spans known to a forked child at its start": sum(part.get("inherited", 0) for part in parts),
        "traces by kind": _named(counts, "trace: "),
        "faults injected": _named(counts, "fault: "),
    }


def environment() -> Figures:
    """Return what the figures were measured on."""
    return {
        "python": platform.python_version(),
        "opentelemetry-sdk": version("opentelemetry-sdk"),
        "cores": os.cpu_count(),
    }


def problems(figures: Figures) -> list[str]:
    """Return what is not as it must be."""
    wanted_none = (
        "lost",
        "exported twice",
        "processes whose sums of span ids differ",
        "roots wrong",
        "failures of its own",
        "spans known to a forked child at its start",
        "threads left",
        "remembered after shutdown",
    )
    found = [f"{name}: {figures[name]}" for name in wanted_none if figures[name]]
    if figures["memory after"] - figures["memory before"] - figures["kept for spans that never ended"] > MAX_GROWTH:
        found.append(f"memory grew from {figures['memory before']} to {figures['memory after']} MiB")
    if figures["remembered at most"] > MAX_REMEMBERED:
        found.append(f"remembered at most: {figures['remembered at most']}")
    if not figures["roots checked"] or not all(figures["faults injected"].values()):
        found.append("nothing was checked")
    return found + list(figures["wrong"])


def table(figures: Figures) -> str:
    """Return the figures as Markdown."""
    rows = [
        ("spans started", f"{figures['spans']:,}"),
        ("spans never ended, of these", f"{figures['spans never ended']:,}, and {figures['flood']:,} at the start"),
        ("traces with a late end, of these", f"{_late(figures):,}"),
        ("processes (forked, subprocesses, the main one)", f"{figures['processes']:,}"),
        *((f"faults: {name}", f"{count:,}") for name, count in figures["faults injected"].items()),
        ("spans lost", f"{figures['lost']:,}"),
        ("spans exported twice", f"{figures['exported twice']:,}"),
        ("roots checked", f"{figures['roots checked']:,}"),
        ("roots wrong", f"{figures['roots wrong']:,}"),
        ("failures that the package contained and nobody injected", f"{figures['failures of its own']:,}"),
        ("memory after the first round, after the last", f"{figures['memory before']}, {figures['memory after']} MiB"),
        ("kept for spans that never ended, of this", f"{figures['kept for spans that never ended']} MiB"),
        ("remembered by one processor at most, after shutdown", _remembered(figures)),
        ("threads left", f"{figures['threads left']:,}"),
        ("time", f"{figures['seconds']:,} s, on {figures['cores']} cores"),
    ]
    lines = ["| | |", "| --- | ---: |", *(f"| {name} | {value} |" for name, value in rows)]
    measured = f"Python {figures['python']}, opentelemetry-sdk {figures['opentelemetry-sdk']}, seed {figures['seed']}."
    return "\n".join([*lines, "", measured])


def write_into(page: Path, figures: Figures) -> None:
    """Replace the generated section of a page."""
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"{page.name} has no section between {BEGIN} and {END}")
    page.write_text(f"{before}{BEGIN}\n\n{table(figures)}\n\n{END}{after}", encoding="utf-8")


def _missing(part: Figures) -> int:
    return int(part["counts"].get("spans ended", 0)) - int(part["counts"].get("spans exported", 0))


def _named(counts: Counter[str], prefix: str) -> dict[str, int]:
    return {name.removeprefix(prefix): counts[name] for name in sorted(counts) if name.startswith(prefix)}


def _late(figures: Figures) -> int:
    kinds = figures["traces by kind"]
    return int(kinds.get("late", 0)) + int(kinds.get("after the root", 0))


def _remembered(figures: Figures) -> str:
    return f"{figures['remembered at most']:,}, {figures['remembered after shutdown']:,}"
