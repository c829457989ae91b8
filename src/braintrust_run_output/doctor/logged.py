"""What a process has logged: a line for each message, a traceback folded into what was raised."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_BEGINS = ("Traceback (most recent call last):", "Exception Group Traceback (most recent call last):")
_BETWEEN = (
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
)


def messages(text: str) -> list[str]:
    """Return the messages of a log, each once, in order.

    Of a traceback the last line is left, added to the message before it: ``Failed to ...: ValueError: ...``.
    """
    return list(dict.fromkeys(_fold(text.splitlines())))


def _fold(lines: Iterable[str]) -> Iterator[str]:
    message = ""
    raised = ""
    is_inside = False
    for line in lines:
        stripped = line.strip().strip("|+- ").strip()
        if stripped in _BEGINS:
            is_inside = True
        elif not stripped or stripped in _BETWEEN:
            continue
        elif is_inside and (line[0].isspace() or not stripped.strip("^~")):
            continue  # where it was, and the code there
        elif is_inside:
            is_inside, raised = False, stripped
        else:
            if message or raised:
                yield _joined(message, raised)
            message, raised = stripped, ""
    if message or raised:
        yield _joined(message, raised)


def _joined(message: str, raised: str) -> str:
    return ": ".join(part for part in (message.rstrip(":"), raised) if part)
