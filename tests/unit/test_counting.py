"""What production sees: local roots above a model call, counted by what they got."""

from __future__ import annotations

import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from braintrust_run_output import counting
from support import RUN_OUTPUT, pipeline

CHAT = {"gen_ai.operation.name": "chat"}


@pytest.fixture
def counted(monkeypatch):
    """Labels to numbers, as a metric reader sees them."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    monkeypatch.setattr(counting, "get_meter", lambda name: metrics.get_meter(name, meter_provider=provider))

    def read() -> dict[tuple[str, ...], int]:
        data = reader.get_metrics_data()
        found = [
            metric
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
        ]
        assert {metric.name for metric in found} <= {counting.COUNTER}
        return {
            tuple(str(point.attributes[name]) for name in ("got", "why_not") if name in point.attributes): point.value
            for metric in found
            for point in metric.data.data_points
        }

    yield read
    provider.shutdown()


def run(app, own: dict[str, object], child: dict[str, object], *, fails: bool = False) -> None:
    with app.tracer.start_as_current_span("root", attributes=own):
        span = app.tracer.start_span("llm", attributes=child)
        if fails:
            span.set_status(trace.StatusCode.ERROR)
        span.end()


@pytest.mark.parametrize(
    ("own", "child", "expected"),
    [
        ({}, {"gen_ai.completion": "Paris."}, ("mirrored",)),
        ({"gen_ai.completion": "Paris."}, {}, ("own",)),
        ({RUN_OUTPUT: "mine"}, {"gen_ai.completion": "Paris."}, ("explicit",)),
        ({"output.value": "Paris."}, CHAT, ("generic",)),
        ({}, CHAT, ("none", "no_content")),
    ],
)
def test_what_a_root_got(counted, own, child, expected):
    run(pipeline(metrics=True), own, child)

    assert counted() == {expected: 1}


def test_why_a_root_got_nothing(counted):
    run(pipeline(metrics=True), {}, CHAT, fails=True)
    run(pipeline(metrics=True, transform=lambda _value, _span: None), {}, {"gen_ai.completion": "a secret"})
    late = pipeline(metrics=True)
    root = late.tracer.start_span("root")
    llm = late.tracer.start_span("llm", trace.set_span_in_context(root), attributes={"gen_ai.completion": "Paris."})
    root.end()
    llm.end()

    assert counted() == {("none", "failed"): 1, ("none", "withheld"): 1, ("none", "late"): 1}


def test_roots_that_call_no_model_are_not_counted(counted):
    run(pipeline(metrics=True), {}, {"http.request.method": "GET"})
    run(pipeline(metrics=True), {"output.value": "a page"}, {})

    assert counted() == {}


def test_nothing_is_counted_unless_it_is_wanted(counted):
    run(pipeline(), {}, {"gen_ai.completion": "Paris."})

    assert counted() == {}
