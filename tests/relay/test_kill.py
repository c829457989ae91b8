"""Killed under load, with the next hop down at times and a disk that is full, the relay loses nothing."""

from __future__ import annotations

import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")


def test_nothing_that_was_acknowledged_is_missing():
    import killing

    report = killing.run(kills=3, traces=300, disk_full=True, directory_gone=True)
    assert report.missing == []
    assert report.acknowledged == 300 * killing.SPANS_PER_TRACE
    assert (report.roots, report.roots_with_output) == (300, 300)
    assert report.kills == 3
    assert report.retries > 0
    assert "are refused until this is mended" in report.log
    assert report.exit_code == 0
