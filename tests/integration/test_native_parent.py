"""Under a native Braintrust span an OpenTelemetry span is a local root."""

from __future__ import annotations

from opentelemetry import context, trace

from support import pipeline


def test_a_native_braintrust_parent(monkeypatch):
    monkeypatch.setenv("BRAINTRUST_OTEL_COMPAT", "true")
    import braintrust
    from braintrust.otel.context import ContextManager

    logger = braintrust.init_logger(project="test", api_key="key", async_flush=True, set_current=False)
    native = logger.start_span(name="native")
    app = pipeline()
    token = ContextManager().set_current_span(native)
    try:
        assert not trace.get_current_span().is_recording()
        with app.tracer.start_as_current_span("ours"), app.tracer.start_as_current_span("llm") as span:
            span.set_attribute("gen_ai.completion", "Paris.")
    finally:
        context.detach(token)

    assert app.spans["ours"].parent is not None
    assert app.run_output("ours") == "Paris."
    assert app.live == 0
