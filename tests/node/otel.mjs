// A small agent with OpenTelemetry, whose spans @braintrust/otel sends.
import { BraintrustSpanProcessor } from "@braintrust/otel";
import { NodeTracerProvider } from "@opentelemetry/sdk-trace-node";

const processor = new BraintrustSpanProcessor({ parent: "project_name:shop" });
const provider = new NodeTracerProvider({ spanProcessors: [processor] });
provider.register();
const tracer = provider.getTracer("agent");

await tracer.startActiveSpan("POST /ask", async (root) => {
  await tracer.startActiveSpan("chat", async (span) => {
    span.setAttributes({
      "gen_ai.operation.name": "chat",
      "gen_ai.request.model": "gpt-4o-mini",
      "gen_ai.prompt": "What is the weather in Paris?",
      "gen_ai.completion": "It is sunny in Paris.",
      "gen_ai.usage.input_tokens": 6,
    });
    span.end();
  });
  root.end();
});
await provider.forceFlush();
await provider.shutdown();
