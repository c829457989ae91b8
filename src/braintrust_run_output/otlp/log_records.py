"""Log records off the wire."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import messages
from .spans import Scope, parse, read_items
from .values import read_attributes, read_text, read_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True, slots=True)
class LogRecord:
    """A log record as it came. Times are nanoseconds since the epoch, 0 where there is none."""

    trace_id: int
    """0 where it names no trace."""
    span_id: int
    """0 where it names no span."""
    event_name: str
    body: object
    """A value as `braintrust_run_output.otlp.values.read_value` returns it."""
    attributes: Mapping[str, object]
    scope: Scope
    resource: Mapping[str, object]
    timestamp: int = 0
    observed_timestamp: int = 0

    @property
    def key(self) -> tuple[int, int]:
        """The trace id and the span id that it names."""
        return self.trace_id, self.span_id


def read_log_records(body: bytes) -> Iterator[LogRecord]:
    """Read the log records of a protobuf ``ExportLogsServiceRequest``, in their order.

    Raises:
        BadPayloadError: The body is not such a request.
    """
    return read_items(body, read_log_record)


def read_log_record(item: bytes, scope: Scope, resource: Mapping[str, object]) -> LogRecord:
    """Read one log record.

    Args:
        item: Its bytes.
        scope: What made it.
        resource: The attributes of the resource that made it.

    Raises:
        BadPayloadError: The bytes are no log record.
    """
    record = parse(messages.LogRecord, item, "a log record")
    return LogRecord(
        trace_id=int.from_bytes(record.trace_id, "big"),
        span_id=int.from_bytes(record.span_id, "big"),
        event_name=read_text(record.event_name),
        body=read_value(record.body),
        attributes=read_attributes(record.attributes),
        scope=scope,
        resource=resource,
        timestamp=record.time_unix_nano,
        observed_timestamp=record.observed_time_unix_nano,
    )
