"""Reading exports of datasets, of any size, as a stream: one row is in memory at a time.

An export is a JSON array of rows; what Braintrust's API answers (``{"events": [...]}``, ``{"data": [...]}``); what ``bt
datasets view --json`` prints (``{"rows": [...]}``); JSON Lines; or the interface's CSV, with JSON in its column
``metadata``.
"""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from typing import IO, TYPE_CHECKING, Any, TypeAlias

from .shown import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from types import ModuleType

_Event: TypeAlias = "tuple[str, str, Any]"
"""Where in a document something is, what it is, and its value."""

STANDARD_INPUT = "-"
ENVELOPES = ("events", "rows", "data")
"""What an object calls its list of rows."""

_TELLING = frozenset({"input", "expected", "metadata"})
_FIELDS = _TELLING | {"id"}
_CUT = {
    "rows_truncated": "holds a part of the rows only: repeat it with --all-rows",
    "rows_previewed": "holds the beginnings of values only: repeat it with --full",
}
"""What ``bt`` says of its own output."""
_DEEPEST = 200
_LONGEST_LINE = 64 * 1024 * 1024
_SHOWN_KEYS = 8
_LONGEST_KEY = 40
_BOM = b"\xef\xbb\xbf"
_FORMATS = 'give a JSON array of rows, {"events": [...]}, {"rows": [...]}, {"data": [...]}, JSON Lines or CSV'


class BadExportError(ValueError):
    """An export that cannot be read. The message is one line, says where, and never quotes a value of the export."""


class CellText(str):
    """A value of a CSV: a text, or JSON. Which one the file does not say."""

    __slots__ = ()


class Export:
    """The rows of an export that is open; it can be gone through once.

    Args:
        file: The export. It must be seekable.

    Raises:
        BadExportError: It is not an export; while its rows are gone through, it is damaged.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.size = file.seek(0, os.SEEK_END)
        """In bytes."""
        file.seek(0)
        self._rows = read_export(file)

    def __iter__(self) -> Iterator[dict[str, object]]:
        return self._rows

    @property
    def position(self) -> int:
        """How many bytes have been read."""
        return self._file.tell()


@contextmanager
def open_export(path: str | Path) -> Iterator[Export]:
    """Open an export.

    Args:
        path: The file; ``-`` is standard input. A pipe is put into a temporary file first.

    Raises:
        BadExportError: The file cannot be opened; while reading, it is not an export.
    """
    try:
        with sys.stdin.buffer if str(path) == STANDARD_INPUT else open(path, "rb") as file, ExitStack() as spool:
            if not file.seekable():
                pipe, file = file, spool.enter_context(tempfile.TemporaryFile())
                shutil.copyfileobj(pipe, file)
            yield Export(file)
    except OSError as error:
        raise BadExportError(f"cannot read {path}: {error.strerror or type(error).__name__}") from None


def read_export(file: IO[bytes]) -> Iterator[dict[str, object]]:
    """Yield the rows of an export.

    Args:
        file: The export. It must be seekable.

    Raises:
        BadExportError: It is not an export, or damaged.
    """
    start = len(_BOM) if file.read(len(_BOM)) == _BOM else 0
    file.seek(start)
    first = file.read(1)
    while first.isspace():
        first = file.read(1)
    file.seek(start)
    if not first:
        raise BadExportError(f"the file is empty: {_FORMATS}")
    if first == b"[":
        return _checked(_items(file, None))
    if first == b"{":
        envelope = _envelope(file)
        file.seek(start)
        return _checked(_lines(file) if envelope is None else _items(file, envelope))
    return _cells(file)


# --- JSON --------------------------------------------------------------------------------------------------------


def _envelope(file: IO[bytes]) -> str | None:
    """Return what the object that a file begins with calls its rows, None if it is a row of JSON Lines itself."""
    keys: list[str] = []
    has_list = False
    try:
        for prefix, event, value in _events(file):
            if prefix == "" and event == "map_key":
                keys.append(value)
            elif event == "start_array" and prefix == keys[-1]:
                if prefix in ENVELOPES:
                    return prefix
                has_list = True
            elif prefix == "" and event == "end_map":
                break
    except BadExportError:
        raise
    except (_ijson().JSONError, ValueError):
        return None  # reading it as lines says where it is damaged
    if _TELLING.isdisjoint(keys) and (has_list or "id" not in keys):
        raise BadExportError(f"this is no export: an object with {_keys(keys)}; {_FORMATS}")
    return None


def _lines(file: IO[bytes]) -> Iterator[object]:
    for number, line in enumerate(iter(lambda: file.readline(_LONGEST_LINE), b""), 1):
        if line.isspace():
            continue
        try:
            yield json.loads(line)
        except (ValueError, RecursionError):
            raise BadExportError(f"line {number} is no JSON") from None


def _items(file: IO[bytes], envelope: str | None) -> Iterator[object]:
    """Yield the items of an array, or of those that stand under a key in one object or several."""
    events = _events(file) if envelope is None else _whole(_events(file), envelope)
    number = 0
    try:
        for number, item in enumerate(_ijson().items(events, f"{envelope}.item" if envelope else "item"), 1):  # noqa: B007
            yield item
    except BadExportError:
        raise
    except (_ijson().JSONError, ValueError):
        raise BadExportError(f"the file is damaged after row {number}") from None


def _events(file: IO[bytes]) -> Iterator[_Event]:
    """Return what JSON a file holds piece by piece, if it is not nested as no export is."""
    pieces = _ijson().basic_parse(file, use_float=True, multiple_values=True)
    return _ijson().parse(_not_too_deep(pieces))  # type: ignore[no-any-return]


def _not_too_deep(pieces: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    depth = 0
    for piece in pieces:
        if piece[0] in ("start_map", "start_array"):
            depth += 1
            if depth > _DEEPEST:
                raise BadExportError(f"the file nests arrays or objects more than {_DEEPEST} deep: no export does")
        elif piece[0] in ("end_map", "end_array"):
            depth -= 1
        yield piece


def _whole(events: Iterable[_Event], envelope: str) -> Iterator[_Event]:
    """Yield the pieces of envelopes, if each has its rows, all and whole."""
    found = False
    for prefix, event, value in events:
        if prefix in _CUT and value is True:
            raise BadExportError(f"this export {_CUT[prefix]}")
        if prefix == envelope and event == "start_array":
            found = True
        elif prefix == "" and event == "end_map":
            if not found:
                raise BadExportError(f"an object in the file has no {envelope}: {_FORMATS}")
            found = False
        yield prefix, event, value


def _ijson() -> ModuleType:
    try:
        import ijson  # type: ignore[import-untyped]
    except ImportError:
        raise BadExportError("reading exports needs ijson: pip install 'braintrust-run-output[cli]'") from None
    return ijson  # type: ignore[no-any-return]


def _checked(values: Iterable[object]) -> Iterator[dict[str, object]]:
    for number, value in enumerate(values, 1):
        if not isinstance(value, dict):
            raise BadExportError(f"row {number} is no JSON object: {_FORMATS}")
        if _FIELDS.isdisjoint(value):
            raise BadExportError(f"row {number} is no row of a dataset: an object with {_keys(value)}")
        if isinstance(value.get("metadata"), str):
            value["metadata"] = _metadata(value["metadata"], number)
        yield value


def _keys(keys: Iterable[str]) -> str:
    shown = [printable(str(key)[:_LONGEST_KEY]) for key in keys]
    if not shown:
        return "no keys"
    more = f" and {len(shown) - _SHOWN_KEYS} more" if len(shown) > _SHOWN_KEYS else ""
    return f"the keys {', '.join(shown[:_SHOWN_KEYS])}{more}"


# --- CSV ---------------------------------------------------------------------------------------------------------


def _cells(file: IO[bytes]) -> Iterator[dict[str, object]]:
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_LINE))
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    number = 0
    try:
        reader = csv.DictReader(text, strict=True)
        if "metadata" not in (reader.fieldnames or ()):
            raise BadExportError(f"the file is no JSON, and no CSV with a column metadata: {_FORMATS}")
        for number, cells in enumerate(reader, 1):
            row: dict[str, object] = {name: CellText(cell) for name, cell in cells.items() if name and cell}
            row["metadata"] = _metadata(str(row.get("metadata") or "null"), number)
            yield row
    except (csv.Error, UnicodeDecodeError):
        raise BadExportError(f"the file is damaged after row {number}") from None
    finally:
        text.detach()  # or the file would be closed with it


def _metadata(text: str, number: int) -> object:
    try:
        metadata = json.loads(text)
    except (ValueError, RecursionError):
        metadata = text
    if metadata is not None and not isinstance(metadata, dict):
        raise BadExportError(f"the metadata of row {number} is no JSON object")
    return metadata
