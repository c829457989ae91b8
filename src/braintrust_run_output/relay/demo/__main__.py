"""Run the demo: ``python -m braintrust_run_output.relay.demo``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .run import run_demo


def main() -> int:
    """Read the arguments and run the demo."""
    parser = argparse.ArgumentParser(
        prog="python -m braintrust_run_output.relay.demo",
        description="A front end and an agent in processes of their own, the relay, and the row that they become.",
    )
    parser.add_argument("--node-modules", type=Path, help="OpenTelemetry's packages for Node (default: Python only)")
    return run_demo(_write, node_modules=parser.parse_args().node_modules)


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
