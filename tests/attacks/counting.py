"""How much work a call is, as the number of lines of this package that it runs: no clock, so no luck."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import braintrust_run_output

PACKAGE = str(Path(braintrust_run_output.__file__).parent)


def lines_run(work: Callable[[], object]) -> int:
    """Run something on this thread and return how many lines of this package it ran."""
    lines = 0

    def trace(frame, event, _arg):
        nonlocal lines
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        lines += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return lines
