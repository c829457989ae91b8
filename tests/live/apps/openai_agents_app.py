"""The OpenAI Agents SDK under one of its instrumentations: ``openai_agents_app.py INSTRUMENTATION``."""

from __future__ import annotations

import sys

from agents import Agent, Runner, function_tool, set_trace_processors
from tracing import provider, run

QUESTION = "What is the weather in Paris?"


def instrument(name: str) -> None:
    set_trace_processors([])  # the SDK's own would export to OpenAI
    if name == "openllmetry":
        from opentelemetry.instrumentation.openai_agents import OpenAIAgentsInstrumentor
    else:
        from openinference.instrumentation.openai_agents import OpenAIAgentsInstrumentor
    OpenAIAgentsInstrumentor().instrument(tracer_provider=provider())


@function_tool
def get_weather(city: str) -> str:
    """Get the weather in a city."""
    return f"21 degrees in {city}"


def agent(*tools: object) -> Agent:
    return Agent(name="weather_agent", model="gpt-4o-mini", tools=list(tools))


def sync() -> None:
    Runner.run_sync(agent(), QUESTION)


async def async_() -> None:
    await Runner.run(agent(), QUESTION)


async def async_stream() -> None:
    async for _ in Runner.run_streamed(agent(), QUESTION).stream_events():
        pass


async def tool() -> None:
    await Runner.run(agent(get_weather), QUESTION)


MODES = {"sync": sync, "async": async_, "async-stream": async_stream, "tool": tool}

instrument(sys.argv[1])
run(MODES)
