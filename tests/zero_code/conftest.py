from __future__ import annotations

import pytest

from processes import GrpcReceiver, HttpReceiver


@pytest.fixture
def receiver():
    with HttpReceiver() as running:
        yield running


@pytest.fixture
def grpc_receiver():
    pytest.importorskip("grpc")
    with GrpcReceiver() as running:
        yield running
