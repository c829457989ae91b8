// A front end in Node: it passes a question on to the agent. The root of the trace is here, the answer's span is not.
import { SpanKind, trace } from "@opentelemetry/api";
import { UndiciInstrumentation } from "@opentelemetry/instrumentation-undici";
import { NodeSDK } from "@opentelemetry/sdk-node";

const sdk = new NodeSDK({ instrumentations: [new UndiciInstrumentation()] });
sdk.start();

const [agent, question] = process.argv.slice(2);
await trace.getTracer("front").startActiveSpan("POST /chat", { kind: SpanKind.SERVER }, async (span) => {
  const answer = await fetch(agent, { method: "POST", body: question });
  console.log(await answer.text());
  span.end();
});
await sdk.shutdown();
