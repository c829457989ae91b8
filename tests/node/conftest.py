"""Programs for Node, in processes of their own. ``make node`` installs what they need into ``node_modules/``."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from braintrust_run_output.local import LocalIntake, StubProvider
from processes import environment

HERE = Path(__file__).parent
TIMEOUT = 120


def pytest_collection_modifyitems(items):
    missing = "Node.js is missing" if shutil.which("node") is None else "make node installs the packages from npm"
    if shutil.which("node") and (HERE / "node_modules" / "braintrust").is_dir():
        return
    if os.environ.get("NOTHING_MAY_BE_MISSING"):
        pytest.exit(f"{missing}, and nothing may be missing", returncode=1)
    for item in items:
        if HERE in Path(item.path).parents:
            item.add_marker(pytest.mark.skip(reason=missing))


@pytest.fixture
def intake():
    with LocalIntake(api_key="the-key") as running:
        yield running


@pytest.fixture
def provider():
    with StubProvider() as running:
        yield running


@pytest.fixture
def variables(intake, provider, tmp_path):
    """What points the SDKs and ``bt`` to the local servers."""
    return environment(
        BRAINTRUST_API_URL=intake.url,
        BRAINTRUST_APP_URL=intake.url,
        BRAINTRUST_API_KEY="the-key",
        OPENAI_BASE_URL=provider.base_url,
        OPENAI_API_KEY="stub",
        HOME=str(tmp_path),
        NO_COLOR="1",
    )


@pytest.fixture
def run(variables):
    """Run a command to its end; return what it printed."""

    def run(*command, **more):
        ended = subprocess.run(
            [str(one) for one in command], env={**variables, **more}, capture_output=True, text=True, timeout=TIMEOUT
        )
        assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
        return ended.stdout

    return run


@pytest.fixture
def node(run):
    """Run a program of this directory."""
    return lambda file, *arguments, **more: run("node", HERE / file, *arguments, **more)


COMMANDS = sorted((HERE / "node_modules").glob("**/@braintrust/bt-*/bin/bt*"))
"""Braintrust's command line: the one that comes with its JavaScript SDK, and the newest where there is one for here."""


@pytest.fixture(
    params=COMMANDS, ids=[json.loads((one.parents[1] / "package.json").read_text())["version"] for one in COMMANDS]
)
def bt(run, request):
    """Run Braintrust's command line."""
    return lambda *arguments: run(request.param, *arguments, "--no-input", "--project", "shop")
