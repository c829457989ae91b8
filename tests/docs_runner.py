"""Runs the code of a Markdown page as a reader would: files written, commands typed.

A block counts if the comment ``<!-- run -->`` stands before it, or ``<!-- run: needs NAME, NAME -->`` with the modules
that must be installed. The blocks of one section belong together::

    page = read_page(Path("docs/recipes.md"))
    section = page["Logfire"]
    section.python, section.commands

Where the variable ``NOTHING_MAY_BE_MISSING`` is set, a test fails for a missing module instead of being skipped.
"""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
_BLOCK = re.compile(
    r"^<!-- run(?:: needs (?P<needs>[\w., ]+?))? -->\n```(?P<language>\w+)\n(?P<code>.*?)^```$", re.M | re.S
)


@dataclass(frozen=True)
class Section:
    """The code of one section."""

    title: str
    blocks: list[tuple[str, str]] = field(default_factory=list)
    """Language and code of each block, in order."""
    needs: list[str] = field(default_factory=list)
    """The modules that it needs."""

    def code(self, language: str) -> list[str]:
        """Return its blocks in a language."""
        return [code for kind, code in self.blocks if kind == language]

    @property
    def python(self) -> str:
        """Its Python, all blocks as one file."""
        return "\n".join(self.code("python"))

    @property
    def commands(self) -> list[str]:
        """Its shell scripts."""
        return self.code("bash")

    def skip_unless_installed(self) -> None:
        """Skip the test if a module that the section needs is not installed, or fail it where none may be missing."""
        end = pytest.fail if os.environ.get("NOTHING_MAY_BE_MISSING") else pytest.skip
        for name in self.needs:
            if not _is_installed(name):
                end(f"{name} is not installed: pip install --group recipes")


def read_page(file: Path) -> Mapping[str, Section]:
    """Return the sections of a page that have code to run, by title."""
    _, *parts = _HEADING.split(file.read_text(encoding="utf-8"))
    sections = [_read_section(title, text) for title, text in zip(parts[::2], parts[1::2], strict=True)]
    return {section.title: section for section in sections if section.blocks}


def _read_section(title: str, text: str) -> Section:
    section = Section(title)
    for block in _BLOCK.finditer(text):
        section.blocks.append((block["language"], block["code"]))
        section.needs.extend(name.strip() for name in (block["needs"] or "").split(",") if name.strip())
    marks, found = text.count("<!-- run"), len(section.blocks)
    assert marks == found, f"{title}: {marks} blocks are marked to be run, {found} can be read"
    return section


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # the package around it
        return False
