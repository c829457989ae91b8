"""The model's run-time output in every Braintrust dataset row, as ``metadata.run_output`` of the root span."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .config import RunOutputConfig
from .installation import install
from .logs import RunOutputLogRecordProcessor
from .processor import RunOutputSpanProcessor

if TYPE_CHECKING:
    from .completion import Completion
    from .conventions import read_completion

__all__ = [
    "Completion",
    "RunOutputConfig",
    "RunOutputLogRecordProcessor",
    "RunOutputSpanProcessor",
    "install",
    "read_completion",
]


def __getattr__(name: str) -> object:
    # What reads outputs takes as long to load as all the rest, and no process needs it before its first span ends.
    if name in ("Completion", "read_completion"):
        from . import completion, conventions

        return getattr(completion if name == "Completion" else conventions, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
