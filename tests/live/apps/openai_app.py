"""The openai client under one of its instrumentations: ``openai_app.py INSTRUMENTATION``."""

from __future__ import annotations

import os
import sys

from openai import AsyncOpenAI, OpenAI
from tracing import provider, run, wrapping

ASKED = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "What is the weather in Paris?"}]}
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOLS = [{"type": "function", "function": {"name": "get_weather", "parameters": PARAMETERS}}]
RESPONSE = {"model": "gpt-4o-mini", "input": "What is the weather in Paris?"}


def instrument(name: str) -> None:
    if name == "openllmetry":
        from opentelemetry.instrumentation.openai import OpenAIInstrumentor
    elif name == "openinference":
        from openinference.instrumentation.openai import OpenAIInstrumentor
    elif name in ("genai", "hook"):
        from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
    else:
        import logfire

        logfire.configure(
            send_to_logfire=False, console=False, inspect_arguments=False, additional_span_processors=[wrapping()]
        )
        logfire.instrument_openai()
        return
    OpenAIInstrumentor().instrument(tracer_provider=provider())


def sync() -> None:
    OpenAI().chat.completions.create(**ASKED)


def stream() -> None:
    for _ in OpenAI().chat.completions.create(**ASKED, stream=True):
        pass


def tool() -> None:
    OpenAI().chat.completions.create(**ASKED, tools=TOOLS)


def responses() -> None:
    OpenAI(base_url=os.environ["RESPONSES_BASE_URL"]).responses.create(**RESPONSE)


async def async_() -> None:
    await AsyncOpenAI().chat.completions.create(**ASKED)


async def async_stream() -> None:
    async for _ in await AsyncOpenAI().chat.completions.create(**ASKED, stream=True):
        pass


MODES = {
    "sync": sync,
    "stream": stream,
    "tool": tool,
    "responses": responses,
    "async": async_,
    "async-stream": async_stream,
}

instrument(sys.argv[1])
run(MODES)
