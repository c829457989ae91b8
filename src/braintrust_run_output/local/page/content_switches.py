"""Which setting makes an instrumentation record what the model says, told by the scope of its spans.

`braintrust_run_output.doctor.content_capture` tells the same from what is installed. Here the application is not at
hand, only its spans.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

_OFFICIAL = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
_OPT_IN = "OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental"


class Switch(NamedTuple):
    """What to set in the application's environment."""

    instrumentation: str
    settings: tuple[str, ...]
    """Lines for a shell; empty where there is no variable."""
    hint: str = ""


_OPENTELEMETRY = Switch(
    "OpenTelemetry's own genai instrumentations",
    (f"export {_OFFICIAL}=SPAN_ONLY", f"export {_OPT_IN}"),
    "The value true captures nothing on spans in the newest of them.",
)

_BY_SCOPE = (
    (("opentelemetry.instrumentation.genai", "opentelemetry.instrumentation.openai_v2",
      "opentelemetry.instrumentation.google_genai", "opentelemetry.util.genai"), _OPENTELEMETRY),
    (("opentelemetry.instrumentation.botocore",),
     Switch("OpenTelemetry's botocore instrumentation (Bedrock)", (f"export {_OFFICIAL}=true",))),
    (("openlit",), Switch("OpenLIT", (f"unset {_OFFICIAL}",), "Or call openlit.init(capture_message_content=True).")),
    (("openinference.",), Switch(
        "OpenInference",
        ("unset OPENINFERENCE_HIDE_OUTPUTS", "unset OPENINFERENCE_HIDE_OUTPUT_MESSAGES",
         "unset OPENINFERENCE_HIDE_OUTPUT_TEXT"),
    )),
    (("azure.",), Switch(
        "Azure AI", ("export AZURE_TRACING_GEN_AI_CONTENT_RECORDING_ENABLED=true",))),
    (("semantic_kernel",), Switch(
        "Semantic Kernel", ("export SEMANTICKERNEL_EXPERIMENTAL_GENAI_ENABLE_OTEL_DIAGNOSTICS_SENSITIVE=true",))),
    (("pydantic-ai",), Switch("Pydantic AI", (), "Use InstrumentationSettings(include_content=True), its default.")),
    # After its namesakes above: most of what is left under this name is OpenLLMetry.
    (("opentelemetry.instrumentation.",), Switch("OpenLLMetry", ("export TRACELOOP_TRACE_CONTENT=true",))),
)  # fmt: skip


def switches_for(scopes: Iterable[str]) -> list[Switch]:
    """Return the switches of the instrumentations that these scopes belong to, each once.

    Args:
        scopes: Names of instrumentation scopes; unknown ones are passed over.
    """
    found = (next((switch for starts, switch in _BY_SCOPE if scope.startswith(starts)), None) for scope in scopes)
    return list(dict.fromkeys(switch for switch in found if switch is not None))
