"""Where a root's run output came from, or why it has none and what to do about it.

It looks at rows alone, so it tells what is likely: what the application's environment holds is not known here.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from ...braintrust.traces import is_probe, read_trace
from ...completion import says_nothing
from ...config import RunOutputConfig
from ...conventions.inputs import input_excerpt
from ...run import Reason, Rule
from ..intake.store import find_root
from . import shape
from .content_switches import switches_for

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from ...braintrust.traces import Decided
    from ..intake.rows import Row
    from ..intake.values import Json

_HOLDS = (2_000, 5_000, 10_000, 30_000, 60_000)
"""How long to hold a root back, in milliseconds: what is suggested."""
_DOCTOR = "braintrust-run-output doctor"
_PROCESS_ATTRIBUTES = ("service.name", "service.instance.id", "process.pid", "host.name")
_BACKDATING = ("langsmith", "litellm")
"""Scopes that end their spans on another thread, often after the root, with the times of the call."""
_LONGEST_SHOWN = 120


class Remedy(NamedTuple):
    """One thing to do."""

    text: str
    lines: tuple[str, ...] = ()
    """Code, settings or commands that go with it."""


class Verdict(NamedTuple):
    """What is to say of a root's run output."""

    kind: str
    """``found``, or the reason: ``waiting``, ``late``, ``elsewhere``, ``not-mirrored``, ``not-written``, ``failed``,
    ``placeholder``, ``content-off``, ``no-output``, ``no-model``, ``side-only``,
    ``probe``."""
    title: str
    text: str = ""
    remedies: tuple[Remedy, ...] = ()
    value: str | None = None
    """The run output."""
    source: str | None = None
    """The id of the span that it came from; of a root without one, the span that has an output."""

    @property
    def is_found(self) -> bool:
        """Whether the root has a run output."""
        return self.kind == "found"

    @property
    def mark(self) -> str:
        """What is said beside the span that it points to."""
        return {"found": "answer", "failed": "failed here"}.get(self.kind, "look here")


def examine(rows: Sequence[Row], *, key: str = "run_output") -> Verdict:
    """Tell where the run output of a trace's root came from, or why there is none.

    Nothing is decided here: which output a root gets, by which rule, or why it gets none, `read_trace` says.

    Args:
        rows: The rows of one trace.
        key: The metadata key that holds the run output.
    """
    root = find_root(rows)
    decided = read_trace(rows, RunOutputConfig(key=key))
    if root is None or decided.root is None:
        return Verdict(
            "waiting",
            "Its root span has not arrived",
            "Spans came, but none without a parent. Braintrust shows a trace, and makes a dataset row of it, when "
            "its root is there. It may still run, or it belongs to a service that exports elsewhere.",
        )
    if is_probe(root):
        return Verdict(
            "probe", "A probe", "Sent by doctor --probe, to see that traces arrive. It makes no dataset row."
        )
    value = shape.metadata_of(root).get(key)
    if value is not None:
        return _found(root, value, decided, key, {row["id"] for row in rows})
    source = None if decided.found is None else _row_of(rows, decided.found.span_id)
    if source is None:
        return _nothing(rows, root, None if decided.choice is None else decided.choice.reason)
    return _not_on_the_root(rows, root, source, key)


def _row_of(rows: Sequence[Row], span_id: str) -> Row | None:
    return next((row for row in rows if span_id in (row.get("span_id"), row["id"])), None)


# --- where it came from --------------------------------------------------------------------------------------

_RULES = {
    Rule.OWN: "The root says it itself.",
    Rule.WITNESS: "Of what was said below the root it is the answer: what a handler or chain above it returned tells.",
    Rule.LAST: "Of what was said below the root and can be the answer, it ended last.",
    Rule.GENERIC: "No model below the root said anything: it is what the root returned.",
    Rule.GENERIC_BELOW: "No model said anything: of what the spans below the root returned, it came last.",
}


def _found(root: Row, value: Json, decided: Decided, key: str, linkable: Collection[str]) -> Verdict:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    linked = shape.metadata_of(root).get("span_id")  # what linkage=true wrote
    source = None if decided.found is None else decided.found.span_id
    if isinstance(linked, str) and linked in linkable:
        source = linked
    rule = decided.choice.rule if decided.choice is not None and decided.choice.said else None
    said = "" if rule is None else _RULES.get(rule, "")
    if rule is None and source in (None, root["id"]):
        # The span that said it is not known: the root is named for want of another.
        source = None
        said = (
            "No other span carries it: the application set it, it came in a log record, or it was put together of "
            "several outputs."
        )
    if shape.metadata_of(root).get(f"{key}_truncated"):
        said = f"{said} It was cut: BRAINTRUST_RUN_OUTPUT_MAX_LENGTH says how long it may be.".strip()
    return Verdict("found", f"metadata.{key} is on the root", said, value=text, source=source)


# --- why it is not on the root -------------------------------------------------------------------------------


def _not_on_the_root(rows: Sequence[Row], root: Row, source: Row, key: str) -> Verdict:
    is_written = any(shape.metadata_of(row).get(key) is not None for row in rows)
    if is_remote(rows, root, source):
        return _elsewhere(source, "has the run output" if is_written else "carries the model's output")
    return _unmirrored(root, source, key) if is_written else _unwritten(source["id"], shape.name_of(source), key)


def _unmirrored(root: Row, holder: Row, key: str) -> Verdict:
    name, source = shape.name_of(holder), holder["id"]
    if shape.end_of(holder) > shape.end_of(root) or shape.scope_of(holder).startswith(_BACKDATING):
        return _late(root, holder)
    return Verdict(
        "not-mirrored",
        "The run output was not mirrored onto the root",
        f"{name} has it, and ended before the root did.",
        (
            Remedy(
                "See that mirroring is on, in the application's environment:", ("unset BRAINTRUST_RUN_OUTPUT_ROOT",)
            ),
            Remedy(
                f"The root may come from another tracer provider, or from before the processor was registered. If the "
                f"application replaces its metadata, {key} goes with it.",
                (_DOCTOR,),
            ),
        ),
        source=source,
    )


def _elsewhere(holder: Row, says: str) -> Verdict:
    return Verdict(
        "elsewhere",
        "The model was called in another process",
        f"{shape.name_of(holder)} {says}, and between it and the root lies a hop to another process: an HTTP call, a "
        "queue. No process can write onto a root of another one, whatever waits for whom.",
        (
            Remedy(
                "Let the relay stand between the services and Braintrust; it completes the root on the way:",
                ("pip install 'braintrust-run-output[relay]'", "braintrust-run-output relay"),
            ),
            Remedy("Or complete stored traces:", ("braintrust-run-output backfill --project PROJECT --since 24h",)),
        ),
        source=holder["id"],
    )


def _late(root: Row, holder: Row) -> Verdict:
    late_by = shape.end_of(holder) - shape.end_of(root)
    backdated = late_by <= 0
    started_late = backdated or shape.start_of(holder) >= shape.end_of(root)
    fitting = next((hold for hold in _HOLDS if late_by * 1000 * 1.25 <= hold), None)
    backfill = Remedy("Or complete stored traces:", ("braintrust-run-output backfill --project PROJECT --since 24h",))
    remedies: tuple[Remedy, ...] = (backfill._replace(text="Complete the stored traces:"),)
    if fitting is not None:
        settings = [f"export BRAINTRUST_RUN_OUTPUT_HOLD_MILLIS={fitting}"]
        if started_late:
            settings.insert(0, "export BRAINTRUST_RUN_OUTPUT_HOLD=always")
        remedies = (
            Remedy("Let roots wait for late outputs, with zero-code:", tuple(settings)),
            Remedy(
                "In code, with the same settings, register it around the exporter's processor:",
                ("provider.add_span_processor(RunOutputSpanProcessor(BatchSpanProcessor(exporter)))",),
            ),
            backfill,
        )
    how = "began and ended" if started_late else "ended"
    when = (
        "its instrumentation ends spans on another thread, whatever their times say, and the root had ended by then"
        if backdated
        else f"{how} {shape.duration(late_by)} after the root ended, and then the root was on its way"
    )
    return Verdict(
        "late",
        "The output came late",
        f"{shape.name_of(holder)} has the run output, but {when}.",
        remedies,
        source=holder["id"],
    )


def _unwritten(span_id: str, span_name: str, key: str) -> Verdict:
    return Verdict(
        "not-written",
        "The output is there, but nobody wrote it down",
        f"{span_name or span_id} carries a model's output, and no span has metadata.{key}: the processor was not at "
        "work in this application, or its transform withheld the value.",
        (
            Remedy(
                "Without a change to the code:",
                ("pip install braintrust-run-output opentelemetry-distro", "opentelemetry-instrument python app.py"),
            ),
            Remedy("Or in code:", ("provider.add_span_processor(RunOutputSpanProcessor())",)),
            Remedy(
                "See that nothing turns it off:",
                ("unset BRAINTRUST_RUN_OUTPUT_ENABLED", "unset OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", _DOCTOR),
            ),
        ),
        source=span_id,
    )


# --- why there is none ---------------------------------------------------------------------------------------


def _nothing(rows: Sequence[Row], root: Row, reason: Reason | None) -> Verdict:
    models = [row for row in rows if shape.type_of(row) == "llm"]
    if reason is Reason.FAILED:
        failed = max((row for row in models if row.get("error") is not None), key=shape.end_of, default=root)
        return Verdict(
            "failed",
            "The model call failed",
            f"{shape.name_of(failed)} ended with an error: a span that failed has no run output.",
            source=failed["id"],
        )
    if reason is Reason.SIDE_ONLY:
        return Verdict(
            "side-only",
            "Only evaluators and the like said something",
            "What is said below evaluators, scorers and moderation is about an answer, and is none. The call that gave "
            "the answer may not be instrumented, or its span may not have arrived yet.",
            (Remedy("See what is installed, and what is missing:", (_DOCTOR,)),),
        )
    silent = [row for row in models if row.get("error") is None]
    redacted = _redacted(silent)
    if redacted is not None:
        return redacted
    if reason is Reason.NO_CONTENT and silent:
        return _without_output(silent) or _without_content(silent)
    return _without_model(root)


def _without_model(root: Row) -> Verdict:
    if root.get("error") is not None:
        return Verdict(
            "failed",
            "The run failed before a model answered",
            "The root ended with an error, and there is no model call below it.",
            source=root["id"],
        )
    return Verdict(
        "no-model",
        "There is no model call in this trace",
        "No span says that it is a model's, and none carries an output. The client library may not be instrumented, "
        "its span may not have arrived yet, or it is in a trace of its own.",
        (
            Remedy(
                "For OpenAI, for instance:",
                ("pip install opentelemetry-instrumentation-openai", "opentelemetry-instrument python app.py"),
            ),
            Remedy("See what is installed, and what is missing:", (_DOCTOR,)),
        ),
    )


def _redacted(models: Sequence[Row]) -> Verdict | None:
    for row in models:
        for text in _texts([row.get("output"), shape.metadata_of(row)]):
            if text.strip() and says_nothing(text):
                shown = text.strip()[:_LONGEST_SHOWN]
                return Verdict(
                    "placeholder",
                    "The output was replaced before it got here",
                    f"{shape.name_of(row)} carries {shown!r} instead of what the model said. A placeholder, or "
                    "Python's description of an object, is never taken for an output.",
                    _content_remedies([row], "See which redaction is set, in the application's environment:"),
                    source=row["id"],
                )
    return None


def _without_output(models: Sequence[Row]) -> Verdict | None:
    """Tell of a model call whose input was recorded: content capture is on."""
    row = next((row for row in models if row.get("input") is not None or input_excerpt(shape.metadata_of(row))), None)
    if row is None:
        return None
    return Verdict(
        "no-output",
        "The model call has an input and no output",
        f"{shape.name_of(row)} has its input, so content capture is on. Its instrumentation wrote no output: the "
        "stream may not have been read to its end, or it leaves this kind of output out, tool calls for instance.",
        (Remedy("See whether a newer release of the instrumentation records it, or set it yourself:",
                ('span.set_attribute("braintrust.metadata.run_output", text)',)),),
        source=row["id"],
    )  # fmt: skip


def _without_content(models: Sequence[Row]) -> Verdict:
    first = models[0]
    return Verdict(
        "content-off",
        "Content capture is off",
        f"{shape.name_of(first)} is a model call, but what the model said is not on it. If the instrumentation writes "
        "log records instead, RunOutputLogRecordProcessor joins them to the spans.",
        _content_remedies(models, "Find the instrumentation's switch:"),
        source=first["id"],
    )


def _content_remedies(models: Sequence[Row], otherwise: str) -> tuple[Remedy, ...]:
    switches = switches_for(shape.scope_of(row) for row in models)
    remedies = [
        Remedy(f"In the application's environment, for {one.instrumentation}:" if one.settings else
               f"For {one.instrumentation}: {one.hint}", one.settings)
        for one in switches
    ]  # fmt: skip
    hints = [Remedy(one.hint) for one in switches if one.settings and one.hint]
    return (*remedies, *hints) if remedies else (Remedy(otherwise, (_DOCTOR,)),)


def is_remote(rows: Sequence[Row], root: Row, row: Row) -> bool:
    """Whether a hop to another process lies between a trace's root and a row.

    Told by the flag that OpenTelemetry's SDKs put on a span with a remote parent, and by what their resources say.
    """
    if _process(row) != _process(root):
        return True
    by_id = {one["id"]: one for one in rows}
    seen: set[str] = set()
    above: Row | None = row
    while above is not None and above is not root and above["id"] not in seen:
        if shape.has_remote_parent(above):
            return True
        seen.add(above["id"])
        above = by_id.get(shape.parent_of(above) or "")
    return False


def _process(row: Row) -> tuple[Json, ...]:
    resource = shape.resource_of(row)
    return tuple(json.dumps(resource.get(name)) for name in _PROCESS_ATTRIBUTES)


def _texts(value: Json, budget: int = 10_000) -> Iterator[str]:
    """Yield the texts in a value, with those in JSON text, up to a number of values."""
    waiting: list[Json] = [value]
    for _ in range(budget):
        if not waiting:
            return
        one = waiting.pop()
        if isinstance(one, str):
            yield one
            if one.startswith(("{", "[")):
                waiting.extend(_decoded(one))
        elif isinstance(one, (dict, list)):
            waiting.extend(one.values() if isinstance(one, dict) else one)


def _decoded(text: str) -> Iterable[Json]:
    try:
        return (json.loads(text),)
    except (ValueError, RecursionError):
        return ()
