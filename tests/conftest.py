"""Fixtures for every test."""

from __future__ import annotations

import os

import pytest

from braintrust_run_output import _faults
from support import ARRANGEMENTS, Pipeline, pipeline


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
