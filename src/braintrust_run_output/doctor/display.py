"""A report on a terminal: short lines, colours where it has them, and a spinner meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from .report import Level, Report

_WIDEST = 100
_STYLES: dict[Level, str] = {"ok": "green", "note": "dim", "warning": "yellow", "problem": "bold red"}


def waiting(text: str) -> AbstractContextManager[object]:
    """Show on a terminal that something is going on; nothing elsewhere."""
    return Console(stderr=True).status(text)


def show(report: Report) -> None:
    """Print a report: for people on a terminal, line by line elsewhere."""
    console = Console(highlight=False)
    if not console.is_terminal:
        print(report.as_text())  # noqa: T201 (a report is what the command prints)
        return
    console = Console(highlight=False, width=min(console.width, _WIDEST))
    topic = ""
    for finding in report.findings:
        if finding.topic != topic:
            topic = finding.topic
            console.print(Text(f"\n{topic}" if finding is not report.findings[0] else topic, style="bold"))
        line = Table.grid(padding=(0, 1))
        line.add_column(width=4)
        line.add_column(overflow="fold")
        line.add_row(Text(report.mark(finding), style=_STYLES[finding.level]), Text(finding.text))
        if finding.remedy:
            line.add_row("", Text(f"-> {finding.remedy}", style="cyan"))
        console.print(Padding(line, (0, 0, 0, 2)))
    console.print(Text(f"\n{report.verdict}", style="bold green" if report.ok else "bold red"))
