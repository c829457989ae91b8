"""The README does as printed: its code runs, its settings are those that there are, its links lead somewhere."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from braintrust_run_output.config import SETTINGS, RunOutputConfig, variable
from braintrust_run_output.local import LocalIntake, StubProvider
from docs_runner import read_page
from processes import environment, run_process

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGE = read_page(README)
ANSWER = "The capital of France is Paris."


@pytest.mark.parametrize("title", list(PAGE))
def test_a_section_gives_a_root_with_its_run_output(title, tmp_path):
    section = PAGE[title]
    section.skip_unless_installed()
    (tmp_path / "app.py").write_text(section.python)
    with LocalIntake() as intake, StubProvider(ANSWER) as model:
        variables = environment(
            PATH=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            BRAINTRUST_API_KEY="key",
            BRAINTRUST_API_URL=intake.url,
            OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=intake.endpoint,
            OPENAI_API_KEY="key",
            OPENAI_BASE_URL=model.base_url,
            OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="openai_v2",
        )
        command = ["bash", "-euc", *section.commands] if section.commands else [sys.executable, "app.py"]
        ended = run_process(command, variables, cwd=tmp_path)
        assert ended.code == 0, ended.log
        rows = intake.wait_for_rows(2)

    (root,) = [row for row in rows if not row["span_parents"]]
    assert root["metadata"]["run_output"] == ANSWER


def test_the_table_names_every_setting_and_its_default():
    table = dict(re.findall(r"^\| `(BRAINTRUST_RUN_OUTPUT_\w+)` \| (?:`(.*?)`)? ?\|", README.read_text(), re.M))
    defaults = {variable(name): getattr(RunOutputConfig(), name) for name in SETTINGS}

    assert table == {name: "" if value is None else str(value).lower() for name, value in defaults.items()}


def test_every_code_block_is_run_or_says_why_not():
    for block in re.finditer(r"^(.*)\n```(bash|python)\n", README.read_text(), re.M):
        assert re.fullmatch(r"<!-- (run(: needs .+)?|not run: .+) -->", block[1]), block[0]


def test_links_lead_to_files_of_the_repository():
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", README.read_text())

    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []
