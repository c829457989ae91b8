"""The arrangements under test, the faults in them, and the exporter that checks every root."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections import Counter, deque
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

from braintrust_run_output import RunOutputConfig, RunOutputLogRecordProcessor, RunOutputSpanProcessor

from .plan import MAX_LENGTH, MINE, NONE, Trace

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

RUN_OUTPUT = "braintrust.metadata.run_output"
WANTED, TRACE, SIZE = "soak.wanted", "soak.trace", "soak.size"
FAULT = "soak.fault"
LATE = ("late", "after the root")
FAULTS = ("failing transform", "failing exporter", "failing processor")
CONTAINED = (("transform", "ValueError"), ("on_end of the wrapped processor", "ValueError"))
"""What the package reports of these."""
WAITING = 64
"""How many spans wait to be read, where they are read later."""
KEPT_FOR_A_SPAN = 1024
"""How many bytes a span may take that has not ended: contexts, ids, and what is gathered for it but for the text."""
NEVER_DUE = 3_600_000
SOON_DUE = 20


class Tally:
    """What was ended and what was exported. Kept small: sums of span ids stand for the sets of spans."""

    def __init__(self) -> None:
        self.start_anew()

    def start_anew(self) -> None:
        """Forget everything: in a forked child, where an inherited lock may be held for ever."""
        self.lock = threading.Lock()
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.ids = 0
        """The sum of the ids of the spans that ended, less those that were exported: 0 if none is lost or twice."""

    def ended(self, span: Span) -> None:
        """Note that the application ends a span."""
        with self.lock:
            self.counts["spans ended"] += 1
            self.ids += span.get_span_context().span_id

    def count(self, *names: str) -> None:
        """Note that something happened."""
        with self.lock:
            self.counts.update(names)

    def fail(self, kind: str, problem: str) -> None:
        """Note that something is not as it must be."""
        with self.lock:
            self.counts[kind] += 1
            if len(self.wrong) < 20:
                self.wrong.append(problem)

    def exported(self, span: ReadableSpan, where: str = "") -> None:
        """Note, and check, what has arrived at the end of a pipeline."""
        attributes = span.attributes or {}
        wanted = attributes.get(WANTED)
        problem = "" if wanted is None else self._problem(attributes, str(wanted))
        with self.lock:
            self.counts["spans exported"] += 1
            self.ids -= span.context.span_id if span.context else 0
            if wanted is not None:
                self.counts["roots checked"] += 1
        if problem:
            self.fail("roots wrong", f"{where}: {problem}")

    def _problem(self, attributes: Any, wanted: str) -> str:
        value = attributes.get(RUN_OUTPUT)
        if wanted in (NONE, MINE):
            right = value == (None if wanted == NONE else MINE)
        else:
            trace = Trace(attributes[TRACE], "", attributes[SIZE])
            answer = trace.answer(int(wanted))
            right = value == answer[:MAX_LENGTH] and (
                ("braintrust.metadata.run_output_truncated" in attributes) == (len(answer) > MAX_LENGTH)
            )
        found = "nothing" if value is None else str(value)[:40]
        return "" if right else f"{attributes[TRACE]}: wanted {wanted}, found {found}"


class Contained(logging.Handler):
    """Takes what the package reports: that it has contained failures. Others than the soak's own are its own."""

    def __init__(self, tally: Tally) -> None:
        super().__init__()
        self._tally = tally

    def emit(self, record: logging.LogRecord) -> None:
        """Take what is reported."""
        if not isinstance(record.args, tuple) or record.args[:2] not in CONTAINED:
            self._tally.fail("failures of its own", record.getMessage())


class Checking(SpanProcessor):
    """The end of a pipeline; it may fail after it has taken a span."""

    def __init__(self, tally: Tally, where: str = "") -> None:
        self._tally = tally
        self._where = where

    def on_end(self, span: ReadableSpan) -> None:
        """Take a span."""
        self._tally.exported(span, self._where)
        if (span.attributes or {}).get(FAULT) == "failing processor":
            self._tally.count("fault: failing processor")
            raise ValueError("of the soak's wrapped processor")


class CheckingLater(Checking):
    """The end of a pipeline whose spans are read when others have come after them, by whoever brings those."""

    def __init__(self, tally: Tally, where: str = "") -> None:
        super().__init__(tally, where)
        self._waiting: deque[ReadableSpan] = deque()
        os.register_at_fork(after_in_child=self._waiting.clear)

    def on_end(self, span: ReadableSpan) -> None:
        """Take a span."""
        self._waiting.append(span)
        self._check_down_to(WAITING)

    def force_flush(self, _timeout_millis: int = 30000) -> bool:
        """Check what waits."""
        self._check_down_to(0)
        return True

    def shutdown(self) -> None:
        """Check what waits."""
        self._check_down_to(0)

    def _check_down_to(self, number: int) -> None:
        while len(self._waiting) > number:
            with contextlib.suppress(IndexError):  # another thread has taken it
                super().on_end(self._waiting.popleft())


class Failing(SpanExporter):
    """An exporter that fails where it is asked to."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def export(self, spans: Any) -> SpanExportResult:
        """Export nothing."""
        if any((span.attributes or {}).get(FAULT) == "failing exporter" for span in spans):
            self._tally.count("fault: failing exporter")
            raise ValueError("of the soak's exporter")
        return SpanExportResult.SUCCESS


class Pipeline(NamedTuple):
    """A provider with our processor, and what it must make of late completions."""

    name: str
    provider: TracerProvider
    processor: RunOutputSpanProcessor
    logs: RunOutputLogRecordProcessor
    tracer: Tracer
    tally: Tally
    hold: str
    """What late completions can count on: ``never``, ``open``, ``always``; or ``short``, nothing is certain."""
    unfit: frozenset[str]
    """The kinds of traces of which nothing is certain here, or that would be no different: they are plain ones here."""

    @property
    def live(self) -> int:
        """How much the processor remembers."""
        return self.processor._traces.remembered  # noqa: SLF001

    @property
    def kept(self) -> int:
        """How many bytes the processor has to keep for spans that have not ended, about."""
        traces = list(self.processor._traces._traces.values())  # noqa: SLF001
        runs = [run for trace in traces for run in list((trace.runs or {}).values())]
        return sum(map(len, traces)) * KEPT_FOR_A_SPAN + sum(run._kept._chars for run in runs)  # noqa: SLF001

    def log(self, span: Span, text: str) -> None:
        """Emit a log record with a completion, for a span."""
        context = span.get_span_context()
        record = SimpleNamespace(
            trace_id=context.trace_id,
            span_id=context.span_id,
            event_name="gen_ai.choice",
            attributes={},
            body={"index": 0, "message": {"role": "assistant", "content": text}},
            timestamp=1,
            observed_timestamp=1,
        )
        self.logs.on_emit(SimpleNamespace(log_record=record))


def pipelines(tally: Tally) -> list[Pipeline]:
    """Build one pipeline for each arrangement and hold."""
    return [
        _pipeline("in place, first", "never", tally),
        _pipeline("in place, last", "never", tally),
        _pipeline("in place, read later", "never", tally),
        _pipeline("wrapping, hold=open", "open", tally),
        _pipeline("wrapping, hold=always", "always", tally),
        _pipeline("wrapping, hold of 20 ms", "short", tally),
        _pipeline("wrapping, read later", "open", tally),
    ]


def _pipeline(name: str, hold: str, tally: Tally) -> Pipeline:
    def transform(value: str, span: ReadableSpan) -> str:
        if (span.attributes or {}).get(FAULT) == "failing transform":
            tally.count("fault: failing transform")
            raise ValueError("of the soak's transform")
        return value

    is_read_later = name.endswith("read later")
    checking = (CheckingLater if is_read_later else Checking)(tally, name)
    config = RunOutputConfig(
        transform=None if is_read_later else transform,
        hold="open" if hold == "short" else hold,  # type: ignore[arg-type]
        hold_millis=SOON_DUE if hold == "short" else NEVER_DUE,
    )
    processor = RunOutputSpanProcessor(None if hold == "never" else checking, config=config)
    others: list[SpanProcessor] = [] if is_read_later else [SimpleSpanProcessor(Failing(tally))]
    if hold == "never":
        others.append(_Harmless(checking))
    provider = TracerProvider(shutdown_on_exit=False)
    for one in [*others, processor] if name == "in place, last" else [processor, *others]:
        provider.add_span_processor(one)
    unfit = LATE if hold == "short" else FAULTS if is_read_later else ()
    logs = RunOutputLogRecordProcessor(processor)
    return Pipeline(name, provider, processor, logs, provider.get_tracer("soak"), tally, hold, frozenset(unfit))


class _Harmless(SpanProcessor):
    """Contains the failures of a processor that nothing of ours is around: they would reach the application."""

    def __init__(self, inner: SpanProcessor) -> None:
        self._inner = inner

    def on_end(self, span: ReadableSpan) -> None:
        """Hand the span on."""
        with contextlib.suppress(ValueError):
            self._inner.on_end(span)

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Flush it."""
        return self._inner.force_flush(timeout_millis)
