from __future__ import annotations

import pytest

from braintrust_run_output.local import LocalIntake


@pytest.fixture
def intake():
    with LocalIntake() as running:
        yield running
