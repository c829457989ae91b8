"""The commands ``verify``, ``insert`` and ``backfill``: they call the module of that name and print what it found.

A report goes to standard output, progress and errors to standard error. Each returns its exit code: 0, all is well; 1,
there are problems, or the work stopped half-way, which the message says; 2, nothing was done: wrong usage, file, key or
project, or no network; 130, interrupted, and the message says what was written before.
"""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..config import RunOutputConfig
from . import backfill as backfilling
from . import datasets
from .api import ApiError, BraintrustApi, NamedObject
from .since import parse_since
from .verify import BadExportError, Baseline, open_export, verify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .datasets import InsertReport
    from .verify import VerifyReport

_OK, _PROBLEMS, _FAILED, _INTERRUPTED = 0, 1, 2, 130
_SHOWN = 20
_PREVIEW = 60


def run_verify(
    file: str | None, *, dataset: str | None, project: str | None, baseline: str | None, as_json: bool
) -> int:
    """Check an export, or a dataset by name. Exactly one of ``file`` and ``dataset`` (with ``project``) is given."""
    try:
        compared = None
        if baseline is not None:
            with open_export(baseline) as rows:
                compared = Baseline(rows)
        key = RunOutputConfig.from_env().key
        if file is not None:
            with open_export(file) as rows, _counting("rows checked") as count:
                report = verify(map(count, rows), key=key, baseline=compared)
        else:
            with BraintrustApi() as api, _counting("rows checked") as count:
                stored = api.dataset_rows(api.dataset(dataset or "", api.project(project or "")))
                report = verify(map(count, stored), key=key, baseline=compared)
    except (ApiError, BadExportError) as error:
        return _fail(str(error))
    if as_json:
        _print_json(report.as_dict())
    else:
        _print_verify(report)
    return _OK if report.ok else _PROBLEMS


def run_insert(
    *,
    project: str,
    dataset: str,
    otlp: str | None,
    intake: str | None,
    since: str,
    with_metadata: bool,
    apply: bool,
    as_json: bool,
) -> int:
    """Insert a dataset row for each trace of a file, of a local intake or, without either, of the project's logs."""
    report = datasets.InsertReport(applied=apply)
    config = RunOutputConfig.from_env()
    try:
        moment = parse_since(since)
        with BraintrustApi() as api, _progress("traces read, {} rows inserted") as advance:
            where = api.project(project)
            target = api.create_dataset(dataset, where) if apply else api.find_dataset(dataset, where)
            project_id = None
            if otlp is not None:
                recorded = datasets.traces_of_otlp(otlp)
            elif intake is not None:
                recorded = datasets.traces_of_intake(intake)
            else:
                recorded, project_id = datasets.traces_of_logs(api, where, since=moment), where.id
            datasets.insert(
                recorded,
                target or NamedObject("", dataset),
                api,
                config=config,
                project_id=project_id,
                with_metadata=with_metadata,
                apply=apply,
                progress=lambda report: advance(report.traces, report.written),
                report=report,
            )
    except (ApiError, ValueError) as error:
        return _stopped(str(error), report.written, "rows")
    except KeyboardInterrupt:
        return _interrupted(report.written, "rows")
    if as_json:
        counts = {"traces": report.traces, "rows": report.found, "skipped": report.skipped, "written": report.written}
        _print_json({"applied": apply, **counts, "ids": [row["id"] for row in report.rows]})
    else:
        _print_insert(report, dataset, config.key)
    return _OK


def run_backfill(*, project: str, since: str, until: str | None, apply: bool, as_json: bool) -> int:
    """Merge run outputs into the stored roots of a project that have none."""
    report = backfilling.BackfillReport(applied=apply)
    config = RunOutputConfig.from_env()
    try:
        start, end = parse_since(since), None if until is None else parse_since(until)
        with BraintrustApi() as api, _progress("roots without a run output, {} written") as advance:
            backfilling.backfill(
                api,
                api.project(project),
                since=start,
                until=end,
                config=config,
                apply=apply,
                progress=lambda report: advance(report.roots, report.written),
                report=report,
            )
    except (ApiError, ValueError) as error:
        return _stopped(str(error), report.written, "roots")
    except KeyboardInterrupt:
        return _interrupted(report.written, "roots")
    if as_json:
        counts = {"roots": report.roots, "found": report.found, "written": report.written}
        listed = [
            {"id": one.row_id, "root_span_id": one.root_span_id, "created": one.created, "from": one.found.span_id}
            for one in report.decisions
        ]
        _print_json({"applied": apply, **counts, "without_output": report.without_output, "listed": listed})
    else:
        _print_backfill(report, config.key)
    return _OK


# --- printing ----------------------------------------------------------------------------------------------------


def _print_verify(report: VerifyReport) -> None:
    lines = [("rows", report.rows), (f"with metadata.{report.key}", report.rows - _without(report))]
    lines += [(name, problem.count) for name, problem in report.problems.items() if name != "expected changed"]
    lines.append(("with expected", report.with_expected))
    if report.compared:
        lines.append(("expected changed", report.expected_changed.count))
    _print_table(("", "rows"), [(name, str(count)) for name, count in lines])
    bad = [(name, row_id) for name, problem in report.problems.items() for row_id in problem.ids[:_SHOWN]]
    if bad:
        _print_table(("problem", "id"), bad)
        if any(problem.count > _SHOWN for problem in report.problems.values()):
            _say(f"The first {_SHOWN} of each kind; --json lists up to a thousand.")
    if not report.rows:
        _say("There are no rows.")


def _without(report: VerifyReport) -> int:
    return report.missing.count + report.empty.count


def _print_insert(report: InsertReport, dataset: str, key: str) -> None:
    shown = []
    for row in report.rows[:_SHOWN]:
        metadata = row["metadata"]
        value = metadata.get(key) if isinstance(metadata, dict) else None
        shown.append((str(row["id"]), _preview(row.get("input")), _preview(value)))
    if shown:
        _print_table(("id", "input", "run output"), shown)
        _say_if_more(len(report.rows))
    _say(f"{report.traces} traces, {report.found} rows, {report.skipped} traces without a root or a model output.")
    done = f"{report.written} rows are in dataset {dataset!r}."
    _say(done if report.applied else "Dry run, nothing was written: repeat it with --apply.")


def _print_backfill(report: backfilling.BackfillReport, key: str) -> None:
    shown = [
        (one.row_id, one.created, _preview(one.found.span_name), _preview(one.found.value))
        for one in report.decisions[:_SHOWN]
    ]
    if shown:
        _print_table(("root", "created", "from", "run output"), shown)
        _say_if_more(len(report.decisions))
    _say(f"{report.roots} roots without metadata.{key}, {report.found} of them with a model output in their trace.")
    done = f"{report.written} roots were written."
    _say(done if report.applied else "Dry run, nothing was written: repeat it with --apply.")


def _say_if_more(count: int) -> None:
    if count > _SHOWN:
        _say(f"The first {_SHOWN}.")


def _print_table(headings: tuple[str, ...], lines: Sequence[tuple[str, ...]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*headings)
    for line in lines:
        table.add_row(*(Text(cell, overflow="fold") for cell in line))
    Console(file=sys.stdout, highlight=False).print(table)


def _print_json(value: object) -> None:
    _say(json.dumps(value, indent=2, ensure_ascii=False))


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def _preview(value: object) -> str:
    """Return the beginning of a value on one line, without characters that a terminal would act on."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    cut = text if len(text) <= _PREVIEW else text[: _PREVIEW - 1] + "…"
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in cut)


def _fail(message: str) -> int:
    sys.stderr.write(f"Error: {message}\n")
    return _FAILED


def _stopped(message: str, written: int, what: str) -> int:
    if not written:
        return _fail(f"{message}; nothing was written")
    sys.stderr.write(f"Error: {message}; {written} {what} were written before: repeat the command to go on\n")
    return _PROBLEMS


def _interrupted(written: int, what: str) -> int:
    _stopped("interrupted", written, what)
    return _INTERRUPTED


@contextmanager
def _progress(text: str) -> Iterator[Callable[[int, int], None]]:
    """Show on a terminal how far the work is: a count, and a second one in the text."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.completed} {task.description}"), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(text.format(0), total=None)
        yield lambda done, other: progress.update(task, completed=done, description=text.format(other))


@contextmanager
def _counting(text: str) -> Iterator[Callable[[dict[str, object]], dict[str, object]]]:
    """Show on a terminal how many rows have passed."""
    with _progress(text) as advance:
        seen = 0

        def count(row: dict[str, object]) -> dict[str, object]:
            nonlocal seen
            seen += 1
            if seen % 1000 == 0:
                advance(seen, 0)
            return row

        yield count
