"""The model's run-time output in every Braintrust dataset row, as ``metadata.run_output`` of the root span."""

from __future__ import annotations

from .completion import Completion
from .config import RunOutputConfig
from .conventions import read_completion
from .installation import install
from .logs import RunOutputLogRecordProcessor
from .processor import RunOutputSpanProcessor

__all__ = [
    "Completion",
    "RunOutputConfig",
    "RunOutputLogRecordProcessor",
    "RunOutputSpanProcessor",
    "install",
    "read_completion",
]
