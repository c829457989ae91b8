"""What a Braintrust row says a model put out, by the same conventions as for spans.

A row has what Braintrust parsed out of a span in ``output``, the kind of span in ``span_attributes.type``, and every
attribute that was not parsed in ``metadata``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .. import _faults
from ..conventions import from_model_output, read_completion, read_generic_output
from ..conventions._json import is_object
from ..conventions._kinds import is_never_a_completion
from ..conventions._unwrap import unwrap

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ..completion import Completion
    from ..config import RunOutputConfig, Transform

_SOURCE = "output"
_LLM = "llm"
_LOG = "log"
_NO_OUTPUTS = frozenset({_LOG, "score", "classifier"})
"""Rows that Braintrust keeps beside spans: log records, and what scorers say of an output."""


def is_model(kind: object) -> bool:
    """Whether a row of this ``span_attributes.type`` is a call of a model."""
    return kind == _LLM


def is_log(kind: object) -> bool:
    """Whether a row of this ``span_attributes.type`` is a log record: no span, though it has the ids of one."""
    return kind == _LOG


def is_silent(span_attributes: Mapping[str, object]) -> bool:
    """Whether a row is none whose output counts: a tool, a scorer or what a scorer called, a log record."""
    kinds = {f"braintrust.span_attributes.{name}": span_attributes.get(name) for name in ("type", "purpose")}
    return span_attributes.get("type") in _NO_OUTPUTS or is_never_a_completion(kinds)


def read_model_output(output: object) -> Completion | None:
    """Return the completion in the ``output`` of a model's row, None if it is no answer (see `from_model_output`)."""
    return from_model_output(output, _SOURCE)


def read_generic(output: object, metadata: Mapping[str, object] | None = None) -> Completion | None:
    """Return the generic output of any other row, unwrapped where it is a known wrapper.

    Args:
        output: Its ``output``.
        metadata: The attributes that Braintrust left, for where it found no output in them.
    """
    return unwrap(output, _SOURCE) or (read_generic_output(metadata) if metadata else None)


def read_attributes(metadata: Mapping[str, object]) -> Completion | None:
    """Return the completion in the attributes that Braintrust left in a row's metadata."""
    return read_completion(metadata)


def explicit(metadata: object, key: str) -> str | None:
    """Return the run output that a row already has, None if it has none."""
    value = metadata.get(key) if is_object(metadata) else None
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def rendered(completion: Completion | None, config: RunOutputConfig, name: object, metadata: object) -> str | None:
    """Return the value to write for a completion, by the configuration; None where there is nothing to write.

    Args:
        completion: The completion, if there is one.
        config: The configuration: ``format`` and ``transform``.
        name: The name of the row that it was found on, for ``transform``.
        metadata: The metadata of that row, for ``transform``.
    """
    if completion is None:
        return None
    value = completion.render(config.format)
    return value if config.transform is None else _transformed(value, config.transform, name, metadata)


def metadata_of(
    value: str, config: RunOutputConfig, *, span_id: str | None = None, root_span_id: str | None = None
) -> dict[str, Any]:
    """Return the metadata that puts a run output on a row, cut to ``max_length``, with linkage if configured."""
    written: dict[str, Any] = {config.key: value[: config.max_length]}
    if len(value) > config.max_length:
        written[f"{config.key}_truncated"] = True
    if config.linkage and span_id is not None:
        written |= {"span_id": span_id, "root_span_id": root_span_id}
    return written


def _transformed(value: str, transform: Transform | str, name: object, metadata: object) -> str | None:
    """Return what ``transform`` makes of a value; where it fails, nothing is written, for it may redact."""
    from opentelemetry.sdk.trace import ReadableSpan

    attributes = {
        str(key): one
        for key, one in (metadata.items() if is_object(metadata) else ())
        if isinstance(one, (str, bool, int, float))
    }
    try:
        transformed: object = transform(value, ReadableSpan(str(name), attributes=attributes))  # type: ignore[operator]
    except Exception as error:  # noqa: BLE001
        _faults.contain("transform", error)
        return None
    return transformed if isinstance(transformed, str) and transformed else None
