r"""The output in span events: ``gen_ai.choice`` and its successors.

Written by azure-ai-inference, strands and others, and mapped by Braintrust itself. One event a choice; an event's text
stands in an attribute that each emitter names differently::

    gen_ai.choice                                gen_ai.event.content = {"message": {"content": "The capital .."}}
    gen_ai.choice                                message = [{"text": "The capital of France is Paris."}]
    gen_ai.choice                                message = "The capital of France is Paris.\n"
    gen_ai.content.completion                    gen_ai.completion = [{"role": "assistant", "content": ".."}]
    gen_ai.content.completion                    gen_ai.completion = ["The capital of France is Paris."]
    gen_ai.assistant.message                     gen_ai.event.content = {"content": {"text": {"value": "The .."}}}
    gen_ai.choice                                message.content = "The capital of France is Paris."
    gen_ai.choice                                gen_ai.choice.content = "The capital of France is Paris."
    gen_ai.choice                                parts.0.type = "text", parts.0.text = "The capital of France is .."
    gen_ai.choice                                tool_calls = ["{\"id\": \"call_1\", \"function\": {..}}"]
    gen_ai.client.inference.operation.details    gen_ai.output.messages = [{"role": "assistant", "parts": [..]}]
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..completion import Message, from_messages
from . import gen_ai_messages
from ._chat import read_messages
from ._convention import Attributes, Convention, Event
from ._json import is_array, is_object, parse, was_cut
from ._tool_calls import read_tool_call
from .inputs import MESSAGE_EVENTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..completion import Completion

CHOICE = "gen_ai.choice"
CONTENT = "gen_ai.content.completion"
ASSISTANT = "gen_ai.assistant.message"
DETAILS = "gen_ai.client.inference.operation.details"
_MESSAGE = "message"
_CONTENTS = (
    "gen_ai.event.content", _MESSAGE, "content", "gen_ai.completion", "event_body", "message.content",
    "gen_ai.output.messages", "gen_ai.response", "gen_ai.content", "llm.completion", "text", "body", "event.data",
)  # fmt: skip
_OF_THE_EVENT = re.compile(r"(?:gen_ai\.(?:choice|completion|message|response)|choices)\.(?:\d\.)?")
"""What some put before each name: that of the event, and which choice it is."""
_FLAT = re.compile(r"(?:message\.)?(parts|content|tool_calls)\.(\d)\.(\S+)")
"""The name of one field of a part of a message, or of a call, that is flattened into an event's attributes."""
_OTHER_NAMES = frozenset({"gen_ai.completion", "gen_ai.output.messages", "gen_ai.response", "llm.content.completion"})
"""What some who write by hand call the event, or did before it had a name."""
_CHOICES = _OTHER_NAMES | {CHOICE, CONTENT}


def read(_attributes: Attributes, events: Sequence[Event], _scope: str) -> Completion | None:
    """Return the choices, or the output messages of the details; without any, what the model said last."""
    has_choices = False
    choices: list[Message] = []
    said: list[Message] = []
    for event in events:
        attributes = event.attributes or {}
        if event.name == DETAILS and gen_ai_messages.KEY in attributes:
            completion = gen_ai_messages.read_value(attributes[gen_ai_messages.KEY])
            if completion is not None:
                return completion
        elif event.name in _CHOICES:
            has_choices = True
            choices += read_choice(attributes)
        elif event.name == ASSISTANT:
            said += read_choice(attributes)
        elif event.name in MESSAGE_EVENTS:
            said = []
    return from_messages(choices if has_choices else said, CHOICE if has_choices else ASSISTANT)


def read_choice(attributes: Mapping[str, object]) -> list[Message]:
    """Return the messages of one choice event."""
    attributes = {_OF_THE_EVENT.sub("", name): value for name, value in attributes.items()}
    key = next((key for key in _CONTENTS if attributes.get(key) is not None), None)
    content = None if key is None else attributes[key]
    parsed = as_message(parse(content) if key is not None else _unflattened(attributes))
    if is_array(parsed) and parsed and all(is_object(item) for item in parsed):
        messages = read_messages(parsed) if "role" in _first(parsed) else read_messages({"content": parsed})
    elif is_object(parsed):
        messages = read_messages(parsed)
        if not messages and parsed and key == _MESSAGE and isinstance(content, str):  # JSON that the model said
            messages = [Message("assistant", content)]
    elif is_array(parsed) and all(isinstance(item, str) for item in parsed):
        messages = [Message("assistant", str(item)) for item in parsed]
    else:
        messages = [Message("assistant", content)] if isinstance(content, str) and not was_cut(content) else []
    calls = parse(attributes.get("tool_calls"))
    beside = tuple(call for item in calls if (call := read_tool_call(parse(item)))) if is_array(calls) else ()
    if beside and messages and not messages[-1].tool_calls:
        return [*messages[:-1], messages[-1]._replace(tool_calls=beside)]
    return [*messages, Message("assistant", None, beside)] if beside else messages


def as_message(content: object) -> object:
    """Return a choice whose message is a text as a message, an object's only list of messages; else what it is."""
    if not is_object(content) or "role" in content:
        return content
    if isinstance(text := content.get(_MESSAGE), str):
        return {"role": "assistant", "content": text}
    return content["messages"] if content.keys() == {"messages"} else content


def _unflattened(attributes: Mapping[str, object]) -> object:
    """Return the message whose parts and calls are flattened into attributes; None if none are."""
    message: dict[str, dict[str, dict[str, object]]] = {}
    for name, value in attributes.items():
        if (flat := _FLAT.fullmatch(name)) is not None:
            fields = message.setdefault(flat[1], {}).setdefault(flat[2], {})
            fields[flat[3].removeprefix("function.")] = value
    lists = {name: [parts[number] for number in sorted(parts)] for name, parts in message.items()}
    return {"role": "assistant", **lists} if lists else None


def _first(items: Sequence[object]) -> Mapping[str, object]:
    first = items[0]
    return first if is_object(first) else {}


CONVENTION = Convention("span events", read, events=_CHOICES | {DETAILS, ASSISTANT})
