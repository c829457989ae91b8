from __future__ import annotations

import pytest

from reliability.parts import hold_threads


@pytest.fixture(autouse=True)
def _no_timer_is_left():
    yield
    assert hold_threads() == []
