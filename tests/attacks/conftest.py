from __future__ import annotations

import pytest

from processes import HttpReceiver


@pytest.fixture
def receiver():
    with HttpReceiver() as running:
        yield running
