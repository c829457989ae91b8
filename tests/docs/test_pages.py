"""The code of every page runs, or the page says why not; what it prints is what the page says."""

from __future__ import annotations

import os
import re
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from braintrust_run_output.doctor import content_capture
from braintrust_run_output.local import LocalIntake, StubProvider
from docs.pages import PAGES, ROOT, blocks, name
from docs_runner import read_page
from processes import NO_MODEL, environment, run, run_process

ANSWER = "The capital of France is Paris."
ELSEWHERE = {
    "README.md": "tests/docs/test_readme.py",
    "docs/recipes.md": "tests/zero_code/test_recipes.py",
    "docs/native-spans.md": "tests/braintrust_sdk/test_docs.py",
    "docs/datasets.md": "tests/braintrust_sdk/test_docs.py",
    "docs/backfill.md": "tests/braintrust_sdk/test_docs.py",
    "docs/typescript.md": "tests/node/test_relay.py",
    "docs/relay.md": "tests/relay/test_docs.py",
}
"""The pages whose code other tests run, with what it needs."""
(PIPELINE,) = [block for block in blocks(ROOT / "docs" / "datasets.md") if "import run_output_pipeline" in block.code]
"""A file for Braintrust's engine, which a test here runs alone; tests/braintrust_sdk/test_pipeline.py runs pipelines."""
SECTIONS = [(page, title) for page in PAGES if name(page) not in ELSEWHERE for title in read_page(page)]


def printed(page: Path, title: str) -> str:
    """Return what a section says that it prints."""
    _, *parts = re.split(r"^## (.+)$", page.read_text(encoding="utf-8"), flags=re.M)
    text = dict(zip(parts[::2], parts[1::2], strict=True))[title]
    return "".join(re.findall(r"^<!-- prints -->\n```text\n(.*?)^```$", text, re.M | re.S))


@pytest.mark.parametrize(("page", "title"), SECTIONS, ids=lambda part: name(part) if isinstance(part, Path) else part)
def test_a_section_does_as_printed(page, title):
    section = read_page(page)[title]
    section.skip_unless_installed()
    ended, without = run_section(section.python, tuple(section.commands))
    assert ended.code == 0, ended.out + ended.log
    expected = printed(page, title)
    if expected:
        assert ended.out == expected
    assert without == []


@cache
def run_section(python, commands):
    """Run a section, once where pages share it; return how it ended, and the roots that have no run output."""
    with TemporaryDirectory() as directory, LocalIntake() as intake, StubProvider(ANSWER) as model:
        Path(directory, "app.py").write_text(python)
        variables = environment(
            **(NO_MODEL if python and "openai" not in python else {}),
            PATH=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            BRAINTRUST_API_KEY="key-of-the-test",
            BRAINTRUST_API_URL=intake.url,
            BRAINTRUST_APP_URL=intake.url,
            OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=intake.endpoint,
            OPENAI_API_KEY="key",
            OPENAI_BASE_URL=model.base_url,
        )
        command = ["bash", "-euc", "\n".join(commands)] if commands else [sys.executable, "app.py"]
        ended = run_process(command, variables, cwd=Path(directory))
    roots = [row for row in intake.store.rows() if not row["span_parents"]]
    return ended, [row["span_attributes"]["name"] for row in roots if not (row["metadata"] or {}).get("run_output")]


def test_the_pipeline_of_the_datasets_page_can_be_declared():
    shown = "from braintrust.dataset_pipeline import _DATASET_PIPELINES as found\nprint(found[0].name)"

    assert run(PIPELINE.code + shown).out == "run outputs\n"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_block_is_run_or_says_why_not(page):
    unmarked = [
        block.code
        for block in blocks(page)
        if block.language in ("python", "bash", "sh", "console")
        and not re.fullmatch(r"<!-- (run(: needs .+)?|not run: .+) -->", block.before)
        and block != PIPELINE
    ]

    assert unmarked == []


@pytest.mark.parametrize(("page", "test"), ELSEWHERE.items())
def test_pages_that_other_tests_run_are_named_there(page, test):
    assert Path(page).stem.lower() in (ROOT / test).read_text(encoding="utf-8").lower()


def test_troubleshooting_names_every_switch_that_the_doctor_knows():
    source = Path(content_capture.__file__).read_text(encoding="utf-8")
    switches = set(re.findall(r'"([A-Z]+(?:_[A-Z]+){2,})"', source))
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")

    assert len(switches) > 5
    assert {switch for switch in switches if switch not in page} <= {"SPAN_AND_EVENT"}


def test_the_reference_names_every_public_name():
    import braintrust_run_output
    import braintrust_run_output.braintrust

    page = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    shown = re.findall(r"^::: ([\w.]+)$", page, re.M)

    for module in (braintrust_run_output, braintrust_run_output.braintrust):
        names = [one.rpartition(".")[2] for one in shown if one.startswith(module.__name__)]
        assert set(module.__all__) <= set(names)
