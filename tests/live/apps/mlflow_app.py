"""MLflow's autolog of openai, a title after the answer: ``mlflow_app.py shared`` or ``exported``.

It shares the application's tracer provider, or exports by itself to ``OTEL_EXPORTER_OTLP_TRACES_ENDPOINT``.
"""

from __future__ import annotations

import sys

import mlflow
from openai import AsyncOpenAI, OpenAI
from tracing import provider, run

QUESTION = "What is the weather in Paris?"
TITLE = {"role": "system", "content": "Give the conversation a title."}


def asked(*messages: dict[str, str]) -> dict[str, object]:
    return {"model": "gpt-4o-mini", "messages": list(messages)}


@mlflow.trace
def handle(question: str) -> dict[str, object]:
    user = {"role": "user", "content": question}
    answer = OpenAI().chat.completions.create(**asked(user)).choices[0].message.content
    title = OpenAI().chat.completions.create(**asked(TITLE, user)).choices[0].message.content
    return {"answer": answer, "title": title}


@mlflow.trace
async def handle_async(question: str) -> str:
    user = {"role": "user", "content": question}
    client = AsyncOpenAI()
    streamed = await client.chat.completions.create(**asked(user), stream=True)
    answer = "".join([chunk.choices[0].delta.content or "" async for chunk in streamed if chunk.choices])
    await client.chat.completions.create(**asked(TITLE, user))
    return str(answer)


def sync() -> None:
    handle(QUESTION)


async def async_stream() -> None:
    await handle_async(QUESTION)


if sys.argv[1] == "shared":
    provider()
    mlflow.tracing.enable()  # now: it adds its processor to the provider, and ignores what lives already
mlflow.openai.autolog()
if sys.argv[1] == "shared":
    run({"sync": sync, "async-stream": async_stream}, alone=["sync"])
else:
    sync()
    mlflow.flush_trace_async_logging()
