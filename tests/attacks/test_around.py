"""``install(around=True)``, and a provider whose processors are replaced or cleared later."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.trace import ConcurrentMultiSpanProcessor, TracerProvider

from braintrust_run_output import RunOutputConfig, install
from reliability.parts import FOR_EVER, Sink, answered, start
from support import Pipeline

BOTH = {"root": "Paris.", "llm": "Paris."}


@pytest.fixture(params=[None, ConcurrentMultiSpanProcessor], ids=["one by one", "concurrently"])
def provider(request):
    multi = request.param() if request.param else None
    return TracerProvider(active_span_processor=multi, shutdown_on_exit=False)


@pytest.fixture
def first(provider):
    sink = Sink()
    provider.add_span_processor(sink)
    return sink


def wrapped(provider, **config) -> Pipeline:
    processor = install(provider, around=True, config=RunOutputConfig(hold_millis=FOR_EVER, **config))
    return Pipeline(provider, processor, exporter=None)


def one_trace(app: Pipeline) -> None:
    root = start(app, "root")
    answered(app, "llm", root).end()
    root.end()


def replace(provider: TracerProvider, *processors: Sink) -> None:
    """Replace a provider's processors, for which the SDK has no public call: as those do who take over."""
    provider._active_span_processor._span_processors = tuple(processors)


def test_what_stood_there_and_what_is_added_later_see_enriched_spans(provider, first):
    app = wrapped(provider)
    later = Sink()
    provider.add_span_processor(later)
    one_trace(app)
    provider.force_flush()

    assert first.run_outputs == later.run_outputs == BOTH


def test_a_processor_that_replaces_the_others_gets_every_enriched_span_and_they_get_none(provider, first):
    app = wrapped(provider)
    second = Sink()
    replace(provider, second)
    one_trace(app)
    provider.force_flush()

    assert first.spans == []
    assert second.run_outputs == BOTH


def test_after_clearing_nothing_is_left_inside(provider, first):
    app = wrapped(provider)
    replace(provider)
    one_trace(app)
    assert first.spans == []

    second = Sink()
    provider.add_span_processor(second)
    one_trace(app)
    provider.shutdown()

    assert first.calls == []
    assert second.run_outputs == BOTH
    assert second.calls[-1] == "shutdown"


def test_one_of_two_is_taken_out(provider, first):
    second = Sink()
    provider.add_span_processor(second)
    app = wrapped(provider)
    kept = [one for one in provider._active_span_processor._span_processors if one is not first]
    replace(provider, *kept)
    one_trace(app)

    assert first.spans == []
    assert second.run_outputs == BOTH


def test_a_held_root_goes_to_those_that_are_there_when_it_is_released(provider, first):
    app = wrapped(provider, hold="always")
    start(app, "root").end()
    assert first.spans == []
    second = Sink()
    replace(provider, second)
    provider.force_flush()

    assert (first.names, second.names) == ([], ["root"])


def test_tracers_that_exist_and_spans_that_live_are_seen(provider, first):
    tracer = provider.get_tracer("early")
    span = tracer.start_span("early", attributes={"gen_ai.completion": "Rome."})
    wrapped(provider)
    span.end()
    tracer.start_span("llm", attributes={"gen_ai.completion": "Paris."}).end()

    assert first.run_outputs == {"early": "Rome.", "llm": "Paris."}


def test_install_knows_it_again_after_the_processors_were_cleared(provider, first):
    app = wrapped(provider)
    replace(provider)

    assert install(provider, around=True) is app.processor


def test_what_the_provider_is_asked_reaches_the_others_once(provider, first):
    wrapped(provider)
    assert provider.force_flush() is True
    provider.shutdown()

    assert first.calls == ["force_flush", "shutdown"]
