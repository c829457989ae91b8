"""What is in the metadata of a Braintrust span, and how something is put into it.

Braintrust reads a span's metadata from ``braintrust.metadata``, a JSON object in a string, and from its flattened
form, ``braintrust.metadata.<key>``.
"""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

METADATA = "braintrust.metadata"


@functools.cache
def attribute(key: str) -> str:
    """Return the attribute that holds one metadata key in the flattened form."""
    return f"{METADATA}.{key}"


def explicit(attributes: Mapping[str, object], key: str) -> str | None:
    """Return the value that a span already has under a metadata key, in either form; None if it has none.

    A value that JSON cannot hold is there all the same: it is empty here.
    """
    value = attributes.get(attribute(key))
    if value is None and METADATA in attributes:
        encoded = attributes.get(METADATA)
        if isinstance(encoded, str) and key in encoded:
            value = (_object(encoded) or {}).get(key)
    return value if value is None or isinstance(value, str) else _written(value)


def _written(value: object) -> str:
    try:
        return json.dumps(value, default=str)
    except Exception:  # noqa: BLE001 (objects of an application's own may raise anything)
        return ""


def merged(encoded: str, added: Mapping[str, str | bool]) -> str | None:
    """Return the text of a JSON object with members added, and everything else in it as it was, to the letter.

    Numbers such as ``1.10`` or ``1e999`` and names that stand in it twice would not survive being parsed and encoded.

    Args:
        encoded: The text.
        added: The members.

    Returns:
        The new text; None if it is no JSON object, or has one of the members in a way that could not be kept.
    """
    present = _object(encoded)
    if present is None:
        return None
    if present.keys() & added.keys():
        is_kept = encoded in (json.dumps(present), json.dumps(present, separators=(",", ":"), ensure_ascii=False))
        return json.dumps({**present, **added}) if is_kept else None
    body = encoded.rstrip()[:-1].rstrip()
    return body + (", " if present else "") + json.dumps(added)[1:]


def _object(encoded: str) -> dict[str, object] | None:
    try:
        value = json.loads(encoded)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
