"""The OpenAI Agents SDK with an output guardrail that asks a model: ``guardrail_app.py INSTRUMENTATION``."""

from __future__ import annotations

import os
import sys

from agents import (
    Agent,
    GuardrailFunctionOutput,
    Runner,
    output_guardrail,
    set_default_openai_client,
    set_trace_processors,
)
from openai import AsyncOpenAI
from pydantic import BaseModel
from tracing import provider, run

QUESTION = "What is the weather in Paris?"


class Verdict(BaseModel):
    is_safe: bool
    why: str


def instrument(name: str) -> None:
    set_trace_processors([])  # the SDK's own would export to OpenAI
    if name == "openllmetry":
        from opentelemetry.instrumentation.openai_agents import OpenAIAgentsInstrumentor
    else:
        from openinference.instrumentation.openai_agents import OpenAIAgentsInstrumentor
    OpenAIAgentsInstrumentor().instrument(tracer_provider=provider())


client = AsyncOpenAI(base_url=os.environ["RESPONSES_BASE_URL"])
set_default_openai_client(client, use_for_tracing=False)
judge = Agent(name="judge", model="gpt-4o-mini", instructions="You are the guardrail.", output_type=Verdict)


@output_guardrail
async def is_safe(context, _agent, output) -> GuardrailFunctionOutput:
    judged = await Runner.run(judge, output, context=context.context)
    return GuardrailFunctionOutput(judged.final_output, tripwire_triggered=not judged.final_output.is_safe)


def agent() -> Agent:
    return Agent(name="weather_agent", model="gpt-4o-mini", output_guardrails=[is_safe])


def sync() -> None:
    Runner.run_sync(agent(), QUESTION)


async def async_() -> None:
    await Runner.run(agent(), QUESTION)


async def async_stream() -> None:
    async for _ in Runner.run_streamed(agent(), QUESTION).stream_events():
        pass


MODES = {"sync": sync, "async": async_, "async-stream": async_stream}

instrument(sys.argv[1])
run(MODES, alone=["async"])
