"""Google's Agent Development Kit, traced by itself, whose agent transfers to another: ``google_adk_app.py native``."""

from __future__ import annotations

import os

from google.adk.agents import LlmAgent
from google.adk.models import Gemini
from google.adk.runners import InMemoryRunner
from google.genai import types
from tracing import provider, run

QUESTION = "What is the weather in Paris?"


def agent() -> LlmAgent:
    model = Gemini(model="gemini-2.5-flash", base_url=os.environ["GEMINI_BASE_URL"])
    weather = LlmAgent(name="weather", model=model, description="Knows the weather.", disallow_transfer_to_parent=True)
    return LlmAgent(name="reception", model=model, instruction="Transfer to who knows.", sub_agents=[weather])


async def transfer() -> None:
    runner = InMemoryRunner(agent(), app_name="app")
    session = await runner.session_service.create_session(app_name="app", user_id="user")
    message = types.Content(role="user", parts=[types.Part(text=QUESTION)])
    async for _ in runner.run_async(user_id="user", session_id=session.id, new_message=message):
        pass


provider()
run({"transfer": transfer}, alone=["transfer"])
