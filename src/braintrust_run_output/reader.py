"""From a span to its run output: what the application set, its completion, or its generic output.

Rendered as the configuration says, and transformed. A convention or a ``transform`` that fails costs that one value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _faults, _sdk, metadata
from .aggregator import GenericOutput, RunOutput
from .completion import encodable
from .conventions import generic_excerpt, read_completion, read_generic_output

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.sdk.trace import ReadableSpan

    from ._sdk import Event, SpanKey
    from .completion import Completion
    from .config import RunOutputConfig, Transform


class Reader:
    """Reads run outputs off spans.

    Args:
        config: How they are rendered and transformed.
    """

    def __init__(self, config: RunOutputConfig) -> None:
        self._key = config.key
        self._format = config.format
        self._max_length = config.max_length
        self._takes_text = config.format == "text" and config.transform is None
        self._transform: Transform | None = config.transform  # type: ignore[assignment]

    def max_length(self, span: ReadableSpan) -> int:
        """Return how long a value of this span may be: as configured, or as the SDK's span limits say."""
        *_, limit = _sdk.details_of(span)
        return self._max_length if limit is None else min(limit, self._max_length)

    def explicit(
        self, span: ReadableSpan, attributes: Mapping[str, object], key: SpanKey, end_time: int
    ) -> RunOutput | None:
        """Return the value that the application set on a span."""
        value = metadata.explicit(attributes, self._key)
        return None if value is None else self._within_limits(value, span, key, end_time)

    def completion(
        self,
        span: ReadableSpan,
        attributes: Mapping[str, object],
        events: Sequence[Event],
        key: SpanKey,
        end_time: int,
    ) -> RunOutput | None:
        """Return the run output in a span's own completion. A span that failed has none."""
        has_failed, scope_name, limit = _sdk.details_of(span)
        if has_failed:
            return None
        try:
            completion = read_completion(attributes, _sdk.events_of(span) if events else (), scope_name)
        except BaseException as error:  # noqa: BLE001
            _faults.contain("Reading a completion", error)
            return None
        if completion is None:
            return None
        text = completion.text
        if text is not None and self._takes_text and limit is None and len(text) <= self._max_length and text.isascii():
            return RunOutput(text, key, end_time)  # nearly always, and the same as what follows
        return self.render(completion, span, key, end_time)

    def generic(self, output: GenericOutput, span: ReadableSpan) -> RunOutput | None:
        """Return the run output in a generic output, for ``span`` to get."""
        try:
            completion = read_generic_output(output.excerpt, output.scope_name)
        except BaseException as error:  # noqa: BLE001
            _faults.contain("Reading a generic output", error)
            return None
        return None if completion is None else self.render(completion, span, output.key, output.end_time)

    def render(self, completion: Completion, span: ReadableSpan, key: SpanKey, end_time: int) -> RunOutput | None:
        """Return a completion's run output; None if the transform withholds it."""
        value = completion.render(self._format)
        if self._transform is not None:
            transformed = self._transformed(value, span)
            if transformed is None:
                return None
            value = transformed
        if not value:
            return None
        output = self._within_limits(value, span, key, end_time)
        return output._replace(calls_tools=True) if completion.calls_tools else output

    def _within_limits(self, value: str, span: ReadableSpan, key: SpanKey, end_time: int) -> RunOutput:
        limit = self.max_length(span)
        return RunOutput(value, key, end_time) if len(value) <= limit else RunOutput(value[:limit], key, end_time, True)

    def _transformed(self, value: str, span: ReadableSpan) -> str | None:
        """Return a value as the configured transform wants it, None if it withholds it or fails: it may redact."""
        try:
            transformed: object = self._transform(value, span) if self._transform is not None else value
        except BaseException as error:  # noqa: BLE001
            _faults.contain("transform", error)
            return None
        if isinstance(transformed, str):
            return encodable(transformed)
        if transformed is not None:
            kind = type(transformed).__name__
            _faults.warn_once("transform's type", "transform returned %s, not str or None: nothing is written", kind)
        return None


def generic_output(
    span: ReadableSpan, attributes: Mapping[str, object], key: SpanKey, end_time: int
) -> GenericOutput | None:
    """Return a span's generic output, not looked at; None if it has none."""
    has_failed, scope_name, _ = _sdk.details_of(span)
    excerpt = None if has_failed else generic_excerpt(attributes)
    return None if excerpt is None else GenericOutput(excerpt, scope_name, key, end_time)
