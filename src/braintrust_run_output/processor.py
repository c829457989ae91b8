"""RunOutputSpanProcessor: reads a span's completion when it ends, asks the aggregator, writes the run output."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.sdk.trace import SpanProcessor

from . import _faults, _sdk, metadata
from .aggregator import Aggregator, RunOutput
from .config import RunOutputConfig
from .conventions import KEYS, read_completion

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan, Span

    from ._sdk import SpanKey
    from .completion import Completion
    from .config import Transform

_NOTHING: dict[str, str | bool] = {}


class RunOutputSpanProcessor(SpanProcessor):
    """Writes each model output to ``braintrust.metadata.run_output`` of its span, and mirrors it onto the local root.

    Alone, it enriches spans in place, for every exporter and in any order of registration::

        provider.add_span_processor(RunOutputSpanProcessor())

    Around another processor, only that one sees the enriched spans, as copies::

        provider.add_span_processor(RunOutputSpanProcessor(BraintrustSpanProcessor()))

    It never raises into the application. Safe for use by many threads; a forked child starts with no spans.

    Args:
        next_processor: The processor to wrap; default none, spans are enriched in place.
        config: The configuration; default ``RunOutputConfig.from_env()``.
    """

    def __init__(self, next_processor: SpanProcessor | None = None, *, config: RunOutputConfig | None = None) -> None:
        self.config = RunOutputConfig.from_env() if config is None else config
        self._next = next_processor
        self._watched = KEYS | {metadata.METADATA, metadata.attribute(self.config.key)}
        self._aggregator = Aggregator(self.config.root, max_chars=self.config.max_length)
        self._in_place = self.config.enabled and next_processor is None
        self._shadows_end = self._in_place and not _sdk.calls_on_ending()
        _sdk.after_fork_in_child(self._aggregator.clear)

    @property
    def wraps(self) -> bool:
        """Whether this processor wraps another one."""
        return self._next is not None

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Note the span, and whose local root it is or belongs to."""
        if self.config.enabled:
            try:
                self._start(span)
            except BaseException as error:  # noqa: BLE001
                _faults.contain("Noting a span's start", error)
        if self._next is not None:
            try:
                self._next.on_start(span, parent_context)
            except BaseException as error:  # noqa: BLE001
                _faults.contain("on_start of the wrapped processor", error)

    def _on_ending(self, span: Span) -> None:
        if self._in_place:
            if not self._shadows_end:
                self._enrich(span, span.end_time or 0)
        elif self._next is not None:
            try:
                _sdk.forward_on_ending(self._next, span)
            except BaseException as error:  # noqa: BLE001
                _faults.contain("_on_ending of the wrapped processor", error)

    def on_end(self, span: ReadableSpan) -> None:
        """Hand the enriched span to the wrapped processor, if there is one."""
        if self._next is None:
            return
        enriched = span
        if self.config.enabled:
            try:
                attributes = self._decide(span, span.end_time or 0)
                if attributes:
                    enriched = _sdk.with_attributes(span, attributes)
            except BaseException as error:  # noqa: BLE001
                _faults.contain("Reading a span's output", error)
        try:
            self._next.on_end(enriched)
        except BaseException as error:  # noqa: BLE001
            _faults.contain("on_end of the wrapped processor", error)

    def shutdown(self) -> None:
        """Forget every span, and shut the wrapped processor down."""
        self._aggregator.clear()
        if self._next is not None:
            try:
                self._next.shutdown()
            except BaseException as error:  # noqa: BLE001
                _faults.contain("shutdown of the wrapped processor", error)

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Flush the wrapped processor.

        Args:
            timeout_millis: How long it may take, in milliseconds.

        Returns:
            False if the wrapped processor said so or failed, True otherwise.
        """
        if self._next is None:
            return True
        try:
            return self._next.force_flush(timeout_millis) is not False
        except BaseException as error:  # noqa: BLE001
            _faults.contain("force_flush of the wrapped processor", error)
            return False

    # --- a span's way --------------------------------------------------------------------------------------

    def _start(self, span: Span) -> None:
        parent = span.parent
        key = _sdk.span_key(span.context)
        if parent is None:
            self._aggregator.start(key, None)
        else:
            self._aggregator.start(key, _sdk.span_key(parent), remote=parent.is_remote)
        if self._shadows_end:
            _sdk.before_end(span, self._enrich)

    def _enrich(self, span: Span, end_time: int) -> None:
        try:
            attributes = self._decide(span, end_time)
            if attributes:
                _sdk.write(span, attributes)
        except BaseException as error:  # noqa: BLE001
            _faults.contain("Writing a span's output", error)

    def _decide(self, span: ReadableSpan, end_time: int) -> Mapping[str, str | bool]:
        """Return the attributes to add to a span that ends, and let its local root know of its output."""
        key = _sdk.span_key(span.context)
        root = self._aggregator.end(key)
        is_root = root is not None and root.key == key
        attributes = _sdk.attributes_of(span)
        output, is_explicit = None, False
        if not self._watched.isdisjoint(attributes):
            output, is_explicit = self._output_of(span, attributes, key, end_time)
        if output is not None and root is not None:
            self._aggregator.add(root, output)
        if root is not None and is_root and (output is None or (is_explicit and self.config.overwrite)):
            mirrored = self._aggregator.choose(root)
            if mirrored is not None:
                output, is_explicit = mirrored, False
        unwanted = self.config.root == "off" if is_root else self.config.spans == "none"
        if output is None or is_explicit or unwanted:
            return _NOTHING
        return metadata.to_write(
            attributes,
            self.config.key,
            output.value,
            max_length=self._max_length(span),
            found_on=output.key if is_root and self.config.linkage else None,
        )

    def _output_of(
        self, span: ReadableSpan, attributes: Mapping[str, object], key: SpanKey, end_time: int
    ) -> tuple[RunOutput | None, bool]:
        """Return the span's own run output, and whether the application set it and it is to stay."""
        explicit = metadata.explicit(attributes, self.config.key)
        if explicit is not None and not self.config.overwrite:
            return RunOutput(explicit, key, end_time), True
        completion = self._completion(span, attributes)
        if completion is not None:
            value = self._transformed(completion.render(self.config.format), span)
            if value:
                return RunOutput(value, key, end_time), False
        if explicit is not None:
            return RunOutput(explicit, key, end_time), True
        return None, False

    def _completion(self, span: ReadableSpan, attributes: Mapping[str, object]) -> Completion | None:
        scope = span.instrumentation_scope
        try:
            return read_completion(attributes, _sdk.events_of(span), scope.name if scope else "")
        except BaseException as error:  # noqa: BLE001
            _faults.contain("Reading a completion", error)
            return None

    def _transformed(self, value: str, span: ReadableSpan) -> str | None:
        """Return what ``transform`` makes of a value; where it fails, nothing is written, for it may redact."""
        transform: Transform | None = self.config.transform  # type: ignore[assignment]
        if transform is None:
            return value
        try:
            transformed: object = transform(value, span)
        except BaseException as error:  # noqa: BLE001
            _faults.contain("transform", error)
            return None
        if transformed is None or isinstance(transformed, str):
            return transformed
        _faults.warn_once(
            "transform's type",
            "transform returned %s instead of str or None; nothing is written",
            type(transformed).__name__,
        )
        return None

    def _max_length(self, span: ReadableSpan) -> int:
        limit = _sdk.value_length_limit(span)
        return self.config.max_length if limit is None else min(limit, self.config.max_length)
