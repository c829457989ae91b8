"""What a Braintrust row says a model put out, by the same conventions as for spans.

A row has what Braintrust parsed out of a span in ``output``, the kind of span in ``span_attributes.type``, and every
attribute that was not parsed in ``metadata``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ..conventions import from_model_output, read_completion, read_generic_output
from ..conventions._chat import is_choices
from ..conventions._json import is_object
from ..conventions._kinds import is_never_a_completion
from ..conventions._responses import find_messages
from ..conventions._unwrap import unwrap
from ..conventions._values import unpacked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..completion import Completion

_SOURCE = "output"
_LLM = "llm"
_LOG = "log"
_NO_OUTPUTS = frozenset({_LOG, "score", "classifier"})
"""Rows that Braintrust keeps beside spans: log records, and what scorers say of an output."""


def is_model(kind: object, output: object = None) -> bool:
    """Whether a row is a call of a model, by its ``span_attributes.type`` or, if it has none, by its output."""
    return kind == _LLM or (kind is None and is_choices(output))


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


def is_withheld(output: object) -> bool:
    """Whether a model's ``output`` that is no answer is a text or chat messages: what it said, taken out."""
    found = unpacked(output)
    return isinstance(found, str) or find_messages(found) is not None


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
