"""Points in time as people give them: ``24h``, ``7d``, ``2026-11-01``, ``2026-11-01T12:00:00Z``."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

CLOCK_SKEW = timedelta(hours=1)
"""How much earlier than its root a span of the same trace may claim to have started: clocks of services differ."""

_YEARS = range(1970, 9000)
_SPAN = re.compile(r"(\d{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_since(text: str, *, now: datetime | None = None) -> datetime:
    """Return the moment that a text means.

    Args:
        text: How long ago (``90m``, ``24h``, ``7d``, ``2w``), or a date or time in ISO 8601, UTC unless it says.
        now: What ``ago`` counts from; default now.

    Raises:
        ValueError: It is neither; the message says what is allowed.
    """
    ago = _SPAN.fullmatch(text.strip().lower())
    try:
        if ago:
            return (now or datetime.now(timezone.utc)) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no time: give 24h, 7d, 2026-11-01 or 2026-11-01T12:00:00Z") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)


def as_moment(text: object) -> datetime | None:
    """Return the moment that a row's time means, None if it is none, or one that no span can have started at."""
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00")) if isinstance(text, str) else None
    except ValueError:
        return None
    if moment is None or moment.year not in _YEARS:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)


def as_text(moment: datetime) -> str:
    """Return a moment as Braintrust writes it."""
    return moment.astimezone(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")
