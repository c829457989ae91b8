"""``python -m braintrust_run_output.local.demo``: a small agent, its trace, and the dataset row it becomes.

Needs the ``demo`` extra: ``pip install 'braintrust-run-output[demo]'``.
"""
