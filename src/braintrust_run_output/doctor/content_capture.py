"""Whether the instrumentations that are installed write down what the model says, and how to make them.

Each family has its own switch. ``true`` for the official packages' variable captures nothing in the newest of them.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from .report import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from importlib.metadata import Distribution

    from .installed import Packages

_TOPIC = "Content capture"
_OFFICIAL = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
_OPT_IN = "OTEL_SEMCONV_STABILITY_OPT_IN"
_EXPERIMENTAL = "gen_ai_latest_experimental"
_SET_OFFICIAL = f"set {_OFFICIAL}=SPAN_ONLY (or SPAN_AND_EVENT)"
_ON_SPANS = ("SPAN_ONLY", "SPAN_AND_EVENT")


class Capture(NamedTuple):
    """What a family's switch says."""

    members: list[str]
    """The distributions of the family that are installed."""
    finding: Finding
    why: str = ""
    """Why outputs are not captured."""


def look(packages: Packages, environ: Mapping[str, str]) -> list[Capture]:
    """Look at the switch of every family of which something is installed."""
    found = ((sorted(name for name, one in packages.items() if belongs(name, one)), how) for belongs, how in _FAMILIES)
    return [how(environ, members, packages) for members, how in found if members]


def examine(captures: Sequence[Capture], covered: Collection[str], *, is_tried: bool = False) -> Iterator[Finding]:
    """Say what the switches say, of the instrumentations of which the trial has not told.

    Args:
        captures: What `look` has found.
        covered: The distributions that it has told of.
        is_tried: Whether it has called a client: then it has told what nothing instruments, too.
    """
    for one in captures:
        untold = [name for name in one.members if name not in covered]
        if untold:
            yield dataclasses.replace(one.finding, text=one.finding.text.replace(_list(one.members), _list(untold), 1))
    if not captures and not is_tried:
        yield Finding(
            _TOPIC,
            "note",
            "no instrumentation of a model provider is installed that this command knows; a framework may trace itself",
            "for OpenAI for instance: pip install opentelemetry-instrumentation-openai",
        )


def _requires(one: Distribution, name: str) -> bool:
    # The name alone: "opentelemetry-util-genai" is not "opentelemetry-util-genai-langchain".
    return any(re.match(rf"{name}(?![\w.-])", requirement) for requirement in one.requires or ())


def _list(members: list[str]) -> str:
    return ", ".join(members)


def _captured(members: list[str]) -> Capture:
    return Capture(members, Finding(_TOPIC, "ok", f"{_list(members)}: outputs are captured"))


def _missing(members: list[str], why: str, remedy: str) -> Capture:
    finding = Finding(_TOPIC, "problem", f"{_list(members)}: outputs are not captured, for {why}", remedy)
    return Capture(members, finding, why)


def _stated(environ: Mapping[str, str], variable: str) -> str:
    value = environ.get(variable, "").strip()
    return f"{variable}={value}" if value else f"{variable} is not set"


# --- the families --------------------------------------------------------------------------------------------


def _is_official(name: str, one: Distribution) -> bool:
    return name.startswith("opentelemetry-instrumentation-") and _requires(one, "opentelemetry-util-genai")


def _examine_official(environ: Mapping[str, str], members: list[str], packages: Packages) -> Capture:
    mode = environ.get(_OFFICIAL, "").strip().upper()
    opted_in = _EXPERIMENTAL in environ.get(_OPT_IN, "").lower()
    # Required by openai-v2, and by every package before opentelemetry-util-genai 1.
    util = packages.get("opentelemetry-util-genai")
    needs_opt_in = "opentelemetry-instrumentation-openai-v2" in members or (
        util is not None and util.version.startswith("0.")
    )
    remedy = _SET_OFFICIAL + (f" and {_OPT_IN}={_EXPERIMENTAL}" if needs_opt_in else "")
    if mode == "EVENT_ONLY":
        why = _stated(environ, _OFFICIAL)
        text = f"{_list(members)}: outputs are captured in log records only, for {why}"
        return Capture(members, Finding(_TOPIC, "warning", text, f"{remedy} to have them on spans"), why)
    if mode not in _ON_SPANS:
        why = _stated(environ, _OFFICIAL)
        return _missing(members, why + (", which captures nothing on spans" if mode == "TRUE" else ""), remedy)
    if needs_opt_in and not opted_in:
        return _missing(members, _stated(environ, _OPT_IN), f"set {_OPT_IN}={_EXPERIMENTAL}")
    return _captured(members)


def _is_bedrock(name: str, one: Distribution) -> bool:
    return name == "opentelemetry-instrumentation-botocore" and not _is_official(name, one)


def _examine_bedrock(environ: Mapping[str, str], members: list[str], _: Packages) -> Capture:
    if environ.get(_OFFICIAL, "").strip().lower() == "true":
        return _captured(members)
    why = _stated(environ, _OFFICIAL)
    text = f"{_list(members)}: outputs of Bedrock are not captured, for {why}"
    return Capture(members, Finding(_TOPIC, "warning", text, f"if you use Bedrock, set {_OFFICIAL}=true"), why)


def _is_openllmetry(name: str, one: Distribution) -> bool:
    return name.startswith("opentelemetry-instrumentation-") and _requires(one, "opentelemetry-semantic-conventions-ai")


def _examine_openllmetry(environ: Mapping[str, str], members: list[str], _: Packages) -> Capture:
    variable = "TRACELOOP_TRACE_CONTENT"
    if environ.get(variable, "true").strip().lower() == "true":
        return _captured(members)
    return _missing(members, _stated(environ, variable), f"unset {variable}, or set {variable}=true")


def _is_openinference(name: str, _: Distribution) -> bool:
    return name.startswith("openinference-instrumentation-")


def _examine_openinference(environ: Mapping[str, str], members: list[str], _: Packages) -> Capture:
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


def _examine_openlit(environ: Mapping[str, str], members: list[str], _: Packages) -> Capture:
    if environ.get(_OFFICIAL, "").strip().lower() == "false":
        return _missing(members, _stated(environ, _OFFICIAL), f"unset {_OFFICIAL}")
    return _captured(members)


def _is_azure(name: str, _: Distribution) -> bool:
    return name in ("azure-ai-inference", "azure-ai-projects", "azure-ai-agents")


def _examine_azure(environ: Mapping[str, str], members: list[str], _: Packages) -> Capture:
    variable = "AZURE_TRACING_GEN_AI_CONTENT_RECORDING_ENABLED"
    if environ.get(variable, "").strip().lower() == "true":
        return _captured(members)
    return _missing(members, _stated(environ, variable), f"set {variable}=true")


def _is_semantic_kernel(name: str, _: Distribution) -> bool:
    return name == "semantic-kernel"


def _examine_semantic_kernel(environ: Mapping[str, str], members: list[str], _: Packages) -> Capture:
    variable = "SEMANTICKERNEL_EXPERIMENTAL_GENAI_ENABLE_OTEL_DIAGNOSTICS_SENSITIVE"
    if environ.get(variable, "").strip().lower() == "true":
        return _captured(members)
    return _missing(members, _stated(environ, variable), f"set {variable}=true")


_Belongs: TypeAlias = "Callable[[str, Distribution], bool]"
_Examine: TypeAlias = "Callable[[Mapping[str, str], list[str], Packages], Capture]"

_FAMILIES: tuple[tuple[_Belongs, _Examine], ...] = (
    (_is_official, _examine_official),
    (_is_bedrock, _examine_bedrock),
    (_is_openllmetry, _examine_openllmetry),
    (_is_openinference, _examine_openinference),
    (_is_openlit, _examine_openlit),
    (_is_azure, _examine_azure),
    (_is_semantic_kernel, _examine_semantic_kernel),
)
