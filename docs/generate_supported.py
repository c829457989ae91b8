"""Write docs/supported.md by replaying the recorded traces: ``python docs/generate_supported.py``."""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from braintrust_run_output import RunOutputConfig, RunOutputLogRecordProcessor, RunOutputSpanProcessor, read_completion
from braintrust_run_output.conventions import read_generic_output
from braintrust_run_output.conventions.log_records import NAMES, event_name, read_record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from opentelemetry.sdk.trace import ReadableSpan

    Case = Mapping[str, Any]

PAGE = Path(__file__).with_name("supported.md")
CONFORMANCE = Path(__file__).parents[1] / "tests" / "conformance"
RUN_OUTPUT = "braintrust.metadata.run_output"
SPAN_ID = "braintrust.metadata.span_id"

_HEAD = """\
<!-- Generated from the recorded traces in tests/conformance: run `python docs/generate_supported.py`. -->

# What is read, and from where

Each line stands for traces that a real instrumentation emitted. They were recorded once, and the test suite replays
them in the default configuration. An instrumentation that is not here is read all the same if it writes in one of these
forms.

- **read**: the root has the model's output.
- **read from log records**: `RunOutputLogRecordProcessor` is needed. Zero-code registration adds it by itself.
- **read, late**: it arrives after the root has ended. Wrap the exporting processor to
  [hold the root back](late-completions.md).
- **in part**: see [what is not read](#what-is-not-read).

"""
_BY_FORM = """\
## Read by their form

After their source or documentation. No trace of these was recorded.

- **AgentScope**: `gen_ai.output.messages`, `agentscope.function.output`
- **AG2, Agno, CrewAI, LangGraph, OpenAI's agents, phidata under AgentOps or Langtrace**:
  `crewai.crew.output`, `agno.agent.response_content`, `langgraph.graph.final_response`, `openai_agents.outputs` ...
- **AG2's own telemetry, Dapr Agents, LangChain under Azure's tracer, Rig**: `gen_ai.output.messages`
- **Anthropic's SDK, its own tracing**: `gen_ai.output.messages`, with
  `ANTHROPIC_OPEN_TELEMETRY_TRACES_CONTENT_MODE=content`; not of a bare `create(stream=True)`
- **Azure's VoiceLive**: span event `gen_ai.output.messages`
- **Claude Code**: `response.model_output` on its spans (detailed tracing), its log record `assistant_response`
- **CozeLoop**: `cozeloop.output`
- **DeepEval**: `confident.span.output`
- **Fiddler, PromptLayer, Traceroot, TruLens**: `gen_ai.llm.output`, `function_output`, `traceroot.span.output`,
  `ai.observability.record_root.output`
- **Gemini CLI**: `gen_ai.output.messages`, also in pieces and as the system's; `output-json`
- **Goose**: `gen_ai.output.messages`, `trace_output`
- **HoneyHive**: `honeyhive_outputs.result`
- **Judgeval**: whole responses in `gen_ai.completion`, `judgment.output`
- **Koog, Azure AI agents, mcp-agent**: span event `gen_ai.assistant.message`, where no `gen_ai.choice` is
- **Langtrace**: `llm.responses`, `langchain.outputs`, span event `gen_ai.content.completion`
- **Latitude**: `gen_ai.response.messages`
- **LangGraph under OpenLIT, OpenAI's agents under OpenTelemetry's instrumentation**: `gen_ai.output.messages` of all
  turns of a workflow, or with the texts of SDK objects in it
- **Mastra**: `gen_ai.output.messages`, `mastra.model_step.output`, `mastra.agent_run.output` ...
- **Lemonade, Neatlogs**: `gen_ai.output.messages.0.content`, `neatlogs.llm.output_messages.0.content`
- **NVIDIA's NeMo Agent Toolkit**: `output.value`, kind in `nat.span.kind`
- **OpenClaw**: `openclaw.content.output_messages`
- **OpenRouter's broadcast**: `gen_ai.completion`
- **OpenLLMetry, oldest releases**: `llm.completions.0.content`
- **Scorecard**: `gen_ai.completion.choices`
- **Spring AI**: `gen_ai.completion`, span event `gen_ai.content.completion`, its log records
- **traceAI**: `gen_ai.output.messages.0.message.content`, kind in `gen_ai.span.kind`
- **TrueFoundry**: `tfy.output`
- **Weave's conversations**: `gen_ai.output.messages`
- **By hand**: `gen_ai.response.content`, `gen_ai.output.text`, `llm.response`, `output` beside `input` ...

"""
_NOT_READ = """\
## What is not read

- Reasoning, images, files and audio without a transcript. Calls of a provider's own tools (web search, code execution)
  beside an answer.
- Embeddings, rankings, verdicts of moderation, classifications, token counts: they are no answers.
- An output that an attribute limit has cut, where it is JSON. A plain text is marked as cut.
- Content that was not captured. Nothing is invented.
- Attributes with a name of your own. [Set one that is known](recipes.md), or
  [add a convention](contributing/add-a-convention.md).

Of the recorded traces:

"""


class _Family(NamedTuple):
    """Instrumentations that are switched on alike."""

    title: str
    words: tuple[str, ...]
    package: str
    switch: str


_PLATFORMS = (
    "agentops", "langfuse", "langsmith", "langwatch", "litellm", "lmnr", "logfire", "mirascope", "mlflow", "monocle",
    "openlit", "promptflow",
)  # fmt: skip
_FAMILIES = (
    _Family(
        "OpenInference",
        ("openinference",),
        "openinference-instrumentation-",
        "Content is on by default. `OPENINFERENCE_HIDE_OUTPUTS` and its kin must not be set.",
    ),
    _Family(
        "OpenLLMetry",
        ("openllmetry", "traceloop"),
        "opentelemetry-instrumentation-",
        "Content is on by default. `TRACELOOP_TRACE_CONTENT` must not be `false`.",
    ),
    _Family(
        "OpenTelemetry GenAI",
        ("genai", "otel", "azure-ai-inference"),
        "opentelemetry-instrumentation-",
        "Set `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_ONLY`; older releases know `true` only, and "
        "write log records. For `azure-ai-inference` set `AZURE_TRACING_GEN_AI_CONTENT_RECORDING_ENABLED=true`. "
        "Or let the [completion hook](ways-in.md) hand the output over, with content capture off.",
    ),
    _Family(
        "SDKs of other platforms",
        _PLATFORMS,
        "",
        "Content is on by default.",
    ),
    _Family(
        "Frameworks' own tracing",
        ("",),
        "",
        "Switch content on where the framework has it off: agent-framework `ENABLE_SENSITIVE_DATA=true`; google-adk "
        "`OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true`; semantic-kernel "
        "`SEMANTICKERNEL_EXPERIMENTAL_GENAI_ENABLE_OTEL_DIAGNOSTICS_SENSITIVE=true`; Vercel's AI SDK up to 6 "
        "`experimental_telemetry: { isEnabled: true }` in each call, from 7 on "
        "[`registerTelemetry(new OpenTelemetry())`](typescript.md#ai-sdk-7) once.",
    ),
)  # fmt: skip
"""In the order in which they are tried; the last one takes what is left."""
_NAMES = {"vercel-ai": "Vercel AI SDK", "app": "decorated functions", "guardrails": "guardrails-ai"}
_JAVASCRIPT = "-js"
_RELEASE = re.compile(r"-(?:\d[\w.]*|v\d\w*)(?:-.*)?$")
_NOT_A_PROVIDER = re.compile(r"^(?:otel-genai|otel|openinference|openllmetry|traceloop)-")


class _Finding(NamedTuple):
    """What a case came to."""

    case: Case
    source: str


def page() -> str:
    """Return the page."""
    sys.path[:0] = [] if str(CONFORMANCE) in sys.path else [str(CONFORMANCE)]
    rows: dict[str, dict[str, list[_Finding]]] = {family.title: defaultdict(list) for family in _FAMILIES}
    for path in sorted((CONFORMANCE / "cases").glob("*.json")):
        case = _replay().load(path)
        rows[_family(case).title][_traced(case)].append(_Finding(case, _source(case)))
    return _HEAD + "".join((*_matrix(rows), _BY_FORM, _NOT_READ, *_unread(rows), *_details(rows)))


def _replay() -> Any:
    import replay

    return replay


def _unmet() -> Mapping[str, str]:
    from unmet import UNMET

    return UNMET


def _instrumentation(case: Case) -> str:
    """Return what traced a case; of a framework that traces itself, the framework."""
    name = re.sub(r"^x(?=genai|latest|native|open|otel)", "", str(case["instrumentation"]).partition("+")[0])
    return str(case["framework"]) if name.startswith(("native", "latest")) else name


def _family(case: Case) -> _Family:
    name = _instrumentation(case)
    return next(family for family in _FAMILIES if name.startswith(family.words))


def _traced(case: Case) -> str:
    """Return what a case traces: a framework, or the provider in the name of its instrumentation."""
    name = _instrumentation(case)
    if name.startswith(_PLATFORMS):
        return name.partition("-")[0]
    if case["framework"] not in (None, "provider", "app"):
        name = str(case["framework"])
    elif case["framework"] == "app":
        name = _NAMES["app"]
    name = _RELEASE.sub("", _NOT_A_PROVIDER.sub("", name))
    if name.endswith(_JAVASCRIPT):
        name = f"{name.removesuffix(_JAVASCRIPT)} (JavaScript)"
    return _NAMES.get(name, name)


def _matrix(rows: Mapping[str, Mapping[str, Sequence[_Finding]]]) -> Iterator[str]:
    for family in _FAMILIES:
        yield f"## {family.title}\n\n{family.switch}\n\n| traced | tried | output |\n|---|---|---|\n"
        for traced, findings in sorted(rows[family.title].items(), key=lambda row: row[0].lower()):
            yield f"| {traced} | {_newest(findings)} | {_verdict(findings)} |\n"
        yield "\n"


def _verdict(findings: Sequence[_Finding]) -> str:
    found_in = {finding.case["expect"]["found_in"] for finding in findings}
    if "lost" in found_in or any(finding.case["id"] in _unmet() for finding in findings):
        return "in part"
    places = {"span": "read", "log": "read from log records", "late": "read, late", "log-late": "read, late"}
    said = [places[place] for place in places if place in found_in]
    if len(said) > 1 and said[0] == "read":
        return f"read; {', '.join(one.removeprefix('read').strip(', ') for one in said[1:])}"
    return ", ".join(dict.fromkeys(said)) or "no output, and none invented"


def _newest(findings: Iterable[_Finding]) -> str:
    """Return the newest version of what was tried: of the instrumentation, or of the framework that traces itself."""
    tried = [(*_packages(finding.case)[0], _family(finding.case)) for finding in findings]
    own = [version for package, version, family in tried if _is_of(package, family)]
    return max(own or [version for _, version, _ in tried], key=_as_numbers)


def _as_numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def _packages(case: Case) -> list[tuple[str, str]]:
    """Return the packages that were tried, the instrumentation first, with their versions."""
    family, traced = _family(case), _traced(case)
    told = _words(f"{traced} {case['framework'] or ''}") | ({"ai"} if traced == _NAMES["vercel-ai"] else set())
    fits = {name: _fit(name, told) for name in case["versions"] if _belongs(name, family)}
    names = sorted(fits, key=lambda name: (not _is_of(name, family), not name.startswith(traced), -fits[name], name))
    kept = [name for name in names if fits[name] >= 1][:2] or names[:1]
    return [(name, case["versions"][name]) for name in kept]


def _is_of(package: str, family: _Family) -> bool:
    return (
        bool(family.package)
        and "instrumentation-" in package
        and ("-genai-" in package) == family.title.endswith("GenAI")
    )


def _belongs(package: str, family: _Family) -> bool:
    """Whether a package may have been tried with a family, rather than stand beside it in the same environment."""
    others = {one.package for one in _FAMILIES if one.package} - {family.package}
    return not package.startswith((*others, "opentelemetry-sdk", "opentelemetry-semantic", "opentelemetry-util"))


def _fit(package: str, told: set[str]) -> float:
    """Return how well the name of a package says what was traced."""
    words = _words(package) - _ALWAYS
    return len(words & told) - len(words - told) / 10


_ALWAYS = {"arizeai", "genai", "openinference", "opentelemetry", "instrumentation", "traceloop"}


def _words(name: str) -> set[str]:
    return set(re.findall("[a-z]+", name.lower()))


def _unread(rows: Mapping[str, Mapping[str, Sequence[_Finding]]]) -> Iterator[str]:
    for title, traced in rows.items():
        for name, findings in sorted(traced.items()):
            for case in (finding.case for finding in findings):
                reason = _unmet().get(case["id"])
                if case["expect"]["found_in"] == "lost":
                    reason = "The instrumentation does not record it."
                if reason:
                    yield f"- {title}, {name}, {_scenario(case)}. {reason}\n"
    yield "\n"


def _details(rows: Mapping[str, Mapping[str, Sequence[_Finding]]]) -> Iterator[str]:
    yield "## In detail\n\nWhere each trace has its output, and what was tried.\n"
    for title, traced in rows.items():
        yield f"\n### {title}: details\n\n"
        for name, findings in sorted(traced.items(), key=lambda row: row[0].lower()):
            packages = {package: version for finding in findings for package, version in _packages(finding.case)}
            yield f"- **{name}** ({', '.join(f'{package} {packages[package]}' for package in sorted(packages))})\n"
            places: dict[str, list[str]] = defaultdict(list)
            for finding in findings:
                places[finding.source].append(_scenario(finding.case))
            for source, scenarios in places.items():
                yield f"    - {source}: {', '.join(dict.fromkeys(scenarios))}\n"


def _scenario(case: Case) -> str:
    variant = str(case["instrumentation"]).partition("+")[2]
    name = re.sub(r"__cap_\w+$", "", case["scenario"]).replace("_", " ")
    return f"{name} ({variant})" if variant else name


def _source(case: Case) -> str:
    """Return where the run output of a case's root came from."""
    replay = _replay()
    processor = RunOutputSpanProcessor(config=RunOutputConfig(linkage=True))
    spans = replay.replay(case, [processor], [RunOutputLogRecordProcessor(processor)])
    found_in = case["expect"]["found_in"]
    root = replay.root_span(case, spans)
    attributes = (root and root.attributes) or {}
    if attributes.get(RUN_OUTPUT) is None:
        return {
            "late": "late", "log-late": "late, in a log record", "off": "nothing: content capture is off",
            "lost": "lost by the instrumentation", "none": "nothing: there was no output",
        }[found_in]  # fmt: skip
    said_by = attributes.get(SPAN_ID)
    span = next((one for one in spans if format(one.context.span_id, "016x") == said_by), root)
    return _source_on(span) or _source_in_records(case)


def _source_on(span: ReadableSpan) -> str:
    attributes = span.attributes or {}
    scope = span.instrumentation_scope.name if span.instrumentation_scope else ""
    completion = read_completion(attributes, span.events, scope) or read_generic_output(attributes, scope)
    return "" if completion is None else f"`{completion.source}`"


def _source_in_records(case: Case) -> str:
    for step in case["timeline"]:
        if step["op"] == "log":
            name = event_name(step["event_name"], step["attributes"] or {})
            if name in NAMES and read_record(name, step["body"], step["attributes"] or {}) is not None:
                return f"log record `{name}`"
    return "a span's text"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
