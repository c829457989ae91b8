"""Check that the repository is ready to be released as a tag says: ``python tools/check_release.py v0.2.0``.

The tag is the version of ``pyproject.toml``, ``CHANGELOG.md`` and ``CITATION.cff`` have that version with a date, and
the project's addresses are real ones.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLACEHOLDER = "example.com"
_DATE = r"\d{4}-\d{2}-\d{2}"


def problems(tag: str, root: Path = ROOT) -> list[str]:
    """Return what keeps the repository from being released under a tag."""
    project = (root / "pyproject.toml").read_text(encoding="utf-8")
    changes = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    citation = (root / "CITATION.cff").read_text(encoding="utf-8")
    found = re.search(r'^version = "(.+)"$', project, re.M)
    version = found[1] if found else ""
    checks = {
        f"the tag is {tag}, and pyproject.toml has version {version}": tag == f"v{version}",
        f"CHANGELOG.md does not begin with {version} and its date": re.search(
            rf"\A# Changes\n\n## {re.escape(version)}, {_DATE}\n", changes
        ),
        f"CITATION.cff does not have version {version}": f"\nversion: {version}\n" in citation,
        "CITATION.cff has no date-released": re.search(rf'^date-released: "?{_DATE}"?$', citation, re.M),
        f"pyproject.toml still names {PLACEHOLDER}": PLACEHOLDER not in project,
        f"CITATION.cff still names {PLACEHOLDER}": PLACEHOLDER not in citation,
    }
    return [problem for problem, passed in checks.items() if not passed]


def main() -> None:
    """Print what is wrong and end with exit code 1, or 0 if nothing is."""
    if len(sys.argv) != 2:
        sys.exit("usage: python tools/check_release.py v<version>")
    found = problems(sys.argv[1])
    sys.exit("\n".join(found) if found else 0)


if __name__ == "__main__":
    main()
