r"""Which tool call a span executes, to tell whether a model's call of a tool has been answered.

Written by all who trace tools, under names of their own::

    gen_ai.operation.name  "execute_tool"
    gen_ai.tool.name       "get_weather"
    gen_ai.tool.call.id    "call_1"

    openinference.span.kind  "TOOL"
    tool.name                "get_weather"
    tool_call.id             "call_1"

Where no attribute names the tool, the span's own name does: ``get_weather``, ``execute_tool get_weather``,
``tool.execution:get_weather``, ``get_weather.tool``, ``running tool: get_weather``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from ._json import first_string
from ._kinds import kinds_of

if TYPE_CHECKING:
    from ._convention import Attributes
    from ._kinds import Kinds


class ToolExecution(NamedTuple):
    """The execution of a tool call: the call's id, None where it is unknown, and the tool's name."""

    id: str | None
    name: str


_IDS = (
    "gen_ai.tool.call.id", "ai.toolCall.id", "tool_call.id", "tool.call.id", "tool.call_id", "tool_call_id", "tool.id",
    "lk.function_tool.id", "tool_use_id", "toolUseId", "toolCallId",
)  # fmt: skip
_NAMES = (
    "gen_ai.tool.name", "ai.toolCall.name", "tool.name", "haystack.tool.name", "lk.function_tool.name",
    "genkit:name", "mlflow.spanFunctionName", "traceloop.entity.name",
)  # fmt: skip
_LOGFIRE_NAME = "name"
"""Where logfire's span of a function says which one: too common a name to be asked where nothing says it is a tool."""
_TELLING = frozenset({*_IDS, *_NAMES[:5]})
"""Attributes that only the executions of tools have."""

_AROUND = re.compile(
    r"^(?:execute_tool|execute|running tools?|tool[ ._]?(?:call|execution)?|ai\.toolCall|function|call_tool"
    r"|mcp(?:\.server|\.client)?|tools/call)[ :/.]+(?=\S)"
    r"|(?:\.tool|\.__call__|\.run|\.execute|\.acall|\.call)$",
    re.IGNORECASE,
)
"""What stands around a tool's name in the name of its span."""


def executed_call(attributes: Attributes, span_name: str, kinds: Kinds | None = None) -> ToolExecution | None:
    """Return the tool call that a span executes, None if the span says nothing of being a tool.

    Args:
        attributes: The span's attributes.
        span_name: The span's name, for where no attribute names the tool.
        kinds: What the attributes say that the span is; default: it is looked for.
    """
    kinds = kinds or kinds_of(attributes)
    if not kinds.is_tool and (kinds.is_model or _TELLING.isdisjoint(attributes)):
        return None
    name = first_string(attributes, *_NAMES) or first_string(attributes, _LOGFIRE_NAME)
    name = _AROUND.sub("", span_name) if name is None else name.strip('"')
    return ToolExecution(first_string(attributes, *_IDS), name)
