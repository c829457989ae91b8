"""JSON for the page: indented, cut where it is too long to be looked at, in pieces that a style sheet can colour."""

from __future__ import annotations

import re
from typing import NamedTuple

from ..intake.values import dump_json

_LONGEST = 20_000
_PIECE = re.compile(
    r"""(?P<key>"(?:[^"\\]|\\.)*")(?=:)|(?P<string>"(?:[^"\\]|\\.)*")|(?P<word>\b(?:true|false|null)\b|-?\d[\d.eE+-]*)"""
)


class Piece(NamedTuple):
    """Some text, and what it is: ``key``, ``string``, ``word`` or nothing in particular; ``marked`` is shown so."""

    text: str
    kind: str
    marked: bool = False


class JsonText(NamedTuple):
    """A value as text."""

    pieces: list[Piece]
    hidden: int
    """Number of characters that were cut off."""


def to_text(value: object, *, mark: str = "", longest: int = _LONGEST) -> JsonText:
    """Write a value as indented JSON.

    Args:
        value: Something that JSON can say.
        mark: A key to mark with its value, if that is not an object or array.
        longest: Greatest number of characters.
    """
    whole = dump_json(value, indent=2).decode()
    text = whole[:longest]
    pieces: list[Piece] = []
    position = 0
    marking = False
    for match in _PIECE.finditer(text):
        if match.start() > position:
            pieces.append(Piece(text[position : match.start()], "", marking))
        kind = match.lastgroup or ""
        is_key = kind == "key"
        marking = bool(mark) and is_key and match.group() == dump_json(mark).decode()
        # What follows a marked key, the colon and the value, is marked as well.
        marked = marking or (bool(pieces) and pieces[-1].marked and not is_key and ":" in pieces[-1].text)
        pieces.append(Piece(match.group(), kind, marked))
        position = match.end()
    pieces.append(Piece(text[position:], ""))
    return JsonText(pieces, len(whole) - len(text))
