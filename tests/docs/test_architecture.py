"""The architecture's page names every module, and no other."""

from __future__ import annotations

import re

from docs.pages import ROOT

PACKAGE = ROOT / "src" / "braintrust_run_output"
PAGE = (ROOT / "docs" / "contributing" / "architecture.md").read_text(encoding="utf-8")


def test_every_top_level_module_is_named():
    files = {file.name for file in PACKAGE.glob("*.py")}
    packages = {f"{file.parent.name}/" for file in PACKAGE.glob("*/__init__.py")}

    assert set(re.findall(r"^\| `([\w/.]+)` \|", PAGE.split("## Tests")[0], re.M)) == files | packages


def test_every_file_that_is_named_is_there():
    for named in re.findall(r"`([\w/]+\.py)`", PAGE):
        assert any(file.as_posix().endswith(f"/{named}") for file in PACKAGE.rglob("*.py")), named


def test_every_directory_of_tests_that_is_named_is_there():
    named = set(re.findall(r"`tests/(\w+)/`", PAGE))

    assert "unit" in named
    assert {name for name in named if not (ROOT / "tests" / name).is_dir()} == set()
