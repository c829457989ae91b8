"""Braintrust's own REST client, generated from its OpenAPI description: its typed models read what the intake answers.

It reads leniently, so every answer is also validated against the model that it is read into.
"""

from __future__ import annotations

import uuid

import pytest

from braintrust_run_output.local import LocalIntake, map_request
from local.otlp_requests import export_request, span

braintrust_api = pytest.importorskip("braintrust_api", reason="pip install braintrust-api")


@pytest.fixture
def client():
    with LocalIntake() as intake, braintrust_api.Braintrust(base_url=intake.url, api_key="any") as client:
        client.store = intake.store
        yield client


def valid(answer):
    """Validate an answer, strictly, against the model that the client read it into."""
    return type(answer).model_validate(answer.model_dump(by_alias=True, mode="json"), strict=False)


def is_uuid(text):
    return str(uuid.UUID(text)) == text


def test_projects_and_datasets(client):
    project = valid(client.projects.create(name="shop"))
    dataset = valid(client.datasets.create(name="examples", project_id=project.id))

    assert is_uuid(project.id)
    assert is_uuid(project.org_id)
    assert is_uuid(dataset.id)
    assert dataset.project_id == project.id
    assert client.projects.retrieve(project.id) == project
    assert list(client.projects.list(project_name="shop")) == [project]
    assert [one.id for one in client.datasets.list(project_name="shop")] == [dataset.id]
    assert list(client.projects.list(org_name="another")) == []
    assert client.datasets.delete(dataset.id).id == dataset.id
    assert list(client.datasets.list(project_id=project.id)) == []


def test_every_object_can_be_listed_page_by_page(client):
    names = [f"project {number}" for number in range(5)]
    for name in names:
        client.projects.create(name=name)

    assert [one.name for one in client.projects.list(limit=2)] == ["local", *names]


def test_logs(client):
    project = client.projects.create(name="shop")
    request = export_request(
        span({"gen_ai.request.model": "gpt-4o", "gen_ai.completion": "Hi", "gen_ai.usage.input_tokens": 3})
    )
    client.store.insert(map_request(request).rows, project.id)
    (row_id,) = client.projects.logs.insert(
        project.id, events=[{"input": "x", "metadata": {"run_output": "y"}}]
    ).row_ids

    newest, from_otlp = (valid(event) for event in client.projects.logs.fetch(project.id).events)
    assert newest.id == row_id
    assert newest.root_span_id
    assert newest.span_id
    assert newest.metadata["run_output"] == "y"
    assert from_otlp.project_id == project.id
    assert from_otlp.log_id == "g"
    assert from_otlp.is_root is True
    assert from_otlp.span_parents is None
    assert from_otlp.metadata["model"] == "gpt-4o"
    assert from_otlp.metrics.prompt_tokens == 3
    assert client.projects.logs.fetch_post(project.id, limit=1).events[0].id == newest.id


def test_dataset_rows(client):
    project = client.projects.create(name="shop")
    dataset = client.datasets.create(name="examples", project_id=project.id)
    ids = client.datasets.insert(
        dataset.id, events=[{"input": n, "metadata": {"run_output": "y"}} for n in range(3)]
    ).row_ids

    found = client.datasets.fetch(dataset.id, limit=2)
    events = [valid(event) for event in found.events]
    assert [event.id for event in events] == ids[:0:-1]
    assert {event.dataset_id for event in events} == {dataset.id}
    assert {event.project_id for event in events} == {project.id}
    assert events[0].tags is None
    rest = client.datasets.fetch_post(dataset.id, limit=2, cursor=found.cursor)
    assert [event.id for event in rest.events] == ids[:1]
    assert client.datasets.fetch_post(dataset.id, limit=2, cursor=rest.cursor).events == []


def test_experiments(client):
    project = client.projects.create(name="shop")
    experiment = valid(client.experiments.create(project_id=project.id, name="one"))
    client.experiments.insert(experiment.id, events=[{"input": 1}])

    (event,) = client.experiments.fetch(experiment.id).events
    assert valid(event).experiment_id == experiment.id
