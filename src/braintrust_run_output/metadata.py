"""The attributes under ``braintrust.metadata``: what the application put there, and what a run output adds.

Braintrust reads a span's metadata from ``braintrust.metadata``, a JSON object in a string, and from its flattened
form, ``braintrust.metadata.<key>``. Where a span has the object, a run output is written to both, so that either
reading finds it.
"""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._sdk import SpanKey

METADATA = "braintrust.metadata"


@functools.cache
def attribute(key: str) -> str:
    """Return the attribute that holds one metadata key in the flattened form."""
    return f"{METADATA}.{key}"


def explicit(attributes: Mapping[str, object], key: str) -> str | None:
    """Return the value that a span already has under a metadata key, in either form; None if it has none."""
    value = attributes.get(attribute(key))
    if value is None:
        encoded = attributes.get(METADATA)
        if isinstance(encoded, str) and key in encoded:
            value = _object(encoded).get(key)
    return value if value is None or isinstance(value, str) else json.dumps(value, default=str)


def to_write(
    attributes: Mapping[str, object],
    key: str,
    value: str,
    *,
    max_length: int,
    is_cut: bool = False,
    found_on: SpanKey | None = None,
) -> dict[str, str | bool]:
    """Return the attributes that put a run output into a span's metadata.

    Args:
        attributes: The span's attributes.
        key: The metadata key.
        value: The run output.
        max_length: Longest value in characters; one that is cut adds ``<key>_truncated``.
        is_cut: Whether the value has been cut before.
        found_on: The span that the output was found on, for ``span_id`` and ``root_span_id`` as Braintrust names them
            (hexadecimal); default none, nothing is added.
    """
    if len(value) > max_length:
        value, is_cut = value[:max_length], True
    if not is_cut and found_on is None and METADATA not in attributes:
        return {attribute(key): value}
    added: dict[str, str | bool] = {key: value}
    if is_cut:
        added[f"{key}_truncated"] = True
    if found_on is not None:
        trace_id, span_id = found_on
        added |= {"span_id": format(span_id, "016x"), "root_span_id": format(trace_id, "032x")}
    written = {attribute(name): item for name, item in added.items()}
    encoded = attributes.get(METADATA)
    if isinstance(encoded, str) and (present := _object(encoded)):
        written[METADATA] = json.dumps({**present, **added})  # in ASCII: what is present may hold half a character
    return written


def _object(encoded: str) -> dict[str, object]:
    try:
        value = json.loads(encoded)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
