"""JSON values, read from strangers and written without surprises."""

from __future__ import annotations

import json
import math
import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING, NoReturn, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
"""Anything that JSON can say. Numbers are finite."""

_FRACTION = re.compile(r"\.\d+")

MAX_DEPTH = 100
"""How deeply a value may nest, in levels. Deeper ones could exhaust the stack when they are written."""


def parse_json(text: str | bytes) -> Json:
    """Read JSON strictly.

    Args:
        text: The JSON text, as ``str`` or as UTF-8 bytes.

    Returns:
        The value.

    Raises:
        ValueError: The text is not JSON, holds a number that is not finite (``NaN``, ``1e999``), or nests
            deeper than `MAX_DEPTH`. The message never quotes the text.
    """
    try:
        value: Json = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite_float)
    except RecursionError:
        raise ValueError(f"JSON nests deeper than {MAX_DEPTH} levels") from None
    except ValueError:
        raise ValueError("not valid JSON") from None
    if not _nests_within(value, MAX_DEPTH):
        raise ValueError(f"JSON nests deeper than {MAX_DEPTH} levels")
    return value


def dump_json(value: object, *, indent: int | None = None) -> bytes:
    """Write JSON as UTF-8, readable: only what UTF-8 cannot hold (a lone surrogate) is escaped.

    Args:
        value: Something that JSON can say.
        indent: Spaces per level; ``None``, the default, writes one line.

    Returns:
        The JSON text as UTF-8 bytes.

    Raises:
        ValueError: A number is not finite.
        TypeError: The value is not JSON.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)
    # Python writes the escape of a lone surrogate as \udXXX, which is JSON's escape as well.
    return text.encode("utf-8", errors="backslashreplace")


def deep_merge(old: Mapping[str, Json], new: Mapping[str, Json]) -> dict[str, Json]:
    """Merge ``new`` into ``old`` as Braintrust merges rows: objects key by key, all else replaced.

    Args:
        old: The object to start from; not changed.
        new: What is laid over it; not changed.

    Returns:
        A new object.
    """
    merged = dict(old)
    for key, value in new.items():
        before = merged.get(key)
        merged[key] = deep_merge(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return merged


def iso_time(value: Json) -> str | None:
    """Return a time in ISO 8601 as one that sorts as text (UTC, microseconds); ``None`` if it is not one."""
    if not isinstance(value, str):
        return None
    try:
        # Python 3.10 reads three or six digits of a second, and no others.
        moment = datetime.fromisoformat(_FRACTION.sub(_microseconds, value.replace("Z", "+00:00")))
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    return moment.astimezone(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _microseconds(fraction: re.Match[str]) -> str:
    return fraction[0][:7].ljust(7, "0")


def now() -> str:
    """Return the time, in UTC, in the form that `iso_time` gives."""
    return datetime.now(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _refuse_constant(_: str) -> NoReturn:
    raise ValueError


def _finite_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError
    return number


def _nests_within(value: Json, levels: int) -> bool:
    if isinstance(value, dict):
        return levels > 0 and all(_nests_within(child, levels - 1) for child in value.values())
    if isinstance(value, list):
        return levels > 0 and all(_nests_within(child, levels - 1) for child in value)
    return True
