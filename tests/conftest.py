"""Fixtures for every test."""

from __future__ import annotations

import gc
import os

import pytest
from hypothesis import settings

from braintrust_run_output import _faults
from support import ARRANGEMENTS, Pipeline, pipeline

# How many examples hypothesis tries: `support.examples` says what of its number each profile means.
settings.register_profile("short", max_examples=25, deadline=None)
settings.register_profile("ci", max_examples=100, deadline=None)
settings.register_profile("soak", max_examples=3_000, stateful_step_count=80, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "short"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: a test in three waits for a process or a server."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """What is there before the first test stays to the end: the garbage collector need not go through it again and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes by their number: what gzip makes has the time in it, and all workers must know a test by one name."""
    return f"{argname} of {len(val)} bytes" if isinstance(val, bytes) else None


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch):
    """No setting of the machine reaches a test, and every failure is new to the log."""
    for variable in list(os.environ):
        if variable.startswith(("BRAINTRUST_", "OTEL_", "OPENAI_")):
            monkeypatch.delenv(variable)
    _faults.forget()


@pytest.fixture(params=list(ARRANGEMENTS))
def arrangement(request) -> str:
    """Each way of registering the processor."""
    return request.param


@pytest.fixture
def build(arrangement):
    """Build a pipeline in each arrangement: ``build(root="first")``."""

    def build(**config) -> Pipeline:
        return pipeline(arrangement, **config)

    return build
