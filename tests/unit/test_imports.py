"""What the package loads, and what it shows."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("braintrust", "grpc", "opentelemetry.exporter", "starlette", "uvicorn", "requests", "openai")


@pytest.mark.parametrize("module", ["braintrust_run_output", "braintrust_run_output.zero_code.instrumentor"])
def test_nothing_heavy_is_loaded(module):
    code = f"import sys, {module}; print('\\n'.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert module in loaded
    assert [name for name in loaded if name.startswith(HEAVY) and not name.startswith("braintrust_run_output")] == []


def test_a_name_that_is_not_there():
    import braintrust_run_output as package

    with pytest.raises(AttributeError, match="module 'braintrust_run_output' has no attribute 'nothing'"):
        package.nothing  # noqa: B018


def test_every_public_name_is_documented():
    import braintrust_run_output as package

    assert all(getattr(package, name).__doc__ for name in package.__all__)
