"""What the root of each client's call got: the answer, or why not, and what to set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..run import Reason
from .instrumentations import clients_of, is_in_effect, is_instrumentation
from .report import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ..config import RunOutputConfig
    from .content_capture import Capture
    from .installed import Packages
    from .report import Level
    from .trial import Call, Trial

_TOPIC = "A call of each client, to a stub"
_INSTRUMENTATIONS: Mapping[str, str] = {
    "openai": "opentelemetry-instrumentation-openai",
    "anthropic": "opentelemetry-instrumentation-anthropic",
    "langchain": "opentelemetry-instrumentation-langchain",
    "google-genai": "opentelemetry-instrumentation-google-generativeai",
    "litellm": "openinference-instrumentation-litellm",
}
"""One that can be installed for each client; there are others."""
_TRACE_THEMSELVES = (
    "agent-framework-core",
    "google-adk",
    "haystack-ai",
    "langfuse",
    "logfire",
    "openlit",
    "pydantic-ai",
    "pydantic-ai-slim",
    "semantic-kernel",
    "strands-agents",
    "traceloop-sdk",
)
"""What makes spans of model calls in code, which a trial without the application cannot see."""


def examine(
    trial: Trial, captures: Sequence[Capture], packages: Packages, config: RunOutputConfig
) -> Iterator[Finding]:
    """Look at each call.

    Args:
        trial: The trial.
        captures: What is known of the instrumentations' switches.
        packages: What is installed.
        config: The settings of this package.
    """
    is_proven = any(call["got"] for call in trial["calls"])
    instrumented = {client for one in trial["instrumentations"] if is_in_effect(one) for client in clients_of(one)}
    frameworks = sorted(name for name in _TRACE_THEMSELVES if name in packages)
    for call in trial["calls"]:
        if call["error"]:
            yield Finding(_TOPIC, "warning", f"{_name(call)}: the call failed: {call['error']}", _UNTRIED)
        elif call["missing"]:
            yield _unexported(call)
        elif call["got"]:
            yield _successful(call)
        elif not call["spans"] or (call["reason"] == Reason.NO_MODEL and call["client"] not in instrumented):
            yield _uninstrumented(call, is_proven=is_proven, frameworks=frameworks)
        else:
            yield _without_answer(call, _captures_of(call, trial, captures))
    if any(call["got"] and not call["has_input"] for call in trial["calls"]) and not config.mirror_input:
        yield Finding(
            _TOPIC,
            "note",
            "a root that has no input of its own, as an HTTP request's, makes a row without input",
            "set BRAINTRUST_RUN_OUTPUT_MIRROR_INPUT=true to give it the input of the call that answered",
        )


_UNTRIED = "nothing is known of it: call it from your application, and look at the trace"


def covered(trial: Trial, packages: Packages) -> set[str]:
    """Return the distributions whose switches need no word of their own.

    They are those of the instrumentations that a call has tried, and of those that are not in effect.
    """
    if not trial["is_sdk"]:
        return set()
    tried = {call["client"] for call in trial["calls"] if call["is_recorded"] and not call["error"] and call["spans"]}
    untold = {
        one["distribution"] for one in trial["instrumentations"] if is_in_effect(one) and not clients_of(one) & tried
    }
    return {name for name, one in packages.items() if is_instrumentation(one) and name not in untold}


def _name(call: Call) -> str:
    return f"{call['client']} {call['version']}".strip()


def _symptoms(call: Call) -> frozenset[str]:
    return frozenset({"answer", f"call of {call['client']}"})


def _successful(call: Call) -> Finding:
    source = f", from the span {call['source']}" if call["source"] else ""
    rule = f" (rule: {call['rule']})" if call["rule"] else ""
    what = "the answer" if call["got"] == "answer" else "a value that is not the answer as it was"
    return Finding(_TOPIC, "ok", f"{_name(call)}: its root got {what}{source}{rule}")


def _unexported(call: Call) -> Finding:
    names = ", ".join(name.rpartition(".")[2] for name in call["missing"])
    return Finding(
        _TOPIC,
        "problem",
        f"{_name(call)}: its root did not reach {names}: something drops it on the way, a filter perhaps",
        "take filter_ai_spans=True out, or register RunOutputSpanProcessor in place, or around that processor",
        symptoms=_symptoms(call),
    )


def _uninstrumented(call: Call, *, is_proven: bool, frameworks: Sequence[str]) -> Finding:
    level: Level = "warning" if is_proven or frameworks else "problem"
    unless = f", unless {' or '.join(frameworks)} traces it in your code" if frameworks else ""
    return Finding(
        _TOPIC,
        level,
        f"{_name(call)}: its root got nothing: nothing instruments it{unless}",
        f"if you use it: pip install {_INSTRUMENTATIONS[call['client']]}",
        symptoms=_symptoms(call),
    )


_WHY: Mapping[str | None, tuple[str, str]] = {
    Reason.NO_MODEL: ("no span below it is a model's", "see docs/troubleshooting.md"),
    Reason.FAILED: ("the span of the model failed", "see what was logged"),
    Reason.SIDE_ONLY: ("all that was said was said by evaluators and the like", "look at side_spans"),
    Reason.NOT_MIRRORED: ("roots get nothing of what is below them", "unset BRAINTRUST_RUN_OUTPUT_ROOT"),
    None: ("it was found, and not written", "look at the transform, and at what was logged"),
}
"""The reasons that a run has, in words, and what to do. There is one more: no content."""


def _without_answer(call: Call, captures: Sequence[Capture]) -> Finding:
    if call["reason"] == Reason.NO_CONTENT:
        off = [one for one in captures if one.finding.level != "ok"]
        why = "; ".join(one.why for one in off) or "the instrumentation has written none, for a reason of its own"
        why = f"the span {call['spans'][-1]} has no output ({why})"
        remedy = "; ".join(one.finding.remedy for one in off) or "see docs/troubleshooting.md, Content capture"
    else:
        why, remedy = _WHY[call["reason"]]
    return Finding(_TOPIC, "problem", f"{_name(call)}: its root got nothing: {why}", remedy, symptoms=_symptoms(call))


def _captures_of(call: Call, trial: Trial, captures: Sequence[Capture]) -> list[Capture]:
    members = {
        one["distribution"]
        for one in trial["instrumentations"]
        if is_in_effect(one) and call["client"] in clients_of(one)
    }
    return [one for one in captures if members.intersection(one.members)]
