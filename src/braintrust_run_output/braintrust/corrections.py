"""What may be written into a dataset row that exists: nothing that a person may have corrected is taken back.

``input``, ``expected`` and ``tags`` of a stored row stay as they are, and so does every metadata key that it has. A row
that is inserted gets, beside its run output, a digest of it (``metadata.run_output_digest``). While the two agree, the
run output is the one that was inserted, and a better choice may replace it. Otherwise somebody has changed it, or it
came from elsewhere: it stays.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .api import Row


def marked(row: Row, key: str) -> Row:
    """Return a row that is to be inserted, with the digest of its run output."""
    metadata = _object(row.get("metadata"))
    return {**row, "metadata": {**metadata, f"{key}_digest": _digest(metadata.get(key))}}


def completed(row: Row, stored: Mapping[str, object], key: str) -> Row | None:
    """Return what to merge into a stored row, None if nothing.

    Args:
        row: The row, as it would be inserted if there were none: `marked`.
        stored: The row that there is, of the same id.
        key: The metadata key of run outputs.
    """
    made, present = _object(row.get("metadata")), _object(stored.get("metadata"))
    group = {key, f"{key}_truncated", f"{key}_digest", "span_id", "root_span_id"}
    merged = {name: value for name, value in made.items() if name not in group and present.get(name) is None}
    if present.get(key) is None or _is_ours(present, key):
        merged |= {name: made.get(name) for name in group if made.get(name) != present.get(name)}
    added: Row = {"metadata": merged} if merged else {}
    if row.get("origin") is not None and stored.get("origin") is None:
        added["origin"] = row["origin"]
    return {"id": row["id"], **added} if added else None


def is_kept(row: Row, stored: Mapping[str, object], key: str) -> bool:
    """Whether a stored row keeps another run output than would be written, since it may be a person's."""
    made, present = _object(row.get("metadata")), _object(stored.get("metadata"))
    return present.get(key) not in (None, made.get(key)) and not _is_ours(present, key)


def _is_ours(present: Mapping[str, object], key: str) -> bool:
    return isinstance(present.get(key), str) and present.get(f"{key}_digest") == _digest(present[key])


def _digest(value: object) -> str:
    return hashlib.blake2b(str(value).encode(errors="surrogatepass"), digest_size=8).hexdigest()


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
