from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from types import SimpleNamespace
from unittest import mock

import pytest

from processes import Ended, environment, subprocess_run


@pytest.fixture
def doctor(monkeypatch, capsys, caplog) -> Callable[..., Ended]:
    """Run ``braintrust-run-output doctor`` in this process, with these variables; its trial is a real process."""
    pytest.importorskip("click")
    from braintrust_run_output.cli import main
    from braintrust_run_output.doctor import trial

    started = SimpleNamespace(run=subprocess_run, TimeoutExpired=subprocess.TimeoutExpired)
    monkeypatch.setattr(trial, "subprocess", started)

    def doctor(*options: str, **variables: str) -> Ended:
        with mock.patch.dict(os.environ, environment(**variables), clear=True), pytest.raises(SystemExit) as ended:
            main(["doctor", *options])
        out, log = capsys.readouterr()
        return Ended(ended.value.code, out, log + caplog.text)

    return doctor
