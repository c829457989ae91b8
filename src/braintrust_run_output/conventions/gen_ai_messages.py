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
from ._json import Array, Object, is_array, is_object, parse, was_cut
from ._kinds import kinds_of
from ._reprs import LITERAL, is_repr
from ._responses import read_response, read_stream
from ._values import from_model_output, unpacked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..completion import Completion

KEY = "gen_ai.output.messages"
_NO_TEXTS = ("null", "None")
_OPERATION = "gen_ai.operation.name"
_SYSTEM = "system"
"""What Gemini CLI makes of the role of a model."""


def read(attributes: Attributes, _events: Sequence[Event], _scope: str) -> Completion | None:
    """Return the output messages. Several texts are choices of a model; of an agent's turns the last is the answer."""
    completion = read_value(attributes[KEY])
    if completion is not None and len(completion.messages) > 1 and _takes_turns(attributes):
        return from_messages(completion.messages[-1:], KEY, raw=completion.raw)
    return completion


def _takes_turns(attributes: Attributes) -> bool:
    kinds = kinds_of(attributes)
    return not kinds.is_model and (kinds.is_agent or _OPERATION in attributes)


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
    if is_array(messages):
        messages = _as_turns(messages)
    said = read_messages(messages) or read_response(messages)
    if not said and is_array(messages):
        said = [Message("assistant", item) for item in messages if isinstance(item, str)]
    if not said and is_object(messages):
        return from_model_output(messages if raw is None else raw, KEY)  # set by hand, too: a structured answer
    completion = from_messages(said, KEY, raw=raw) or from_messages(_finished(messages), KEY, raw=raw)
    if completion is not None and completion.text is not None:
        return completion._replace(text=dspy_answer(completion.text))
    return completion


def _as_turns(messages: Array) -> Array:
    """Return messages out of a list of one list, and the pieces of a streamed turn as one message."""
    if len(messages) == 1 and is_array(messages[0]):
        messages = messages[0]
    if len(messages) < 2 or not all(is_object(message) and is_array(message.get("parts")) for message in messages):
        return messages
    turns: list[object] = []
    parts: list[object] = []
    is_finished = _is_finished(messages[-1])
    for before, message in zip((None, *messages), messages, strict=False):
        if not is_object(message):
            continue
        if _goes_on(before, message, is_finished=is_finished):
            parts += _parts(message)
        else:
            parts = list(_parts(message))
            turns.append({**message, "parts": parts})
    return turns


def _goes_on(before: object, message: Object, *, is_finished: bool) -> bool:
    """Whether a message goes on with one of its role before it: Google's, or one not finished, unlike the last one."""
    if not is_object(before) or before.get("role") != message.get("role") or _is_finished(before):
        return False
    return before.get("role") == "model" or (is_finished and "finish_reason" in before)


def _is_finished(message: object) -> bool:
    return is_object(message) and bool(message.get("finish_reason", message.get("finishReason")))


def _parts(message: Object) -> Array:
    parts = message["parts"]
    return parts if is_array(parts) else ()


def _finished(messages: object) -> list[Message]:
    """Return what the system is said to have said, and finished: a reason to finish is only a model's.

    Several are the pieces of a stream.
    """
    finished = [
        {**message, "role": "assistant"}
        for message in (messages if is_array(messages) else ())
        if is_object(message) and message.get("finish_reason") and message.get("role") == _SYSTEM
    ]
    if len(finished) > 1 and all(is_array(message.get("parts")) for message in finished):
        return read_messages({"role": "assistant", "parts": [part for one in finished for part in _parts(one)]})
    return read_messages(finished)


def _from_text(value: object, raw: str) -> Completion | None:
    """Return what was set by hand, as OpenLIT's `set_result` does: a text, or a number as one."""
    if isinstance(value, str):
        if value.startswith(LITERAL):
            return from_model_output(value, KEY)
        if (streamed := read_stream(value)) is not None:
            return from_messages(streamed, KEY, raw=raw)
        is_none = value in _NO_TEXTS or is_repr(value) or (value is raw and was_cut(value))
        return None if is_none else from_text(value, KEY, raw=raw)
    return None if value is None else from_text(raw.strip(), KEY, raw=raw)


CONVENTION = Convention(KEY, read, keys=frozenset({KEY}))
