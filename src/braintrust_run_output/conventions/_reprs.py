"""The representations of Python objects, which some write in place of an output."""

from __future__ import annotations

import re

_REPR = r"[A-Z]\w*\(\w+=.*(?:\)|\.\.\.)|<\w+\(.*\)>"


def is_repr(text: str) -> bool:
    """Whether a text is the repr of a Python object, cut or whole."""
    return bool(re.fullmatch(_REPR, text, re.DOTALL))
