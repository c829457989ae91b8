# ruff: noqa: T201
"""Register the processor in code, and look at the trace in a local intake.

Run it: ``pip install 'braintrust-run-output[local]'``, then ``python examples/register_in_code.py``.
"""

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from braintrust_run_output import RunOutputSpanProcessor
from braintrust_run_output.local import LocalIntake, export_dataset, make_dataset_row, render_tree

with LocalIntake() as intake:
    provider = TracerProvider()
    provider.add_span_processor(RunOutputSpanProcessor())
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=intake.endpoint)))
    tracer = provider.get_tracer("example")

    # What an instrumentation of your framework and of your model's client would record:
    with tracer.start_as_current_span("POST /ask"), tracer.start_as_current_span("chat") as chat:
        chat.set_attribute("gen_ai.operation.name", "chat")
        chat.set_attribute("gen_ai.completion", "It is sunny in Paris.")

    provider.shutdown()
    rows = intake.wait_for_rows(2)

print(render_tree(rows))
root = next(row for row in rows if row["is_root"])
print(export_dataset([make_dataset_row(root)]))
