"""What `mkdocs.yml` cannot say: pages of the repository's root on the site, and docstrings as Markdown.

On the site CHANGELOG.md, CONTRIBUTING.md and the like are pages too, and examples are files that can be opened. Links
that lead out of ``docs/`` in the repository lead there.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[1]
PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changes.md",
    "CONTRIBUTING.md": "contributing/index.md",
    "RELEASING.md": "contributing/releasing.md",
    "SECURITY.md": "security.md",
}
"""The repository's files that are pages of the site, and which. README and SECURITY have one that says more."""

_LINK = re.compile(r"(?P<before>!?\[[^\]]*\]\()(?P<target>[^)\s#]+)(?P<anchor>#[^)]*)?\)")


def on_files(files, config):
    """Add the pages and files of the repository that the documentation links to."""
    for source, page in PAGES.items():
        if files.get_file_from_path(page) is None:
            files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    for example in sorted((ROOT / "examples").rglob("*.*")):
        if example.is_file() and "__pycache__" not in example.parts:
            name = example.relative_to(ROOT).as_posix()
            files.append(File.generated(config, f"{name}.txt", abs_src_path=str(example)))
    return files


def on_page_markdown(markdown, page, config, files):
    """Turn links to files of the repository into links to where they are on the site."""
    del config, files
    uri = page.file.src_uri
    here = Path(page.file.abs_src_path).relative_to(ROOT).parent.as_posix()

    def moved(link):
        target = link["target"]
        if "://" in target or target.startswith("mailto:"):
            return link[0]
        named = posixpath.normpath(posixpath.join(here, target))
        where = _on_the_site(named)
        if where is None:
            return re.sub(r"^!?\[(.*)\]\($", r"\1", link["before"])  # a directory: its name is all that is left
        relative = posixpath.relpath(where, posixpath.dirname(uri) or ".")
        return f"{link['before']}{relative}{link['anchor'] or ''})"

    return _LINK.sub(moved, markdown)


def _on_the_site(named):
    """Return where a file of the repository is on the site, relative to its root; None if it is not there."""
    if named.startswith("docs/"):
        return named.removeprefix("docs/")
    if named in PAGES:
        return PAGES[named]
    if named.startswith("examples/") and (ROOT / named).is_file():
        return f"{named}.txt"
    return None


def on_page_content(html, page, config, files):
    """Write the ``::`` before an example in a docstring as Markdown does."""
    del config, files
    return html.replace("::</p>", ":</p>") if page.file.src_uri == "reference.md" else html
