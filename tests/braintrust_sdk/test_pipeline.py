"""The dataset pipeline, run as its runner's contract says: arguments by name, ``await trace.get_spans()``."""

from __future__ import annotations

import asyncio
import inspect
import runpy
from pathlib import Path

import pytest
from braintrust import dataset_pipeline
from braintrust.trace import LocalTrace, SpanData

from braintrust_run_output import RunOutputConfig
from braintrust_run_output.braintrust.pipeline import make_transform, run_output_pipeline
from braintrust_sdk.stored import agent_trace, stored_row

EXAMPLE = Path(__file__).parents[2] / "examples" / "dataset_pipeline.py"


class Trace:
    def __init__(self, rows):
        self.rows = rows

    async def get_spans(self, span_type=None, *, filters=None, include_scorers=False):
        return [SpanData.from_dict(row) for row in self.rows]


@pytest.fixture(autouse=True)
def _registry(monkeypatch):
    monkeypatch.setattr(dataset_pipeline, "_DATASET_PIPELINES", [])


def run(transform, **available):
    """Call a transform as the runner does: with what it names of what there is."""
    named = inspect.signature(transform).parameters
    return asyncio.run(transform(**{name: value for name, value in available.items() if name in named}))


def test_a_pipeline_is_registered_for_traces():
    definition = run_output_pipeline(
        "examples", source={"project_name": "shop", "filter": "error IS NULL"}, target={"dataset_name": "d"}
    )

    assert [definition] == dataset_pipeline._DATASET_PIPELINES
    assert definition.source == {"project_name": "shop", "filter": "error IS NULL", "scope": "trace"}
    assert definition.target == {"dataset_name": "d"}
    assert run(definition.transform, trace=Trace(agent_trace("t"))) == {
        "input": {"q": "t"},
        "metadata": {"run_output": "Paris.", "span_id": "t-chat", "root_span_id": "t"},
    }


def test_no_output_no_row():
    transform = make_transform(RunOutputConfig())

    assert run(transform, trace=Trace([stored_row("t", "root")])) is None
    assert run(transform, trace=Trace([])) is None
    assert run(transform, id="x", input=1, output=2) is None


def test_expected_where_the_root_has_one():
    rows = agent_trace("t")
    rows[0]["expected"] = "E"

    assert run(make_transform(RunOutputConfig()), trace=Trace(rows))["expected"] == "E"


def test_it_reads_a_trace_of_the_real_sdk(sdk, intake):
    logger = sdk.init_logger(project="shop")
    with logger.start_span("root", input="q") as root, root.start_span("llm", type="llm") as llm:
        llm.log(output=[{"message": {"role": "assistant", "content": "Paris."}}])
    logger.flush()

    async def transform():
        trace = LocalTrace("project_logs", logger.id, root.root_span_id, None, sdk.logger._internal_get_global_state())
        return await make_transform(RunOutputConfig())(trace=trace)

    row = asyncio.run(transform())
    assert (row["input"], row["metadata"]["run_output"]) == ("q", "Paris.")


def test_the_example():
    runpy.run_path(str(EXAMPLE))

    (definition,) = dataset_pipeline._DATASET_PIPELINES
    assert run(definition.transform, trace=Trace(agent_trace("t")))["metadata"]["run_output"] == "Paris."
