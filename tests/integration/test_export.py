"""What leaves through the real OTLP exporters, and Braintrust's own processor, to real receivers."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.trace import ConcurrentMultiSpanProcessor, SynchronousMultiSpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind

from braintrust_run_output import RunOutputConfig, RunOutputSpanProcessor
from receivers import grpc_receiver, http_receiver

ANSWER = "The capital of France is Paris."


def http_exporter(received):
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return BatchSpanProcessor(OTLPSpanExporter(endpoint=received.endpoint))


def grpc_exporter(received):
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    return BatchSpanProcessor(OTLPSpanExporter(endpoint=received.endpoint, insecure=True))


def braintrust(filter_ai_spans: bool):
    def exporting(received):
        from braintrust.otel import BraintrustSpanProcessor

        url = received.endpoint.removesuffix("/v1/traces")
        return BraintrustSpanProcessor(
            api_key="key", parent="project_name:test", api_url=url, filter_ai_spans=filter_ai_spans
        )

    return exporting


def ours(*wrapped):
    return RunOutputSpanProcessor(*wrapped, config=RunOutputConfig())


ORDERS = {
    "ours first": lambda exporting: [ours(), exporting],
    "ours last": lambda exporting: [exporting, ours()],
    "ours around": lambda exporting: [ours(exporting)],
}
EXPORTERS = {
    "OTLP/HTTP": (http_receiver, http_exporter),
    "OTLP/gRPC": (grpc_receiver, grpc_exporter),
    "Braintrust": (http_receiver, braintrust(filter_ai_spans=False)),
    "Braintrust, filtered": (http_receiver, braintrust(filter_ai_spans=True)),
}


@pytest.mark.parametrize("multi", [SynchronousMultiSpanProcessor, ConcurrentMultiSpanProcessor])
@pytest.mark.parametrize("order", list(ORDERS))
@pytest.mark.parametrize("exporter", list(EXPORTERS))
def test_an_http_root_with_an_llm_child(exporter, order, multi):
    receiver, exporting = EXPORTERS[exporter]
    with receiver() as received:
        provider = TracerProvider(active_span_processor=multi(), shutdown_on_exit=False)
        for processor in ORDERS[order](exporting(received)):
            provider.add_span_processor(processor)
        tracer = provider.get_tracer("app")
        with tracer.start_as_current_span("POST /ask", kind=SpanKind.SERVER) as root:
            root.set_attributes({"http.request.method": "POST", "url.path": "/ask"})
            with tracer.start_as_current_span("llm") as llm:
                llm.set_attribute("gen_ai.completion", ANSWER)
            with tracer.start_as_current_span("db"):
                pass
        assert provider.force_flush()
        provider.shutdown()

        # Braintrust's filter drops a span without AI attributes. The wrapping form enriches before the filter as well.
        count = 2 if "filtered" in exporter else 3
        assert received.run_outputs(count) == {"POST /ask": ANSWER, "llm": ANSWER}
        assert len(received.spans(count)) == count


def test_braintrust_without_a_key_inside_ours_harms_nobody(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # no .env.braintrust here
    from braintrust.otel import BraintrustSpanProcessor

    with http_receiver() as received:
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(ours(BraintrustSpanProcessor()))
        provider.add_span_processor(http_exporter(received))
        with pytest.raises(LookupError, match="mine"), provider.get_tracer("app").start_as_current_span("span"):
            raise LookupError("mine")
        provider.force_flush()

        assert list(received.spans(1)) == ["span"]
