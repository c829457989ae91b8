"""Which extra of the distribution has a module, told by the distribution's own metadata."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, requires

_DISTRIBUTION = "braintrust-run-output"


def extra_with(module: str) -> str | None:
    """Return the first extra that requires the distribution of a module's name, None if none does.

    Args:
        module: A name as an ``ImportError`` has it, of a package or of a module in one.
    """
    try:
        requirements = requires(_DISTRIBUTION) or ()
    except PackageNotFoundError:  # run from its files alone
        return None
    wanted = _normalised(module.partition(".")[0])
    for requirement in requirements:
        name = re.match(r"[\w.-]+", requirement)
        extra = re.search(r"""extra == ['"]([\w-]+)['"]""", requirement)
        if name and extra and _normalised(name[0]) == wanted:
            return extra[1]
    return None


def install_hint(extra: str) -> str:
    """Return the command that installs an extra."""
    return f"pip install '{_DISTRIBUTION}[{extra}]'"


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
