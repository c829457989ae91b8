"""Does every row of a dataset have the run output? Whatever its size, the rows are never held in memory."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..completion import says_nothing
from .exports import BadExportError, CellText, open_export, read_export
from .since import as_moment, as_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from fractions import Fraction

__all__ = ["BadExportError", "Baseline", "Problem", "VerifyReport", "open_export", "read_export", "verify"]

_LISTED = 1000
"""How many ids of each kind of problem are kept: a report stays small, whatever the export."""
_LONGEST_ID = 200
_OK, _MISSING, _EMPTY, _SHORTENED = range(4)


@dataclass
class Problem:
    """One kind of problem: how many rows have it, and the ids of the first thousand."""

    count: int = 0
    ids: list[str] = field(default_factory=list)


@dataclass
class VerifyReport:
    """What `verify` found."""

    key: str
    rows: int = 0
    """Each counts once, in its newest version."""
    repeated: int = 0
    """Rows that were there more than once, in older versions."""
    missing: Problem = field(default_factory=Problem)
    """Rows without the metadata key."""
    empty: Problem = field(default_factory=Problem)
    """Rows whose run output says nothing: empty, or a redaction placeholder."""
    cut: Problem = field(default_factory=Problem)
    """Rows whose run output was cut to the longest allowed."""
    expected_changed: Problem = field(default_factory=Problem)
    """Rows whose ``expected`` differs from the baseline's."""
    with_expected: int = 0
    without_input: int = 0
    compared: int = 0
    """Rows that the baseline has as well."""

    @property
    def problems(self) -> dict[str, Problem]:
        """Each kind of problem by its name."""
        return {
            "missing": self.missing, "empty": self.empty, "cut": self.cut, "expected changed": self.expected_changed,
        }  # fmt: skip

    @property
    def ok(self) -> bool:
        """Whether there are rows, and no problem."""
        return self.rows > 0 and not any(problem.count for problem in self.problems.values())

    def is_ok(self, at_least: Fraction) -> bool:
        """Whether there are rows, this share of them with a whole run output, and no ``expected`` has changed."""
        bad = self.missing.count + self.empty.count + self.cut.count
        return self.rows > 0 and not self.expected_changed.count and self.rows - bad >= at_least * self.rows

    def as_dict(self) -> dict[str, object]:
        """Return the report as JSON can say it."""
        return {
            "ok": self.ok,
            "key": self.key,
            "rows": self.rows,
            "repeated": self.repeated,
            "with_run_output": self.rows - self.missing.count - self.empty.count,
            "with_expected": self.with_expected,
            "without_input": self.without_input,
            "compared": self.compared,
            **{
                name.replace(" ", "_"): {"count": problem.count, "ids": problem.ids}
                for name, problem in self.problems.items()
            },
        }


def verify(
    rows: Iterable[Mapping[str, object]], *, key: str = "run_output", baseline: Baseline | None = None
) -> VerifyReport:
    """Check the rows of a dataset.

    Args:
        rows: The rows; read once, none is kept. One that is repeated counts once, in its newest version: by
            ``_xact_id``, by ``created``, or else the last.
        key: The metadata key that holds the run output.
        baseline: What ``expected`` was before, to see that it is untouched; default not compared.
    """
    report = VerifyReport(key)
    database = sqlite3.connect("")  # a temporary file that goes with the connection
    database.execute(_TABLE)

    def judged() -> Iterator[tuple[object, ...]]:
        for number, row in enumerate(rows, 1):
            report.repeated = number
            yield _judge(row, number, key, baseline)

    database.executemany(_NOTE, judged())
    _summarize(database, report)
    report.repeated -= report.rows
    database.close()
    return report


_TABLE = """
CREATE TABLE judged (
    id TEXT PRIMARY KEY, xact TEXT, created TEXT, number INTEGER, shown TEXT,
    verdict INTEGER, has_expected INTEGER, has_input INTEGER, is_same INTEGER
) WITHOUT ROWID
"""
_NOTE = """
INSERT INTO judged VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
    xact = excluded.xact, created = excluded.created, number = excluded.number, verdict = excluded.verdict,
    has_expected = excluded.has_expected, has_input = excluded.has_input, is_same = excluded.is_same
    WHERE (excluded.xact, excluded.created) >= (xact, created)
"""


def _judge(row: Mapping[str, object], number: int, key: str, baseline: Baseline | None) -> tuple[object, ...]:
    row_id, version = row.get("id"), _version(row.get("_xact_id"))
    moment = None if version else as_moment(row.get("created"))
    shown = f"row {number}" if row_id in (None, "") else str(row_id)
    is_same = None if baseline is None else baseline.has_same(shown, row.get("expected"), number)
    return (
        f"row\n{number}" if row_id in (None, "") else f"{row.get('dataset_id')}\n{_text(row_id)}",
        version,
        "" if moment is None else as_text(moment),
        number,
        _text(shown[:_LONGEST_ID]),
        _verdict(row.get("metadata"), key),
        row.get("expected") is not None,
        row.get("input") is not None,
        is_same,
    )


def _verdict(metadata: object, key: str) -> int:
    if not isinstance(metadata, dict) or metadata.get(key) is None:
        return _MISSING
    value = metadata[key]
    if value in ([], {}) or (isinstance(value, str) and says_nothing(value)):
        return _EMPTY
    return _SHORTENED if metadata.get(f"{key}_truncated") else _OK


def _version(xact_id: object) -> str:
    text = str(xact_id)
    return text.zfill(32) if text.isascii() and text.isdecimal() else ""


def _summarize(database: sqlite3.Connection, report: VerifyReport) -> None:
    counted = database.execute(
        "SELECT COUNT(*), TOTAL(has_expected), TOTAL(NOT has_input), COUNT(is_same) FROM judged"
    ).fetchone()
    report.rows, report.with_expected, report.without_input, report.compared = map(int, counted)
    for problem, condition in (
        (report.missing, f"verdict = {_MISSING}"),
        (report.empty, f"verdict = {_EMPTY}"),
        (report.cut, f"verdict = {_SHORTENED}"),
        (report.expected_changed, "is_same = 0"),
    ):
        found = f"FROM judged WHERE {condition}"
        (problem.count,) = database.execute(f"SELECT COUNT(*) {found}").fetchone()
        ids = database.execute(f"SELECT shown {found} ORDER BY number LIMIT {_LISTED}")
        problem.ids = [shown for (shown,) in ids]


class Baseline:
    """The ``expected`` of each row of an earlier export, by id. Kept as digests on disk, so of any size.

    Args:
        rows: The rows of the earlier export.
    """

    def __init__(self, rows: Iterable[Mapping[str, object]]) -> None:
        self._database = sqlite3.connect("")
        self._database.execute(
            "CREATE TABLE expected (id TEXT PRIMARY KEY, xact TEXT, exact BLOB, loose BLOB) WITHOUT ROWID"
        )
        noted = (
            (_text(row.get("id")), _version(row.get("_xact_id")), *_digests(row.get("expected"), number))
            for number, row in enumerate(rows, 1)
        )
        self._database.executemany(
            "INSERT INTO expected VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
            "xact = excluded.xact, exact = excluded.exact, loose = excluded.loose WHERE excluded.xact >= xact",
            noted,
        )

    def has_same(self, row_id: str, expected: object, number: int = 0) -> bool | None:
        """Return whether a row's ``expected`` is as it was; None if the baseline has no such row.

        Args:
            row_id: The row's id.
            expected: What it expects now.
            number: Its place in the export, for messages.
        """
        found = self._database.execute("SELECT exact, loose FROM expected WHERE id = ?", (_text(row_id),)).fetchone()
        if found is None:
            return None
        exact, loose = _digests(expected, number)
        both_exact = exact is not None and found[0] is not None
        return bool(found[0] == exact if both_exact else found[1] == loose)


def _text(value: object) -> str:
    return str(value).encode(errors="replace").decode()


def _digests(value: object, number: int) -> tuple[bytes | None, bytes]:
    """Return the digest of a value, none if a CSV has it, and of what it is if texts may be JSON."""
    if isinstance(value, str):
        try:
            loose = _digest(json.loads(value))
        except (ValueError, RecursionError):
            loose = _digest(str(value))
    else:
        try:
            loose = _digest(value)
        except RecursionError:
            raise BadExportError(f"expected of row {number} is nested too deep") from None
    return None if isinstance(value, CellText) else _digest(value), loose


def _digest(value: object) -> bytes:
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
