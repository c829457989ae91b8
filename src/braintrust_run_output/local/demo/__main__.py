"""Run the demo: ``python -m braintrust_run_output.local.demo``."""

from __future__ import annotations

import argparse
import sys

from braintrust_run_output.local.demo.run import run_demo


def main() -> int:
    """Read the arguments and run the demo."""
    parser = argparse.ArgumentParser(
        prog="python -m braintrust_run_output.local.demo",
        description="Run a small agent, instrumented without a change to it, and show the dataset row it becomes.",
    )
    parser.add_argument("--database", help="an SQLite file to add the trace to (default: a new one)")
    return run_demo(sys.stdout.write, database=parser.parse_args().database)


if __name__ == "__main__":
    sys.exit(main())
