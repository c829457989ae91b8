"""What tests of conventions need: span events, and the run output that is a call of a tool."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

T = "The capital of France is Paris."


@dataclass
class SpanEvent:
    """A span event, as conventions see it."""

    name: str
    attributes: dict[str, object] | None = field(default_factory=dict)


def call(
    name: str = "get_weather",
    arguments: str = '{"city":"Paris"}',
    id: str | None = "c1",  # noqa: A002
    content: str | None = None,
) -> str:
    """Return the run output that is one message with one call of a tool."""
    function = {"name": name, "arguments": arguments}
    calls = [{"id": id, "type": "function", "function": function}]
    message = {"role": "assistant", "content": content, "tool_calls": calls}
    return json.dumps([message], ensure_ascii=False, separators=(",", ":"))
