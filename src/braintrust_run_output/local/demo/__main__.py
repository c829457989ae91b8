"""Run the demo: ``python -m braintrust_run_output.local.demo``."""

from __future__ import annotations

import sys

from braintrust_run_output.local.demo.run import run_demo

sys.exit(run_demo(sys.stdout.write))
