"""LangChain under one of its instrumentations: ``langchain_app.py INSTRUMENTATION``."""

from __future__ import annotations

import sys

from langchain.agents import create_agent
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_openai import ChatOpenAI
from tracing import provider, run

ASKED = {"question": "What is the weather in Paris?"}


def instrument(name: str) -> None:
    if name == "openllmetry":
        from opentelemetry.instrumentation.langchain import LangchainInstrumentor as Instrumentor
    else:
        from openinference.instrumentation.langchain import LangChainInstrumentor as Instrumentor
    Instrumentor().instrument(tracer_provider=provider())


def get_weather(city: str) -> str:
    """Get the weather in a city."""
    return f"21 degrees in {city}"


def chain():
    return (
        ChatPromptTemplate.from_messages([("user", "{question}")]) | ChatOpenAI(model="gpt-4o-mini") | StrOutputParser()
    )


def agent():
    return create_agent(ChatOpenAI(model="gpt-4o-mini"), [get_weather])


def sync() -> None:
    chain().invoke(ASKED)


def stream() -> None:
    for _ in chain().stream(ASKED):
        pass


def tool() -> None:
    agent().invoke({"messages": [("user", ASKED["question"])]})


async def async_() -> None:
    await chain().ainvoke(ASKED)


async def async_stream() -> None:
    async for _ in chain().astream(ASKED):
        pass


MODES = {"sync": sync, "stream": stream, "tool": tool, "async": async_, "async-stream": async_stream}

instrument(sys.argv[1])
run(MODES)
