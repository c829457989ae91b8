"""Run the demo: ``python -m braintrust_run_output.local.demo``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from braintrust_run_output.local.demo.run import run_demo
from braintrust_run_output.local.program import run

if TYPE_CHECKING:
    from collections.abc import Callable


def main(write: Callable[[str], object]) -> int:
    """Read the arguments and run the demo."""
    parser = argparse.ArgumentParser(
        prog="python -m braintrust_run_output.local.demo",
        description="Run a small agent, instrumented without a change to it, and show the dataset row it becomes.",
    )
    parser.add_argument("--database", help="an SQLite file to add the trace to (default: nothing is kept)")
    parser.add_argument("--serve", action="store_true", help="then show the trace in a page, until Ctrl-C")
    arguments = parser.parse_args()
    return run_demo(write, database=arguments.database, keep_serving=arguments.serve)


if __name__ == "__main__":
    run(main)
