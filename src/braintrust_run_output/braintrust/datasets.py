"""Dataset rows from recorded traces: ``input``, the model's run-time output, and where it came from.

A row has the root's ``input`` (that of the model call that answered, if the root has none), ``expected`` only where the
trace has one, ``metadata.run_output``, ``metadata.span_id`` and ``metadata.root_span_id``. Its id is made of the
dataset and the span, so a trace is one row, however often it is inserted; a row that exists is read before, and only
completed: see `corrections`.
"""

from __future__ import annotations

import uuid
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from .. import _faults
from . import otlp_files, traces
from .api import ApiError
from .corrections import completed, is_kept, marked
from .logs import read_traces
from .rows import span_id_of
from .turns import read_turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from braintrust.logger import Dataset

    from ..config import RunOutputConfig
    from .api import BraintrustApi, NamedObject, Row

_ROW_IDS = uuid.UUID("6f0d6f4e-0b8e-5c56-9d3f-5a1d0c9f6f0b")
_BATCH_ROWS = 200
_BATCH_CHARS = 32_000_000
_PREVIEWED = 1000
_SHOWN_CHARS = 1000
UNREADABLE = "of an unexpected shape"
_TOO_LARGE = "larger than a request may be"


@dataclass
class InsertReport:
    """What an insert found and did."""

    applied: bool
    """False for a dry run: nothing was written."""
    traces: int = 0
    found: int = 0
    """Rows that they make."""
    passed_over: Counter[str] = field(default_factory=Counter)
    """Traces that make no row, and rows that cannot be written, by the reason."""
    written: int = 0
    """Rows that were inserted or completed."""
    unchanged: int = 0
    """Those of them that were there already, with nothing to add."""
    kept: int = 0
    """Those of them whose run output is another one than the trace's, and stays, since it may be a person's."""
    rows: list[Row] = field(default_factory=list)
    """The first thousand, with the beginnings of long values."""

    @property
    def skipped(self) -> int:
        """Traces that make no row, and rows that cannot be written."""
        return sum(self.passed_over.values())


def make_row(
    rows: Iterable[Mapping[str, object]],
    config: RunOutputConfig,
    *,
    dataset_id: str,
    project_id: str | None = None,
    expected: object = None,
    with_metadata: bool = False,
) -> Row | None:
    """Return the dataset row that one trace makes, None if it has no root or no model output, or is a probe of doctor.

    Args:
        rows: The rows of the trace, in any order.
        config: The configuration: ``key``, ``root``, ``format``, ``max_length`` and ``transform`` count.
        dataset_id: The dataset that the row is for; part of the row's id.
        project_id: The project in whose logs the trace is stored, for the row's ``origin``; default none.
        expected: The row's ``expected``; default the root's own, and none if it has none.
        with_metadata: Copy the root's other metadata as well, as "Add to dataset" does.
    """
    decided = traces.read_trace(rows, config)
    return _row_of(
        decided, config,
        dataset_id=dataset_id, project_id=project_id, expected=expected, with_metadata=with_metadata,
    )  # fmt: skip


def make_turn_rows(
    rows: Iterable[Mapping[str, object]],
    config: RunOutputConfig,
    *,
    dataset_id: str,
    project_id: str | None = None,
    with_metadata: bool = False,
) -> list[Row]:
    """Return the dataset rows that the turns of one trace make, in their order: see `turns`.

    The id and the ``origin`` of a row are those of the turn's first call, and ``expected`` only where that has one.

    Args:
        rows: As for `make_row`.
        config: As for `make_row`.
        dataset_id: As for `make_row`.
        project_id: As for `make_row`.
        with_metadata: As for `make_row`: the root's metadata, in each row.
    """
    made = (
        _row_of(turn, config, dataset_id=dataset_id, project_id=project_id, with_metadata=with_metadata)
        for turn in read_turns(rows, config)
    )
    return [row for row in made if row is not None]


def _row_of(
    decided: traces.Decided,
    config: RunOutputConfig,
    *,
    dataset_id: str,
    project_id: str | None,
    expected: object = None,
    with_metadata: bool = False,
) -> Row | None:
    root, found, about = decided.root, decided.found, decided.about
    if root is None or found is None or about is None:
        return None
    copied = _object(root.get("metadata")) if with_metadata else {}
    metadata = {name: value for name, value in copied.items() if name != f"{config.key}_truncated"}
    metadata |= found.metadata(config)
    metadata |= {"span_id": found.span_id, "root_span_id": found.root_span_id}
    row: Row = {
        "id": str(uuid.uuid5(_ROW_IDS, f"{dataset_id}/{found.root_span_id}/{span_id_of(about)}")),
        "input": decided.input,
        "metadata": metadata,
    }
    expected = about.get("expected") if expected is None else expected
    if expected is not None:
        row["expected"] = expected
    if project_id is not None:
        row["origin"] = {
            "object_type": "project_logs", "object_id": project_id, "id": about["id"], "created": about.get("created"),
        }  # fmt: skip
    return row


def insert(
    recorded: Iterable[Iterable[Mapping[str, object]]],
    dataset: NamedObject,
    api: BraintrustApi | None,
    *,
    config: RunOutputConfig,
    project_id: str | None = None,
    with_metadata: bool = False,
    per: Literal["trace", "turn"] = "trace",
    apply: bool = False,
    progress: Callable[[InsertReport], object] | None = None,
    report: InsertReport | None = None,
) -> InsertReport:
    """Make a dataset row of each trace, or each turn, and insert it.

    Args:
        recorded: The traces, each the rows that it is: see `traces_of_otlp`, `traces_of_intake` and `traces_of_logs`.
        dataset: The dataset.
        api: The connection; a dry run needs none.
        config: The configuration, as for `make_row`.
        project_id: As for `make_row`.
        with_metadata: As for `make_row`.
        per: ``trace``: a row of each trace; ``turn``: a row of each turn of a conversation, see `turns`.
        apply: Write; by default nothing is written, only reported.
        progress: Called with the report after each batch.
        report: What to count in: it stays true where this raises half-way. Default a new one.

    Raises:
        ApiError: Braintrust could not be asked. What the report counts as written is written.
    """
    report = InsertReport(applied=apply) if report is None else report

    def made() -> Iterator[Row]:
        for trace in recorded:
            report.traces += 1
            try:
                decided = read_turns(trace, config) if per == "turn" else [traces.read_trace(trace, config)]
                rows = [
                    _row_of(one, config, dataset_id=dataset.id, project_id=project_id, with_metadata=with_metadata)
                    for one in decided
                ]
            except Exception as error:  # noqa: BLE001 (a trace of odd rows costs itself)
                _faults.contain("Making a row of a trace", error)
                report.passed_over[UNREADABLE] += 1
                continue
            found = [row for row in rows if row is not None]
            report.found += len(found)
            if not found:
                report.passed_over[decided[0].reason] += 1
            yield from found

    for batch in _batches(made()):
        report.rows += map(_short, batch[: _PREVIEWED - len(report.rows)])
        if apply and api is not None:
            _write(batch, dataset, api, config.key, report)
        if progress is not None:
            progress(report)
    return report


def _write(batch: list[Row], dataset: NamedObject, api: BraintrustApi, key: str, report: InsertReport) -> None:
    """Insert what is new of a batch, and complete what is there."""
    stored = api.dataset_rows_of(dataset, [str(row["id"]) for row in batch])
    events: list[Row] = []
    for row in batch:
        present = stored.get(str(row["id"]))
        event: Row | None = marked(row, key)
        if present is not None:
            event = completed(marked(row, key), present, key)
            report.kept += is_kept(row, present, key)
            report.unchanged += event is None
        if event is not None:
            events.append({**event, "_is_merge": True})

    def written(count: int) -> None:
        report.written += count

    report.passed_over.update({_TOO_LARGE: api.insert_dataset_rows(dataset, events, written)})


def insert_with_sdk(rows: Iterable[Row], dataset: Dataset, *, key: str = "run_output") -> int:
    """Insert rows with the Braintrust SDK, which knows no ``origin``, and send them.

    The dataset is read before. A row whose id it has already is only completed: what it has stays, its run output too.

    Args:
        rows: The rows, from `make_row`.
        dataset: What ``braintrust.init_dataset`` returned.
        key: The metadata key of run outputs.

    Returns:
        How many rows there were.
    """
    import braintrust

    dataset.flush()  # what waits in the SDK is in the dataset, before that is read, by somebody who remembers nothing
    reader = braintrust.init_dataset(project_id=dataset.project.id, name=dataset.name, use_output=False)
    stored: dict[str, Row] = {str(row["id"]): _remembered(row) for row in reader.fetch()}
    count = 0
    for count, row in enumerate((marked(row, key) for row in rows), 1):  # noqa: B007
        present = stored.get(str(row["id"]))
        if present is None:
            known: dict[str, Any] = {name: row.get(name) for name in ("id", "input", "expected", "metadata")}
            dataset.insert(**known)
            stored[str(row["id"])] = _remembered(row)
        elif (event := completed(row, present, key)) is not None:
            dataset.update(str(row["id"]), metadata=dict(_object(event.get("metadata"))))
    dataset.flush()
    return count


def _remembered(row: Mapping[str, object]) -> Row:
    """Return what must be known of a stored row to complete it: the SDK can write no ``origin``."""
    return {"metadata": row.get("metadata"), "origin": True}


# --- where traces come from --------------------------------------------------------------------------------------


def traces_of_otlp(path: str | Path) -> Iterator[Sequence[Mapping[str, object]]]:
    """Yield the traces in a file of OTLP JSON, one of several roots once for each.

    Args:
        path: The file: one export request, or one on each line.

    Raises:
        ApiError: The file cannot be read, or is not OTLP JSON.
    """
    for rows in otlp_files.traces_of_otlp(path):
        yield from traces.of_each_root(rows)


def traces_of_intake(url: str) -> Iterator[Sequence[Mapping[str, object]]]:
    """Yield the traces that a local intake has, newest first, one of several roots once for each.

    Args:
        url: The intake's address.

    Raises:
        ApiError: It cannot be asked.
    """
    import requests

    url = url.rstrip("/")
    before = None
    try:
        with requests.Session() as session:
            while True:
                page = session.get(f"{url}/traces", params={"before": before} if before else None, timeout=30)
                page.raise_for_status()
                listed = page.json()
                for trace in listed["traces"]:
                    answer = session.get(f"{url}/traces/{trace['root_span_id']}", timeout=30)
                    answer.raise_for_status()
                    yield from traces.of_each_root(answer.json()["rows"])
                before = listed["next"]
                if not before:
                    return
    except (requests.RequestException, ValueError, KeyError, TypeError) as error:
        raise ApiError(f"no local intake answers at {url} ({type(error).__name__}): check --intake") from None


def traces_of_logs(
    api: BraintrustApi,
    project: NamedObject,
    *,
    since: datetime,
    until: datetime | None = None,
    key: str | None = None,
) -> Iterator[list[Row]]:
    """Yield the traces in a project's logs whose root started in a time.

    Args:
        api: The connection.
        project: The project.
        since: The earliest start.
        until: The latest start; default now.
        key: Only traces whose root lacks this metadata key; default all.
    """
    for batch in read_traces(api, project, since=since, until=until, without=key):
        for trace in batch:
            yield trace.rows


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _short(row: Row) -> Row:
    """Keep the beginnings of long values for the report: a thousand whole rows may be too much."""
    metadata = {name: _beginning(value) for name, value in _object(row.get("metadata")).items()}
    return {**{name: _beginning(value) for name, value in row.items()}, "metadata": metadata}


def _beginning(value: object) -> object:
    text = value if isinstance(value, str) else str(value)
    return value if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS]


def _batches(made: Iterable[Row]) -> Iterator[list[Row]]:
    """Yield rows in batches that memory takes."""
    made = iter(made)
    while batch := list(islice(made, 1)):
        chars = len(str(batch[0]))
        while chars < _BATCH_CHARS and len(batch) < _BATCH_ROWS and (more := next(made, None)) is not None:
            chars += len(str(more))
            batch.append(more)
        yield batch
