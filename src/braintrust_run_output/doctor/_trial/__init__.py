"""What runs in the trial process: ``python -m braintrust_run_output.doctor._trial``."""
