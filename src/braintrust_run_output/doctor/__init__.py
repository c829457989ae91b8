"""What will happen in this environment: does a model's output reach its root span, and the root span Braintrust.

`examine` looks at what is installed and set, and starts a trial process in the same environment. That sees which tracer
provider, processors and exporters are really in effect and which instrumentations have loaded, and calls each client of
a model provider that is installed, against a stub on loopback: what did the root of that call get? Nothing of it leaves
the machine. With ``probe=True`` the trial sends one span as well.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from . import calls, content_capture, destination, installed, instrumentations, settings, trial
from .report import Finding, Report, told_once

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Finding", "Report", "examine"]


def examine(*, probe: bool = False, environ: Mapping[str, str] | None = None) -> Report:
    """Examine this environment.

    Args:
        probe: Send one real span through the pipeline that the environment configures.
        environ: The environment variables; default ``os.environ``.

    Returns:
        What was found, each thing once. No key is in it: values of variables that may hold one are blanked out.
    """
    environ = dict(os.environ if environ is None else environ)
    packages = installed.packages()
    tried = trial.run(environ, probe=probe)
    config, complaints = settings.read(environ)
    captures = content_capture.look(packages, environ)
    content = {name for one in captures for name in one.members}
    findings = [
        *installed.examine(packages, environ),
        *settings.examine(config, complaints, environ),
        *trial.examine(tried, probe=probe),
        *instrumentations.examine(tried, content),
        *calls.examine(tried, captures, packages, config),
        *destination.examine(tried, environ, probe=probe),
        *content_capture.examine(captures, calls.covered(tried, packages), is_tried=bool(tried["calls"])),
    ]
    versions = installed.versions(packages)
    return Report(told_once(findings), versions=versions, trial=tried).without_secrets(environ)
