"""pydantic-ai with its own instrumentation."""

from __future__ import annotations

from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from tracing import provider, run

provider()
Agent.instrument_all()
QUESTION = "What is the weather in Paris?"


def agent() -> Agent:
    return Agent(OpenAIChatModel("gpt-4o-mini"), name="weather_agent")


def sync() -> None:
    agent().run_sync(QUESTION)


def tool() -> None:
    with_tool = agent()

    @with_tool.tool_plain
    def get_weather(city: str) -> str:
        return f"21 degrees in {city}"

    with_tool.run_sync(QUESTION)


async def async_() -> None:
    await agent().run(QUESTION)


async def async_stream() -> None:
    async with agent().run_stream(QUESTION) as streamed:
        async for _ in streamed.stream_text():
            pass


MODES = {"sync": sync, "tool": tool, "async": async_, "async-stream": async_stream}

run(MODES)
