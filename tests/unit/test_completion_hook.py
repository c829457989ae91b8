"""The completion hook of OpenTelemetry's official genai instrumentations."""

from __future__ import annotations

import gc
import json
import logging
import weakref
from dataclasses import dataclass, field
from typing import Literal

import pytest

from braintrust_run_output import RunOutputSpanProcessor
from braintrust_run_output.processor import span_processors
from braintrust_run_output.zero_code import completion_hook
from braintrust_run_output.zero_code.completion_hook import RunOutputCompletionHook
from support import pipeline

T = "The capital of France is Paris."


@dataclass
class Text:
    """As ``opentelemetry.util.genai.types``."""

    content: str
    type: Literal["text"] = "text"


@dataclass
class ToolCall:
    arguments: object
    name: str
    id: str | None
    type: Literal["tool_call"] = "tool_call"


@dataclass
class Output:
    role: str
    parts: list[object] = field(default_factory=list)
    finish_reason: str = "stop"


@dataclass
class Input:
    role: str
    parts: list[object]


ASKED = [Input("user", [Text("What is the capital of France?")])]


def complete(*outputs: object, **config: object):
    traced = pipeline(**config)
    with traced.tracer.start_as_current_span("root"):
        with traced.tracer.start_as_current_span("chat") as span:
            RunOutputCompletionHook().on_completion(
                inputs=ASKED, outputs=list(outputs), system_instruction=[], span=span, log_record=None
            )
    return traced


def test_a_text_reaches_the_span_and_its_root_and_no_other_attribute():
    traced = complete(Output("assistant", [Text(T)]))

    assert traced.run_outputs == {"chat": T, "root": T}
    assert set(traced.attributes("chat")) == {"braintrust.metadata.run_output"}


def test_a_tool_call():
    rendered = json.loads(
        complete(Output("assistant", [ToolCall({"city": "Paris"}, "get_weather", "c1")])).run_output("root")
    )

    assert rendered[0]["tool_calls"] == [
        {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'}}
    ]


def test_several_choices():
    rendered = json.loads(
        complete(Output("assistant", [Text(T)]), Output("assistant", [Text("Paris.")])).run_output("root")
    )

    assert [message["content"] for message in rendered] == [T, "Paris."]


def test_messages_that_are_plain_objects():
    traced = complete({"role": "assistant", "parts": ({"type": "text", "content": T},)})

    assert traced.run_output("root") == T


def test_the_input_is_mirrored():
    traced = complete(Output("assistant", [Text(T)]), mirror_input=True)

    assert json.loads(traced.attributes("root")["braintrust.input_json"]) == [
        {"role": "user", "content": "What is the capital of France?"}
    ]


@pytest.mark.parametrize(
    "outputs", [[], [Output("assistant")], [Output("assistant", [Text("")])], [...], [None]], ids=str
)
def test_nothing_said(outputs):
    assert complete(*outputs).run_outputs == {}


def test_without_a_span_nothing_happens():
    assert RunOutputCompletionHook().on_completion(inputs=ASKED, outputs=[Output("assistant", [Text(T)])]) is None


def test_arguments_of_releases_to_come_are_accepted():
    assert RunOutputCompletionHook().on_completion(inputs=[], outputs=[], span=None, something_new=1) is None


def test_an_output_that_cannot_be_read_raises_nothing():
    class Broken:
        def __iter__(self):
            raise RuntimeError("oops")

    traced = pipeline()
    with traced.tracer.start_as_current_span("root") as span:
        RunOutputCompletionHook().on_completion(inputs=(), outputs=Broken(), span=span)

    assert traced.run_outputs == {}


def test_a_processor_that_is_gone_is_not_told():
    traced = pipeline()
    gone = weakref.ref(RunOutputSpanProcessor())
    gc.collect()

    assert gone() is None
    assert traced.processor in span_processors()
    assert None not in span_processors()


def test_without_a_processor_it_says_once_what_is_missing(monkeypatch, caplog):
    monkeypatch.setattr(completion_hook, "span_processors", list)
    traced = pipeline()
    with caplog.at_level(logging.WARNING), traced.tracer.start_as_current_span("root") as span:
        for _ in range(2):
            RunOutputCompletionHook().on_completion(outputs=[Output("assistant", [Text(T)])], span=span)

    assert [record.message.count("install()") for record in caplog.records] == [1]
    assert T not in caplog.text
