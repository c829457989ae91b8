"""What the state of a chain or graph holds, as JSON: its texts, its answer, what was streamed into it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from .conventions import answer_name, is_aside

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_DEEPEST = 4


class Held(NamedTuple):
    """What a state holds: its strings, stripped, and the objects and arrays in it."""

    strings: set[str]
    containers: list[object]


def added_up(items: Sequence[object]) -> Iterator[str]:
    """Yield what the strings that stand in one place in several items of a list add up to."""
    pieces: dict[tuple[object, ...], list[str]] = {}
    for item in items:
        waiting: list[tuple[tuple[object, ...], object]] = [((), item)]
        while waiting:
            place, one = waiting.pop()
            if isinstance(one, str):
                pieces.setdefault(place, []).append(one)
            elif len(place) < _DEEPEST and isinstance(one, (dict, list)):
                inside = one.items() if isinstance(one, dict) else enumerate(one)
                waiting.extend(((*place, name), value) for name, value in inside)
    for texts in pieces.values():
        if len(texts) > 1 and (text := "".join(texts).strip()):
            yield text


def answer_in(state: object, depth: int = _DEEPEST) -> str | None:
    """Return a state's text under ``answer`` or the like; or that of the one object in it that has one."""
    if isinstance(state, str):
        state = parsed(state)
    if not isinstance(state, dict) or not depth:
        return None
    name = answer_name(state)
    if name is not None and parsed(state[name]) is None:
        return state[name].strip() or None
    inside = [found for value in state.values() if (found := answer_in(value, depth - 1)) is not None]
    return inside[0] if len(inside) == 1 else None


def held_in(state: object) -> tuple[Held, Held]:
    """Return what a state holds, also in strings of JSON; what stands under ``title`` or the like apart."""
    held, aside = Held(set(), []), Held(set(), [])
    waiting = [(state, held)]
    while waiting:
        one, place = waiting.pop()
        if isinstance(one, str):
            place.strings.add(one.strip())
            if (inside := parsed(one)) is not None:
                waiting.append((inside, place))
        elif isinstance(one, list):
            place.containers.append(one)
            waiting.extend((item, place) for item in one)
        elif isinstance(one, dict):
            place.containers.append(one)
            waiting.extend((value, aside if is_aside(name) else place) for name, value in one.items())
    return held, aside


def parsed(text: str) -> object:
    """Return the object or array that a text is as JSON, in a code fence perhaps; None if it is none."""
    if text.startswith("```") and text.endswith("```"):
        text = text[3:-3].removeprefix("json").strip()
    if text[:1] not in ("{", "["):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
