"""Links of every page lead somewhere: to a file of the repository, to a heading, or to another host by https."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest

from docs.pages import PAGES, ROOT, anchors, links, name


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page):
    broken = []
    for link in links(page):
        url = urlsplit(link)
        if url.scheme:
            broken += [] if re.fullmatch(r"https://[\w.-]+\.[a-z]+(/\S*)?|mailto:\S+@\S+", link) else [link]
            continue
        file = (page.parent / url.path).resolve() if url.path else page
        is_there = file.exists() and (file == ROOT or ROOT in file.parents)
        if not is_there or (url.fragment and (file.suffix != ".md" or url.fragment not in anchors(file))):
            broken.append(link)

    assert broken == []


def test_links_are_found():
    assert "datasets.md#exit-codes" in links(ROOT / "docs" / "backfill.md")
    assert "diagrams/span.svg" in links(ROOT / "docs" / "how-it-works.md")
    assert {"the-tree", "my-run_output-is-empty"} <= anchors(ROOT / "docs" / "troubleshooting.md")


def test_pages_name_no_path_of_a_machine():
    for page in PAGES:
        assert re.search(r"(?<![\w.])/(?:work|home|root|Users|tmp)/", page.read_text(encoding="utf-8")) is None, page
