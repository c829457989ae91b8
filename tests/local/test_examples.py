from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

# A dataset pipeline is run by Braintrust's engine: tests/braintrust_sdk/test_pipeline.py.
EXAMPLES = [
    file for file in sorted((Path(__file__).parents[2] / "examples").glob("*.py")) if file.name != "dataset_pipeline.py"
]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_shows_the_run_output(example):
    result = subprocess.run([sys.executable, str(example)], capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stderr
    assert '"run_output": "It is sunny in Paris."' in result.stdout
