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

from ..completion import from_messages, from_text
from ._chat import answer_in, read_messages
from ._convention import Attributes, Convention, Event
from ._json import parse
from ._reprs import is_repr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..completion import Completion

KEY = "gen_ai.output.messages"
_NO_TEXT = ("[", "{", "null")


def read(attributes: Attributes, _events: Sequence[Event], _scope: str) -> Completion | None:
    """Return the output messages."""
    return read_value(attributes[KEY])


def read_value(value: object) -> Completion | None:
    """Return the completion in the attribute's value, a JSON string or a native list."""
    raw = value if isinstance(value, str) else None
    messages = parse(value)
    if messages is None and raw is not None and not raw.startswith(_NO_TEXT) and not is_repr(raw):
        return from_text(raw, KEY)  # set by hand, as OpenLIT's `set_result` does
    answer = answer_in(messages)
    return from_messages(read_messages(messages), KEY, raw=raw) if answer is None else from_text(answer, KEY, raw=raw)


CONVENTION = Convention(KEY, read, keys=frozenset({KEY}))
