"""The results as tables, as JSON, and as the generated part of docs/performance.md."""

import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from .measure import Summary

DOCS = Path(__file__).parent.parent / "docs" / "performance.md"
_BEGIN, _END = "<!-- begin: python -m benchmarks --docs -->", "<!-- end -->"


@dataclass
class Table:
    """One experiment's results."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)
    note: str = ""

    def __str__(self) -> str:
        lines = [f"### {self.title}", ""]
        if self.note:
            lines += [self.note, ""]
        lines += [_line(self.columns), _line(["---", *["---:"] * (len(self.columns) - 1)])]
        lines += [_line(row) for row in self.rows]
        return "\n".join(lines) + "\n"


@dataclass
class Results:
    """Everything that was measured: for people, and for machines."""

    tables: list[Table] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)

    def add(self, key: str, table: Table, data: object) -> None:
        """Add one experiment, and print it."""
        self.tables.append(table)
        self.data[key] = data
        print(table, flush=True)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def ratio(summary: Summary) -> str:
    """Return a ratio with the middle half of the rounds, for a table."""
    return f"{summary.median:.3f} ({summary.low:.2f} to {summary.high:.2f})"


def microseconds(nanoseconds: float) -> str:
    """Return a duration for a table."""
    return f"{nanoseconds / 1000:,.1f}"


def environment() -> dict[str, str]:
    """Return what the figures depend on."""
    packages = ("opentelemetry-sdk", "braintrust-run-output", "braintrust")
    return {"python": platform.python_version(), "machine": platform.machine(), "processor": _processor()} | {
        package: version(package) for package in packages
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def write_docs(results: Results) -> None:
    """Replace the generated part of docs/performance.md."""
    text = DOCS.read_text()
    before, _, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not end:
        raise SystemExit(f"{DOCS.name} has no part between {_BEGIN} and {_END}")
    where = ", ".join(f"{key} {value}" for key, value in environment().items() if value)
    generated = "\n".join([_BEGIN, f"Measured with {where}.", "", *map(str, results.tables)])
    DOCS.write_text(f"{before}{generated}\n{_END}{after}")
