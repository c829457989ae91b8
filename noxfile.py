"""The test suite on every supported opentelemetry-sdk: ``nox``, or one of them: ``nox -s "tests(sdk='1.30')"``."""

from __future__ import annotations

import shutil

import nox

nox.options.default_venv_backend = "uv"
nox.options.error_on_missing_interpreters = False

SDKS = ["1.30", "1.33", "1.39", "1.40", "1.42", "1.44", "newest"]
PYTHONS = [version for version in ("3.10", "3.11", "3.12", "3.13", "3.14") if shutil.which(f"python{version}")]


@nox.session(python=PYTHONS or None)
@nox.parametrize("sdk", SDKS)
def tests(session: nox.Session, sdk: str) -> None:
    """Install the package with one SDK and run the suite; what follows the hyphens goes to pytest."""
    pins = [] if sdk == "newest" else [f"opentelemetry-{part}=={sdk}.*" for part in ("api", "sdk", "exporter-otlp")]
    groups = nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "tests")
    session.install("-e", ".[demo,cli]", *groups, *pins)
    session.run("python", "-m", "pytest", *session.posargs)
