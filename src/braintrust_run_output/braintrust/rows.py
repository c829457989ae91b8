"""What a Braintrust row says, for `braintrust_run_output.run` to decide on, and how a run output is put into one.

A row has what Braintrust parsed out of a span in ``output`` and ``input``, the kind of span in ``span_attributes``, and
every attribute that was not parsed in ``metadata``. Stored rows and the records of native spans are alike in that.
"""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any

from .. import writing
from ..conventions import Side, executed_call, is_agent, is_never_a_completion, side_of
from ..conventions._json import is_array, is_object
from ..outcome import Outcome, matches
from ..writing import ask_about, hexadecimal, value_of
from . import outputs
from .otlp_files import SpanRow

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.sdk.trace import ReadableSpan

    from ..completion import Completion
    from ..config import RunOutputConfig
    from ..outcome import SpanKey
    from ..run import Choice
    from ..writing import Asked, Value

_GEN_AI_MESSAGES = "gen_ai.output.messages"
_TYPE, _PURPOSE = "braintrust.span_attributes.type", "braintrust.span_attributes.purpose"
_INPUT_OF_A_TOOL = "input_str"
"""What only tools have in the metadata that LangChain's callbacks keep in JavaScript: their type is llm, too."""
_READING = frozenset({"ocr", "transcribe", "translate"})
"""Operations, in the input, of rows of type llm that only put into words what a user said or sent."""


def read_row(row: Mapping[str, object], config: RunOutputConfig) -> Outcome:
    """Read what a row says.

    Args:
        row: The row, or all that the records of a native span say of it. One out of a file of OTLP has its span.
        config: What is written under which key, and which spans hold the answer, or never do.
    """
    if isinstance(row, SpanRow):
        return row.read(config)
    attributes, metadata = objects_of(row)
    if _INPUT_OF_A_TOOL in metadata and outputs.is_model(attributes.get("type")):
        attributes = {**attributes, "type": "tool"}
    kinds = {**metadata, _TYPE: attributes.get("type"), _PURPOSE: attributes.get("purpose")}
    name = str(attributes.get("name") or "")
    output, has_failed = row.get("output"), row.get("error") is not None
    is_model = outputs.is_model(attributes.get("type"), output)
    completion = generic = None
    says_nothing = output is None or has_failed
    if not (has_failed or outputs.is_silent(attributes) or is_never_a_completion(metadata)):
        completion = _model_output(output, metadata, is_model=is_model) or outputs.read_attributes(metadata)
        if completion is None and not (is_model and output is not None):
            generic = functools.partial(outputs.read_generic, output, metadata)
        says_nothing = says_nothing or (completion is None and outputs.is_withheld(output))
    start, end = _times(row)
    return Outcome(
        (str(row.get("root_span_id") or ""), span_id_of(row)),
        name=name,
        start=start,
        end=end or start,
        explicit=outputs.explicit(metadata, config.key),
        completion=completion,
        generic=generic,
        input=functools.partial(_as_json, row.get("input")),
        side=_side_of(kinds, name, row.get("input"), config),
        execution=executed_call(kinds, name),
        # A row of type llm that says what is no answer, an embedding or a count, is no model that said nothing.
        is_model=is_model and (says_nothing or completion is not None),
        is_agent=is_agent(kinds),
        is_answer=matches(config.answer_spans, name),
        has_failed=has_failed,
    )


def objects_of(row: Mapping[str, object]) -> tuple[Mapping[str, object], Mapping[str, object]]:
    """Return a row's ``span_attributes`` and ``metadata``, empty where they are no objects."""
    attributes, metadata = row.get("span_attributes"), row.get("metadata")
    return attributes if is_object(attributes) else {}, metadata if is_object(metadata) else {}


def span_id_of(row: Mapping[str, object]) -> str:
    """Return the id of the span that a row is of."""
    return str(row.get("span_id") or row.get("id"))


def is_log(row: Mapping[str, object]) -> bool:
    """Whether a row is a log record: no span, though it has the ids of one."""
    return outputs.is_log(objects_of(row)[0].get("type"))


def parent_of(row: Mapping[str, object]) -> str | None:
    """Return the id of a row's parent span, None if it has none."""
    parents = row.get("span_parents")
    return str(parents[0]) if isinstance(parents, (list, tuple)) and parents else None


def written_value(
    choice: Choice, config: RunOutputConfig, row_of: Callable[[SpanKey], Mapping[str, object]]
) -> Value | None:
    """Return the run output that a choice is, None if it is none or ``transform`` withholds it.

    Args:
        choice: What a root, or a span, is to get.
        config: The configuration: ``format``, ``max_length`` and ``transform``.
        row_of: Gives the row of a span, for ``transform``.
    """
    if config.transform is None or choice.source is None:
        return value_of(choice, config)
    for outcome, what in choice.said:
        if what is outcome.completion:
            ask_about(outcome, config, asking(config, row_of(outcome.key)))
    return value_of(choice, config, asking(config, row_of(choice.source.key)))


def metadata_of(value: Value, config: RunOutputConfig, found_on: SpanKey | None = None) -> dict[str, Any]:
    """Return the metadata that puts a run output on a row, with linkage if configured.

    Args:
        value: The run output.
        config: The configuration: ``key`` and ``linkage``.
        found_on: The span that said it, if the row is a root's.
    """
    written: dict[str, Any] = {config.key: value.text}
    if value.is_cut:
        written[f"{config.key}_truncated"] = True
    if config.linkage and found_on is not None:
        written |= dict(zip(("root_span_id", "span_id"), hexadecimal(found_on), strict=True))
    return written


def asking(config: RunOutputConfig, row: Mapping[str, object]) -> Asked | None:
    """Return what asks ``transform`` with a value of a row."""
    return writing.asking(config, lambda: as_span(row))


def as_span(row: Mapping[str, object]) -> ReadableSpan:
    """Return a row as ``transform`` knows spans: its name, and the plain values of its metadata as attributes."""
    from opentelemetry.sdk.trace import ReadableSpan

    span_attributes, metadata = objects_of(row)
    attributes = {str(key): one for key, one in metadata.items() if isinstance(one, (str, bool, int, float))}
    return ReadableSpan(str(span_attributes.get("name")), attributes=attributes)


def _model_output(output: object, metadata: Mapping[str, object], *, is_model: bool) -> Completion | None:
    """Return the completion in an ``output``: of a call of a model, or messages with parts, of whatever span."""
    if is_array(output) and output and all(is_object(item) and is_array(item.get("parts")) for item in output):
        # What Braintrust parsed gen_ai.output.messages into: read as what it was.
        return outputs.read_attributes({**metadata, _GEN_AI_MESSAGES: json.dumps(output, default=str)})
    return outputs.read_model_output(output) if is_model else None


def _side_of(kinds: Mapping[str, object], name: str, asked: object, config: RunOutputConfig) -> Side | None:
    if matches(config.side_spans, name):
        return Side.VERDICT
    operation = asked.get("operation") if is_object(asked) else None
    return side_of(kinds) or (Side.WORK if isinstance(operation, str) and operation in _READING else None)


def _times(row: Mapping[str, object]) -> tuple[int, int]:
    metrics = row.get("metrics")
    if not is_object(metrics):
        return 0, 0
    start, end = (_nanoseconds(metrics.get(name)) for name in ("start", "end"))
    return start, end


def _nanoseconds(value: object) -> int:
    try:
        return int(value * 1e9) if isinstance(value, (int, float)) else 0
    except (ValueError, OverflowError):  # no number, or none that is a time
        return 0


def _as_json(value: object) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False, default=str)
