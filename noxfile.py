"""The test suite on every supported opentelemetry-sdk: ``nox``, or one of them: ``nox -s "tests(sdk='1.30')"``."""

from __future__ import annotations

import os
import shutil
import subprocess

import nox

nox.options.default_venv_backend = "uv"
nox.options.error_on_missing_interpreters = False

SDKS = ["1.30", "1.33", "1.39", "1.40", "1.42", "1.44", "newest"]


def is_installed(version: str) -> bool:
    """Whether a Python can be run; what pyenv puts on the PATH may not be."""
    program = shutil.which(f"python{version}")
    return program is not None and subprocess.run([program, "-c", ""], capture_output=True).returncode == 0  # noqa: S603


if shutil.which("pyenv"):  # all that it has, not only the one that is selected
    versions = subprocess.run(["pyenv", "versions", "--bare"], capture_output=True, text=True).stdout.split()  # noqa: S607
    os.environ.setdefault("PYENV_VERSION", ":".join(reversed(versions)))
PYTHONS = [version for version in ("3.10", "3.11", "3.12", "3.13", "3.14") if is_installed(version)]


@nox.session(python=PYTHONS or None)
@nox.parametrize("sdk", SDKS)
def tests(session: nox.Session, sdk: str) -> None:
    """Install the package with one SDK and run the suite in parallel; what follows the hyphens goes to pytest."""
    pins = [] if sdk == "newest" else [f"opentelemetry-{part}=={sdk}.*" for part in ("api", "sdk", "exporter-otlp")]
    groups = nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "tests")
    session.install("-e", ".[demo,cli,relay]", *groups, *pins)
    session.run("python", "-m", "pytest", "-n", "auto", "--dist", "worksteal", *session.posargs)
