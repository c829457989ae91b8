"""``python -m braintrust_run_output.local``: what ``braintrust-run-output serve`` does, without the ``cli`` extra."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from braintrust_run_output.local.program import run
from braintrust_run_output.local.serving import DEFAULT_PORT, serve

if TYPE_CHECKING:
    from collections.abc import Callable


def main(write: Callable[[str], object]) -> int:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(
        prog="python -m braintrust_run_output.local", description="Serve the local intake and its pages on loopback."
    )
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="the port; 0 takes a free one (%(default)s)")
    parser.add_argument("--database", help="an SQLite file that keeps what arrives (default: nothing is kept)")
    return serve(write, **vars(parser.parse_args()))


if __name__ == "__main__":
    run(main)
