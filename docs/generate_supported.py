"""Write docs/supported.md by replaying the recorded traces: ``python docs/generate_supported.py``."""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from braintrust_run_output import RunOutputConfig, RunOutputLogRecordProcessor, RunOutputSpanProcessor, read_completion
from braintrust_run_output.conventions import read_generic_output
from braintrust_run_output.conventions.log_records import event_name, read_record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from opentelemetry.sdk.trace import ReadableSpan

PAGE = Path(__file__).with_name("supported.md")
CONFORMANCE = Path(__file__).parents[1] / "tests" / "conformance"
RUN_OUTPUT = "braintrust.metadata.run_output"

_HEAD = """\
<!-- Generated from the recorded traces in tests/conformance: run `python docs/generate_supported.py`. -->

# What is read, and from where

Each line stands for traces that a real instrumentation emitted, recorded once and replayed through
`RunOutputSpanProcessor` and `RunOutputLogRecordProcessor` in their default configuration. The run output is what the
**root** of the trace got.

- *on the span*: in the attributes or events of a span, which is named;
- *in a log record*: `RunOutputLogRecordProcessor` is needed, which zero-code registration adds by itself;
- *late*: it arrives only after the root has ended. Registered in place, the processor writes it to its own span and not
  to the root; `RunOutputSpanProcessor(BraintrustSpanProcessor())` holds the root back for it;
- *nothing*: the call failed, or content capture was off, so there is no output and none is invented.

An instrumentation that is not on this page is read all the same if it writes in one of these forms.

| instrumentation | tried | scenarios | output | run output of the root |
|---|---|---|---|---|
"""
_WHERE = {
    "span": "on the span", "log": "in a log record", "late": "late", "log-late": "late, in a log record",
    "none": "nothing: the call failed", "off": "nothing: content capture is off", "lost": "on the span, in part",
}  # fmt: skip
_LONGEST = 160
_NOT_TELLING = {
    "agents", "ai", "api", "conventions", "core", "instrumentation", "openinference", "opentelemetry", "otel", "sdk",
    "semantic", "slim", "util",
}  # fmt: skip
"""Words in the names of packages that do not say what they trace."""


def page() -> str:
    """Return the page."""
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for path in sorted((CONFORMANCE / "cases").glob("*.json")):
        case = _replay().load(path)
        groups[_emitter(case)].append(case)
    return _HEAD + "".join(row for emitter, cases in sorted(groups.items()) for row in _rows(emitter, cases))


def _replay() -> Any:
    if str(CONFORMANCE) not in sys.path:
        sys.path.append(str(CONFORMANCE))
    import replay

    return replay


def _emitter(case: Mapping[str, Any]) -> str:
    instrumentation = str(case["instrumentation"])
    return f"{case['framework']}, {instrumentation}" if case["framework"] else instrumentation.partition("+")[0]


def _rows(emitter: str, cases: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a row for each place where an emitter writes its output, and each look of the run output."""
    scenarios: dict[tuple[str, str], list[str]] = defaultdict(list)
    versions: dict[str, str] = {}
    for case in cases:
        value, source = _outcome(case)
        variant = "" if case["framework"] else str(case["instrumentation"]).partition("+")[2]
        where = f"{_WHERE[case['expect']['found_in']]}{': ' if source else ''}{source}"
        written = "none" if value is None else f"`{_cell(value)}`"
        scenarios[where, written].append(case["scenario"] + (f" ({variant})" if variant else ""))
        versions.update(case["versions"])
    telling = [name for name in versions if _tells(name, emitter)]
    tried = ", ".join(f"{name} {versions[name]}" for name in sorted(telling or versions))
    for number, ((where, written), names) in enumerate(scenarios.items()):
        first = f"**{emitter}** | {tried}" if number == 0 else " | "
        yield f"| {first} | {', '.join(names)} | {where} | {written} |\n"


def _tells(package: str, emitter: str) -> bool:
    """Whether a package is what was tried, rather than what came with it."""
    words = _words(package) - _NOT_TELLING
    told = _words(emitter) | ({"openai"} if emitter.startswith(("fastapi", "flask")) else set())
    return bool(words) and words <= told


def _words(name: str) -> set[str]:
    return set(re.findall("[a-z]+", name.lower()))


def _outcome(case: Mapping[str, Any]) -> tuple[str | None, str]:
    """Return the run output of a case's root, and where it came from."""
    replay = _replay()
    processor = RunOutputSpanProcessor(config=RunOutputConfig(linkage=True))
    spans = replay.replay(case, [processor], [RunOutputLogRecordProcessor(processor)])
    root = replay.root_span(case, spans)
    value = (root.attributes or {}).get(RUN_OUTPUT)
    if value is None:
        return None, ""
    found_on = next(
        span for span in spans if format(span.context.span_id, "016x") == root.attributes["braintrust.metadata.span_id"]
    )
    return str(value), _source(found_on, case)


def _source(span: ReadableSpan, case: Mapping[str, Any]) -> str:
    attributes = span.attributes or {}
    scope = span.instrumentation_scope.name if span.instrumentation_scope else ""
    completion = read_completion(attributes, span.events, scope)
    if completion is None:
        for step in case["timeline"]:
            if step["op"] == "log":
                name = event_name(step["event_name"], step["attributes"] or {})
                if read_record(name, step["body"], step["attributes"] or {}) is not None:
                    return f"record `{name}`"
        completion = read_generic_output(attributes, scope)
    return "" if completion is None else f"`{completion.source}`"


def _cell(value: str) -> str:
    shown = value.strip().replace("\n", " ").replace("|", "\\|")
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]} ..."


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
