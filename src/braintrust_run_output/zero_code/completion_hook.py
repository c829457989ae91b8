"""The ``opentelemetry_genai_completion_hook`` entry point, for OpenTelemetry's official genai instrumentations.

``OTEL_INSTRUMENTATION_GENAI_COMPLETION_HOOK=braintrust_run_output`` hands each model call's messages to the span
processor, even where content capture for spans and log records is off. So the text reaches Braintrust's attribute and
nothing else. Source: ``opentelemetry.util.genai.completion_hook``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from time import time_ns
from typing import TYPE_CHECKING

from .. import _faults
from ..conventions.gen_ai_messages import read_value
from ..conventions.inputs import read_input
from ..outcome import Outcome
from ..processor import span_processors

if TYPE_CHECKING:
    from opentelemetry.trace import Span


class RunOutputCompletionHook:
    """Joins the output messages of a model call to its span."""

    def on_completion(
        self,
        *,
        inputs: Sequence[object] = (),
        outputs: Sequence[object] = (),
        span: Span | None = None,
        **_: object,
    ) -> None:
        """Join the output to the span, which has not ended yet.

        Args:
            inputs: The call's input messages.
            outputs: Its output messages.
            span: Its span; without one nothing is done.
        """
        try:
            if span is None:
                return
            completion = read_value(_as_json(outputs))
            if completion is None:
                return
            processors = span_processors()
            if not processors:
                _faults.warn_once(
                    "completion hook without processor",
                    "the completion hook braintrust_run_output found no RunOutputSpanProcessor to hand outputs to: "
                    "call braintrust_run_output.install(), or run under opentelemetry-instrument",
                )
            now, context = time_ns(), span.get_span_context()
            asked = read_input({"gen_ai.input.messages": _as_json(inputs)})
            for processor in processors:
                key = (context[0], context[1])
                processor.add_recorded(Outcome(key, start=now, end=now, completion=completion, input=asked))
        except Exception as error:  # noqa: BLE001
            _faults.contain("The completion hook", error)


def _as_json(value: object) -> object:
    """Return the dataclasses that the hook is given as lists and objects of JSON."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _as_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_as_json(item) for item in value]
    return value
