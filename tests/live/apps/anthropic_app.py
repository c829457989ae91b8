"""The anthropic client under one of its instrumentations: ``anthropic_app.py INSTRUMENTATION``."""

from __future__ import annotations

import sys

from anthropic import Anthropic, AsyncAnthropic
from tracing import provider, run, wrapping

ASKED = {
    "model": "claude-3-5-sonnet-20240620",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "What is the weather in Paris?"}],
}
TOOLS = [{"name": "get_weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}]


def instrument(name: str) -> None:
    if name == "openllmetry":
        from opentelemetry.instrumentation.anthropic import AnthropicInstrumentor
    elif name == "openinference":
        from openinference.instrumentation.anthropic import AnthropicInstrumentor
    else:
        import logfire

        logfire.configure(
            send_to_logfire=False, console=False, inspect_arguments=False, additional_span_processors=[wrapping()]
        )
        logfire.instrument_anthropic()
        return
    AnthropicInstrumentor().instrument(tracer_provider=provider())


def sync() -> None:
    Anthropic().messages.create(**ASKED)


def stream() -> None:
    for _ in Anthropic().messages.create(**ASKED, stream=True):
        pass


def tool() -> None:
    Anthropic().messages.create(**ASKED, tools=TOOLS)


async def async_() -> None:
    await AsyncAnthropic().messages.create(**ASKED)


async def async_stream() -> None:
    async for _ in await AsyncAnthropic().messages.create(**ASKED, stream=True):
        pass


MODES = {"sync": sync, "stream": stream, "tool": tool, "async": async_, "async-stream": async_stream}

instrument(sys.argv[1])
run(MODES)
