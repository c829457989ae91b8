"""A dataset of production traces with what the model said, built by Braintrust's own engine.

Run it with Braintrust's command line: ``bt datasets pipeline run dataset_pipeline.py --window 7d --limit 1000``.
"""

from braintrust_run_output.braintrust.pipeline import run_output_pipeline

run_output_pipeline(
    "run outputs",
    source={"project_name": "weather-agent", "filter": "is_root = true AND error IS NULL"},
    target={"project_name": "weather-agent", "dataset_name": "run outputs"},
)
