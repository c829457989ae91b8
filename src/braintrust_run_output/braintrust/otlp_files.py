"""The traces in a file of OTLP JSON: rows as Braintrust would store them, each with the span that it is of.

What a span says is read off the span itself, its events and its scope, so the decision is that of the span processor.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from ..outcome import read_outcome
from .api import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ..config import RunOutputConfig
    from ..otlp import Span
    from ..outcome import Outcome


class SpanRow(dict[str, object]):
    """The row that a span becomes, and the span.

    Args:
        row: The row.
        span: The span.
    """

    def __init__(self, row: Mapping[str, object], span: Span) -> None:
        super().__init__(row)
        self._span = span

    def read(self, config: RunOutputConfig) -> Outcome:
        """Read what the span says, its input as well."""
        span = self._span
        return read_outcome(
            span.attributes,
            span.events,
            span.scope.name,
            key=(span.trace_hex, span.span_hex),
            config=replace(config, mirror_input=True),
            name=span.name,
            start=span.start,
            end=span.end,
            has_failed=span.has_failed,
        )


def traces_of_otlp(path: str | Path) -> Iterator[list[SpanRow]]:
    """Yield the traces in a file of OTLP JSON: one export request, or one on each line.

    Args:
        path: The file.

    Raises:
        ApiError: The file cannot be read, or is not OTLP JSON.
    """
    try:
        from ..local.intake.mapping import map_span
    except ImportError as error:
        raise ApiError(str(error)) from None
    found: defaultdict[str, list[SpanRow]] = defaultdict(list)
    for span in _spans_of(path):
        if span.has_valid_ids:
            found[span.trace_hex].append(SpanRow(map_span(span), span))
    if not found:
        raise ApiError(f"{path} holds no spans")
    yield from found.values()


def _spans_of(path: str | Path) -> Iterator[Span]:
    from ..otlp import JSON, BadPayloadError, as_protobuf, read_spans

    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise ApiError(f"cannot read {path}: {error.strerror or type(error).__name__}") from None
    number = 0
    try:
        for number, body in _requests_in(content):  # noqa: B007
            yield from read_spans(as_protobuf(body, JSON))
    except BadPayloadError:
        raise ApiError(f"{path}, line {number}: not an OTLP JSON export request") from None


def _requests_in(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield what a file holds: all of it where it is one JSON value, otherwise each line."""
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        for number, line in enumerate(body.splitlines(), 1):
            if line.strip():
                yield number, line
    else:
        yield 1, body
