"""What may be written into a dataset row that exists: nothing that a person may have corrected is taken back.

``input``, ``expected`` and ``tags`` of a stored row stay as they are, and so does every metadata key that it has. A row
that is inserted gets, beside its run output and the ids of its span, a digest of them (``metadata.run_output_digest``).
While they agree, the run output is the one that was inserted, and a better choice may replace it. Otherwise somebody
has changed it, or it came from elsewhere: it stays.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .api import Row


_LINKS = ("span_id", "root_span_id")


def marked(row: Row, key: str) -> Row:
    """Return a row that is to be inserted, with the digest of its run output."""
    metadata = _object(row.get("metadata"))
    return {**row, "metadata": {**metadata, f"{key}_digest": _digest(metadata, key)}}


def completed(row: Row, stored: Mapping[str, object], key: str) -> Row | None:
    """Return what to merge into a stored row, None if nothing.

    Args:
        row: The row, as it would be inserted if there were none: `marked`.
        stored: The row that there is, of the same id.
        key: The metadata key of run outputs.
    """
    made, present = _object(row.get("metadata")), _object(stored.get("metadata"))
    value = (key, f"{key}_truncated", f"{key}_digest")
    is_ours = _is_ours(present, key)
    replaced = {*value, *_LINKS} if is_ours else {*value} if present.get(key) is None else set()
    merged = {name: made.get(name) for name in replaced if made.get(name) != present.get(name)}
    merged |= {
        name: one
        for name, one in made.items()
        if name not in value and name not in merged and one is not None and present.get(name) is None
    }
    added: Row = {"metadata": merged} if merged else {}
    if row.get("origin") is not None and stored.get("origin") is None:
        added["origin"] = row["origin"]
    return {"id": row["id"], **added} if added else None


def is_kept(row: Row, stored: Mapping[str, object], key: str) -> bool:
    """Whether a stored row keeps another run output than would be written, since it may be a person's."""
    made, present = _object(row.get("metadata")), _object(stored.get("metadata"))
    return present.get(key) not in (None, made.get(key)) and not _is_ours(present, key)


def _is_ours(present: Mapping[str, object], key: str) -> bool:
    return isinstance(present.get(key), str) and present.get(f"{key}_digest") == _digest(present, key)


def _digest(metadata: Mapping[str, object], key: str) -> str:
    text = json.dumps([metadata.get(name) for name in (key, *_LINKS)], default=str)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
