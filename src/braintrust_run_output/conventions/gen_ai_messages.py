"""``gen_ai.output.messages``: the OpenTelemetry semantic conventions for generative AI, from 1.37 on.

Source: https://opentelemetry.io/docs/specs/semconv/gen-ai/. Written by the official instrumentations,
OpenLLMetry, logfire, pydantic-ai and others, mostly as a JSON string::

    [{"role": "assistant", "parts": [{"type": "text", "content": "The capital of France is Paris."}],
      "finish_reason": "stop"}]

A tool call is a part ``{"type": "tool_call", "id": .., "name": .., "arguments": {..}}``. Some emitters write
``content`` instead of ``parts``, a whole exchange instead of the output, or roles of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..completion import Message, from_messages
from ._chat import read_messages
from ._convention import Attributes, Convention, Event
from ._json import is_array, is_object, parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..completion import Completion

KEY = "gen_ai.output.messages"
_MESSAGE = frozenset({"role", "parts", "finish_reason"})
_PART = frozenset({"type", "content"})


def read(attributes: Attributes, _events: Sequence[Event], _scope: str) -> Completion | None:
    """Return the output messages."""
    return read_value(attributes[KEY])


def read_value(value: object) -> Completion | None:
    """Return the completion in the attribute's value, a JSON string or a native list."""
    raw = value if isinstance(value, str) else None
    messages = parse(value)
    text = _only_text(messages)
    return from_messages(read_messages(messages) if text is None else [Message("assistant", text)], KEY, raw=raw)


def _only_text(messages: object) -> str | None:
    """Return the text of what nearly every value is, one message of text parts; None where it is anything else.

    `read_messages` would find the same text, in ten times the time.
    """
    if not is_array(messages) or len(messages) != 1 or not is_object(message := messages[0]):
        return None
    parts = message.get("parts")
    if message.get("role") != "assistant" or not message.keys() <= _MESSAGE or not is_array(parts) or not parts:
        return None
    texts: list[str] = []
    for part in parts:
        text = part.get("content") if is_object(part) and part.keys() == _PART and part["type"] == "text" else None
        if not isinstance(text, str) or not text:
            return None
        texts.append(text)
    return "".join(texts)


CONVENTION = Convention(KEY, read, keys=frozenset({KEY}))
