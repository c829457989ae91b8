// An agent of Vercel's AI SDK whose tool asks a model as well: generated, streamed, below a span and alone.
import { OpenTelemetry } from "@ai-sdk/otel";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { trace } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import { generateText, registerTelemetry, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(new OTLPTraceExporter())] });
provider.register();
registerTelemetry(new OpenTelemetry());

const model = createOpenAICompatible({ name: "stub", baseURL: process.env.OPENAI_BASE_URL })("gpt-4o-mini");
const getWeather = tool({
  description: "Get the weather in a city.",
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => (await generateText({ model, prompt: `Give it a title: 21 degrees in ${city}` })).text,
});
const asked = { model, prompt: "What is the weather in Paris?", tools: { getWeather }, stopWhen: stepCountIs(3) };
const modes = {
  generate: () => generateText(asked),
  stream: async () => {
    for await (const _ of streamText(asked).textStream);
  },
};

const mode = modes[process.argv[2]];
if (process.argv[3] === "alone") await mode();
else await trace.getTracer("app").startActiveSpan("POST /ask", async (span) => (await mode(), span.end()));
await provider.forceFlush();
await provider.shutdown();
