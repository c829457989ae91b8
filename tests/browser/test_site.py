"""The documentation as a site: nothing runs off its pages, on a phone as on a desk."""

from __future__ import annotations

import sys

import pytest

from docs.pages import ROOT
from processes import run_command

pytest.importorskip("mkdocs", reason="mkdocs is missing: pip install --group docs")

LOOK = """() => {
    const width = document.documentElement.clientWidth;
    const wide = [...document.querySelectorAll("article *")].filter((one) =>
        one.getBoundingClientRect().right > width + 1 || (one.matches("pre code, .md-typeset__scrollwrap")
        && one.scrollWidth > one.clientWidth + 1));
    return [document.documentElement.scrollWidth - width, wide.map((one) => one.textContent.slice(0, 60))];
}"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    directory = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(directory)]
    done = run_command(command, cwd=ROOT, NO_MKDOCS_2_WARNING="1")
    assert done.code == 0, done.log
    return sorted(directory.rglob("*.html"))


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_runs_off_a_page(browser, pages, width):
    context = browser.new_context(viewport={"width": width, "height": 844})
    page = context.new_page()
    found = {}
    for file in pages:
        page.goto(file.as_uri())
        over, wide = page.evaluate(LOOK)
        if over > 0 or wide:
            found[file.name] = wide
    context.close()

    assert len(pages) > 20
    assert found == {}
