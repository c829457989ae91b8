"""``braintrust-run-output`` and ``python -m braintrust_run_output``: the command line, or what to install for it."""

from __future__ import annotations

import sys

from ._extras import install_hint


def main() -> None:
    """Run the command line; without the ``cli`` extra say how to get it and end with exit code 2."""
    try:
        from .cli import main as run
    except ImportError as error:
        if error.name != "click":
            raise
        sys.stderr.write(f"braintrust-run-output needs its extra: {install_hint('cli')}\n")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    run(prog_name="braintrust-run-output")


if __name__ == "__main__":
    main()
