"""``BRAINTRUST_RUN_OUTPUT_HOLD_MILLIS``: zero-code holds roots back for outputs that come after their end."""

from __future__ import annotations

import pytest

from processes import INSTRUMENT, PLAIN, run

LATE = """
from opentelemetry import trace

tracer = trace.get_tracer("agent")
root = tracer.start_span("root")
llm = tracer.start_span("llm", trace.set_span_in_context(root), attributes={"gen_ai.completion": "It is sunny."})
root.end()
llm.end()
"""
LATER = """
from opentelemetry import trace
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
"""
OWN_PROVIDER = {"OTEL_PYTHON_TRACER_PROVIDER": "braintrust_run_output"}
HELD = {"root": "It is sunny.", "llm": "It is sunny."}
NOT_HELD = {"root": None, "llm": "It is sunny."}


@pytest.mark.parametrize(("command", "more"), [(INSTRUMENT, {}), (PLAIN, OWN_PROVIDER)], ids=["command", "provider"])
@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"HOLD_MILLIS": "60000"}, HELD),
        ({"HOLD": "always"}, HELD),
        ({"HOLD": "open"}, HELD),
        ({"HOLD": "never", "HOLD_MILLIS": "60000"}, NOT_HELD),
        ({}, NOT_HELD),
    ],
    ids=str,
)
def test_a_root_waits_if_asked(receiver, command, more, asked, expected):
    asked = {f"BRAINTRUST_RUN_OUTPUT_{name}": value for name, value in asked.items()}
    ended = run(LATE, command=command, **receiver.variables, **more, **asked)

    assert (ended.code, ended.log) == (0, "")
    assert receiver.run_outputs == expected


def test_a_held_root_goes_out_when_the_interpreter_exits(receiver):
    never_ended = LATE.replace("llm.end()", "")
    ended = run(never_ended, command=INSTRUMENT, **receiver.variables, BRAINTRUST_RUN_OUTPUT_HOLD_MILLIS="60000")

    assert (ended.code, ended.log) == (0, "")
    assert receiver.run_outputs == {"root": None}


def test_a_processor_that_the_application_adds_sees_it_as_well(receiver):
    ended = run(LATER + LATE, command=INSTRUMENT, **receiver.variables, BRAINTRUST_RUN_OUTPUT_HOLD_MILLIS="60000")

    assert receiver.run_outputs == HELD
    assert ended.out.count('"braintrust.metadata.run_output": "It is sunny."') == 2
