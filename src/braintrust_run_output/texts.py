"""How texts are compared: what is part of another, the beginning of one, or several put together.

Short texts equal too much: they count only where they stand as an answer does.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from .states import answer_in

if TYPE_CHECKING:
    from collections.abc import Sequence

LONG_ENOUGH = 20
"""From how many characters on a text is taken for itself wherever it stands: shorter ones equal too much."""
_GLANCE = 100
"""By how many characters it is seen that a text is not there, in nearly every case."""
_MARKS = re.compile(r"<[^<>]*>|\]\([^()\s]*\)|^\s*\d+[.)]\s|(?:[^\w<]|_)+|<", re.MULTILINE)
"""Tags, targets of links, numbers of a list, and all that is no word: a page has some, its Markdown others."""
_NO_CHARACTER = re.compile(r"&#[xX]?[0-9a-fA-F]{9,};?")
"""A reference to a character with more digits than any has: of thousands Python makes no number."""
_LONGEST_REMARK = 150
_REMARK = re.compile(r"[\[(<{][^\[\](){}<>]{0,60}\btruncated\b[^\[\](){}<>]{0,60}[\])>}]$", re.IGNORECASE)
"""What stands where a text was cut: ``[truncated]``, ``(truncated, 30 more characters)``."""
_HEADING = re.compile(r"^#{1,6}[ \t](.+)$", re.MULTILINE)
"""A heading in Markdown."""


def is_part(part: str, whole: str) -> bool:
    """Whether a text is part of another; a short one as its answer, or alone after a colon, line break or tag.

    Alone is what stands at the end, or before a closing tag or the end of a fence.
    """
    if part[:_GLANCE] not in whole or part not in whole:  # to look for a long text at once takes longer
        return False
    if len(part) >= LONG_ENOUGH:
        return True
    if whole[:1] == "{":
        return answer_in(whole) == part
    return re.search(rf"(?:[:\n]|[\w\"']>)[ \t]*{re.escape(part)}\s*(?:</|```|\Z)", whole) is not None


def is_all(text: str, parts: Sequence[str]) -> bool:
    """Whether a text is several others, as they were said, with line breaks, marks or headings between them."""
    at = 0
    for said in parts:
        found = text.find(said, at)
        between = text[at:found]
        if found < 0 or _says_more(between) or (at and not between.strip(" ")):
            return False
        at = found + len(said)
    return len(parts) > 1 and not _says_more(text[at:])


def headings_in(text: str) -> set[str]:
    """Return the headings that a text has in Markdown."""
    return {heading.strip() for heading in _HEADING.findall(text)}


def _says_more(between: str) -> bool:
    return any(map(str.isalnum, _HEADING.sub("", between)))


def beginning_of(text: str) -> str | None:
    """Return what stands before the ellipsis, or the remark that it was cut, that a text ends in.

    None if it ends in none, or is short.
    """
    remark = _REMARK.search(text, max(0, len(text) - _LONGEST_REMARK))
    kept = text if remark is None else text[: remark.start()].rstrip()
    beginning = kept.removesuffix("...").removesuffix("\N{HORIZONTAL ELLIPSIS}").rstrip()
    return beginning if len(text) > len(beginning) >= LONG_ENOUGH else None


def is_cut(text: str, whole: str) -> bool:
    """Whether a text is the beginning of another, and ends within a word."""
    return whole.startswith(text) and text[-1].isalnum() and whole[len(text)].isalnum()


def has_cut_off(said: str, text: str) -> bool:
    """Whether a completion is the beginning of a text, and was cut there."""
    if len(said) < LONG_ENOUGH or len(said) >= len(text) or said[:1] != text[:1]:
        return False
    if said in text:  # "Let me see..." may have been said
        return is_cut(said, text)
    beginning = beginning_of(said)
    return beginning is not None and text.startswith(beginning)


def evenly_spaced(text: str) -> str:
    """Return a text with one blank wherever it has white space."""
    return " ".join(text.split())


def words_of(text: str) -> str:
    """Return the words of a text, a blank before, between and after them, without what marks them up."""
    unescaped = html.unescape(_NO_CHARACTER.sub(" ", text))
    return f" {evenly_spaced(_MARKS.sub(' ', unescaped))} "
