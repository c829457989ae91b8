r"""The Vercel AI SDK, versions 5 and 6: ``ai.response.*`` on the outer and the inner span of a generation.

Source: https://ai-sdk.dev/docs/ai-sdk-core/telemetry. Version 7 (``@ai-sdk/otel``) writes `gen_ai_messages`::

    ai.response.text       "The capital of France is Paris."
    ai.response.object     {"capital": "Paris", "country": "France"}
    ai.response.toolCalls  [{"toolCallId": "call_1", "toolName": "get_weather", "input": "{\"city\": \"Paris\"}"}]

The outer span of a loop keeps the calls of earlier steps beside the answer: ``ai.response.finishReason`` is ``stop``
there. Versions before 3.4 wrote ``ai.result.*``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..completion import Message, from_messages, from_text
from ._convention import Attributes, Convention, Event
from ._json import compact, is_array, parse, unquoted, was_cut
from ._tool_calls import read_tool_call

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..completion import Completion

_PREFIXES = ("ai.response.", "ai.result.")
_FIELDS = ("text", "object", "toolCalls")
_FINISH_REASON = "ai.response.finishReason"


def read(attributes: Attributes, _events: Sequence[Event], _scope: str) -> Completion | None:
    """Return the text and tool calls, or the object."""
    for prefix in _PREFIXES:
        if (completion := _read(attributes, prefix)) is not None:
            return completion
    return None


def _read(attributes: Attributes, prefix: str) -> Completion | None:
    text_key, object_key, calls_key = (prefix + field for field in _FIELDS)
    text, calls = attributes.get(text_key), attributes.get(calls_key)
    text = text if isinstance(text, str) else None
    if calls and not (text and attributes.get(_FINISH_REASON) == "stop"):
        parsed = parse(calls)
        found = [read_tool_call(parse(call)) for call in parsed] if is_array(parsed) else []
        tool_calls = tuple(call for call in found if call is not None)
        return from_messages([Message("assistant", text, tool_calls)], calls_key if text is None else text_key)
    completion = from_text(text, text_key) if text else None
    if completion is None and (value := attributes.get(object_key)) is not None:
        answer = value if isinstance(value, str) else compact(value)
        if not was_cut(answer):
            completion = from_text(unquoted(answer), object_key, raw=answer)  # one of several choices is a text
    return completion


CONVENTION = Convention(
    "Vercel AI SDK", read, keys=frozenset(prefix + field for prefix in _PREFIXES for field in _FIELDS)
)
