"""A LangGraph graph that titles the conversation after its answer: ``langgraph_app.py INSTRUMENTATION``."""

from __future__ import annotations

import sys
from typing import TypedDict

from langchain_openai import ChatOpenAI
from langgraph.graph import END, START, MessagesState, StateGraph
from tracing import provider, run

QUESTION = "What is the weather in Paris?"


class Conversation(MessagesState):
    title: str


class Fields(TypedDict, total=False):
    question: str
    answer: str
    title: str


def instrument(name: str) -> None:
    if name == "openllmetry":
        from opentelemetry.instrumentation.langchain import LangchainInstrumentor as Instrumentor
    else:
        from openinference.instrumentation.langchain import LangChainInstrumentor as Instrumentor
    Instrumentor().instrument(tracer_provider=provider())


def model() -> ChatOpenAI:
    return ChatOpenAI(model="gpt-4o-mini")


def titled(question: object) -> str:
    return str(model().invoke([("system", "Give the conversation a title."), ("user", str(question))]).content)


def graph(state: type, answer: object, title: object):
    built = StateGraph(state)
    built.add_node("answer", answer)
    built.add_node("title", title)
    built.add_edge(START, "answer")
    built.add_edge("answer", "title")
    built.add_edge("title", END)
    return built.compile()


def conversation():
    return graph(
        Conversation,
        lambda state: {"messages": [model().invoke(state["messages"])]},
        lambda state: {"title": titled(state["messages"][0].content)},
    )


def fields():
    return graph(
        Fields,
        lambda state: {"answer": model().invoke(state["question"]).content},
        lambda state: {"title": titled(state["question"])},
    )


def messages() -> None:
    conversation().invoke({"messages": [("user", QUESTION)]})


def messages_stream() -> None:
    for _ in conversation().stream({"messages": [("user", QUESTION)]}, stream_mode="messages"):
        pass


async def messages_async() -> None:
    await conversation().ainvoke({"messages": [("user", QUESTION)]})


def answer() -> None:
    fields().invoke({"question": QUESTION})


MODES = {
    "messages": messages,
    "messages-stream": messages_stream,
    "messages-async": messages_async,
    "answer": answer,
}

instrument(sys.argv[1])
run(MODES, alone=["messages", "answer"])
