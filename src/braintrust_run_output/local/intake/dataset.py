"""What "Add to dataset" makes of a trace.

Described in https://www.braintrust.dev/docs/kb/include-runtime-llm-output-in-dataset-exports: the root span's
``input`` becomes ``input``, its ``output`` becomes ``expected``, its ``metadata`` is copied.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from .store import LOCAL_PROJECT, find_root
from .values import dump_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .rows import DatasetRow, Row
    from .store import Store


def add_to_dataset(store: Store, root_span_id: str) -> DatasetRow:
    """Add a trace to the store's dataset, as the button of that name does.

    Args:
        store: Where the trace is and the dataset row goes.
        root_span_id: The trace id, 32 hex digits.

    Returns:
        The new dataset row. Adding a trace twice makes two rows.

    Raises:
        ValueError: There is no such trace, or its root span has not arrived.
    """
    rows = store.trace(root_span_id)
    if not rows:
        raise ValueError(f"no trace {root_span_id!r}: GET /traces lists the traces that arrived")
    root = find_root(rows)
    if root is None:
        raise ValueError(
            f"trace {root_span_id!r} has {len(rows)} spans and no root: wait until its root span was exported"
        )
    row = make_dataset_row(root, project_id=store.project_of(root_span_id).id)
    store.insert_dataset_row(row)
    return row


def make_dataset_row(root: Row, *, project_id: str = LOCAL_PROJECT) -> DatasetRow:
    """Make a dataset row of a root span's row.

    Args:
        root: The root span's row.
        project_id: The project whose logs it is in.

    Returns:
        A row with an id of its own.
    """
    return {
        "id": str(uuid.uuid4()),
        "input": root.get("input"),
        "expected": root.get("output"),
        "metadata": root.get("metadata") or {},
        "tags": root.get("tags") or [],
        "created": datetime.now(timezone.utc).isoformat().replace("+00:00", "Z"),
        "origin": {
            "object_type": "project_logs",
            "object_id": project_id,
            "id": root["id"],
            "created": root.get("created"),
        },
    }


def export_dataset(rows: Iterable[DatasetRow]) -> str:
    """Write dataset rows as Braintrust's JSON export does: one array, indented by two spaces."""
    return dump_json(list(rows), indent=2).decode()
