from __future__ import annotations

import subprocess
import sys

import pytest


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_the_package_does_not_import_the_local_intake():
    code = "import sys, braintrust_run_output; sys.exit('braintrust_run_output.local' in sys.modules)"

    assert run(code).returncode == 0


@pytest.mark.parametrize("name", ["starlette", "uvicorn", "jinja2", "lark", "orjson"])
def test_a_missing_extra_is_named(name):
    result = run(f"import sys; sys.modules['{name}'] = None; import braintrust_run_output.local")

    assert f"ImportError: braintrust_run_output.local needs {name}" in result.stderr
    assert "pip install 'braintrust-run-output[local]'" in result.stderr
