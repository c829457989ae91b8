"""RunOutputLogRecordProcessor: completions that arrive as log records are joined to their spans."""

from __future__ import annotations

from time import time_ns
from typing import TYPE_CHECKING

from opentelemetry._logs import get_logger_provider
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor

from . import _faults, _sdk
from .completion import as_chat, encodable
from .conventions._json import compact
from .conventions.inputs import MESSAGE_EVENTS, read_input
from .conventions.log_records import NAMES, event_name, is_further_choice, read_asked, read_record
from .conventions.span_events import CHOICE
from .outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry._logs import LoggerProvider as AnyLoggerProvider

    from .completion import Message
    from .processor import RunOutputSpanProcessor

_MOST_ASKED = 256
"""Of how many spans at once the inputs in records are kept until an output comes."""


def join_log_records(
    span_processor: RunOutputSpanProcessor, logger_provider: AnyLoggerProvider | None = None
) -> RunOutputLogRecordProcessor | None:
    """Register a `RunOutputLogRecordProcessor` with a logger provider, unless it has one for this span processor.

    Args:
        span_processor: The span processor that sees the spans.
        logger_provider: The provider; default the global one.

    Returns:
        The log record processor, the new one or the one it had; None if the provider is not the SDK's.
    """
    provider = get_logger_provider() if logger_provider is None else logger_provider
    if not isinstance(provider, LoggerProvider):
        return None
    for processor in _sdk.log_record_processors_of(provider):
        if isinstance(processor, RunOutputLogRecordProcessor) and processor.span_processor is span_processor:
            return processor
    processor = RunOutputLogRecordProcessor(span_processor)
    provider.add_log_record_processor(processor)
    return processor


class RunOutputLogRecordProcessor(LogRecordProcessor):
    """Joins the model outputs in log records to the spans that the records name, for a span processor to write.

    Several instrumentations put the output into log records, not on the span. With this, their spans and local roots
    have a run output as well::

        spans = RunOutputSpanProcessor()
        tracer_provider.add_span_processor(spans)
        logger_provider.add_log_record_processor(RunOutputLogRecordProcessor(spans))

    It reads a record, and never changes, delays or drops it. It never raises into the application.

    Args:
        span_processor: The span processor that sees the spans.
    """

    def __init__(self, span_processor: RunOutputSpanProcessor) -> None:
        self.span_processor = span_processor
        self._asked: dict[tuple[int, int], list[Message]] = {}
        """With ``mirror_input``: the messages in records of spans whose output has not come yet, the oldest first."""

    def on_emit(self, log_record: _sdk.EmittedRecord) -> None:
        """Join the record's completion, if it has one, to its span."""
        try:
            self._join(log_record)
        except Exception as error:  # noqa: BLE001
            _faults.contain("Reading a log record", error)

    def emit(self, log_data: _sdk.EmittedRecord) -> None:
        """Do as `on_emit`, which SDKs before 1.35 call by this name."""
        self.on_emit(log_data)

    def _join(self, emitted: _sdk.EmittedRecord) -> None:
        record = emitted.log_record
        attributes = record.attributes or {}
        name = event_name(getattr(record, "event_name", None), attributes, record.body)
        if not record.span_id or not record.trace_id:
            return
        if name in MESSAGE_EVENTS and self.span_processor.config.mirror_input:
            self._ask((record.trace_id, record.span_id), read_asked(name, record.body, attributes))
        if name not in NAMES:
            return
        completion = read_record(name, record.body, attributes)
        if completion is not None:
            times = (record.timestamp, record.observed_timestamp)
            time = next((one for one in times if isinstance(one, int) and one), None) or time_ns()
            key = (record.trace_id, record.span_id)
            asked = self._asked_of(key, attributes) if self.span_processor.config.mirror_input else None
            said = Outcome(key, start=time, end=time, completion=completion, input=asked)
            continues = is_further_choice(record.body) if name == CHOICE else False
            self.span_processor.add_recorded(said, continues=continues)

    def _ask(self, key: tuple[int, int], messages: list[Message]) -> None:
        self._asked.setdefault(key, []).extend(messages)
        for oldest in list(self._asked)[:-_MOST_ASKED]:
            self._asked.pop(oldest, None)

    def _asked_of(self, key: tuple[int, int], attributes: Mapping[str, object]) -> str | None:
        """Return what was asked for an output: in the same record, or in those before it."""
        before = self._asked.pop(key, None)
        asked = read_input(attributes)
        return encodable(compact(as_chat(before))) if asked is None and before else asked

    def shutdown(self) -> None:
        """Do nothing: what is joined is with the span processor."""

    def force_flush(self, timeout_millis: int = 30000) -> bool:  # noqa: ARG002
        """Return True: there is nothing to flush."""
        return True
