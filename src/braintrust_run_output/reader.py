"""From a span to its run output: what the application set, its completion, or its generic output.

Rendered as the configuration says, and transformed. A convention or a ``transform`` that fails costs that one value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _faults, metadata
from .completion import encodable
from .conventions import generic_excerpt, read_completion, read_generic_output
from .run_outputs import GenericOutput, RunOutput

if TYPE_CHECKING:
    from ._sdk import SpanState
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

    def max_length(self, state: SpanState) -> int:
        """Return how long a value of a span may be: as configured, or as the SDK's span limits say."""
        limit = state.max_value_length
        return self._max_length if limit is None else min(limit, self._max_length)

    def explicit(self, state: SpanState) -> RunOutput | None:
        """Return the value that the application set on a span."""
        value = metadata.explicit(state.attributes, self._key)
        return None if value is None else self._within_limits(value, state)

    def completion(self, state: SpanState) -> RunOutput | None:
        """Return the run output in a span's own completion. A span that failed has none."""
        if state.has_failed:
            return None
        try:
            completion = read_completion(state.attributes, tuple(state.events), state.scope_name)
        except BaseException as error:  # noqa: BLE001
            _faults.contain("Reading a completion", error)
            return None
        if completion is None:
            return None
        text = completion.text
        if text is not None and self._takes_text and len(text) <= self.max_length(state) and text.isascii():
            return RunOutput(text, state.key, state.end_time)  # nearly always, and the same as what follows
        return self.render(completion, state)

    def generic(self, output: GenericOutput, state: SpanState) -> RunOutput | None:
        """Return the run output in a generic output, perhaps another span's, for a local root to get."""
        try:
            completion = read_generic_output(output.excerpt, output.scope_name)
        except BaseException as error:  # noqa: BLE001
            _faults.contain("Reading a generic output", error)
            return None
        if completion is None:
            return None
        rendered = self.render(completion, state)
        return None if rendered is None else rendered._replace(key=output.key, end_time=output.end_time)

    def render(self, completion: Completion, state: SpanState) -> RunOutput | None:
        """Return the run output that a completion is for a span; None if the transform withholds it."""
        value = completion.render(self._format)
        if self._transform is not None:
            transformed = self._transformed(value, state, self._transform)
            if transformed is None:
                return None
            value = transformed
        if not value:
            return None
        output = self._within_limits(value, state)
        return output._replace(calls_tools=True) if completion.calls_tools else output

    def _within_limits(self, value: str, state: SpanState) -> RunOutput:
        limit = self.max_length(state)
        is_cut = len(value) > limit
        return RunOutput(value[:limit] if is_cut else value, state.key, state.end_time, is_cut)

    def _transformed(self, value: str, state: SpanState, transform: Transform) -> str | None:
        """Return a value as the configured transform wants it, None if it withholds it or fails: it may redact."""
        try:
            transformed: object = transform(value, state.span)  # type: ignore[arg-type]  # kept for the transform
        except BaseException as error:  # noqa: BLE001
            _faults.contain("transform", error)
            return None
        if isinstance(transformed, str):
            return encodable(transformed)
        if transformed is not None:
            kind = type(transformed).__name__
            _faults.warn_once("transform's type", "transform returned %s, not str or None: nothing is written", kind)
        return None


def generic_output(state: SpanState) -> GenericOutput | None:
    """Return a span's generic output, not looked at; None if it has none."""
    excerpt = None if state.has_failed else generic_excerpt(state.attributes)
    return None if excerpt is None else GenericOutput(excerpt, state.scope_name, state.key, state.end_time)
