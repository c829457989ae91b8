"""A small agent, as its authors wrote it: an HTTP request, a model that calls a tool, an answer.

It knows OpenTelemetry and OpenAI, and nothing of where its traces go.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from openai import OpenAI
from opentelemetry import trace

if TYPE_CHECKING:
    from openai.types.chat import (
        ChatCompletionFunctionToolParam,
        ChatCompletionMessage,
        ChatCompletionMessageParam,
    )

MODEL = "gpt-4o-mini"
GET_WEATHER: ChatCompletionFunctionToolParam = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tell the weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}

tracer = trace.get_tracer("weather-agent")


def get_weather(city: str) -> str:
    """Look the weather up."""
    with tracer.start_as_current_span("get_weather", attributes={"gen_ai.operation.name": "execute_tool"}):
        return json.dumps({"city": city, "sky": "clear", "celsius": 24})


def answer(client: OpenAI, question: str) -> str:
    """Let the model answer a question, with the tool if it asks for it."""
    messages: list[ChatCompletionMessageParam] = [{"role": "user", "content": question}]
    while True:
        reply = client.chat.completions.create(model=MODEL, messages=messages, tools=[GET_WEATHER])
        message = reply.choices[0].message
        if not message.tool_calls:
            return message.content or ""
        messages += run_tools(message)


def run_tools(message: ChatCompletionMessage) -> list[ChatCompletionMessageParam]:
    """Run the tools that a message calls; return the call and its results."""
    calls = [call for call in message.tool_calls or [] if call.type == "function"]
    exchange: list[ChatCompletionMessageParam] = [
        {
            "role": "assistant",
            "tool_calls": [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.function.name, "arguments": call.function.arguments},
                }
                for call in calls
            ],
        }
    ]
    for call in calls:
        result = get_weather(**json.loads(call.function.arguments))
        exchange.append({"role": "tool", "tool_call_id": call.id, "content": result})
    return exchange


def ask(question: str) -> str:
    """Handle ``POST /ask``, the way a web framework's instrumentation records it."""
    http = {"http.request.method": "POST", "http.route": "/ask", "url.path": "/ask"}
    with tracer.start_as_current_span("POST /ask", kind=trace.SpanKind.SERVER, attributes=http) as span:
        text = answer(OpenAI(), question)
        span.set_attribute("http.response.status_code", 200)
        return text


if __name__ == "__main__":
    sys.stdout.write(ask("What is the weather in Paris?") + "\n")
