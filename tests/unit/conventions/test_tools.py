"""Which call of a tool a span executes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from braintrust_run_output.conventions import executed_call

TOOL = {"openinference.span.kind": "TOOL"}
EXECUTIONS = [
    ({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "f", "gen_ai.tool.call.id": "c"}, "?", ("c", "f")),
    ({"gen_ai.tool.name": "f", "gen_ai.tool.call.id": "c"}, "running tool", ("c", "f")),
    ({"ai.operationId": "ai.toolCall", "ai.toolCall.name": "f", "ai.toolCall.id": "c"}, "ai.toolCall", ("c", "f")),
    ({**TOOL, "tool.name": "f", "tool_call.id": "c"}, "?", ("c", "f")),
    ({**TOOL, "tool.name": "f", "tool.id": "c"}, "?", ("c", "f")),
    ({"span.type": "tool", "tool.name": "f", "tool.call.id": "c"}, "tool.execution:f", ("c", "f")),
    ({"traceloop.span.kind": "task", "tool.name": "f"}, "BaseWorkflowAgent.task", (None, "f")),
    ({"traceloop.span.kind": "tool", "traceloop.entity.name": "f"}, "f.tool", (None, "f")),
    ({"mlflow.spanType": '"TOOL"', "mlflow.spanFunctionName": '"f"'}, "f_2", (None, "f")),
    ({"logfire.msg_template": "Function: {name}", "name": "f"}, "Function: {name}", (None, "f")),
    (TOOL, "f", (None, "f")),
    (TOOL, "execute_tool f", (None, "f")),
    (TOOL, "running tool: f", (None, "f")),
    (TOOL, "tool.execution:f", (None, "f")),
    (TOOL, "f.__call__", (None, "f")),
    (TOOL, "tool", (None, "tool")),
    (TOOL, "toolbox", (None, "toolbox")),
]


@pytest.mark.parametrize(("attributes", "name", "execution"), EXECUTIONS)
def test_an_execution(attributes, name, execution):
    assert executed_call(attributes, name) == execution


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"gen_ai.operation.name": "chat", "gen_ai.tool.name": "f", "gen_ai.tool.call.id": "c"},
        {"openinference.span.kind": "CHAIN"},
        {"openinference.span.kind": "RETRIEVER"},
        {"traceloop.entity.name": "f", "traceloop.span.kind": "task"},
    ],
    ids=str,
)
def test_no_execution(attributes):
    """OpenLIT writes what a model called on the model's own span."""
    assert executed_call(attributes, "execute_tool f") is None


@given(st.text())
def test_whatever_the_name_of_the_span(name):
    execution = executed_call(TOOL, name)

    assert execution.name in name
    assert bool(execution.name) == bool(name)
