"""The rows that Braintrust keeps: one per span in a project's logs, one per example in a dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from .values import Json


class Row(TypedDict, total=False):
    """One span in a project's logs.

    ``metrics.start`` and ``metrics.end`` are Unix times in seconds, ``created`` is the start time in ISO 8601
    (UTC, milliseconds). A row with ``_is_merge`` is laid over the stored row of the same ``id`` instead of replacing
    it.
    """

    id: str
    span_id: str
    root_span_id: str
    span_parents: list[str] | None
    is_root: bool
    created: str
    input: Json
    output: Json
    expected: Json
    metadata: dict[str, Json]
    metrics: dict[str, float]
    scores: dict[str, float] | None
    tags: list[str] | None
    origin: dict[str, Json] | None
    span_attributes: dict[str, Json]
    error: Json
    context: dict[str, Json]
    _is_merge: bool


class Origin(TypedDict):
    """Where a dataset row came from."""

    object_type: str
    object_id: str
    id: str
    created: str | None


class DatasetRow(TypedDict):
    """One example of a dataset. It has no ``output``: that is why ``metadata.run_output`` exists."""

    id: str
    input: Json
    expected: Json
    metadata: dict[str, Json]
    tags: list[str]
    created: str
    origin: Origin
