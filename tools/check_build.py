"""Build the distributions and prove them: ``python tools/check_build.py``, or ``make build``.

Makes the sdist, and the wheel from the sdist, in ``dist/``; checks both with twine, and that the README's links are
whole; installs the wheel alone in a clean environment, with nothing of the checkout in reach, and runs the demo there.
Needs a package index, and nothing that is not in the standard library.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"
_WHERE = "import braintrust_run_output; print(braintrust_run_output.__file__)"


def main() -> None:
    """Build, check, install, run; end with an error at the first thing that is wrong."""
    with tempfile.TemporaryDirectory() as directory:
        work = Path(directory).resolve()
        tools = make_environment(work / "tools", "build", "twine")
        shutil.rmtree(DIST, ignore_errors=True)
        run(tools, "-m", "build", "--outdir", DIST, ROOT, cwd=work)
        files = sorted(DIST.iterdir())
        run(tools, "-m", "twine", "check", "--strict", *files, cwd=work)
        wheel = next(file for file in files if file.suffix == ".whl")
        broken = relative_links(description(wheel))
        if broken:
            sys.exit(f"links of the README that lead nowhere on a package index: {', '.join(broken)}")

        clean = make_environment(work / "clean", f"{wheel}[demo]")
        imported = run(clean, "-c", _WHERE, cwd=work, capture=True).strip()
        if work not in Path(imported).resolve().parents:
            sys.exit(f"the package was imported from {imported}, not from the wheel")
        run(clean, "-m", "braintrust_run_output.local.demo", cwd=work)
    say("Built and proven: " + ", ".join(file.name for file in files))


def description(wheel: Path) -> str:
    """Return the long description in a wheel's metadata."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(one for one in archive.namelist() if one.endswith(".dist-info/METADATA"))
        return archive.read(name).decode().partition("\n\n")[2]


def relative_links(text: str) -> list[str]:
    """Return the targets of a page's links and pictures that are relative to a repository."""
    targets = re.findall(r"\]\(([^)\s]+)", text) + re.findall(r'(?:src|srcset|href)="([^"]+)"', text)
    return [one for one in targets if not one.startswith(("https://", "#", "mailto:"))]


def make_environment(directory: Path, *requirements: str) -> Path:
    """Make a virtual environment and return its Python."""
    say(f"A clean environment with {', '.join(Path(one).name for one in requirements)}")
    venv.create(directory, with_pip=True)
    python = directory / ("Scripts" if os.name == "nt" else "bin") / "python"
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements, cwd=directory)
    return python


def run(python: Path, *arguments: str | Path, cwd: Path, capture: bool = False) -> str:
    """Run an environment's Python to its end, outside the checkout, and return what it printed if that is captured."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    command = [str(python), *map(str, arguments)]
    done = subprocess.run(  # noqa: S603 (our own commands, no shell)
        command, cwd=cwd, env=variables, text=True, stdout=subprocess.PIPE if capture else None, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with exit code {done.returncode}")
    return done.stdout or ""


def say(text: str) -> None:
    """Print a line at once."""
    print(f"--- {text}", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
