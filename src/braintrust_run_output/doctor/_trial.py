"""What runs in the trial process: ``python -m braintrust_run_output.doctor._trial``. Answers with one line."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from .. import _sdk
from ..installation import find_sdk_provider
from ..processor import RunOutputSpanProcessor
from .trial import ANSWER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider

_ROOT = "braintrust-run-output doctor"
_OUTPUT = "This is a test of the tracing pipeline."


def main(arguments: list[str]) -> None:
    """Look at the global tracer provider, send a span if told to, and answer."""
    provider = trace.get_tracer_provider()
    sdk_provider = find_sdk_provider(provider)
    answer: dict[str, object] = {"provider": _name(provider), "is_sdk": sdk_provider is not None}
    if sdk_provider is not None:
        processors = _sdk.processors_of(sdk_provider)
        exporters = _sdk.exporters_of(sdk_provider)
        answer["installed"] = any(isinstance(one, RunOutputSpanProcessor) for one in processors)
        answer["exporters"] = [
            {
                "name": _name(exporter),
                "endpoint": _sdk.endpoint_of(exporter),
                "parent": getattr(exporter, "parent", None) or "",
                "has_key": bool(getattr(exporter, "has_key", False)),
            }
            for exporter in exporters
        ]
        if "--probe" in arguments:
            answer["sent"], answer["run_output"] = _probe(sdk_provider, exporters)
    sys.stdout.write(f"{ANSWER}{json.dumps(answer)}\n")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # nothing is left to flush, and a receiver that is not there must not hold this up


def _probe(provider: TracerProvider, exporters: Sequence[SpanExporter]) -> tuple[list[tuple[str, bool]], bool]:
    """Send a root with a child that carries a completion; return who took it, and whether the root has its output."""
    taken: dict[int, bool] = {}
    has_output = False

    def watch(exporter: SpanExporter) -> None:
        export = exporter.export

        def watched(spans: Sequence[ReadableSpan]) -> SpanExportResult:
            nonlocal has_output
            roots = [span for span in spans if span.name == _ROOT]
            result = export(spans)
            if roots:
                taken[id(exporter)] = result is SpanExportResult.SUCCESS
                has_output |= any(_OUTPUT in (span.attributes or {}).values() for span in roots)
            return result

        exporter.export = watched  # type: ignore[method-assign]

    for exporter in exporters:
        watch(exporter)
    tracer = provider.get_tracer("braintrust_run_output.doctor")
    with tracer.start_as_current_span(_ROOT), tracer.start_as_current_span("chat doctor") as child:
        child.set_attribute("gen_ai.operation.name", "chat")
        child.set_attribute("gen_ai.completion", _OUTPUT)
    provider.force_flush()
    return [(_name(exporter), taken.get(id(exporter), False)) for exporter in exporters], has_output


def _name(thing: object) -> str:
    return f"{type(thing).__module__}.{type(thing).__qualname__}"


if __name__ == "__main__":
    main(sys.argv[1:])
