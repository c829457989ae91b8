"""The results as tables, as JSON, and as the generated part of docs/performance.md."""

import platform
from collections.abc import Mapping, Sequence
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

    tables: dict[str, Table] = field(default_factory=dict)
    goals: Table | None = None
    """What may be measured at the most, and what was."""
    data: dict[str, Any] = field(default_factory=dict)

    def add(self, key: str, table: Table, data: object) -> None:
        """Add one experiment, and print it."""
        self.tables[key] = table
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


def overview(title: str, columns: Mapping[str, str], contenders: Mapping[str, str], data: Mapping[str, Any]) -> Table:
    """Return what each contender costs, to an empty processor, with several workloads.

    Args:
        title: For the table.
        columns: What stands above each column, by the experiment that it is of.
        contenders: What stands before each row, by the contender.
        data: All results.
    """
    table = Table(title, ("", *columns.values()))
    for name, shown in contenders.items():
        found = [data.get(experiment, {}).get(name) for experiment in columns]
        table.rows.append((shown, *("" if one is None else f"{one['to_empty']['median']:.2f}" for one in found)))
    return table


def write_docs(tables: Sequence[Table]) -> None:
    """Replace the generated part of docs/performance.md."""
    text = DOCS.read_text()
    before, _, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not end:
        raise SystemExit(f"{DOCS.name} has no part between {_BEGIN} and {_END}")
    where = ", ".join(f"{key} {value}" for key, value in environment().items() if value)
    generated = "\n".join([_BEGIN, f"Measured with {where}.", "", *map(str, tables)])
    DOCS.write_text(f"{before}{generated}\n{_END}{after}")
