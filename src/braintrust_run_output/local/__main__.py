"""``python -m braintrust_run_output.local``: what ``braintrust-run-output serve`` does, without the ``cli`` extra."""

from __future__ import annotations

import argparse
import sys

from braintrust_run_output.local.serving import DEFAULT_PORT, serve


def main() -> int:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(
        prog="python -m braintrust_run_output.local", description="Serve the local intake and its pages on loopback."
    )
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="the port; 0 takes a free one (%(default)s)")
    parser.add_argument("--database", help="an SQLite file that keeps what arrives (default: nothing is kept)")
    arguments = parser.parse_args()
    return serve(_write, port=arguments.port, database=arguments.database)


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
