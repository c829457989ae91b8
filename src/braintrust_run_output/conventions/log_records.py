r"""The output in log records: ``gen_ai.choice`` and ``gen_ai.client.inference.operation.details``.

Source: the OpenTelemetry semantic conventions for generative AI, as events. One record a choice, with the message in
the body (a JSON string from semantic-kernel), or one record a call, with all messages in an attribute, a native list::

    event gen_ai.choice    body {"index": 0, "finish_reason": "stop",
                                 "message": {"role": "assistant", "content": "The capital of France is Paris."}}

    event gen_ai.client.inference.operation.details
        gen_ai.output.messages  [{"role": "assistant", "parts": [{"type": "text", "content": "The capital of .."}]}]

The event's name is the record's own or, from older emitters, an attribute. With content capture off the records are
emitted without content.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..completion import from_messages
from . import gen_ai_messages
from ._chat import read_messages
from ._json import is_object, parse, was_cut
from ._objects import plain
from ._values import from_model_output
from .inputs import MESSAGE_EVENTS, read_message
from .span_events import CHOICE, CONTENT, DETAILS, as_message, read_choice

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..completion import Completion, Message

_PROVIDER = ("gen_ai.system", "gen_ai.provider.name")
_ANTHROPIC = "anthropic"
"""Whose turns OpenLLMetry writes as a record a block, though ``index`` should be the choice: there is only one."""
_NAME_ATTRIBUTES = ("event.name", "event_name")
_REPLIES = frozenset({"assistant_response", "claude_code.assistant_response"})
"""How Claude Code names its record of what was replied, which has the text in an attribute."""
_REPLY = "response"
_LOGGED = "Chat Model Completion:"
"""How Spring AI begins the body of a record of what a model said, which has no name: a line, then the texts."""
NAMES = frozenset({CHOICE, CONTENT, DETAILS, *_REPLIES})
"""The names of the events that may hold an output."""


def event_name(name: str | None, attributes: Mapping[str, object], body: object = None) -> str | None:
    """Return a record's event name: its own, the one in its attributes, or the one that its body is known by."""
    if name:
        return name
    if isinstance(body, str) and body.startswith(_LOGGED):
        return CONTENT
    for key in _NAME_ATTRIBUTES:
        value = attributes.get(key)
        if isinstance(value, str):
            return value
    return None


def read_record(name: str | None, body: object, attributes: Mapping[str, object]) -> Completion | None:
    """Return the completion in a log record, None if it has none.

    Args:
        name: The record's event name, as `event_name` returns it.
        body: The record's body.
        attributes: The record's attributes.
    """
    if name in _REPLIES:
        return from_model_output(attributes.get(_REPLY), _REPLY)
    if isinstance(body, str) and body.startswith(_LOGGED):
        return from_model_output(_logged(body), CONTENT, may_be_said=True)
    if name == DETAILS:
        if gen_ai_messages.KEY in attributes:
            return gen_ai_messages.read_value(plain(attributes[gen_ai_messages.KEY]))
        content = plain(parse(body))
        if is_object(content) and gen_ai_messages.KEY in content:
            return gen_ai_messages.read_value(content[gen_ai_messages.KEY])
        return None
    content = as_message(plain(parse(body)))
    if content is None and isinstance(body, str) and body != "null" and not was_cut(body):
        content = body
    if content is None or content == "":
        return from_messages(read_choice(attributes), CHOICE)
    said = read_messages(content)
    if not said and is_object(content):
        said = read_choice(content)
    completion = from_messages(said, CHOICE)
    if completion is None or all(attributes.get(key) != _ANTHROPIC for key in _PROVIDER):
        return completion
    message = content.get("message") if is_object(content) else None
    has_type = is_object(message) and is_object(message.get("content"))  # while streaming
    return completion._replace(block="text" if has_type else "unknown")


def _logged(body: str) -> object:
    """Return the texts after a line: a list in brackets, each quoted, and not always JSON."""
    text = body.removeprefix(_LOGGED).strip()
    if not text.startswith('["') or not text.endswith('"]'):
        return text
    return parse(text) or text[2:-2]


def read_asked(name: str, body: object, attributes: Mapping[str, object]) -> list[Message]:
    """Return the message that a record of an input holds: what a system, user, tool or earlier turn said.

    Args:
        name: The record's event name, one of `MESSAGE_EVENTS`.
        body: The record's body.
        attributes: The record's attributes.
    """
    said = plain(parse(body))
    return read_message(said if is_object(said) else {**attributes, "content": body}, MESSAGE_EVENTS[name])


def is_further_choice(body: object) -> bool | None:
    """Whether a ``gen_ai.choice`` goes with the record before it, not being the first of its call.

    None where it has no ``index`` to say so (semantic-kernel).
    """
    content = parse(body)
    index = content.get("index") if is_object(content) else None
    return index > 0 if isinstance(index, int) else None
