"""The applications of ``apps/``, each run in a process of its own, since instrumentations are global."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from processes import run_command

APPS = Path(__file__).parent / "apps"
TIMEOUT = 180
"""In seconds: some frameworks take a minute to load where nothing of them has been compiled."""
QUIET = {
    "ANONYMIZED_TELEMETRY": "false",
    "CREWAI_DISABLE_TELEMETRY": "true",
    "CREWAI_TRACING_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "LANGSMITH_TRACING": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "TRACELOOP_TELEMETRY": "false",
}
"""Nothing is reported to anybody."""
KEYS = dict.fromkeys(("ANTHROPIC_API_KEY", "GOOGLE_API_KEY", "OPENAI_API_KEY"), "stub")


def run_app(app: str, instrumentation: str, **variables: str) -> dict[str, Any]:
    """Run an app under an instrumentation; return the outcome of each of its modes."""
    command = [sys.executable, str(APPS / f"{app}_app.py"), instrumentation]
    ended = run_command(command, timeout=TIMEOUT, **{**QUIET, **KEYS, **variables})
    assert ended.code == 0, ended.log[-2000:]
    printed = [line for line in ended.out.splitlines() if line.startswith("{")]
    outcomes: dict[str, Any] = json.loads(printed[-1]) if printed else {}
    return outcomes


def needs(group: str, *modules: str) -> list[pytest.MarkDecorator]:
    """Skip a test where modules are missing, unless they are of the group of which nothing may be missing."""
    missing = [module for module in modules if not _is_installed(module)]
    if not missing or os.environ.get("NOTHING_MAY_BE_MISSING") == group:
        return []
    return [pytest.mark.skip(reason=f"not installed: {', '.join(missing)}")]


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False
