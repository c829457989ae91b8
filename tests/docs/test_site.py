"""The documentation builds without a warning, into pages that ask no other host for anything."""

from __future__ import annotations

import re
import sys

import pytest

from docs.pages import ROOT
from processes import run_command

pytest.importorskip("mkdocs", reason="pip install --group docs")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    directory = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(directory)]
    done = run_command(command, cwd=ROOT, NO_MKDOCS_2_WARNING="1")
    assert done.code == 0, done.log
    return directory


def test_no_page_asks_another_host(site):
    pages = list(site.rglob("*.html"))
    loads = re.compile(
        r"<(?:script|img|iframe|source)[^>]*\ssrc=\"?(?:https?:)?//[^>]*>"
        r"|<link[^>]*(?:stylesheet|preconnect|preload|icon)[^>]*href=\"?(?:https?:)?//[^>]*>"
        r"|@import\s+url|url\(\"?https?:"
    )

    assert len(pages) > 15
    for page in pages:
        assert loads.findall(page.read_text(encoding="utf-8")) == [], page.name


def test_the_repositorys_own_pages_and_files_are_on_it(site):
    names = {file.relative_to(site).as_posix() for file in site.rglob("*") if file.is_file()}

    assert {
        "index.html",
        "changes.html",
        "contributing/index.html",
        "contributing/releasing.html",
        "diagrams/span.svg",
        "examples/declarative/exporter.yaml.txt",
    } <= names
    assert "../examples" not in (site / "configuration.html").read_text(encoding="utf-8")


def test_the_reference_has_its_docstrings(site):
    page = (site / "reference.html").read_text(encoding="utf-8")

    assert "RunOutputSpanProcessor" in page
    assert "The processor to wrap; default none, spans are enriched in place." in page
    assert "::</p>" not in page
