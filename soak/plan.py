"""What the traces look like, and what each root must get: decided by a seed alone, so the same in every run."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_LENGTH = 1_000_000
"""The package's default: longer values are cut."""

NONE, OWN, MINE = "none", "answer", "mine"
"""What a root must get: nothing, an answer of its trace, or what the application set."""

_WEIGHTS = {
    "plain": 30,
    "two answers": 12,
    "no answer": 10,
    "explicit": 6,
    "log record": 6,
    "several roots": 5,
    "ended parent": 6,
    "late": 12,
    "after the root": 4,
    "root never ends": 2,
    "child never ends": 2,
    "failing transform": 3,
    "failing exporter": 1,
    "failing processor": 1,
}
"""How often each kind of trace comes, of a hundred."""


class Trace(NamedTuple):
    """One trace to run."""

    id: str
    kind: str
    size: int
    """Characters in its answers."""

    def answer(self, number: int = 0) -> str:
        """Return the text of one of its model calls: it names the trace, and differs from every other."""
        text = f"{self.id}#{number}:"
        return text + "x" * max(0, self.size - len(text))


def traces(seed: int, worker: str) -> Iterator[Trace]:
    """Yield the traces of one worker, without end."""
    choose = random.Random(f"{seed}/{worker}")  # noqa: S311
    kinds, weights = list(_WEIGHTS), list(_WEIGHTS.values())
    number = 0
    while True:
        number += 1
        yield Trace(f"{worker}/{number}", choose.choices(kinds, weights)[0], _size(choose))


def _size(choose: random.Random) -> int:
    """From 1 character to 2,000 mostly, now and then 64,000, and for one trace in ten thousand 4,000,000."""
    lot = choose.randrange(10_000)
    if lot == 0:
        return 4_000_000
    return 64_000 if lot < 40 else int(2_000 ** choose.random())
