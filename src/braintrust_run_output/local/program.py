"""What the programs that are started with ``python -m`` have in common."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable


def run(main: Callable[[Callable[[str], object]], int]) -> NoReturn:
    """Run a program and end the process with its exit code; after Ctrl-C with 130, without a traceback.

    Args:
        main: The program, given what writes a text to standard output at once.
    """
    try:
        sys.exit(main(_write))
    except KeyboardInterrupt:
        sys.exit(130)


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
