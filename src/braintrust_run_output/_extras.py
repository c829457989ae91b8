"""What to install for a module that is missing: an extra, told by the distribution's own metadata."""

from __future__ import annotations

import re
import sys
from importlib.metadata import PackageNotFoundError, requires
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Mapping

_DISTRIBUTION = "braintrust-run-output"


def is_of_an_extra(module: str | None) -> bool:
    """Whether an extra of this distribution requires the distribution that is named as a module is.

    Args:
        module: A name as an ``ImportError`` has it, of a package or of a module in one.
    """
    try:
        requirements = requires(_DISTRIBUTION) or ()
    except PackageNotFoundError:  # run from its files alone
        return False
    wanted = {_normalised(name) for name in ((module or "").partition(".")[0], module or "")}
    names = (re.match(r"[\w.-]+", one) for one in requirements if "extra ==" in one)
    return any(name and _normalised(name[0]) in wanted for name in names)


def install_hint(extra: str) -> str:
    """Return the command that installs an extra."""
    return f"pip install '{_DISTRIBUTION}[{extra}]'"


def refuse(error: ImportError, extras: Mapping[str, str]) -> NoReturn:
    """Say which extra a package lacks: to whom imports it by an ImportError, to whom runs it without a traceback.

    Args:
        error: What was raised for want of a module.
        extras: The modules that may be run with ``python -m``, and the extra of each. The first is the package.

    Raises:
        ImportError: With the command that installs the extra, and the name of the module that is missing.
        SystemExit: 2, where ``python -m`` runs one of the modules.
    """
    package = next(iter(extras))
    runs = _run_module()
    message = f"{package} needs {error.name}: {install_hint(extras.get(runs, extras[package]))}"
    if runs in extras:
        sys.stderr.write(f"{message}\n")
        sys.exit(2)
    raise ImportError(message, name=error.name) from error


def _run_module() -> str:
    """Return the name of the module that ``python -m`` runs, "" without it."""
    arguments = sys.orig_argv
    at = arguments.index("-m") + 1 if "-m" in arguments else len(arguments)
    return arguments[at] if at < len(arguments) else ""


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
