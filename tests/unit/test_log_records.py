"""Completions in log records, joined to the span that they name or else to its local root."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from time import time_ns

import pytest

from braintrust_run_output import RunOutputLogRecordProcessor
from braintrust_run_output.conventions.log_records import event_name, is_further_choice, read_record
from support import pipeline

T = "The capital of France is Paris."
CALL = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'}}
CHOICE = "gen_ai.choice"
DETAILS = "gen_ai.client.inference.operation.details"
PARTS = [{"role": "assistant", "parts": [{"type": "text", "content": T}], "finish_reason": "stop"}]


def choice(content: object = T, index: int = 0, **message: object) -> dict:
    return {"index": index, "finish_reason": "stop", "message": {"role": "assistant", "content": content, **message}}


def read(name: str, body: object = None, **attributes: object) -> str | None:
    completion = read_record(name, body, attributes)
    return None if completion is None else completion.render()


# --- what a record says --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        choice(),
        json.dumps(choice()),
        choice([{"type": "text", "text": T}]),
        choice([{"text": T}]),
        choice({"text": T}),
        choice({"parts": [{"text": T}], "role": "model"}),
        {"index": 0, "finish_reason": "STOP", "content": {"parts": [{"text": T}], "role": "model"}},
        {"message": {"content": T}, "finish_reason": "stop"},
        {"message": {"role": "model", "content": T}},
        {"role": "assistant", "content": T},
        {"gen_ai.completion": T},
        {"message": T},
        T,
        json.dumps(T),
    ],
    ids=lambda body: json.dumps(body)[:60],
)
def test_a_choice(body):
    assert read(CHOICE, body) == T


@pytest.mark.parametrize(
    "body",
    [
        choice(None, tool_calls=[CALL]),
        choice("", tool_calls=[CALL]),
        {"index": 0, "message": {"content": None}, "finish_reason": "tool_calls", "tool_calls": [CALL]},
        json.dumps(choice(None, tool_calls=[CALL])),
        choice(None, tool_calls=[{**CALL, "function": {"name": "get_weather", "arguments": {"city": "Paris"}}}]),
        choice([{"toolUse": {"toolUseId": "c1", "name": "get_weather", "input": {"city": "Paris"}}}]),
    ],
    ids=lambda body: json.dumps(body)[:60],
)
def test_a_choice_with_a_tool_call(body):
    assert json.loads(read(CHOICE, body)) == [{"role": "assistant", "content": None, "tool_calls": [CALL]}]


def test_text_and_the_call_beside_the_message():
    (message,) = json.loads(read(CHOICE, {**choice("Let me look."), "tool_calls": [CALL]}))

    assert message == {"role": "assistant", "content": "Let me look.", "tool_calls": [CALL]}


@pytest.mark.parametrize("messages", [PARTS, tuple(PARTS), json.dumps(PARTS)], ids=["list", "tuple", "JSON"])
def test_details(messages):
    assert read(DETAILS, None, **{"gen_ai.output.messages": messages}) == T
    assert read(DETAILS, {"gen_ai.output.messages": messages}) == T


@pytest.mark.parametrize(
    ("name", "body"),
    [
        (CHOICE, None),
        (CHOICE, ""),
        (CHOICE, "{}"),
        (CHOICE, {"index": 0, "finish_reason": "stop"}),
        (CHOICE, {"index": 0, "finish_reason": "stop", "message": {"role": "assistant"}}),
        (CHOICE, {"index": 0, "finish_reason": "stop", "message": {}}),
        (CHOICE, choice(None, tool_calls=[{"id": "c1", "type": "function", "function": {"name": "get_weather"}}])),
        (CHOICE, choice("")),
        (CHOICE, choice(role="user")),
        (CHOICE, {"message": 7}),
        (CHOICE, "null"),
        (CHOICE, json.dumps(choice())[:-20]),
        (DETAILS, None),
        (DETAILS, choice()),
        (DETAILS, {"gen_ai.input.messages": PARTS}),
        (DETAILS, {"gen_ai.output.messages": []}),
        (DETAILS, {"gen_ai.output.messages": [{"role": "assistant", "parts": [{"type": "text"}]}]}),
    ],
    ids=str,
)
def test_a_record_without_content_is_no_completion(name, body):
    assert read(name, body) is None


def test_the_name_is_the_records_own_or_in_an_attribute():
    assert event_name(CHOICE, {"event.name": "other"}) == CHOICE
    assert event_name(None, {"event.name": CHOICE}) == CHOICE
    assert event_name("", {"event_name": CHOICE}) == CHOICE
    assert event_name(None, {"event.name": 7}) is None


@pytest.mark.parametrize(("body", "further"), [(choice(index=0), False), (choice(index=1), True), (json.dumps(choice(index=2)), True), ({}, None), (None, None), ("x", None)])  # fmt: skip
def test_a_choice_that_is_not_the_first(body, further):
    assert is_further_choice(body) is further


# --- whose it is ---------------------------------------------------------------------------------------------


@dataclass
class Record:
    """What the processor reads of an SDK's log record."""

    trace_id: int
    span_id: int
    body: object = None
    event_name: str | None = CHOICE
    attributes: dict[str, object] = field(default_factory=dict)
    timestamp: int | None = None
    observed_timestamp: int | None = None


@dataclass
class Emitted:
    log_record: Record


class Trace:
    """A pipeline with the log record processor, and a way to emit records by hand."""

    def __init__(self, **config: object) -> None:
        self.pipeline = pipeline(**config)
        self.logs = RunOutputLogRecordProcessor(self.pipeline.processor)

    def start(self, name: str, parent: object = None, **attributes: object):
        from opentelemetry import trace

        context = trace.set_span_in_context(parent or trace.INVALID_SPAN)
        return self.pipeline.tracer.start_span(name, context, attributes=attributes)

    def emit(self, span, body: object = None, **fields: object) -> None:
        context = span.get_span_context()
        fields.setdefault("timestamp", time_ns())
        self.logs.on_emit(
            Emitted(Record(context.trace_id, context.span_id, choice() if body is None else body, **fields))
        )

    @property
    def run_outputs(self):
        return self.pipeline.run_outputs


def test_a_record_is_its_spans_output_and_the_roots():
    traced = Trace()
    root = traced.start("root")
    chat = traced.start("chat", root)
    traced.emit(chat)
    chat.end()
    root.end()

    assert traced.run_outputs == {"chat": T, "root": T}
    assert traced.pipeline.live == 0


def test_each_call_has_its_own_and_the_root_the_last():
    traced = Trace()
    root = traced.start("root")
    for name, body in (("first", choice(None, tool_calls=[CALL])), ("second", choice())):
        chat = traced.start(name, root)
        traced.emit(chat, body)
        chat.end()
    root.end()

    assert "get_weather" in traced.run_outputs["first"]
    assert traced.run_outputs["second"] == traced.run_outputs["root"] == T


def test_a_record_that_names_the_root():
    traced = Trace()
    root = traced.start("root")
    chat = traced.start("chat", root)
    traced.emit(root)
    chat.end()
    root.end()

    assert traced.run_outputs["root"] == T


def test_a_record_that_names_the_root_while_another_call_is_on_a_span():
    traced = Trace()
    root = traced.start("root")
    chat = traced.start("chat", root, **{"gen_ai.completion": "first"})
    chat.end()
    traced.emit(root)
    root.end()

    assert traced.run_outputs == {"chat": "first", "root": T}


def test_a_record_that_names_the_parent():
    traced = Trace()
    root = traced.start("root")
    agent = traced.start("agent", root)
    chat = traced.start("chat", agent)
    traced.emit(agent)
    chat.end()
    agent.end()
    root.end()

    assert traced.run_outputs["root"] == T


def test_a_record_after_its_spans_end_is_the_roots():
    traced = Trace()
    root = traced.start("root")
    chat = traced.start("chat", root)
    chat.end()
    traced.emit(chat)
    root.end()

    assert traced.run_outputs == {"root": T}


def test_a_record_of_a_tool_is_no_output():
    traced = Trace()
    root = traced.start("root")
    tool = traced.start("tool", root, **{"gen_ai.operation.name": "execute_tool"})
    traced.emit(tool, choice("sunny"))
    tool.end()
    root.end()

    assert traced.run_outputs == {}


def test_the_attributes_of_a_span_come_before_its_records():
    traced = Trace()
    root = traced.start("root")
    chat = traced.start("chat", root, **{"gen_ai.output.messages": json.dumps(PARTS)})
    traced.emit(chat, choice("other"))
    chat.end()
    root.end()

    assert traced.run_outputs == {"chat": T, "root": T}


def test_choices_by_index_are_one_output():
    traced = Trace()
    root = traced.start("root")
    chat = traced.start("chat", root)
    traced.emit(chat, choice("Paris."))
    traced.emit(chat, choice("Lyon.", 1))
    chat.end()
    root.end()

    assert [message["content"] for message in json.loads(traced.run_outputs["root"])] == ["Paris.", "Lyon."]
    assert traced.run_outputs["chat"] == traced.run_outputs["root"]


def test_choices_without_index_are_one_output_of_their_span():
    traced = Trace()
    root = traced.start("root")
    chat = traced.start("chat", root)
    for text in ("Paris.", "Lyon."):
        traced.emit(chat, {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"})
    chat.end()
    root.end()

    assert [message["content"] for message in json.loads(traced.run_outputs["chat"])] == ["Paris.", "Lyon."]


def test_choices_without_index_that_name_the_root_are_outputs_of_their_own():
    traced = Trace()
    root = traced.start("root")
    for text in ("Paris.", "Lyon."):
        traced.emit(root, {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"})
    root.end()

    assert traced.run_outputs == {"root": "Lyon."}


@pytest.mark.parametrize("root", [{"gen_ai.operation.name": "execute_tool"}, {"openinference.span.kind": "TOOL"}])
def test_records_that_name_a_root_count_whatever_the_root_calls_itself(root):
    traced = Trace()
    span = traced.start("root", **root)
    traced.emit(span)
    span.end()

    assert traced.run_outputs == {"root": T}


@pytest.mark.parametrize(
    "fields",
    [
        {"event_name": None, "attributes": {"event.name": CHOICE}},
        {"event_name": None, "attributes": {"event_name": CHOICE}, "body": json.dumps(choice())},
        {"event_name": DETAILS, "body": 0, "attributes": {"gen_ai.output.messages": PARTS}},
        {"timestamp": None},
        {"timestamp": None, "observed_timestamp": 1_000_000_000},
    ],
    ids=str,
)
def test_variations_of_a_record(fields):
    traced = Trace()
    root = traced.start("root")
    traced.emit(root, **fields)
    root.end()

    assert traced.run_outputs == {"root": T}


@pytest.mark.parametrize(
    "fields",
    [
        {"event_name": "gen_ai.user.message"},
        {"event_name": "gen_ai.assistant.message"},
        {"event_name": "gen_ai.tool.message"},
        {"event_name": None},
        {"event_name": None, "attributes": {"event.name": "gen_ai.system.message"}},
        {"body": {"index": 0, "finish_reason": "stop"}},
        {"event_name": CHOICE, "body": ...},
    ],
    ids=str,
)
def test_other_records_are_none(fields):
    traced = Trace()
    root = traced.start("root")
    traced.emit(root, **fields)
    root.end()

    assert traced.run_outputs == {}


def test_a_record_of_no_span_or_an_unknown_one():
    traced = Trace()
    traced.logs.on_emit(Emitted(Record(0, 0, choice())))
    traced.logs.on_emit(Emitted(Record(1, 2, choice())))

    assert traced.pipeline.live == 0


def test_a_record_that_is_broken_raises_nothing():
    traced = Trace()
    traced.logs.on_emit(object())

    assert traced.logs.force_flush() is True
    assert traced.logs.shutdown() is None


def test_the_input_of_a_record_is_mirrored():
    traced = Trace(mirror_input=True)
    root = traced.start("root")
    chat = traced.start("chat", root)
    asked = [{"role": "user", "parts": [{"type": "text", "content": "What is the capital of France?"}]}]
    traced.emit(
        chat, 0, event_name=DETAILS, attributes={"gen_ai.output.messages": PARTS, "gen_ai.input.messages": asked}
    )
    chat.end()
    root.end()

    mirrored = json.loads(traced.pipeline.attributes("root")["braintrust.input_json"])
    assert mirrored == [{"role": "user", "content": "What is the capital of France?"}]


ASKED_BODIES = [
    [("gen_ai.system.message", {"content": "Be brief."}), ("gen_ai.user.message", {"content": "?"})],
    [
        ("gen_ai.system.message", '{"role": "system", "content": "Be brief."}'),
        ("gen_ai.user.message", '{"content": "?"}'),
    ],
    [("gen_ai.system.message", "Be brief."), ("gen_ai.user.message", {"content": [{"type": "text", "text": "?"}]})],
]


@pytest.mark.parametrize("asked", ASKED_BODIES)
def test_the_records_before_an_output_are_its_input(asked):
    traced = Trace(mirror_input=True)
    root = traced.start("root")
    chat = traced.start("chat", root)
    for name, body in asked:
        traced.emit(chat, body, event_name=name)
    traced.emit(chat)
    chat.end()
    root.end()

    assert json.loads(traced.pipeline.attributes("root")["braintrust.input_json"]) == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "?"},
    ]
    assert not traced.logs._asked


def test_each_call_of_a_span_has_the_input_that_stands_before_it():
    """OpenLLMetry's events name the root, whichever call below it they are of."""
    traced = Trace(mirror_input=True)
    root = traced.start("root")
    for question in ("first", "second"):
        traced.emit(root, {"content": question}, event_name="gen_ai.user.message")
        traced.emit(root, choice(question))
    root.end()

    assert traced.run_outputs["root"] == "second"
    assert json.loads(traced.pipeline.attributes("root")["braintrust.input_json"]) == [
        {"role": "user", "content": "second"}
    ]


def test_inputs_without_an_output_are_forgotten():
    traced = Trace(mirror_input=True)
    for _ in range(300):
        span = traced.start("root")
        traced.emit(span, {"content": "?"}, event_name="gen_ai.user.message")
        span.end()

    assert len(traced.logs._asked) == 256


def test_inputs_are_not_kept_where_nobody_wants_them():
    traced = Trace()
    traced.emit(traced.start("root"), {"content": "?"}, event_name="gen_ai.user.message")

    assert not traced.logs._asked
