"""The larger hypothesis profile: ``pytest tests/reliability --hypothesis-profile=soak``."""

from __future__ import annotations

import pytest
from hypothesis import settings

from reliability.parts import hold_threads

settings.register_profile("soak", max_examples=3_000, stateful_step_count=80, deadline=None)


@pytest.fixture(autouse=True)
def _no_timer_is_left():
    yield
    assert hold_threads() == []
