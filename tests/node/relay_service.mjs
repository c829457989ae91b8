// A service: it calls another one, or asks a model that is built in. What traces it was loaded before it.
import http from "node:http";
import { trace } from "@opentelemetry/api";
import { generateText } from "ai";
import { MockLanguageModelV4 } from "ai/test";

const { NEXT, ANSWER, OWN_ROOT } = process.env;
const model = new MockLanguageModelV4({
  doGenerate: async () => ({
    finishReason: { unified: "stop", raw: "stop" },
    usage: { inputTokens: { total: 3 }, outputTokens: { total: 5 } },
    content: [{ type: "text", text: ANSWER }],
    warnings: [],
  }),
});

async function answer() {
  if (NEXT) return await (await fetch(NEXT, { method: "POST" })).text();
  return (await generateText({ model, prompt: "What is the capital of France?" })).text;
}

// Where nothing makes a span for a request, as Next.js does.
function inSpan(name, work) {
  if (!OWN_ROOT) return work();
  return trace.getTracer("next").startActiveSpan(name, async (span) => work().finally(() => span.end()));
}

const server = http.createServer(async (request, response) => {
  try {
    response.end(await inSpan(`POST ${request.url}`, answer));
  } catch (error) {
    response.statusCode = 500;
    response.end(String(error));
  }
});
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
