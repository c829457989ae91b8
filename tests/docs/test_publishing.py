"""What a release needs: metadata, a README that is whole on a package index, workflows that name real targets."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
import sys

import pytest

from docs.pages import ROOT, name

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
VERSION = re.search(r'^version = "(.+)"$', PROJECT, re.M)[1]
check_release = runpy.run_path(str(ROOT / "tools" / "check_release.py"))
check_build = runpy.run_path(str(ROOT / "tools" / "check_build.py"))


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=name)
def test_a_workflow_names_targets_and_tools_that_there_are(workflow):
    text = workflow.read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    matrix = re.search(r"target: \[(.+)\]", text)

    assert {one.strip() for one in matrix[1].split(",")} <= targets if matrix else True
    assert set(re.findall(r"run: make ([a-z][\w-]*)", text)) <= targets
    assert [tool for tool in re.findall(r"tools/\w+\.py", text) if not (ROOT / tool).is_file()] == []
    assert "permissions:" in text
    assert re.findall(r"uses: (?!\S+@\S+$).*", text, re.M) == []


def test_every_job_has_a_time_limit():
    pytest.importorskip("check_jsonschema")
    schemas = ("vendor.github-workflows", "custom.github-workflows-require-timeout")
    for schema in schemas:
        command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *map(str, WORKFLOWS)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def test_no_secret_but_the_workflows_own():
    for workflow in WORKFLOWS:
        assert "secrets." not in workflow.read_text(encoding="utf-8")


def test_citation_and_changes_are_of_this_version():
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert f"\nversion: {VERSION}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.match(rf"# Changes\n\n## {re.escape(VERSION)}, (not yet released|\d{{4}}-\d\d-\d\d)\n", changes)
    versions = re.findall(r"^## (\d+\.\d+\.\d+)", changes, re.M)
    assert versions == sorted(versions, key=lambda one: [int(part) for part in one.split(".")], reverse=True)


@pytest.fixture
def released(tmp_path):
    """The files that a release is made of, with everything done that there is to do."""
    for file in ("pyproject.toml", "CHANGELOG.md", "CITATION.cff"):
        shutil.copy(ROOT / file, tmp_path / file)

    def edit(file, pattern, replacement):
        text = (tmp_path / file).read_text(encoding="utf-8")
        (tmp_path / file).write_text(re.sub(pattern, replacement, text), encoding="utf-8")

    edit("CHANGELOG.md", rf"## {re.escape(VERSION)}, .*", f"## {VERSION}, 2030-01-31")
    for file in ("pyproject.toml", "CITATION.cff"):
        edit(file, r"example\.com", "github.com/somebody")
    with (tmp_path / "CITATION.cff").open("a") as citation:
        citation.write("date-released: 2030-01-31\n")
    return tmp_path, edit


def test_a_release_that_is_ready_may_go(released):
    root, _ = released

    assert check_release["problems"](f"v{VERSION}", root) == []


@pytest.mark.parametrize(
    ("file", "pattern", "replacement", "said"),
    [
        ("pyproject.toml", r'(?m)^version = ".*"', 'version = "9.9.9"', "pyproject.toml has version 9.9.9"),
        ("pyproject.toml", r"github\.com/somebody", "example.com", "pyproject.toml still names example.com"),
        ("CHANGELOG.md", ", 2030-01-31", ", not yet released", "CHANGELOG.md does not begin with"),
        ("CITATION.cff", "date-released: 2030-01-31", "", "CITATION.cff has no date-released"),
        ("CITATION.cff", r"version: \d.*", "version: 0.0.1", "CITATION.cff does not have version"),
    ],
)
def test_a_release_that_is_not_ready_is_stopped(released, file, pattern, replacement, said):
    root, edit = released
    edit(file, pattern, replacement)

    assert any(said in problem for problem in check_release["problems"](f"v{VERSION}", root))


# --- the README on a package index -------------------------------------------------------------------------------


def project():
    """The project as the build backend sees it."""
    pytest.importorskip("hatch_fancy_pypi_readme")
    metadata = pytest.importorskip("hatchling.metadata.core")
    plugins = pytest.importorskip("hatchling.plugin.manager")
    return metadata.ProjectMetadata(str(ROOT), plugins.PluginManager())


def test_the_readmes_links_are_whole_on_a_package_index():
    page = project().core.readme

    assert check_build["relative_links"]((ROOT / "README.md").read_text(encoding="utf-8"))
    assert check_build["relative_links"](page) == []
    assert "/raw/main/docs/pictures/trace-light.png" in page
    assert "<!-- " not in page


def test_the_readme_renders():
    renderer = pytest.importorskip("readme_renderer.markdown")
    page = renderer.render(project().core.readme)

    assert "<table>" in page
    assert page.count("<pre") >= 4
    assert "trace-light.png" in page


def test_the_package_says_where_it_lives():
    urls = project().core.urls

    assert {"Documentation", "Source", "Issues", "Changes", "Security"} <= set(urls)
    assert all(url.startswith("https://") for url in urls.values())
