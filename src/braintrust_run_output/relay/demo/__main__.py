"""Run the demo: ``python -m braintrust_run_output.relay.demo``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ...local.program import run
from .run import run_demo

if TYPE_CHECKING:
    from collections.abc import Callable


def main(write: Callable[[str], object]) -> int:
    """Read the arguments and run the demo."""
    parser = argparse.ArgumentParser(
        prog="python -m braintrust_run_output.relay.demo",
        description="A front end and an agent in processes of their own, the relay, and the row that they become.",
    )
    parser.add_argument("--node-modules", type=Path, help="OpenTelemetry's packages for Node (default: Python only)")
    return run_demo(write, **vars(parser.parse_args()))


if __name__ == "__main__":
    run(main)
