"""docs/contributing/add-a-convention.md, followed to the letter in a copy of the package."""

from __future__ import annotations

import re
import shutil
import sys

import pytest

from docs.pages import ROOT, blocks
from processes import run_command

PAGE = ROOT / "docs" / "contributing" / "add-a-convention.md"
SPAN = """
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import braintrust_run_output

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(braintrust_run_output.RunOutputSpanProcessor())
provider.add_span_processor(SimpleSpanProcessor(exporter))
tracer = provider.get_tracer("app")
with tracer.start_as_current_span("root"), tracer.start_as_current_span("turn") as span:
    span.set_attribute("acme.reply", '{"answer": "It is found."}')
print(braintrust_run_output.__file__)
print([span.attributes.get("braintrust.metadata.run_output") for span in exporter.get_finished_spans()])
"""


def block_of(file: str) -> str:
    """Return the block of code that the page gives for a file."""
    text = PAGE.read_text(encoding="utf-8")
    found = re.search(rf"^`{re.escape(file)}`:\n\n<!-- not run: [^\n]* -->\n```python\n(.*?)^```$", text, re.M | re.S)
    assert found, f"the page does not say what {file} holds"
    return found[1]


def patched(source: str, diff: str) -> str:
    """Return a file as a diff leaves it, which has lines of context and lines to add."""
    lines = diff.splitlines(keepends=True)
    old = "".join(line[1:] for line in lines if not line.startswith("+"))
    assert source.count(old) == 1, f"conventions/__init__.py has not got, or more than once:\n{old}"
    return source.replace(old, "".join(line[1:] for line in lines))


@pytest.fixture
def checkout(tmp_path):
    """A copy of what the page changes."""
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "tests" / "unit", tmp_path / "tests" / "unit", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "tests/support.py", "tests/conftest.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_a_convention_added_so_is_found(checkout):
    conventions = checkout / "src" / "braintrust_run_output" / "conventions"
    variables = {
        "PYTHONPATH": str(checkout / "src"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HYPOTHESIS_STORAGE_DIRECTORY": str(ROOT / ".hypothesis"),  # with its tables of characters, slow to make
    }
    before = run_command([sys.executable, "-c", SPAN], cwd=checkout, **variables)
    for file in ("src/braintrust_run_output/conventions/acme.py", "tests/unit/conventions/test_acme.py"):
        (checkout / file).write_text(block_of(file))
    registry = conventions / "__init__.py"
    diffs = [block.code for block in blocks(PAGE) if block.language == "diff"]
    for diff in diffs:
        registry.write_text(patched(registry.read_text(), diff))

    after = run_command([sys.executable, "-c", SPAN], cwd=checkout, **variables)
    robust = "tests/unit/conventions/test_robustness.py::test_each_convention_by_itself_copes_with_any_value"
    test = ["tests/unit/conventions/test_acme.py", robust]
    tested = run_command([sys.executable, "-m", "pytest", "-q", *test], cwd=checkout, timeout=600, **variables)

    copy = str(checkout / "src" / "braintrust_run_output" / "__init__.py")
    assert len(diffs) == 2
    assert (before.out.splitlines(), before.log) == ([copy, "[None, None]"], "")
    assert (after.out.splitlines(), after.log) == ([copy, "['It is found.', 'It is found.']"], "")
    assert tested.code == 0, tested.out
    assert " passed" in tested.out


def test_the_page_follows_the_linter(checkout):
    pytest.importorskip("ruff")
    for file in ("src/braintrust_run_output/conventions/acme.py", "tests/unit/conventions/test_acme.py"):
        (checkout / file).write_text(block_of(file))
        for command in (["check", "--no-cache"], ["format", "--check", "--no-cache"]):
            done = run_command([sys.executable, "-m", "ruff", *command, file], cwd=checkout)
            assert done.code == 0, done.out
