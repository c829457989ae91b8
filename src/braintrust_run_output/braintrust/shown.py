"""Text from elsewhere, as a terminal may see it."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return a text with an escape in place of each character that a terminal would act on, or that hides."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)
