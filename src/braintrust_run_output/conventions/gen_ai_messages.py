"""``gen_ai.output.messages``: the OpenTelemetry semantic conventions for generative AI, from 1.37 on.

Source: https://opentelemetry.io/docs/specs/semconv/gen-ai/. Written by the official instrumentations,
OpenLLMetry, logfire, pydantic-ai and others, mostly as a JSON string::

    [{"role": "assistant", "parts": [{"type": "text", "content": "The capital of France is Paris."}],
      "finish_reason": "stop"}]

A tool call is a part ``{"type": "tool_call", "id": .., "name": .., "arguments": {..}}``. Some emitters write
``content`` instead of ``parts``, a whole exchange instead of the output, or roles of their own; some a sequence of
messages as JSON, JSON within JSON, a text, or a number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..completion import Message, from_messages, from_text
from ._chat import answer_in, read_messages
from ._convention import Attributes, Convention, Event
from ._dspy import dspy_answer
from ._json import is_array, is_object, looks_like_json, parse
from ._reprs import is_repr
from ._responses import read_response
from ._values import from_model_output, unpacked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..completion import Completion

KEY = "gen_ai.output.messages"
_NO_TEXTS = ("null", "None")


def read(attributes: Attributes, _events: Sequence[Event], _scope: str) -> Completion | None:
    """Return the output messages."""
    return read_value(attributes[KEY])


def read_value(value: object) -> Completion | None:
    """Return the completion in the attribute's value, a JSON string or a native list."""
    raw = value if isinstance(value, str) else None
    parsed = parse(value)
    answer = None if isinstance(parsed, str) else answer_in(parsed)
    if answer is not None:  # nearly always
        return from_text(dspy_answer(answer), KEY, raw=raw)
    messages = value if parsed is None else unpacked(parsed)
    if not is_array(messages) and not is_object(messages):
        return None if raw is None else _from_text(messages, raw)
    if is_object(messages) and is_array(messages.get("messages")):
        messages = messages["messages"]
    said = read_messages(messages) or read_response(messages)
    if not said and is_array(messages):
        said = [Message("assistant", item) for item in messages if isinstance(item, str)]
    if not said and raw is not None and is_object(messages):
        return from_model_output(raw, KEY)  # set by hand, too: a structured answer
    completion = from_messages(said, KEY, raw=raw)
    if completion is not None and completion.text is not None:
        return completion._replace(text=dspy_answer(completion.text))
    return completion


def _from_text(value: object, raw: str) -> Completion | None:
    """Return what was set by hand, as OpenLIT's `set_result` does: a text, or a number as one."""
    if isinstance(value, str):
        is_none = value in _NO_TEXTS or is_repr(value) or (value is raw and looks_like_json(value))
        return None if is_none else from_text(value, KEY, raw=raw)
    return None if value is None else from_text(raw.strip(), KEY, raw=raw)


CONVENTION = Convention(KEY, read, keys=frozenset({KEY}))
