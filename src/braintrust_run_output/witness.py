"""The witness: a generic output on the way up to a root tells which of the completions below it is the answer.

What a handler, chain or decorated function returned is no completion. But where it equals one, is part of one, contains
some, or is a state that holds some, then those were worth returning, and the title or the judge after them was not.
"""

from __future__ import annotations

import functools
import re
from itertools import islice, pairwise
from typing import TYPE_CHECKING, NamedTuple

from .completion import Completion
from .states import Held, added_up, answer_in, held_in, parsed
from .texts import LONG_ENOUGH, beginning_of, evenly_spaced, has_cut_off, headings_in, is_all, is_cut, is_part, words_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .outcome import Placed

_MOST_LINES = 100
_MOST_PLACES = 20
_LONGEST_MARKED_UP = 200_000
"""In how many characters, of a text and of what may be in it, words are looked for."""
_MOST_MARKED_UP = 2_000_000
"""In how many characters of all witnesses of a root words are looked for."""
_MOST_PIECES = 20_000_000
"""How many characters the pieces of all witnesses of a root have that are looked up among what is no more there."""


class Found(NamedTuple):
    """What a witness says the answer is.

    Args:
        entry: The completion; None if it is one that is no more there whole, or several that code has merged.
        text: The witness's own text, where that is the answer, and not the whole completion.
    """

    entry: Placed | None
    text: Completion | None = None


class Witnesses:
    """Reads the generic outputs above the last completion of a root, one after the other, the outermost first.

    There may be many of them, and much that was said: what each needs to know of a completion is worked out once, and
    a text that fitted nothing is not looked for again among less.

    Args:
        last: The completion that is the answer if there is no witness.
        digests: The digests of completions that are no more there whole, to the order in which they went.
        is_executed: Tells whether the calls of tools that a completion ends in were executed.
    """

    def __init__(self, last: Placed, digests: Mapping[int, int], is_executed: Callable[[Placed], bool]) -> None:
        self.last, self.digests, self.is_executed = last, digests, is_executed
        self.spaced = functools.cache(evenly_spaced)
        self.words = functools.cache(words_of)
        self.parsed = functools.cache(parsed)
        self.left_to_mark_up = _MOST_MARKED_UP
        self.left_of_pieces = _MOST_PIECES
        self._unfit: dict[str, frozenset[int]] = {}

    def read(self, generic: Completion, main: Sequence[Placed], side: Sequence[Placed]) -> Found | None:
        """Return the answer by a generic output, None if it fits nothing that was said below it.

        Args:
            generic: The generic output.
            main: The completions below it, in the order of their ends.
            side: The side completions below it: named only by texts that are long enough.
        """
        text = (generic.text or "").strip()
        below = frozenset(map(id, (*side, *main)))
        if not text or below <= self._unfit.get(text, frozenset()):
            return None
        found = self._read(text, main, _Below(self, generic.source, [*side, *main], frozenset(map(id, side))))
        if found is None:
            self._unfit[text] = below
        return found

    def _read(self, text: str, main: Sequence[Placed], said: _Below) -> Found | None:
        state = parsed(text)
        if state is None:
            return said.by_text(text) or said.argument(text, main)
        if isinstance(state, list) and len(state) > 1 and all(isinstance(item, str) for item in state):  # streamed
            text = "".join(state).strip()
        return (
            said.equal_to(text)
            or said.asked_for(state, text, main)
            or said.streamed(state)
            or said.by_state(state)
            or said.around(text)
            or said.argument(answer_in(state) or "", main)
        )


class _Below:
    """The completions below a witness, to be asked for."""

    def __init__(self, root: Witnesses, source: str, entries: Sequence[Placed], sides: frozenset[int]) -> None:
        self._root = root
        self._source = source
        self._entries = [(entry, text) for entry in entries if entry.text is not None and (text := entry.text.strip())]
        self._sides = sides
        self._digests = root.digests

    def by_text(self, text: str) -> Found | None:
        """Return the answer by a text."""
        return (
            self.equal_to(text)
            or self.around(text)
            or self._whole(text)
            or self._within(text)
            or self._gone_within(text)
            or self._marked_up(text)
        )

    def argument(self, text: str, main: Sequence[Placed]) -> Found | None:
        """Return a text that is an argument of a call; a short one only where nobody executed it."""
        for entry in reversed(main) if text else ():
            is_one = any(isinstance(one, dict) and text in one.values() for one in self._arguments(entry))
            if is_one and (len(text) >= LONG_ENOUGH or not self._root.is_executed(entry)):
                return Found(entry, self._itself(text))
        return None

    def asked_for(self, state: object, text: str, main: Sequence[Placed]) -> Found | None:
        """Return the last call that nobody executed whose arguments a state equals: so structured answers come.

        Of a call that a tool executed, to check it, and that all ended in, the state is the answer.
        """
        for entry in reversed(main):
            if state and self._arguments(entry) == [state]:
                if not self._root.is_executed(entry):
                    return Found(entry)
                if entry is self._root.last:
                    return Found(entry, self._itself(text))
        return None

    def _arguments(self, entry: Placed) -> list[object]:
        """Return the arguments of the calls that a completion ends in."""
        return [self._root.parsed(call.arguments) for call in entry.calls]

    def equal_to(self, text: str) -> Found | None:
        """Return the completion that a text equals, white space aside."""
        found = self._last_where(lambda said: said == text, length=len(text))
        if found is None and len(text) >= LONG_ENOUGH:
            spaced = evenly_spaced(text)
            found = self._last_where(
                lambda said: said[:1] == text[:1] and self._root.spaced(said) == spaced, length=len(text)
            )
        if found is not None:
            return Found(found)
        return Found(None, self._itself(text)) if hash(text) in self._digests else None

    def around(self, text: str) -> Found | None:
        """Return a text that is part of a completion: the answer without its scaffolding; the whole, if it was cut."""
        beginning = beginning_of(text)
        if beginning is not None:
            cut = self._last_where(lambda said: said.startswith(beginning), length=len(beginning))
            if cut is not None:
                return Found(cut)
        found = self._last_where(lambda said: len(said) > len(text) and is_part(text, said), length=len(text))
        if found is None:
            return None
        return Found(found) if is_cut(text, (found.text or "").strip()) else Found(found, self._itself(text))

    def _whole(self, text: str) -> Found | None:
        """Return a text that begins with a completion which something has cut: the text has all of it."""
        cut = self._last_where(lambda said: has_cut_off(said, text), length=len(text))
        return None if cut is None else Found(cut, self._itself(text))

    def _within(self, text: str) -> Found | None:
        """Return the last completion that a text contains, or the text where code has put it together.

        So it has if those that it contains ran at one time, or are all that there is in it.
        """
        headings = headings_in(text)
        parts = [
            (entry, said)
            for entry, said in self._entries
            if said not in headings and self._may_name(entry, said) and is_part(said, text)
        ]
        whole = [entry for entry, said in parts if not any(len(said) < len(one) and said in one for _, one in parts)]
        whole.sort(key=lambda entry: entry.outcome.order)
        if not whole:
            return None
        if is_all(text, [(entry.text or "").strip() for entry in whole]) or any(
            later.outcome.start < earlier.outcome.end and later.text != earlier.text
            for earlier, later in pairwise(whole)
        ):
            return Found(None, self._itself(text))
        return Found(whole[-1])

    def _gone_within(self, text: str) -> Found | None:
        """Return a completion that is no more there whole, and that a text begins or ends with, lines apart."""
        if not self._digests:
            return None
        breaks = islice(re.finditer(r"\n\s*", text), _MOST_LINES)
        for piece in (piece for one in breaks for piece in (text[: one.start()], text[one.end() :])):
            self._root.left_of_pieces -= len(piece)
            if self._root.left_of_pieces < 0:
                break
            if len(piece) >= LONG_ENOUGH and hash(piece) in self._digests:
                return Found(None, self._itself(piece))
        return None

    def _marked_up(self, text: str) -> Found | None:
        """Return the last completion whose words a text has, in HTML or out of its Markdown."""
        left = _LONGEST_MARKED_UP - len(text)
        self._root.left_to_mark_up -= len(text)
        is_looked_for = left > 0 and len(text) >= LONG_ENOUGH and self._root.left_to_mark_up >= 0
        words = words_of(text) if is_looked_for else ""
        if len(words) < LONG_ENOUGH:
            return None
        for entry, said in sorted(self._entries, key=lambda one: one[0].outcome.order, reverse=True):
            if LONG_ENOUGH <= len(said) < left:
                left -= len(said)
                if len(part := self._root.words(said)) >= LONG_ENOUGH and part in words:
                    return Found(entry)
        return None

    def streamed(self, state: object) -> Found | None:
        """Return the completion that the items of a list add up to: the strings that stand in one place in each."""
        if not isinstance(state, list) or len(state) < 2:
            return None
        found = (self.equal_to(text) for text in islice(added_up(state), _MOST_PLACES))
        return next((one for one in found if one is not None), None)

    def by_state(self, state: object) -> Found | None:
        """Return the answer by a state: by its text under ``answer`` or the like, or the last that it holds.

        What it holds under ``title``, ``critique`` or the like counts only where it holds nothing else. Its only text
        counts where code has put that together.
        """
        named = answer_in(state)
        found = None if named is None else self.by_text(named)
        held, aside = held_in(state)
        found = found or self._last_held(held) or self._last_held(aside)
        if found is None and len(held.strings) == 1 and (merged := self._within(*held.strings)) is not None:
            return merged if merged.entry is None else None
        return found

    def _last_held(self, some: Held) -> Found | None:
        """Return the last completion that is among what a state holds."""
        strings, containers = some
        if not strings and not containers:
            return None
        held = [
            entry
            for entry, said in self._entries
            if self._may_name(entry, said) and (said in strings or self._is_one_of(said, containers))
        ]
        if any(entry is self._root.last for entry in held):
            return Found(self._root.last)
        if held:
            return Found(max(held, key=lambda entry: entry.outcome.order))
        gone = [string for string in strings if hash(string) in self._digests]
        latest = max(gone, key=lambda string: self._digests[hash(string)], default=None)
        return None if latest is None else Found(None, self._itself(latest))

    def _is_one_of(self, said: str, containers: Sequence[object]) -> bool:
        value = self._root.parsed(said)
        return value is not None and value in containers

    def _may_name(self, entry: Placed, said: str) -> bool:
        return len(said) >= LONG_ENOUGH or id(entry) not in self._sides

    def _last_where(self, fits: Callable[[str], bool], length: int) -> Placed | None:
        """Return the last completion whose text fits; a side completion only if what fits is long enough."""
        found = [entry for entry, said in self._entries if fits(said)]
        if length < LONG_ENOUGH:
            found = [entry for entry in found if id(entry) not in self._sides]
        return max(found, key=lambda entry: entry.outcome.order, default=None)

    def _itself(self, text: str) -> Completion:
        return Completion(self._source, text, (), text)
