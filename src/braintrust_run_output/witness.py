"""The witness: a generic output on the way up to a root tells which of the completions below it is the answer.

What a handler, chain or decorated function returned is no completion. But where it equals one, is part of one, contains
some, or is a state that holds some, then those were worth returning, and the title or the judge after them was not.
"""

from __future__ import annotations

import functools
import html
import json
import re
from itertools import islice, pairwise
from typing import TYPE_CHECKING, NamedTuple

from .completion import Completion
from .conventions import answer_name, is_aside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from .outcome import Placed

LONG_ENOUGH = 20
"""From how many characters on a text is taken for itself wherever it stands: shorter ones equal too much."""

_MOST_LINES = 100
_GLANCE = 100
"""By how many characters it is seen that a text is not there, in nearly every case."""

_DEEPEST = 4
_MOST_PLACES = 20

_LONGEST_MARKED_UP = 200_000
"""In how many characters, of a text and of what may be in it, words are looked for."""
_MOST_MARKED_UP = 2_000_000
"""In how many characters of all witnesses of a root words are looked for."""
_MOST_PIECES = 20_000_000
"""How many characters the pieces of all witnesses of a root have that are looked up among what is no more there."""
_MARKS = re.compile(r"<[^<>]*>|\]\([^()\s]*\)|^\s*\d+[.)]\s|(?:[^\w<]|_)+|<", re.MULTILINE)
"""Tags, targets of links, numbers of a list, and all that is no word: a page has some, its Markdown others."""

_NO_CHARACTER = re.compile(r"&#[xX]?[0-9a-fA-F]{9,};?")
"""A reference to a character with more digits than any has: of thousands Python makes no number."""

_LONGEST_REMARK = 150
_REMARK = re.compile(r"[\[(<{][^\[\](){}<>]{0,60}\btruncated\b[^\[\](){}<>]{0,60}[\])>}]$", re.IGNORECASE)
"""What stands where a text was cut: ``[truncated]``, ``(truncated, 30 more characters)``."""

_HEADING = re.compile(r"^#{1,6}[ \t](.+)$", re.MULTILINE)
"""A heading in Markdown."""


class Found(NamedTuple):
    """What a witness says the answer is.

    Args:
        entry: The completion; None if it is one that is no more there whole, or several that code has merged.
        text: The witness's own text, where that is the answer, and not the whole completion.
    """

    entry: Placed | None
    text: Completion | None = None


class _Held(NamedTuple):
    """What a state holds: its strings, stripped, and the objects and arrays in it."""

    strings: set[str]
    containers: list[object]


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
        self.spaced = functools.cache(_spaced)
        self.words = functools.cache(_words)
        self.parsed = functools.cache(_parsed)
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
        state = _parsed(text)
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
            or said.argument(_answer_in(state) or "", main)
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
            spaced = _spaced(text)
            found = self._last_where(
                lambda said: said[:1] == text[:1] and self._root.spaced(said) == spaced, length=len(text)
            )
        if found is not None:
            return Found(found)
        return Found(None, self._itself(text)) if hash(text) in self._digests else None

    def around(self, text: str) -> Found | None:
        """Return a text that is part of a completion: the answer without its scaffolding; the whole, if it was cut."""
        beginning = _beginning(text)
        if beginning is not None:
            cut = self._last_where(lambda said: said.startswith(beginning), length=len(beginning))
            if cut is not None:
                return Found(cut)
        found = self._last_where(lambda said: len(said) > len(text) and _is_part(text, said), length=len(text))
        if found is None:
            return None
        return Found(found) if _is_cut(text, (found.text or "").strip()) else Found(found, self._itself(text))

    def _whole(self, text: str) -> Found | None:
        """Return a text that begins with a completion which something has cut: the text has all of it."""
        cut = self._last_where(lambda said: _has_cut_off(said, text), length=len(text))
        return None if cut is None else Found(cut, self._itself(text))

    def _within(self, text: str) -> Found | None:
        """Return the last completion that a text contains, or the text where code has put it together.

        So it has if those that it contains ran at one time, or are all that there is in it.
        """
        headings = {heading.strip() for heading in _HEADING.findall(text)}
        parts = [
            (entry, said)
            for entry, said in self._entries
            if said not in headings and self._may_name(entry, said) and _is_part(said, text)
        ]
        whole = [entry for entry, said in parts if not any(len(said) < len(one) and said in one for _, one in parts)]
        whole.sort(key=lambda entry: entry.outcome.order)
        if not whole:
            return None
        if _is_all(text, whole) or any(
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
        words = _words(text) if is_looked_for else ""
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
        found = (self.equal_to(text) for text in islice(_added_up(state), _MOST_PLACES))
        return next((one for one in found if one is not None), None)

    def by_state(self, state: object) -> Found | None:
        """Return the answer by a state: by its text under ``answer`` or the like, or the last that it holds.

        What it holds under ``title``, ``critique`` or the like counts only where it holds nothing else. Its only text
        counts where code has put that together.
        """
        named = _answer_in(state)
        found = None if named is None else self.by_text(named)
        held, aside = _held_in(state)
        found = found or self._last_held(held) or self._last_held(aside)
        if found is None and len(held.strings) == 1 and (merged := self._within(*held.strings)) is not None:
            return merged if merged.entry is None else None
        return found

    def _last_held(self, some: _Held) -> Found | None:
        """Return the last completion that is among what a state holds."""
        strings, containers = some
        if not strings and not containers:
            return None
        held = [
            entry
            for entry, said in self._entries
            if self._may_name(entry, said) and (said in strings or _is_one_of(self._root.parsed(said), containers))
        ]
        if any(entry is self._root.last for entry in held):
            return Found(self._root.last)
        if held:
            return Found(max(held, key=lambda entry: entry.outcome.order))
        gone = [string for string in strings if hash(string) in self._digests]
        latest = max(gone, key=lambda string: self._digests[hash(string)], default=None)
        return None if latest is None else Found(None, self._itself(latest))

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


def _is_part(part: str, whole: str) -> bool:
    """Whether a text is part of another; a short one as its answer, or alone after a colon, line break or tag.

    Alone is what stands at the end, or before a closing tag or the end of a fence.
    """
    if part[:_GLANCE] not in whole or part not in whole:  # to look for a long text at once takes longer
        return False
    if len(part) >= LONG_ENOUGH:
        return True
    if whole[:1] == "{":
        return _answer_in(whole) == part
    return re.search(rf"(?:[:\n]|[\w\"']>)[ \t]*{re.escape(part)}\s*(?:</|```|\Z)", whole) is not None


def _is_all(text: str, parts: Sequence[Placed]) -> bool:
    """Whether a text is several others, as they were said, with line breaks, marks or headings between them."""
    at = 0
    for part in parts:
        said = (part.text or "").strip()
        found = text.find(said, at)
        between = text[at:found]
        if found < 0 or _says_more(between) or (at and not between.strip(" ")):
            return False
        at = found + len(said)
    return len(parts) > 1 and not _says_more(text[at:])


def _says_more(between: str) -> bool:
    return any(map(str.isalnum, _HEADING.sub("", between)))


def _beginning(text: str) -> str | None:
    """Return what stands before the ellipsis, or the remark that it was cut, that a text ends in.

    None if it ends in none, or is short.
    """
    remark = _REMARK.search(text, max(0, len(text) - _LONGEST_REMARK))
    kept = text if remark is None else text[: remark.start()].rstrip()
    beginning = kept.removesuffix("...").removesuffix("\N{HORIZONTAL ELLIPSIS}").rstrip()
    return beginning if len(text) > len(beginning) >= LONG_ENOUGH else None


def _is_cut(text: str, whole: str) -> bool:
    """Whether a text is the beginning of another, and ends within a word."""
    return whole.startswith(text) and text[-1].isalnum() and whole[len(text)].isalnum()


def _has_cut_off(said: str, text: str) -> bool:
    """Whether a completion is the beginning of a text, and was cut there."""
    if len(said) < LONG_ENOUGH or len(said) >= len(text) or said[:1] != text[:1]:
        return False
    if said in text:  # "Let me see..." may have been said
        return _is_cut(said, text)
    beginning = _beginning(said)
    return beginning is not None and text.startswith(beginning)


def _added_up(items: Sequence[object]) -> Iterator[str]:
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


def _answer_in(state: object, depth: int = _DEEPEST) -> str | None:
    """Return a state's text under ``answer`` or the like; or that of the one object in it that has one."""
    if isinstance(state, str):
        state = _parsed(state)
    if not isinstance(state, dict) or not depth:
        return None
    name = answer_name(state)
    if name is not None and _parsed(state[name]) is None:
        return state[name].strip() or None
    inside = [found for value in state.values() if (found := _answer_in(value, depth - 1)) is not None]
    return inside[0] if len(inside) == 1 else None


def _spaced(text: str) -> str:
    """Return a text with one blank wherever it has white space."""
    return " ".join(text.split())


def _words(text: str) -> str:
    """Return the words of a text, a blank before, between and after them, without what marks them up."""
    unescaped = html.unescape(_NO_CHARACTER.sub(" ", text))
    return f" {_spaced(_MARKS.sub(' ', unescaped))} "


def _held_in(state: object) -> tuple[_Held, _Held]:
    """Return what a state holds, also in strings of JSON; what stands under ``title`` or the like apart."""
    held, aside = _Held(set(), []), _Held(set(), [])
    waiting = [(state, held)]
    while waiting:
        one, place = waiting.pop()
        if isinstance(one, str):
            place.strings.add(one.strip())
            if (inside := _parsed(one)) is not None:
                waiting.append((inside, place))
        elif isinstance(one, list):
            place.containers.append(one)
            waiting.extend((item, place) for item in one)
        elif isinstance(one, dict):
            place.containers.append(one)
            waiting.extend((value, aside if is_aside(name) else place) for name, value in one.items())
    return held, aside


def _is_one_of(value: object, containers: Sequence[object]) -> bool:
    return value is not None and value in containers


def _parsed(text: str) -> object:
    """Return the object or array that a text is as JSON, in a code fence perhaps; None if it is none."""
    if text.startswith("```") and text.endswith("```"):
        text = text[3:-3].removeprefix("json").strip()
    if text[:1] not in ("{", "["):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
