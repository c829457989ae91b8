"""The Markdown pages of the repository, and what is on them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

_BLOCK = re.compile(
    r"^(?P<before>[^\n]*)\n(?P<indent> *)```(?P<language>\w*)\n(?P<code>.*?)^(?P=indent)```$", re.M | re.S
)
_ALT = r"\[(?:[^\[\]]|\[[^\]]*\])*\]"
_LINK = re.compile(rf"!?{_ALT}\(\s*(?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (.+?)\s*$", re.M)


class Block(NamedTuple):
    """A block of code, and the line before it."""

    before: str
    language: str
    code: str


def name(page: Path) -> str:
    """Return a page's path in the repository."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[Block]:
    """Return the blocks of code of a page."""
    found = _BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [Block(block["before"].strip(), block["language"], block["code"]) for block in found]


def prose(page: Path) -> str:
    """Return a page without its code."""
    text = _BLOCK.sub(lambda block: block["before"], page.read_text(encoding="utf-8"))
    return re.sub(r"`[^`\n]+`", lambda code: code[0].replace("[", " ").replace("]", " "), text)


def links(page: Path) -> list[str]:
    """Return the targets of a page's links and pictures."""
    return [link["target"] for link in _LINK.finditer(prose(page))]


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and MkDocs make them."""
    made: set[str] = set()
    for heading in _HEADING.findall(prose(page)):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        count = 1
        unique = slug
        while unique in made:
            unique, count = f"{slug}-{count}", count + 1
        made.add(unique)
    return made
