"""The arrangements under test, the faults in them, and the exporter that checks every root."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
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

    def exported(self, span: ReadableSpan) -> None:
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
                self.counts["roots wrong"] += 1
                if len(self.wrong) < 20:
                    self.wrong.append(problem)

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


class Checking(SpanProcessor):
    """The end of a pipeline; it may fail after it has taken a span."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def on_end(self, span: ReadableSpan) -> None:
        """Take a span."""
        self._tally.exported(span)
        if (span.attributes or {}).get(FAULT) == "failing processor":
            self._tally.count("fault: failing processor")
            raise ValueError("of the soak's wrapped processor")


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

    @property
    def live(self) -> int:
        """How much the processor remembers."""
        return self.processor._decider.remembered  # noqa: SLF001

    @property
    def kept(self) -> int:
        """How many characters of outputs the processor keeps, for roots that have not ended."""
        gathered = self.processor._decider.aggregator.gathered  # noqa: SLF001
        return sum(len(output.value) for one in list(gathered.values()) for output in one.outputs)

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
        _pipeline("wrapping, hold=open", "open", tally),
        _pipeline("wrapping, hold=always", "always", tally),
        _pipeline("wrapping, hold of 20 ms", "short", tally),
    ]


def _pipeline(name: str, hold: str, tally: Tally) -> Pipeline:
    def transform(value: str, span: ReadableSpan) -> str:
        if (span.attributes or {}).get(FAULT) == "failing transform":
            tally.count("fault: failing transform")
            raise ValueError("of the soak's transform")
        return value

    checking = Checking(tally)
    failing = SimpleSpanProcessor(Failing(tally))
    config = RunOutputConfig(
        transform=transform,
        hold="open" if hold == "short" else hold,  # type: ignore[arg-type]
        hold_millis=SOON_DUE if hold == "short" else NEVER_DUE,
    )
    processor = RunOutputSpanProcessor(None if hold == "never" else checking, config=config)
    others = [failing] if hold != "never" else [failing, _Harmless(checking)]
    provider = TracerProvider(shutdown_on_exit=False)
    for one in [*others, processor] if name == "in place, last" else [processor, *others]:
        provider.add_span_processor(one)
    logs = RunOutputLogRecordProcessor(processor)
    return Pipeline(name, provider, processor, logs, provider.get_tracer("soak"), tally, hold)


class _Harmless(SpanProcessor):
    """Contains the failures of a processor that nothing of ours is around: they would reach the application."""

    def __init__(self, inner: SpanProcessor) -> None:
        self._inner = inner

    def on_end(self, span: ReadableSpan) -> None:
        """Hand the span on."""
        with contextlib.suppress(ValueError):
            self._inner.on_end(span)
