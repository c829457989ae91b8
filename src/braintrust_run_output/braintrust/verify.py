"""Does every row of a dataset have the run output? Reads exports of any size as a stream.

An export is a JSON array of rows, JSON Lines, or what Braintrust's API answers: ``{"events": [...]}``.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

from ..completion import says_nothing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path
    from types import ModuleType

_LISTED = 1000
"""How many ids of each kind of problem are kept: a report stays small, whatever the export."""
_LONGEST_LINE = 64 * 1024 * 1024
_FORMATS = 'give a JSON array of rows, JSON Lines, or {"events": [...]}'


class BadExportError(ValueError):
    """An export that cannot be read. The message is one line, says where, and never quotes the export."""


@dataclass
class Problem:
    """One kind of problem: how many rows have it, and the ids of the first thousand."""

    count: int = 0
    ids: list[str] = field(default_factory=list)

    def add(self, row_id: str) -> None:
        """Note that a row has the problem."""
        self.count += 1
        if len(self.ids) < _LISTED:
            self.ids.append(row_id)


@dataclass
class VerifyReport:
    """What `verify` found."""

    key: str
    rows: int = 0
    missing: Problem = field(default_factory=Problem)
    """Rows without the metadata key."""
    empty: Problem = field(default_factory=Problem)
    """Rows whose run output says nothing: empty, or a redaction placeholder."""
    cut: Problem = field(default_factory=Problem)
    """Rows whose run output was cut to the longest allowed."""
    expected_changed: Problem = field(default_factory=Problem)
    """Rows whose ``expected`` differs from the baseline's."""
    with_expected: int = 0
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

    def as_dict(self) -> dict[str, object]:
        """Return the report as JSON can say it."""
        return {
            "ok": self.ok,
            "key": self.key,
            "rows": self.rows,
            "with_run_output": self.rows - self.missing.count - self.empty.count,
            "with_expected": self.with_expected,
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
        rows: The rows; read once, none is kept.
        key: The metadata key that holds the run output.
        baseline: What ``expected`` was before, to see that it is untouched; default not compared.
    """
    report = VerifyReport(key)
    for number, row in enumerate(rows, 1):
        report.rows = number
        row_id = str(row.get("id") or f"row {number}")
        metadata = row.get("metadata")
        value = metadata.get(key) if isinstance(metadata, dict) else None
        if value is None:
            report.missing.add(row_id)
        elif value in ([], {}) or (isinstance(value, str) and says_nothing(value)):
            report.empty.add(row_id)
        elif isinstance(metadata, dict) and metadata.get(f"{key}_truncated"):
            report.cut.add(row_id)
        if row.get("expected") is not None:
            report.with_expected += 1
        if baseline is not None and (same := baseline.has_same(row_id, row.get("expected"))) is not None:
            report.compared += 1
            if not same:
                report.expected_changed.add(row_id)
    return report


class Baseline:
    """The ``expected`` of each row of an earlier export, by id. Kept as digests on disk, so of any size.

    Args:
        rows: The rows of the earlier export.
    """

    def __init__(self, rows: Iterable[Mapping[str, object]]) -> None:
        self._database = sqlite3.connect("")  # a temporary file that goes with the connection
        self._database.execute("CREATE TABLE expected (id TEXT PRIMARY KEY, digest BLOB) WITHOUT ROWID")
        digests = ((str(row.get("id")), _digest(row.get("expected"))) for row in rows)
        self._database.executemany("INSERT OR REPLACE INTO expected VALUES (?, ?)", digests)

    def has_same(self, row_id: str, expected: object) -> bool | None:
        """Return whether a row's ``expected`` is as it was; None if the baseline has no such row."""
        found = self._database.execute("SELECT digest FROM expected WHERE id = ?", (row_id,)).fetchone()
        return None if found is None else bool(found[0] == _digest(expected))


# --- reading an export -------------------------------------------------------------------------------------------


@contextmanager
def open_export(path: str | Path) -> Iterator[Iterator[dict[str, object]]]:
    """Open an export and yield its rows as a stream.

    Args:
        path: The file.

    Raises:
        BadExportError: The file cannot be opened; while reading, it is not an export.
    """
    try:
        with open(path, "rb") as file:
            yield read_export(file)
    except OSError as error:
        raise BadExportError(f"cannot read {path}: {error.strerror or type(error).__name__}") from None


def read_export(file: IO[bytes]) -> Iterator[dict[str, object]]:
    """Yield the rows of an export; one row is in memory at a time.

    Args:
        file: The export. It must be seekable.

    Raises:
        BadExportError: It is not an export, or damaged.
    """
    first = file.read(1)
    while first.isspace():
        first = file.read(1)
    file.seek(0)
    if not first:
        raise BadExportError(f"the file is empty: {_FORMATS}")
    if first == b"[":
        return _objects(_items(file, "item"))
    if first == b"{":
        holds_events = _holds_events(file)
        file.seek(0)
        return _objects(_items(file, "events.item") if holds_events else _lines(file))
    raise BadExportError(f"the file is no JSON: {_FORMATS}")


def _holds_events(file: IO[bytes]) -> bool:
    """Whether the object that a file begins with has a list of events, rather than being a row of JSON Lines."""
    ijson = _ijson()
    depth, key = 0, None
    try:
        for event, value in ijson.basic_parse(file, multiple_values=True):
            if event in ("end_map", "end_array"):
                depth -= 1
                if depth == 0:
                    return False
            elif event in ("start_map", "start_array"):
                if depth == 1 and key == "events" and event == "start_array":
                    return True
                depth += 1
            elif event == "map_key" and depth == 1:
                key = value
    except (ijson.JSONError, UnicodeDecodeError):
        pass  # reading it as lines says where it is damaged
    return False


def _lines(file: IO[bytes]) -> Iterator[object]:
    for number, line in enumerate(iter(lambda: file.readline(_LONGEST_LINE), b""), 1):
        if line.isspace():
            continue
        try:
            yield json.loads(line)
        except (ValueError, RecursionError):
            raise BadExportError(f"line {number} is no JSON") from None


def _items(file: IO[bytes], prefix: str) -> Iterator[object]:
    ijson = _ijson()
    number = 0
    try:
        for number, item in enumerate(ijson.items(file, prefix, use_float=True), 1):  # noqa: B007
            yield item
    except (ijson.JSONError, UnicodeDecodeError, ValueError, RecursionError):
        raise BadExportError(f"the file is damaged after row {number}") from None


def _ijson() -> ModuleType:
    try:
        import ijson  # type: ignore[import-untyped]
    except ImportError:
        raise BadExportError("reading exports needs ijson: pip install 'braintrust-run-output[cli]'") from None
    return ijson  # type: ignore[no-any-return]


def _objects(values: Iterable[object]) -> Iterator[dict[str, object]]:
    for number, value in enumerate(values, 1):
        if not isinstance(value, dict):
            raise BadExportError(f"row {number} is no JSON object: {_FORMATS}")
        yield value


def _digest(value: object) -> bytes:
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
