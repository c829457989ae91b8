"""The trace that doctor --probe sends is marked, and never becomes a row."""

from __future__ import annotations

import sys

from braintrust_run_output import RunOutputConfig
from braintrust_run_output.braintrust.datasets import make_row
from braintrust_run_output.braintrust.traces import A_PROBE, read_trace
from processes import HttpReceiver, run_command


def test_a_probe_makes_no_row():
    command = [sys.executable, "-m", "braintrust_run_output", "doctor", "--probe"]
    with HttpReceiver() as receiver:
        run_command(command, OTEL_PYTHON_TRACER_PROVIDER="braintrust_run_output", **receiver.variables)
        rows = receiver.store.wait_for_rows(2)

    assert {(row.get("metadata") or {}).get("run_output_probe") for row in rows if row["is_root"]} == {True}
    assert make_row(rows, RunOutputConfig(), dataset_id="d") is None
    assert read_trace(rows, RunOutputConfig()).reason == A_PROBE
