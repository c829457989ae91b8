"""A crew of two tasks, the first of which prepares for the second: ``crewai_app.py openllmetry``.

``openllmetry-openai`` instruments the client that the crew calls the model with as well.
"""

from __future__ import annotations

import sys

from crewai import LLM, Agent, Crew, Task
from opentelemetry.instrumentation.crewai import CrewAIInstrumentor
from tracing import provider, run


def crew() -> Crew:
    llm = LLM(model="openai/gpt-4o-mini")
    agent = Agent(role="Reporter", goal="Report the weather.", backstory="You report.", llm=llm)
    title = Task(description="Give the report a title.", expected_output="A title.", agent=agent)
    report = Task(description="What is the weather in {city}?", expected_output="One sentence.", agent=agent)
    return Crew(agents=[agent], tasks=[title, report])


def sync() -> None:
    crew().kickoff(inputs={"city": "Paris"})


tracing = provider()
CrewAIInstrumentor().instrument(tracer_provider=tracing)
if sys.argv[1] == "openllmetry-openai":
    from opentelemetry.instrumentation.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument(tracer_provider=tracing)
run({"sync": sync}, alone=["sync"])
