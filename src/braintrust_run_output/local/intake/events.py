"""Stored rows as Braintrust's interface gives them: with every field that its OpenAPI description requires."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from .store import ORGANIZATION
from .values import dump_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .btql.query import Column, Query
    from .store import StoredObject, StoredRow
    from .values import Json

_NULLS = ("input", "expected", "metadata", "tags", "origin")
_SPAN_NULLS = ("output", "scores", "metrics", "span_attributes", "span_parents", "error", "context")
_PREVIEWED = ("input", "output", "expected", "error", "metadata")
_TIMES = ("start", "end")
_LARGEST = 2**53
"""The greatest number that is summed: greater ones are no metrics."""


def event_of(stored: StoredRow, owner: StoredObject) -> dict[str, Json]:
    """Return a stored row with what the platform adds to it.

    Args:
        stored: The row.
        owner: The project, experiment or dataset that it is in.
    """
    body = stored.body
    event: dict[str, Json] = dict.fromkeys(_NULLS if owner.kind == "dataset" else (*_NULLS, *_SPAN_NULLS))
    event |= body
    # As in real answers: an empty list stands for nothing.
    event |= {name: None for name in ("tags", "span_parents", "scores") if name in event and not event[name]}
    span_id = body.get("span_id")
    return event | {
        "_xact_id": f"{stored.position:019d}",
        "_pagination_key": f"p{stored.position:020d}",
        "created": body.get("created") if isinstance(body.get("created"), str) else stored.created,
        "root_span_id": stored.trace_id,
        "span_id": span_id if isinstance(span_id, str) else _own_span_id(stored, owner),
        "is_root": stored.is_root,
        **_place(owner),
    }


def shown(events: Sequence[dict[str, Json]], asked: Query) -> list[dict[str, Json]]:
    """Return of rows what a query selects, long values cut to previews if it wants that."""
    if asked.preview_length >= 0:
        events = [_previewed(event, asked.preview_length) for event in events]
    if asked.columns is None:
        return list(events)
    return [{one.name: _value_at(event, one) for one in asked.columns} for event in events]


def summarize(root: dict[str, Json], spans: Sequence[StoredRow]) -> dict[str, Json]:
    """Return a root's row with the numbers of its whole trace: the sums of its spans' metrics, its own times."""
    total: dict[str, Json] = {}
    for span in spans:
        for name, value in _object(span.body.get("metrics")).items():
            if name not in _TIMES and _is_number(value):
                total[name] = cast("float", total.get(name, 0)) + cast("float", value)
    own = _object(root.get("metrics"))
    return {**root, "metrics": {**own, **total}}


def _own_span_id(stored: StoredRow, owner: StoredObject) -> str:
    return stored.trace_id if owner.kind == "dataset" else str(stored.body["id"])


def _place(owner: StoredObject) -> dict[str, Json]:
    if owner.kind == "dataset":
        return {"dataset_id": owner.id, "project_id": owner.project_id}
    if owner.kind == "experiment":
        return {"experiment_id": owner.id, "project_id": owner.project_id}
    return {"project_id": owner.id, "org_id": ORGANIZATION, "log_id": "g"}


def _previewed(event: dict[str, Json], length: int) -> dict[str, Json]:
    cut = {name: _preview(event[name], length) for name in _PREVIEWED if event.get(name) is not None}
    return {**event, **cut}


def _preview(value: Json, length: int) -> Json:
    text = value if isinstance(value, str) else dump_json(value).decode()
    return value if len(text) <= length else f"{text[:length]}..."


def _value_at(event: dict[str, Json], column: Column) -> Json:
    path = column.path
    if path is None:
        return _object(column.node).get("value")
    value: Json = event
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _is_number(value: Json) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= _LARGEST


def _object(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}
