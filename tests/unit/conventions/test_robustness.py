"""Whatever stands in an attribute: no exception, and work that grows with its size, not faster."""

from __future__ import annotations

import json
import re
import string
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from braintrust_run_output import read_completion
from braintrust_run_output.completion import Completion
from braintrust_run_output.conventions import (
    EVENTS,
    GENERIC_OUTPUTS,
    KEYS,
    MODEL_OUTPUTS,
    generic_excerpt,
    read_generic_output,
)
from braintrust_run_output.conventions._kinds import KIND_ATTRIBUTES
from braintrust_run_output.conventions.inputs import read_input
from braintrust_run_output.conventions.log_records import NAMES, is_further_choice, read_record
from support import examples, is_short, pipeline

SCOPES = [
    "", "langsmith", "pydantic-ai", "logfire.openai", "app", "openinference.instrumentation.google_adk",
    "openinference.instrumentation.smolagents", "openinference.instrumentation.instructor",
    "opentelemetry.instrumentation.haystack",
]  # fmt: skip
WORDS = [
    "blocks", "block_type", "part_kind", "toolCalls", "delta", "value", "audio", "transcript", "source", "server_tool_use",
    "server_tool_call", "tool-call", "final_result", "embedding", "flagged", "usage", "finishReason", "TextMessage", "result",
    "role", "content", "parts", "type", "text", "tool_calls", "function", "name", "arguments", "message", "messages",
    "choices", "generations", "output", "outputs", "answer", "lc", "kwargs", "id", "data", "update", "replies",
    "assistant", "tool", "ai", "human", "tool_call", "tool_call_response", "reasoning", "function_call", "input",
    "structured_response", "event.name", "gen_ai.choice", "index", "raw", "finish_reason", "_role", "_content", "body",
]  # fmt: skip
words = st.sampled_from(WORDS)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | words
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=5), max_leaves=25
)
broken_json = st.builds(lambda value, end: json.dumps(value)[:end], json_values, st.integers(0, 60))
values = (
    st.builds(json.dumps, json_values)
    | broken_json
    | json_values
    | st.text(alphabet=string.printable, max_size=30)
    | st.binary(max_size=10)
    | st.tuples(st.text(max_size=4), st.text(max_size=4))
)
keys = st.sampled_from(sorted({
    *KEYS, *KIND_ATTRIBUTES, "braintrust.span_attributes", "output.mime_type", "llm.invocation_parameters",
    "haystack.component.type", "agent_name", "request_data", "gen_ai.input.messages", "input.value", "tool_calls",
    "gen_ai.event.content", "message", "event.name", "response", "payload", "entity.type", "logfire.msg_template",
}))  # fmt: skip
attributes = st.dictionaries(
    keys, values | st.sampled_from(["LLM", "AGENT", "CHAIN", "TOOL", "chat", "generation", "llm"]), max_size=6
)


@dataclass
class Event:
    name: str
    attributes: dict[str, object] | None = field(default_factory=dict)


events = st.lists(st.builds(Event, st.sampled_from([*sorted(EVENTS), "exception"]), st.none() | attributes), max_size=3)


def rendered(completion: Completion | None) -> None:
    if completion is not None:
        for form in ("text", "messages", "verbatim"):
            completion.render(form).encode()


@examples(200)
@given(attributes, events, st.sampled_from(SCOPES))
def test_every_convention_copes_with_any_attributes(attributes, events, scope):
    rendered(read_completion(attributes, events, scope))
    excerpt = generic_excerpt(attributes)
    if excerpt is not None:
        rendered(read_generic_output(excerpt, scope))
    value = read_input(attributes)
    assert value is None or json.loads(value) is not Ellipsis


@examples(150)
@given(st.sampled_from(sorted(NAMES)), values, attributes)
def test_log_records_with_any_body(name, body, attributes):
    rendered(read_record(name, body, attributes))
    assert is_further_choice(body) in (True, False, None)


@examples(100, short=8)  # each of them reads every attribute of every convention
@given(values, st.sampled_from(SCOPES))
def test_each_convention_by_itself_copes_with_any_value(value, scope):
    for convention in (*MODEL_OUTPUTS, *GENERIC_OUTPUTS):
        for key in convention.keys:
            rendered(
                convention.read(dict.fromkeys(convention.keys | convention.needs, value) | {key: value}, (), scope)
            )


@examples(60)
@given(st.lists(st.tuples(attributes, events), min_size=1, max_size=4))
def test_any_spans_pass_the_processor_and_keep_their_attributes(spans):
    traced = pipeline()
    with traced.tracer.start_as_current_span("root"):
        for n, (attributes, events) in enumerate(spans):
            with traced.tracer.start_as_current_span(str(n), attributes=attributes) as span:
                for event in events:
                    span.add_event(event.name, event.attributes)
    assert len(traced.spans) == len(spans) + 1
    assert all(isinstance(value, str) for value in traced.run_outputs.values())
    assert traced.live == 0


DEEP = 100_000
MONSTERS = {
    "open arrays": "[" * DEEP,
    "nested arrays": "[" * 900 + "]" * 900,
    "nested objects": '{"output":' * 900 + '"T"' + "}" * 900,
    "nested messages": '{"message":' * 900 + '{"role":"assistant","content":"T"}' + "}" * 900,
    "nested content": '{"content":[' * 450 + '"T"' + "]}" * 450,
    "nested updates": '{"update":{"messages":[' * 300 + '"T"' + "]}}" * 300,
    "nested generations": '{"generations":' + "[" * 900 + '{"text":"T"}' + "]" * 900 + "}",
    "parentheses": "(" * DEEP,
    "minus signs": "-" * DEEP + "1",
    "wrong types": '{"type": ["text"], "role": {}, "content": {"parts": 7}, "tool_calls": {"a": 1}, "parts": "x"}',
    "surrogates": '["\\ud800", {"role": "assistant", "content": "\\udfff"}]',
    "a number": "1" * 5000,
    "a float": "1e999999",
    "not a number": '{"outputs": NaN}',
    "nulls": json.dumps([None] * 1000),
    "null bytes": "\0" * 1000,
}


FIRST_KEYS = sorted(key for key in KEYS if not re.search(r"\.[1-9]\.|^llm\.(?!openai|output_messages)[\w-]+\.", key))
"""The telling attributes, without those that are read in the same way under another index or provider's name."""


def meetings() -> list[tuple[str, str]]:
    """Every monster in every scope; of the scopes that are like another, in the short profile, each monster in one."""
    return [
        (monster, scope)
        for n, monster in enumerate(MONSTERS)
        for m, scope in enumerate(SCOPES)
        if not scope or not is_short() or n % (len(SCOPES) - 1) == m - 1
    ]


@pytest.mark.parametrize(("monster", "scope"), meetings())
def test_monsters(monster, scope):
    value = MONSTERS[monster]
    for key in FIRST_KEYS:
        for kind in ("LLM", "CHAIN", "AGENT"):
            attributes = {key: value, "openinference.span.kind": kind, "langsmith.span.kind": "llm"}
            rendered(read_completion(attributes, (), scope))
            rendered(read_generic_output(attributes, scope))
    read_input({"input.value": value, "gen_ai.input.messages": value})
    for name in NAMES:
        rendered(read_record(name, value, {"gen_ai.output.messages": value}))


def work(function: Callable[[], object]) -> int:
    """How many Python and C functions a call calls: a measure of work that does not depend on the machine."""
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        function()
    finally:
        sys.setprofile(None)
    return calls


def parts(n: int, **part: object) -> str:
    return json.dumps([{"role": "assistant", "parts": [{**part, "id": str(i), "content": str(i)} for i in range(n)]}])


GROWING: dict[str, Callable[[int], dict[str, object]]] = {
    "parts": lambda n: {"gen_ai.output.messages": parts(n, type="text")},
    "different calls": lambda n: {"gen_ai.output.messages": parts(n, type="tool_call", name="f", arguments="{}")},
    "results": lambda n: {"gen_ai.output.messages": parts(n, type="tool_call_response")},
    "messages": lambda n: {"gen_ai.output.messages": json.dumps([{"role": "assistant", "content": str(i)} for i in range(n)])},
    "indexed": lambda n: {f"gen_ai.completion.{i}.content": "x" for i in range(n)},
    "indexed calls": lambda n: {f"gen_ai.completion.0.tool_calls.{i}.name": f"f{i}" for i in range(n)},
    "openinference": lambda n: {f"llm.output_messages.{i}.message.content": "x" for i in range(n)},
    "openinference contents": lambda n: {f"llm.output_messages.0.message.contents.{i}.message_content.text": "x" for i in range(n)},
    "choices": lambda n: {f"llm.choices.{i}.completion.text": "x" for i in range(n)},
    "events": lambda n: {"events": json.dumps([{"event.name": "gen_ai.assistant.message", "content": "x"}] * n)},
    "dspy markers": lambda n: {"output.value": "[[ ## answer ## ]]\n" * n, "openinference.span.kind": "LLM"},
    "state": lambda n: {"output.value": json.dumps({"messages": [{"type": "ai", "content": "x"}] * n})},
    "objects": lambda n: {"traceloop.entity.output": json.dumps([{"a": str(i)} for i in range(n)])},
    "components": lambda n: {"haystack.pipeline.output_data": json.dumps({str(i): {"replies": []} for i in range(n)})},
    "literal": lambda n: {"llm.text-completion-openai.choices": repr([{"text": str(i)} for i in range(n)])},
    "a stream": lambda n: {"langfuse.observation.type": "generation", "langfuse.observation.output": json.dumps([{"choices": [{"index": 0, "delta": {"content": str(i)}}]} for i in range(n)])},
    "a repr": lambda n: {"output.value": f"Response(response={'x' * n!r}, source_nodes={['Node(x=1)'] * n})"},
    "messages as JSON": lambda n: {"gen_ai.output.messages": tuple(json.dumps({"role": "assistant", "content": str(i)}) for i in range(n))},
    "agents that talk": lambda n: {"output.value": json.dumps([{"source": "a", "type": "TextMessage", "content": str(i)} for i in range(n)])},
    "calls beside": lambda n: {"ai.response.toolCalls": json.dumps([{"toolName": str(i), "input": "{}"} for i in range(n)])},
}  # fmt: skip


@pytest.mark.parametrize("grow", GROWING.values(), ids=GROWING)
def test_twice_as_much_takes_twice_the_work(grow):
    def read(n: int) -> int:
        attributes = grow(n)
        return work(lambda: (rendered(read_completion(attributes)), rendered(read_generic_output(attributes))))

    once, twice = read(500), read(1000)

    assert twice < 2.5 * once


REGEX_FOOD = {
    "spaces": " ", "angles": "<", "closed angles": "<>", "placeholder": "<redacted", "scrubbed": "[Scrubbed due to ",
    "object": "< at 0x", "markers": "[[ ## a ## ]]  \n x", "marker spaces": "[[ ## a ## ]]" + " " * 50,
    "half markers": "[[ ## ", "newlines": "\n", "repr": "A(a=", "reprs": "A(a=)...", "quotes": '"', "backslashes": "\\",
}  # fmt: skip


@pytest.mark.parametrize("food", REGEX_FOOD.values(), ids=REGEX_FOOD)
def test_patterns_visit_a_long_text_once(food):
    """A pattern that backtracks over a text of a million characters would keep this test busy for hours."""
    text = food * (1_000_000 // len(food))
    for value in (text, "[[ ## answer ## ]]\n" + text, "A(a=" + text, "<" + text):
        rendered(read_completion({"output.value": value, "openinference.span.kind": "LLM"}))
        rendered(read_completion({"gen_ai.completion": value}))
        rendered(read_generic_output({"output.value": value, "openinference.span.kind": "CHAIN"}))
