"""Native Braintrust spans: ``@traced``, ``span.log``, ``wrap_openai``, Braintrust's own instrumentation.

These never pass an OpenTelemetry processor. The Braintrust SDK (0.46 or newer) offers span customizers instead: each
record is handed to them before it is sent. A span is several records, in the order in which things happened: the first
has its type, a later one its output, the last one ``metrics.end``; Braintrust merges them.
"""

from __future__ import annotations

import threading
from itertools import count
from typing import TYPE_CHECKING, Any

from opentelemetry import context, trace
from opentelemetry.sdk.trace import SpanProcessor

from .. import _faults, _sdk
from ..aggregator import Aggregator, Gathered, oldest
from ..config import RunOutputConfig
from ..conventions import read_completion
from ..conventions._json import is_array, is_object
from ..metadata import explicit as explicit_on_span
from ..run_outputs import RunOutput
from . import outputs

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan, Span, TracerProvider

    from ..completion import Completion

MAX_TRACES = 10_000
"""How many traces are remembered at once; beyond that the oldest are taken for traces that never end."""
_MAX_SPANS = 10_000
"""How many spans of one trace are remembered at once."""
_NATIVE_SPAN = "braintrust_span"
"""Where Braintrust's compat mode keeps the native span in the OpenTelemetry context."""


def install_native(
    *, config: RunOutputConfig | None = None, provider: TracerProvider | None = None
) -> RunOutputSpanCustomizer | None:
    """Write the run output of native Braintrust spans, and mirror it onto the native root.

    Registers a `RunOutputSpanCustomizer` behind the customizers that are registered already. A later
    ``braintrust.set_span_customizers`` replaces all of them: call this after it (calling it again is harmless). In
    Braintrust's OpenTelemetry compat mode, what OpenTelemetry spans put out under a native root is mirrored onto that
    root too.

    Args:
        config: The configuration; default ``RunOutputConfig.from_env()``.
        provider: In compat mode, the tracer provider; default the global one, which must be set by then.

    Returns:
        The customizer; None, with one WARNING that says why, if the installed Braintrust SDK offers none.
    """
    config = RunOutputConfig.from_env() if config is None else config
    try:
        import braintrust
        from braintrust.span_customizer import _get_span_customizers

        present: tuple[object, ...] = _get_span_customizers()
        set_span_customizers = braintrust.set_span_customizers
    except (ImportError, AttributeError):
        _faults.warn_once(
            "no span customizers",
            "native Braintrust spans get no run output: they need braintrust 0.46 or newer",
        )
        return None
    ours = next((one for one in present if isinstance(one, RunOutputSpanCustomizer)), None)
    ours = RunOutputSpanCustomizer(config=config) if ours is None or ours.config != config else ours
    others = tuple(one for one in present if not isinstance(one, RunOutputSpanCustomizer))
    set_span_customizers((*others, ours))  # type: ignore[arg-type]
    if _is_compat_mode():
        _bridge(ours, provider)
    return ours


class RunOutputSpanCustomizer:
    """A span customizer for ``braintrust.set_span_customizers``; `install_native` registers it.

    Put it last where the list is set by hand, behind customizers that redact: it reads what they leave. Safe for use by
    many threads; never raises.

    Args:
        config: The configuration; default ``RunOutputConfig.from_env()``.
    """

    def __init__(self, *, config: RunOutputConfig | None = None) -> None:
        self.config = RunOutputConfig.from_env() if config is None else config
        self._aggregator = Aggregator(self.config.root, max_chars=self.config.max_length)
        self.clear()
        _sdk.at_fork(after_in_child=self.clear)

    def clear(self) -> None:
        """Forget every span."""
        self._lock = threading.Lock()
        self._traces: dict[str, _Trace] = {}

    def __len__(self) -> int:
        """How many traces are remembered."""
        return len(self._traces)

    def on_span_export(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return the record, with the run output in its metadata where it is the record to carry one."""
        if not self.config.enabled:
            return data
        try:
            return self._customize(data)
        except Exception as error:  # noqa: BLE001
            _faults.contain("Reading a native span's output", error)
            return data

    # --- a record's way ----------------------------------------------------------------------------------------

    def _customize(self, data: dict[str, Any]) -> dict[str, Any]:
        row_id, trace_id = data.get("id"), data.get("root_span_id")
        if not isinstance(row_id, str) or not isinstance(trace_id, str) or "span_parents" not in data:
            return data  # an update of a row by its ids, or a snapshot of an OpenTelemetry span
        if _is_log_record(data):
            return data  # it has the ids of a span, and is none
        one = self._trace(trace_id)
        span = one.spans.get(row_id)
        if span is None:
            span = one.add(_Span(row_id, data))
        span.learn(data, self.config.key)
        added = None if span.is_silent else self._read(span, data)
        end = _end_of(data)
        if end is not None:
            span.end = end
            if span.is_root:
                added = self._for_root(one, span)
            elif not span.is_silent:
                has_value = self._collect(one, span, end)
                if one.closed and has_value:
                    self._send_late(one, data)
            self._forget(one, span)
        return data if not added else {**data, "metadata": {**(data.get("metadata") or {}), **added}}

    def _read(self, span: _Span, data: dict[str, Any]) -> dict[str, Any] | None:
        """Note a record's output; return the metadata to add to it, if it is a model's and not the root's."""
        if data.get("output") is None:
            return None
        output = without_attachments(data["output"])
        if not outputs.is_model(span.type):
            span.generic = output
            return None
        span.value = outputs.rendered(outputs.read_model_output(output), self.config, span.name, data.get("metadata"))
        writes = span.value and not span.is_root and self.config.spans != "none"
        if not writes or (span.explicit is not None and not self.config.overwrite):
            return None
        return outputs.metadata_of(span.value or "", self.config)

    def _collect(self, one: _Trace, span: _Span, end: int) -> bool:
        """Let the root know of what a span that ended has put out; return whether it has."""
        value = self._value_of(span)
        if value is not None:
            self._tell(one, value, span.span_id, end)
            span.value = span.explicit = None  # the aggregator has it, if it needs it
        elif span.generic is not None and not span.has_failed and not one.closed:
            one.generic = span
        return value is not None

    def _for_root(self, one: _Trace, root: _Span) -> dict[str, Any] | None:
        """Return the metadata to add to the record that ends a root."""
        if self.config.root == "off" or (root.explicit is not None and not self.config.overwrite):
            return None
        value, span_id = None if root.has_failed else root.value, root.span_id
        if value is None:
            chosen = self._aggregator.choose(one.local_root)
            if chosen is not None:
                value, span_id = chosen.value, one.span_ids[int(chosen.key[1])]
        if value is None and root.explicit is not None:
            return None
        if value is None and not root.has_failed:
            value, span_id = self._generic(root), root.span_id
        if value is None and one.generic is not None and self.config.root != "own":
            value, span_id = self._generic(one.generic), one.generic.span_id
        if not value:
            return None
        return outputs.metadata_of(value, self.config, span_id=span_id, root_span_id=one.id)

    def _value_of(self, span: _Span) -> str | None:
        if span.explicit is not None and not (self.config.overwrite and span.value):
            return span.explicit
        return None if span.has_failed else span.value

    def _generic(self, span: _Span) -> str | None:
        return outputs.rendered(outputs.read_generic(span.generic), self.config, span.name, None)

    def _send_late(self, one: _Trace, data: dict[str, Any]) -> None:
        """Merge into a root that has ended what a span that outlived it has put out, where it is a project's."""
        root = one.root
        added = None if root is None or "project_id" not in data else self._for_root(one, root)
        if root is None or not added:
            return
        import braintrust

        logger = braintrust.current_logger()
        if logger is not None and logger.id == data["project_id"]:
            logger.update_span(root.row_id, metadata=added)

    # --- what is remembered ------------------------------------------------------------------------------------

    def expect(self, trace_id: str) -> None:
        """Note that spans of OpenTelemetry under a native one are to come, before the native root is exported."""
        self._trace(trace_id)

    def expects(self, trace_id: str) -> bool:
        """Whether a trace has native spans that live, or is to have them."""
        return trace_id in self._traces

    def add(self, trace_id: str, value: str, span_id: str, end_time: int) -> None:
        """Add what a span of OpenTelemetry put out under a native root."""
        one = self._traces.get(trace_id)
        if one is not None:
            self._tell(one, value, span_id, end_time)

    def _tell(self, one: _Trace, value: str, span_id: str, end_time: int) -> None:
        if self._aggregator.mirrors:
            self._aggregator.add_to(one.local_root, RunOutput(value, one.key_of(span_id), end_time))

    def _trace(self, trace_id: str) -> _Trace:
        one = self._traces.get(trace_id)
        if one is None:
            with self._lock:
                one = self._traces.setdefault(trace_id, _Trace(trace_id))
                for other in oldest(self._traces, len(self._traces) - MAX_TRACES):
                    self._traces.pop(other, None)
        return one

    def _forget(self, one: _Trace, span: _Span) -> None:
        """Forget a span that has ended, and its trace with its last span; a live root still asks for models' rows."""
        if span.is_root:
            one.closed = True
            one.spans = {other.row_id: other for other in list(one.spans.values()) if other.end is None}
        elif one.root is None or one.closed or not outputs.is_model(span.type):
            one.spans.pop(span.row_id, None)
        if not one.spans:
            self._traces.pop(one.id, None)


class _Span:
    """What is known of one native span, and the record that began it."""

    __slots__ = (
        "end", "explicit", "generic", "has_failed", "is_root", "is_silent", "name", "purpose", "row_id", "span_id",
        "type", "value",
    )  # fmt: skip

    def __init__(self, row_id: str, first: dict[str, Any]) -> None:
        self.row_id = row_id
        self.span_id = str(first.get("span_id"))
        self.is_root = "span_parents" in first and not first["span_parents"]
        self.is_silent = False
        self.has_failed = False
        self.type: object = None
        self.purpose: object = None
        self.name: object = None
        self.explicit: str | None = None
        self.value: str | None = None
        self.generic: object = None
        self.end: int | None = None

    def learn(self, data: dict[str, Any], key: str) -> None:
        """Note what a record says of the span: its kind, whether it failed, and what the application set."""
        self.has_failed = self.has_failed or data.get("error") is not None
        attributes = data.get("span_attributes")
        if is_object(attributes):
            self.type = attributes.get("type") or self.type
            self.purpose = attributes.get("purpose") or self.purpose
            self.name = attributes.get("name") or self.name
            self.is_silent = outputs.is_silent({"type": self.type, "purpose": self.purpose})
        value = outputs.explicit(data.get("metadata"), key)
        if value is not None:
            self.explicit = value


class _Trace:
    """The native spans of one trace that are live, or that their root may still ask for."""

    __slots__ = ("closed", "generic", "id", "local_root", "numbers", "root", "span_ids", "spans")

    def __init__(self, trace_id: str) -> None:
        self.id = trace_id
        self.closed = False
        self.root: _Span | None = None
        self.local_root = Gathered()
        self.spans: dict[str, _Span] = {}
        self.span_ids: dict[int, str] = {}
        self.numbers = count()
        self.generic: _Span | None = None

    def add(self, span: _Span) -> _Span:
        if span.is_root:
            self.root = span
        known = self.spans.setdefault(span.row_id, span)
        for row_id in oldest(self.spans, len(self.spans) - _MAX_SPANS):
            self.spans.pop(row_id, None)
        return known

    def key_of(self, span_id: str) -> tuple[int, int]:
        """Return a key for a span whose output is collected: ids of native spans need not be numbers."""
        number = next(self.numbers)
        self.span_ids[number] = span_id
        return 0, number


def without_attachments(value: object) -> object:
    """Return a copy of a value with references in place of attachments.

    The SDK uploads every attachment that it finds in a record and puts a reference in its place: one that is written
    out as text, or stands in a record twice, would break that.
    """
    if is_array(value):
        return [without_attachments(item) for item in value]
    if is_object(value):
        return {key: without_attachments(item) for key, item in value.items()}
    reference = getattr(value, "reference", None)
    return dict(reference) if is_object(reference) else value


def _is_log_record(data: dict[str, Any]) -> bool:
    attributes = data.get("span_attributes")
    return is_object(attributes) and outputs.is_log(attributes.get("type"))


def _end_of(data: dict[str, Any]) -> int | None:
    metrics = data.get("metrics")
    end = metrics.get("end") if is_object(metrics) else None
    return int(end * 1e9) if isinstance(end, (int, float)) else None


# --- compat mode -------------------------------------------------------------------------------------------------


class NativeRootSpanProcessor(SpanProcessor):
    """In Braintrust's compat mode, tells the customizer what OpenTelemetry spans under a native root put out."""

    def __init__(self, customizer: RunOutputSpanCustomizer) -> None:
        self.customizer = customizer

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002
        """Note the native root above a span, if there is one."""
        try:
            native = context.get_value(_NATIVE_SPAN, parent_context)
            trace_id = getattr(native, "root_span_id", None)
            if isinstance(trace_id, str):
                self.customizer.expect(trace_id)
        except Exception as error:  # noqa: BLE001
            _faults.contain("Noting a native parent", error)

    def on_end(self, span: ReadableSpan) -> None:
        """Add the span's output to those of its native root."""
        try:
            if len(self.customizer) and span.context is not None:
                trace_id = format(span.context.trace_id, "032x")
                if self.customizer.expects(trace_id):
                    self._add(span, trace_id, format(span.context.span_id, "016x"))
        except Exception as error:  # noqa: BLE001
            _faults.contain("Reading the output of a span under a native root", error)

    def force_flush(self, timeout_millis: int = 30000) -> bool:  # noqa: ARG002
        """Return True: nothing is kept here."""
        return True

    def _add(self, span: ReadableSpan, trace_id: str, span_id: str) -> None:
        config, attributes = self.customizer.config, _sdk.attributes_of(span)
        value = explicit_on_span(attributes, config.key)
        if value is None:
            scope = span.instrumentation_scope
            completion: Completion | None = read_completion(
                attributes, _sdk.events_of(span), scope.name if scope else ""
            )
            value = outputs.rendered(completion, config, span.name, attributes)
        if value:
            self.customizer.add(trace_id, value, span_id, span.end_time or 0)


def _is_compat_mode() -> bool:
    try:
        from braintrust.context import get_context_manager

        return type(get_context_manager()).__module__.startswith("braintrust.otel")
    except (ImportError, AttributeError):
        return False


def _bridge(customizer: RunOutputSpanCustomizer, provider: TracerProvider | None) -> None:
    provider = provider or trace.get_tracer_provider()  # type: ignore[assignment]
    if provider is None or not hasattr(provider, "add_span_processor"):
        _faults.warn_once(
            "no provider",
            "OpenTelemetry spans under native Braintrust spans are not mirrored: "
            "call install_native() after trace.set_tracer_provider()",
        )
        return
    for present in _sdk.processors_of(provider):
        if isinstance(present, NativeRootSpanProcessor):
            present.customizer = customizer
            return
    provider.add_span_processor(NativeRootSpanProcessor(customizer))
