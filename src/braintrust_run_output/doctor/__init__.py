"""What will happen in this environment: does a model's output reach its root span, and the root span Braintrust.

`examine` looks at what is installed and set, and starts a trial process in the same environment to see which tracer
provider, processors and exporters are really in effect. With ``probe=True`` the trial sends a span as well.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from . import content_capture, destination, installed, settings, trial
from .report import Finding, Report

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Finding", "Report", "examine"]


def examine(*, probe: bool = False, environ: Mapping[str, str] | None = None) -> Report:
    """Examine this environment.

    Args:
        probe: Send one real span through the pipeline that the environment configures.
        environ: The environment variables; default ``os.environ``.

    Returns:
        What was found. No key is in it: values of variables that may hold one are blanked out.
    """
    environ = dict(os.environ if environ is None else environ)
    packages = installed.packages()
    tried = trial.run(environ, probe=probe)
    findings = [
        *installed.examine(packages, environ),
        *settings.examine(environ),
        *trial.examine(tried, probe=probe),
        *destination.examine(tried, environ),
        *content_capture.examine(packages, environ),
    ]
    return Report(findings, versions=installed.versions(packages), trial=tried).without_secrets(environ)
