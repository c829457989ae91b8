r"""The Vercel AI SDK, versions 5 and 6: ``ai.response.*`` on the outer and the inner span of a generation.

Source: https://ai-sdk.dev/docs/ai-sdk-core/telemetry. Version 7 (``@ai-sdk/otel``) writes `gen_ai_messages`::

    ai.response.text       "The capital of France is Paris."
    ai.response.object     {"capital": "Paris", "country": "France"}
    ai.response.toolCalls  [{"toolCallId": "call_1", "toolName": "get_weather", "input": "{\"city\": \"Paris\"}"}]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..completion import Message, from_messages, from_text
from ._chat import read_tool_call
from ._convention import Attributes, Convention, Event
from ._json import is_array, parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..completion import Completion

_TEXT = "ai.response.text"
_OBJECT = "ai.response.object"
_CALLS = "ai.response.toolCalls"


def read(attributes: Attributes, _events: Sequence[Event], _scope: str) -> Completion | None:
    """Return the text and tool calls, or the object."""
    text, calls = attributes.get(_TEXT), attributes.get(_CALLS)
    text = text if isinstance(text, str) else None
    if calls:
        parsed = parse(calls)
        found = [read_tool_call(call) for call in parsed] if is_array(parsed) else []
        tool_calls = tuple(call for call in found if call is not None)
        return from_messages([Message("assistant", text, tool_calls)], _CALLS if text is None else _TEXT)
    completion = from_text(text, _TEXT) if text else None
    if completion is None and isinstance(value := attributes.get(_OBJECT), str):
        completion = from_text(value, _OBJECT)
    return completion


CONVENTION = Convention("Vercel AI SDK", read, keys=frozenset({_TEXT, _OBJECT, _CALLS}))
