"""Whether the instrumentations that are installed write down what the model says, and how to make them.

Each family has its own switch. ``true`` for the official packages' variable captures nothing in the newest of them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

from .report import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from importlib.metadata import Distribution

    from .installed import Packages

_TOPIC = "Content capture"
_OFFICIAL = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
_OPT_IN = "OTEL_SEMCONV_STABILITY_OPT_IN"
_EXPERIMENTAL = "gen_ai_latest_experimental"
_SET_OFFICIAL = f"set {_OFFICIAL}=SPAN_ONLY (or SPAN_AND_EVENT)"
_ON_SPANS = ("SPAN_ONLY", "SPAN_AND_EVENT")


def examine(packages: Packages, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Look at the switch of every family of which something is installed."""
    found = False
    for belongs, examine_family in _FAMILIES:
        members = sorted(name for name, one in packages.items() if belongs(name, one))
        if members:
            found = True
            yield examine_family(environ, members, packages)
    if not found:
        yield Finding(
            _TOPIC,
            "note",
            "no instrumentation of a model provider is installed that this command knows; a framework may trace itself",
            "for OpenAI for instance: pip install opentelemetry-instrumentation-openai",
        )


def _requires(one: Distribution, name: str) -> bool:
    # The name alone: "opentelemetry-util-genai" is not "opentelemetry-util-genai-langchain".
    return any(re.match(rf"{name}(?![\w.-])", requirement) for requirement in one.requires or ())


def _captured(members: list[str]) -> Finding:
    return Finding(_TOPIC, "ok", f"{', '.join(members)}: outputs are captured")


def _missing(members: list[str], why: str, remedy: str) -> Finding:
    return Finding(_TOPIC, "problem", f"{', '.join(members)}: outputs are not captured, for {why}", remedy)


def _stated(environ: Mapping[str, str], variable: str) -> str:
    value = environ.get(variable, "").strip()
    return f"{variable}={value}" if value else f"{variable} is not set"


# --- the families --------------------------------------------------------------------------------------------


def _is_official(name: str, one: Distribution) -> bool:
    return name.startswith("opentelemetry-instrumentation-") and _requires(one, "opentelemetry-util-genai")


def _examine_official(environ: Mapping[str, str], members: list[str], packages: Packages) -> Finding:
    mode = environ.get(_OFFICIAL, "").strip().upper()
    opted_in = _EXPERIMENTAL in environ.get(_OPT_IN, "").lower()
    # Required by openai-v2, and by every package before opentelemetry-util-genai 1.
    util = packages.get("opentelemetry-util-genai")
    needs_opt_in = "opentelemetry-instrumentation-openai-v2" in members or (
        util is not None and util.version.startswith("0.")
    )
    remedy = _SET_OFFICIAL + (f" and {_OPT_IN}={_EXPERIMENTAL}" if needs_opt_in else "")
    if mode == "EVENT_ONLY":
        text = f"{', '.join(members)}: outputs are captured in log records only, for {_stated(environ, _OFFICIAL)}"
        return Finding(_TOPIC, "warning", text, f"{remedy} to have them on spans")
    if mode not in _ON_SPANS:
        why = _stated(environ, _OFFICIAL)
        return _missing(members, why + (", which captures nothing on spans" if mode == "TRUE" else ""), remedy)
    if needs_opt_in and not opted_in:
        return _missing(members, _stated(environ, _OPT_IN), f"set {_OPT_IN}={_EXPERIMENTAL}")
    return _captured(members)


def _is_bedrock(name: str, one: Distribution) -> bool:
    return name == "opentelemetry-instrumentation-botocore" and not _is_official(name, one)


def _examine_bedrock(environ: Mapping[str, str], members: list[str], _: Packages) -> Finding:
    if environ.get(_OFFICIAL, "").strip().lower() == "true":
        return _captured(members)
    text = f"{', '.join(members)}: outputs of Bedrock are not captured, for {_stated(environ, _OFFICIAL)}"
    return Finding(_TOPIC, "warning", text, f"if you use Bedrock, set {_OFFICIAL}=true")


def _is_openllmetry(name: str, one: Distribution) -> bool:
    return name.startswith("opentelemetry-instrumentation-") and _requires(one, "opentelemetry-semantic-conventions-ai")


def _examine_openllmetry(environ: Mapping[str, str], members: list[str], _: Packages) -> Finding:
    variable = "TRACELOOP_TRACE_CONTENT"
    if environ.get(variable, "true").strip().lower() == "true":
        return _captured(members)
    return _missing(members, _stated(environ, variable), f"unset {variable}, or set {variable}=true")


def _is_openinference(name: str, _: Distribution) -> bool:
    return name.startswith("openinference-instrumentation-")


def _examine_openinference(environ: Mapping[str, str], members: list[str], _: Packages) -> Finding:
    for variable in (
        "OPENINFERENCE_HIDE_OUTPUTS",
        "OPENINFERENCE_HIDE_OUTPUT_MESSAGES",
        "OPENINFERENCE_HIDE_OUTPUT_TEXT",
    ):
        if environ.get(variable, "").strip().lower() == "true":
            return _missing(members, _stated(environ, variable), f"unset {variable}")
    return _captured(members)


def _is_openlit(name: str, _: Distribution) -> bool:
    return name == "openlit"


def _examine_openlit(environ: Mapping[str, str], members: list[str], _: Packages) -> Finding:
    if environ.get(_OFFICIAL, "").strip().lower() == "false":
        return _missing(members, _stated(environ, _OFFICIAL), f"unset {_OFFICIAL}")
    return _captured(members)


def _is_azure(name: str, _: Distribution) -> bool:
    return name in ("azure-ai-inference", "azure-ai-projects", "azure-ai-agents")


def _examine_azure(environ: Mapping[str, str], members: list[str], _: Packages) -> Finding:
    variable = "AZURE_TRACING_GEN_AI_CONTENT_RECORDING_ENABLED"
    if environ.get(variable, "").strip().lower() == "true":
        return _captured(members)
    return _missing(members, _stated(environ, variable), f"set {variable}=true")


def _is_semantic_kernel(name: str, _: Distribution) -> bool:
    return name == "semantic-kernel"


def _examine_semantic_kernel(environ: Mapping[str, str], members: list[str], _: Packages) -> Finding:
    variable = "SEMANTICKERNEL_EXPERIMENTAL_GENAI_ENABLE_OTEL_DIAGNOSTICS_SENSITIVE"
    if environ.get(variable, "").strip().lower() == "true":
        return _captured(members)
    return _missing(members, _stated(environ, variable), f"set {variable}=true")


_Belongs: TypeAlias = "Callable[[str, Distribution], bool]"
_Examine: TypeAlias = "Callable[[Mapping[str, str], list[str], Packages], Finding]"

_FAMILIES: tuple[tuple[_Belongs, _Examine], ...] = (
    (_is_official, _examine_official),
    (_is_bedrock, _examine_bedrock),
    (_is_openllmetry, _examine_openllmetry),
    (_is_openinference, _examine_openinference),
    (_is_openlit, _examine_openlit),
    (_is_azure, _examine_azure),
    (_is_semantic_kernel, _examine_semantic_kernel),
)
