"""The pages on native spans, datasets and backfill do as printed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from braintrust_run_output.local import StubProvider
from braintrust_sdk.stored import KEY, agent_trace
from docs_runner import read_page
from processes import environment, run_process

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {name: read_page(DOCS / f"{name}.md") for name in ("native-spans", "datasets", "backfill")}
ANSWER = "The capital of France is Paris."


@pytest.fixture
def run(intake, tmp_path):
    """Run Python or a shell script as a reader would, with everything on loopback."""

    def run(code, *, shell=False):
        file = tmp_path / "code"
        file.write_text(code)
        with StubProvider(ANSWER) as provider:
            variables = environment(
                PATH=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
                BRAINTRUST_API_KEY=KEY,
                BRAINTRUST_APP_URL=intake.url,
                BRAINTRUST_API_URL=intake.url,
                OPENAI_API_KEY="key",
                OPENAI_BASE_URL=provider.base_url,
            )
            command = ["bash", "-eu", str(file)] if shell else [sys.executable, str(file)]
            ended = run_process(command, variables, cwd=tmp_path)
        assert ended.code == 0, ended.log
        return ended.out

    return run


@pytest.fixture
def recorded(intake):
    project = intake.store.register("project", "weather-agent")
    intake.store.insert(agent_trace("t"), project.id)
    return project


@pytest.mark.parametrize(
    ("title", "expected"),
    [("Traced functions", ANSWER), ("Beside other span customizers", "The capital of France is [city].")],
)
def test_native_spans(run, intake, title, expected):
    run(PAGES["native-spans"][title].python)

    root, model = intake.store.rows()
    assert root["metadata"]["run_output"] == model["metadata"]["run_output"] == expected


def test_datasets(run, intake, recorded):
    page = PAGES["datasets"]
    output = run("\n".join(page["Insert"].commands), shell=True)
    assert "Dry run" in output
    assert "1 rows were written to dataset" in output
    assert "2 rows were written to dataset 'turns'" in output
    run(page["With the Braintrust SDK"].python)
    run("\n".join(page["Verify"].commands), shell=True)

    rows = {one.name: intake.store.dataset(one.id) for one in intake.store.objects("dataset")}
    assert [row["metadata"]["run_output"] for row in rows["examples"]] == ["Paris."]
    assert [(row["expected"], row["metadata"]["run_output"]) for row in rows["reviewed"]] == [("Paris", "Paris.")]


def test_backfill(run, intake, recorded):
    assert "1 roots were written." in run("\n".join(PAGES["backfill"]["Run it"].commands), shell=True)
    assert intake.store.row("t-root")["metadata"]["run_output"] == "Paris."
    assert "0 roots, 0 written" in run(PAGES["backfill"]["In Python"].python)


@pytest.mark.parametrize("name", list(PAGES))
def test_every_marked_block_is_tested(name):
    tested = {
        "native-spans": {"Traced functions", "Beside other span customizers"},
        "datasets": {"Insert", "With the Braintrust SDK", "Verify"},
        "backfill": {"Run it", "In Python"},
    }

    assert set(PAGES[name]) == tested[name]
