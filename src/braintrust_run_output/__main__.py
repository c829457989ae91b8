"""``braintrust-run-output`` and ``python -m braintrust_run_output``: the command line, or what to install for it."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; without the ``cli`` extra say how to get it and end with exit code 2."""
    try:
        from .cli import main as run
    except ImportError as error:
        if error.name != "click":
            raise
        sys.stderr.write("braintrust-run-output needs its extra: pip install 'braintrust-run-output[cli]'\n")
        sys.exit(2)
    run(prog_name="braintrust-run-output")


if __name__ == "__main__":
    main()
