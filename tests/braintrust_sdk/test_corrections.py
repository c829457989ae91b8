"""Nothing that a person has corrected is taken back: between two inserts, by REST and by the SDK, and by a pipeline."""

from __future__ import annotations

import asyncio

import pytest
from braintrust import dataset_pipeline
from hypothesis import given
from hypothesis import strategies as st

from braintrust_run_output import RunOutputConfig
from braintrust_run_output.braintrust.corrections import completed, marked
from braintrust_run_output.braintrust.datasets import insert, insert_with_sdk, make_row
from braintrust_run_output.braintrust.pipeline import run_output_pipeline
from braintrust_sdk.stored import agent_trace
from support import examples

CORRECTED = {"input": "a better question", "expected": "a better answer", "tags": ["reviewed"]}


def recorded(answer="Paris."):
    root, *others = agent_trace("t", answer)
    return [{**root, "expected": "as the trace had it"}, *others]


@pytest.fixture
def dataset(sdk):
    return sdk.init_dataset("shop", "examples", use_output=False)


@pytest.fixture(params=["REST", "SDK"])
def insert_one(request, api, dataset, config):
    """Insert the row of a trace; return the report of the REST interface's."""

    def insert_one(trace, config=config):
        if request.param == "REST":
            target = api.dataset("examples", api.project("shop"))
            return insert([trace], target, api, config=config, apply=True)
        insert_with_sdk([make_row(trace, config, dataset_id=dataset.id)], dataset, key=config.key)
        return None

    dataset.insert(input="another row", metadata={"mine": 1}, id="another")
    dataset.flush()
    return insert_one


def row_of(intake, dataset):
    (row,) = [row for row in intake.store.dataset(dataset.id) if row["id"] != "another"]
    return row


@pytest.fixture(params=["REST", "SDK"])
def correct(request, intake, dataset):
    """Correct the row as a person does: fields are merged into it."""

    def correct(**fields):
        row_id = row_of(intake, dataset)["id"]
        if request.param == "SDK":
            dataset.update(row_id, **fields)
            dataset.flush()
        else:
            intake.store.insert_dataset_rows([{"id": row_id, "_is_merge": True, **fields}], dataset.id)

    return correct


def test_input_expected_and_tags_stay(intake, dataset, insert_one, correct):
    insert_one(recorded())
    correct(**CORRECTED)
    before = row_of(intake, dataset)

    insert_one(recorded())

    assert row_of(intake, dataset) == before
    assert {name: before[name] for name in CORRECTED} == CORRECTED


def test_a_run_output_that_a_person_set_stays(intake, dataset, insert_one, correct):
    insert_one(recorded())
    correct(metadata={"run_output": "corrected"})

    report = insert_one(recorded("a better choice"))

    assert row_of(intake, dataset)["metadata"]["run_output"] == "corrected"
    assert report is None or (report.kept, report.unchanged) == (1, 1)


def test_one_that_is_as_it_was_inserted_may_get_better(intake, dataset, insert_one, correct):
    insert_one(recorded("a title"), RunOutputConfig(max_length=3))
    correct(expected="E", metadata={"note": "mine"})

    insert_one(recorded("the answer"))

    row = row_of(intake, dataset)
    assert row["metadata"].pop("run_output_digest")
    truncated = row["metadata"].pop("run_output_truncated", None)
    assert row["metadata"] == {"run_output": "the answer", "note": "mine", "span_id": "t-chat", "root_span_id": "t"}
    assert not truncated
    assert row["expected"] == "E"


def test_one_that_a_person_took_away_or_a_row_that_never_had_one_is_completed(intake, dataset, insert_one):
    row_id = make_row(recorded(), RunOutputConfig(), dataset_id=dataset.id)["id"]
    dataset.insert(input="mine", metadata={"note": "mine"}, id=row_id)
    dataset.flush()

    insert_one(recorded())

    row = row_of(intake, dataset)
    assert (row["input"], row["expected"]) == ("mine", None)
    assert (row["metadata"]["run_output"], row["metadata"]["note"]) == ("Paris.", "mine")


def test_a_row_of_somebody_elses_keeps_its_run_output(intake, dataset, insert_one):
    row_id = make_row(recorded(), RunOutputConfig(), dataset_id=dataset.id)["id"]
    dataset.insert(input="mine", metadata={"run_output": "mine"}, id=row_id)
    dataset.flush()

    insert_one(recorded())

    assert row_of(intake, dataset)["metadata"]["run_output"] == "mine"


def test_metadata_that_was_copied_and_then_changed_stays(intake, api, dataset):
    def insert_it():
        target = api.dataset("examples", api.project("shop"))
        insert([recorded()], target, api, config=RunOutputConfig(), with_metadata=True, apply=True)

    dataset.id  # noqa: B018 (the SDK makes a dataset when it is first asked for)
    insert_it()
    row = intake.store.dataset(dataset.id)[0]
    changed = {"id": row["id"], "_is_merge": True, "metadata": {"user": "changed"}}
    intake.store.insert_dataset_rows([changed], dataset.id)
    insert_it()

    assert intake.store.dataset(dataset.id)[0]["metadata"]["user"] == "changed"


def test_what_is_merged_never_names_a_field_that_people_write():
    made = marked(make_row(recorded(), RunOutputConfig(), dataset_id="d", project_id="p"), "run_output")

    for stored in ({}, {"metadata": None}, {"metadata": "text"}, {"metadata": [1]}, {"metadata": {"run_output": None}}):
        assert set(completed(made, {"id": made["id"], **stored}, "run_output")) == {"id", "metadata", "origin"}
    assert completed(made, made, "run_output") is None


# --- the pipeline --------------------------------------------------------------------------------------------------


@pytest.fixture
def run_pipeline(sdk, intake, monkeypatch):
    """Run the pipeline over a recorded trace as bt's runner does: rows of the trace's id, that replace what there is."""
    from braintrust.trace import LocalTrace

    monkeypatch.setattr(dataset_pipeline, "_DATASET_PIPELINES", [])
    logger = sdk.init_logger(project="shop")
    with logger.start_span("root", input="q") as root, root.start_span("llm", type="llm") as llm:
        llm.log(output=[{"message": {"role": "assistant", "content": "Paris."}}])
    logger.flush()

    def run(**target):
        definition = run_output_pipeline(
            "p", source={"project_name": "shop"}, target={"dataset_name": "examples", **target}
        )
        state = sdk.logger._internal_get_global_state()

        async def transform():
            trace = LocalTrace("project_logs", logger.id, root.root_span_id, None, state)
            return await definition.transform(trace=trace)

        row = asyncio.run(transform())
        dataset = sdk.init_dataset("shop", "examples", use_output=False)
        if row is not None:
            dataset.insert(**{"id": root.root_span_id, **row})
            dataset.flush()
        return dataset, row

    return run


@pytest.mark.parametrize("target", [{}, {"project_name": "shop"}, {"project_name": "shop", "org_name": "local"}])
def test_a_pipeline_makes_no_row_of_a_trace_that_has_one(run_pipeline, target):
    dataset, row = run_pipeline(**target)
    assert row["metadata"]["run_output"] == "Paris."
    (stored,) = dataset.fetch()
    dataset.update(stored["id"], expected="corrected", metadata={"run_output": "corrected"})
    dataset.flush()

    dataset, row = run_pipeline(**target)

    assert row is None
    (stored,) = dataset.fetch()
    assert (stored["expected"], stored["metadata"]["run_output"]) == ("corrected", "corrected")


def test_a_pipeline_whose_target_cannot_be_read_writes_nothing(run_pipeline, intake):
    intake.faults.add(500, path="/v1/dataset", times=100)

    with pytest.raises(Exception, match="500"):
        run_pipeline()


# --- the law -------------------------------------------------------------------------------------------------------

_VALUES = st.none() | st.sampled_from(["", "a", "b"]) | st.integers(0, 2) | st.just(["x"])
_KEYS = st.sampled_from(["run_output", "run_output_truncated", "run_output_digest", "span_id", "root_span_id", "note"])
_STORED = st.fixed_dictionaries(
    {}, optional={
        "input": _VALUES, "expected": _VALUES, "tags": _VALUES, "origin": _VALUES,
        "metadata": st.none() | st.text(max_size=2) | st.dictionaries(_KEYS, _VALUES),
    }
)  # fmt: skip


@examples(500)
@given(_STORED, st.dictionaries(_KEYS, _VALUES), st.booleans())
def test_whatever_is_stored_nothing_of_a_persons_is_written(stored, metadata, is_ours):
    made = marked(
        {"id": "r", "input": "i", "expected": "e", "tags": ["t"], "metadata": {**metadata, "run_output": "new"}},
        "run_output",
    )
    if is_ours and isinstance(stored.get("metadata"), dict):
        stored["metadata"] = marked({"metadata": {**stored["metadata"], "run_output": "as inserted"}}, "run_output")[
            "metadata"
        ]
    present = stored["metadata"] if isinstance(stored.get("metadata"), dict) else {}

    event = completed(made, stored, "run_output") or {"id": "r"}

    assert set(event) <= {"id", "metadata", "origin"}
    written = event.get("metadata", {})
    taken_back = {name for name in written if present.get(name) is not None}
    if present.get("run_output") in (None, "as inserted"):
        taken_back -= {"run_output", "run_output_truncated", "run_output_digest"}
    if present.get("run_output") == "as inserted":
        taken_back -= {"span_id", "root_span_id"}
    assert taken_back == set()
    after = {"id": "r", **stored, **event, "metadata": {**present, **written}}
    assert completed(made, after, "run_output") is None  # the second time there is nothing to add
