"""The answer in a text in the format of DSPy's chat adapter, ``[[ ## answer ## ]]``."""

from __future__ import annotations

import re

_START = "[[ ## "
_FIELD = r"^\[\[ ## (\w+) ## \]\][ \t]*$"
_BESIDE_AN_ANSWER = frozenset({"reasoning", "rationale", "completed"})


def dspy_answer(text: str) -> str:
    """Return the answer in a text between DSPy's markers: the one field beside its reasoning.

    A text with several fields, or other text, comes back as it is.
    """
    if not text.startswith(_START):
        return text
    _, *fields = re.split(_FIELD, text, flags=re.MULTILINE)
    values = dict(zip(fields[::2], fields[1::2], strict=True))
    answers = values.keys() - _BESIDE_AN_ANSWER
    return values[answers.pop()].strip() if len(answers) == 1 else text
