"""The commands ``verify``, ``insert`` and ``backfill``: they call the module of that name and print what it found.

A report goes to standard output, progress and errors to standard error. Each returns its exit code: 0, all is well; 1,
there are problems, or the work stopped half-way, which the message says; 2, nothing was done: wrong usage, file, key or
project, or no network; 130, interrupted, and the message says what was written before.
"""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from ..config import RunOutputConfig
from . import backfill as backfilling
from . import datasets
from .api import ApiError, BraintrustApi, NamedObject
from .connection import MAX_WAIT
from .shown import printable
from .since import parse_since
from .verify import BadExportError, Baseline, open_export, verify

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from fractions import Fraction

    from .datasets import InsertReport
    from .exports import Export
    from .verify import VerifyReport

_OK, _PROBLEMS, _FAILED, _INTERRUPTED = 0, 1, 2, 130
_SHOWN = 20
_PREVIEW = 60
_STEP = 1000


def run_verify(
    file: str | None,
    *,
    dataset: str | None,
    project: str | None,
    baseline: str | None,
    as_json: bool,
    at_least: Fraction | None = None,
    max_wait: float = MAX_WAIT,
) -> int:
    """Check an export, or a dataset by name. Exactly one of ``file`` and ``dataset`` (with ``project``) is given."""
    try:
        compared = None
        if baseline is not None:
            with open_export(baseline) as rows, _progress("rows of the baseline read") as advance:
                compared = Baseline(_counted(rows, advance, rows))
        key = RunOutputConfig.from_env().key
        if file is not None:
            with open_export(file) as rows, _progress("rows checked") as advance:
                report = verify(_counted(rows, advance, rows), key=key, baseline=compared)
        else:
            with BraintrustApi(max_wait=max_wait, notify=_note) as api, _progress("rows checked") as advance:
                stored = api.dataset_rows(api.dataset(dataset or "", api.project(project or "")))
                report = verify(_counted(stored, advance), key=key, baseline=compared)
    except (ApiError, BadExportError) as error:
        return _fail(str(error))
    is_ok = report.ok if at_least is None else report.is_ok(at_least)
    if as_json:
        _print_json({**report.as_dict(), "ok": is_ok})
    else:
        _print_verify(report)
    return _OK if is_ok else _PROBLEMS


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
    per: Literal["trace", "turn"] = "trace",
    until: str | None = None,
    max_wait: float = MAX_WAIT,
) -> int:
    """Insert a dataset row for each trace of a file, of a local intake or, without either, of the project's logs."""
    report = datasets.InsertReport(applied=apply)
    config = RunOutputConfig.from_env()
    try:
        start, end = _bounds(since, until)
        with (
            BraintrustApi(max_wait=max_wait, notify=_note) as api,
            _progress("traces read, {} rows written") as advance,
        ):
            where = api.project(project)
            target = api.create_dataset(dataset, where) if apply else api.find_dataset(dataset, where)
            recorded: Iterable[Iterable[Mapping[str, object]]]
            project_id = None
            if otlp is not None:
                recorded = datasets.traces_of_otlp(otlp)
            elif intake is not None:
                recorded = datasets.traces_of_intake(intake)
            else:
                recorded, project_id = datasets.traces_of_logs(api, where, since=start, until=end), where.id
            datasets.insert(
                recorded,
                target or NamedObject("", dataset),
                api,
                config=config,
                project_id=project_id,
                with_metadata=with_metadata,
                per=per,
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
        _print_json({
            "applied": apply, **counts, "unchanged": report.unchanged, "kept": report.kept,
            "passed_over": _reasons(report.passed_over), "ids": [row["id"] for row in report.rows],
        })  # fmt: skip
    else:
        _print_insert(report, dataset, config.key)
    return _OK


def run_backfill(
    *, project: str, since: str, until: str | None, apply: bool, as_json: bool, max_wait: float = MAX_WAIT
) -> int:
    """Merge run outputs into the stored roots of a project that have none."""
    report = backfilling.BackfillReport(applied=apply)
    config = RunOutputConfig.from_env()
    try:
        start, end = _bounds(since, until)
        with (
            BraintrustApi(max_wait=max_wait, notify=_note) as api,
            _progress("roots without a run output, {} written") as advance,
        ):
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
        _print_json({
            "applied": apply, **counts, "without_output": report.without_output,
            "passed_over": _reasons(report.passed_over), "listed": listed,
        })  # fmt: skip
    else:
        _print_backfill(report, config.key)
    return _OK


def _bounds(since: str, until: str | None) -> tuple[datetime, datetime | None]:
    start, end = parse_since(since), None if until is None else parse_since(until)
    if end is not None and end <= start:
        raise ValueError(f"--since {since} is not before --until {until}: no trace can have started between them")
    return start, end


def _reasons(passed_over: Counter[str]) -> dict[str, int]:
    return {reason: count for reason, count in passed_over.most_common() if count}


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
    if report.repeated:
        _say(f"{report.repeated} older versions of these rows are in it as well; they do not count.")
    if report.without_input:
        _say(
            f"{report.without_input} rows have no input: BRAINTRUST_RUN_OUTPUT_MIRROR_INPUT=true gives a root without "
            "one the input of the model call that answered."
        )
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
    _say(f"{report.traces} traces, {report.found} rows{_passed_over(report.passed_over, 'traces make none')}.")
    if report.kept:
        _say(f"{report.kept} rows keep their own metadata.{key}, which may be a person's.")
    before = f", {report.unchanged} are there as before" if report.unchanged else ""
    done = f"{report.written} rows were written to dataset {dataset!r}{before}."
    _say(done if report.applied else "Dry run, nothing was written: repeat it with --apply.")


def _print_backfill(report: backfilling.BackfillReport, key: str) -> None:
    shown = [
        (one.row_id, one.created, _preview(one.found.span_name), _preview(one.found.value))
        for one in report.decisions[:_SHOWN]
    ]
    if shown:
        _print_table(("root", "created", "from", "run output"), shown)
        _say_if_more(len(report.decisions))
    passed_over = _passed_over(report.passed_over, "get none")
    _say(f"{report.roots} roots without metadata.{key}, {report.found} of them get one from their trace{passed_over}.")
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
        table.add_row(*(Text(printable(cell), overflow="fold") for cell in line))
    Console(file=sys.stdout, highlight=False).print(table)


def _passed_over(reasons: Counter[str], what: str) -> str:
    listed = [f"{count} {reason}" for reason, count in _reasons(reasons).items()]
    return f"; {sum(reasons.values())} {what}: {', '.join(listed)}" if listed else ""


def _print_json(value: object) -> None:
    _say(json.dumps(value, indent=2))  # in ASCII, so that a terminal sees no control character


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def _note(text: str) -> None:
    """Say on standard error what takes long, or is passed over."""
    sys.stderr.write(printable(text) + "\n")
    sys.stderr.flush()


def _preview(value: object) -> str:
    """Return the beginning of a value on one line, without characters that a terminal would act on."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return printable(text if len(text) <= _PREVIEW else text[: _PREVIEW - 1] + "…")


def _fail(message: str, code: int = _FAILED) -> int:
    _note(f"Error: {message}")
    return code


def _stopped(message: str, written: int, what: str) -> int:
    return _fail(f"{message}; {_done(written, what)}", _PROBLEMS if written else _FAILED)


def _interrupted(written: int, what: str) -> int:
    return _fail(f"interrupted; {_done(written, what)}", _INTERRUPTED)


def _done(written: int, what: str) -> str:
    return f"{written} {what} were written before: repeat the command to go on" if written else "nothing was written"


@contextmanager
def _progress(text: str) -> Iterator[Callable[..., None]]:
    """Show on a terminal how far the work is: a count, a second one in the text, and a bar where the whole is known."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(f"0 {text.format(0)}", total=None)

        def advance(done: int, other: int = 0, *, position: int | None = None, size: int | None = None) -> None:
            description = f"{done} {text.format(other)}"
            progress.update(task, completed=position, total=size, description=description)

        yield advance


def _counted(
    rows: Iterable[Mapping[str, object]], advance: Callable[..., None], export: Export | None = None
) -> Iterator[Mapping[str, object]]:
    """Yield rows, and show on a terminal how many have passed and, of a file, how much of it."""
    for number, row in enumerate(rows, 1):
        if number % _STEP == 0:
            position, size = (None, None) if export is None else (export.position, export.size)
            advance(number, position=position, size=size)
        yield row
