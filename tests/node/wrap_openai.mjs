// A small agent with Braintrust's own SDK: a traced function, and a model that it asks.
import { initDataset, initLogger, traced, wrapOpenAI } from "braintrust";
import OpenAI from "openai";

const logger = initLogger({ projectName: "shop" });
const client = wrapOpenAI(new OpenAI());

await traced(
  async (root) => {
    root.log({ input: "What is the weather in Paris?" });
    const answer = await client.chat.completions.create({
      model: "gpt-4o-mini",
      messages: [{ role: "user", content: "What is the weather in Paris?" }],
    });
    root.log({ output: answer.choices[0].message.content });
  },
  { name: "ask" },
);
await logger.flush();

const dataset = initDataset("shop", { dataset: "examples" });
dataset.insert({ id: "one", input: "x", metadata: { run_output: "y" } });
await dataset.flush();
const rows = [];
for await (const row of initDataset("shop", { dataset: "examples" })) rows.push(row);
console.log(JSON.stringify(rows));
