"""The input of a model call or an agent, as JSON text: chat messages where it is known to be a chat.

The counterpart of the conventions for outputs, as a table: where each family writes what it asked the model, in
attributes or in span events. Only whole JSON counts: what an attribute limit has cut is no input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..completion import Message, as_chat, encodable
from . import indexed, openinference
from ._chat import holds_more, is_chat, is_items, read_messages
from ._json import CLOSING, compact, is_array, is_object, parse, was_cut
from ._reprs import LITERAL, read_repr
from ._tool_calls import read_tool_call

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..completion import ToolCall
    from ._convention import Attributes, Event

_INDEXED = (
    ("braintrust.input", indexed.messages_at),
    ("llm.input_messages", openinference.messages_at),
    ("gen_ai.prompt", indexed.messages_at),
    ("llm.prompts", indexed.messages_at),
    ("gen_ai.input.messages", openinference.messages_at),
    ("gen_ai.prompt", openinference.messages_at),
    ("gen_ai.input.messages", indexed.messages_at),
    ("llm.input_messages", indexed.messages_at),
    ("neatlogs.llm.input_messages", indexed.messages_at),
)
"""Prefixes under which messages are flattened, and what reads them."""
_PREFIXES = tuple(f"{prefix}." for prefix, _ in _INDEXED)
_WHOLE = (
    "braintrust.input_json",
    "braintrust.input",
    "gen_ai.input.messages",
    "gen_ai.prompt_json",
    "gen_ai.prompt",
    "gen_ai.request.messages",
    "gen_ai.prompt.messages",
    "langfuse.observation.input",
    "ai.prompt.messages",
    "ai.prompt",
    "request_data",
    "raw_input",
    "gcp.vertex.agent.llm_request",
    "haystack.agent.step.llm.input",
    "haystack.agent.input",
    "haystack.component.input",
    "haystack.pipeline.input_data",
    "lk.pii.chat_ctx",
    "lk.chat_ctx",
    "lk.pii.user_input",
    "lk.user_input",
    "langwatch.input",
    "mlflow.spanInputs",
    "genkit:input",
    "llm.messages",
    "agent.messages",
    "pydantic_ai.all_messages",
    "all_messages_events",
    "events",
    "inputs",
    "input",
    "input.value",
    "traceloop.entity.input",
    "lmnr.span.input",
    "agentops.entity.input",
    "agentops.task.input",
    "agentops.agent.input",
    "agentops.operation.input",
    "agentops.workflow.input",
    "agentops.session.input",
    "mirascope.trace.arg_values",
    "langfuse.trace.input",
    "gen_ai.input",
    "gen_ai.input.text",
    "gen_ai.request.content",
    "llm.input_messages",
    "openclaw.content.input_messages",
    "mastra.model_step.input",
    "mastra.model_generation.input",
    "mastra.agent_run.input",
    "mastra.workflow_run.input",
    "gen_ai.agent.input",
    "agentscope.function.input",
    "chain.inputs",
    "cozeloop.input",
    "judgment.input",
    "langchain.inputs",
    "swarms.request",
    "trace_input",
    "upsonic.input",
    "user_prompt",
    "input-json",
)
"""Attributes that hold the whole input, the most exact first."""
_COMPANIONS = {
    "inputs": frozenset({"span_type"}),  # promptflow
    "input": frozenset({"output", "span.type", "gen_ai.operation.name", "agent.state"}),  # Pipecat, VoltAgent, logfire
    "events": frozenset({"gen_ai.system", "gen_ai.provider.name", "gen_ai.request.model", "logfire.msg_template"}),
    "raw_input": frozenset({"response", "events"}),
}
"""Names that others use as well: an input only beside one of these."""
_ALL_COMPANIONS = frozenset[str]().union(*_COMPANIONS.values())

_CONVERSATIONS = frozenset({"pydantic_ai.all_messages", "all_messages_events", "events"})
"""Attributes that hold the output as well."""

_MAPPED = frozenset({
    "braintrust.input", "braintrust.input_json", "gen_ai.input.messages", "gen_ai.prompt", "gen_ai.prompt_json",
})  # fmt: skip
"""What Braintrust makes the field ``input`` of, by its attribute reference. It leaves all else in the metadata."""
_MAPPED_PREFIXES = ("braintrust.input.", "gen_ai.prompt.")

MESSAGE_EVENTS = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
"""The names of events and log records that hold one message of an input, and whose it is."""
_WHOLE_EVENTS = {
    "gen_ai.client.inference.operation.details": "gen_ai.input.messages",
    "gen_ai.content.prompt": "gen_ai.prompt",
    "promptflow.function.inputs": "payload",
    "data.input": "input",  # Monocle
}
_EVENTS = frozenset({*MESSAGE_EVENTS, *_WHOLE_EVENTS})
_CONTENTS = ("gen_ai.event.content", "content", "message")
_OUTPUT_EVENTS = ("gen_ai.choice", "gen_ai.assistant.message")
_USER_ROLES = ("user", "human")
_ROLES = frozenset({*_USER_ROLES, "ai", "assistant", "model", "system", "tool"})
_PROMPT_ROLES = (("system", "system"), ("prompt", "user"))
_BESIDE_INPUTS = frozenset({"inputs", "tags", "metadata", "kwargs"})
"""What OpenLLMetry's LangChain instrumentation puts beside an input."""


class InputExcerpt(NamedTuple):
    """What `read_input` needs of a span: references to its values, not looked at."""

    attributes: Mapping[str, object]
    events: tuple[Event, ...] = ()


def has_input(attributes: Mapping[str, object], events: Sequence[Event] = ()) -> bool:
    """Whether a span has an input that Braintrust takes for its row's. `input_excerpt` knows of those in any form."""
    return (
        not _MAPPED.isdisjoint(attributes)
        or any(key.startswith(_MAPPED_PREFIXES) for key in attributes)
        or any(event.name in MESSAGE_EVENTS for event in events)
    )


def input_excerpt(attributes: Mapping[str, object], events: Sequence[Event] = ()) -> InputExcerpt | None:
    """Return what `read_input` needs of a span, None if the span has no input.

    Nothing is read or copied but references: the input is looked at only if it turns out to be needed.
    """
    found = {key: attributes[key] for key in _WHOLE if key in attributes and _is_telling(key, attributes)}
    found |= {key: attributes[key] for key in attributes if key.startswith(_PREFIXES)}
    of_events = tuple(event for event in events if event.name in _EVENTS) if events else ()
    if not found and not of_events:
        return None
    companions = {key: attributes[key] for key in _ALL_COMPANIONS.intersection(attributes)}
    return InputExcerpt(companions | found, of_events)


def read_input(
    attributes: Mapping[str, object],
    events: Sequence[Event] = (),
    scope_name: str = "",  # noqa: ARG001 (as the other readers have it)
) -> str | None:
    """Return a span's input as JSON text, chat messages where it is known to be a chat; None if it has none.

    Messages become OpenAI's, unless they hold images or files: these stay as they were found. JSON that is not whole,
    cut by an attribute limit for instance, is none.

    Args:
        attributes: The span's attributes, or what `input_excerpt` kept of them.
        events: The span's events; default none.
        scope_name: The name of the span's instrumentation scope; default unknown.
    """
    for prefix, messages_at in _INDEXED:
        messages = list(messages_at(attributes, prefix))
        if _says_something(messages):
            return encodable(compact(as_chat(messages)))
    for key in _WHOLE:
        if attributes.get(key) and _is_telling(key, attributes) and (text := _as_json(_value_of(key, attributes[key]))):
            return encodable(text)
    return _read_events(events) if events else None


def up_to_last_user(messages_json: str) -> str:
    """Return chat messages up to and including the last one of a user; as they are, where no user says anything.

    A tool's result is no message of a user, whatever its role. JSON that is no list of messages comes back as it is.

    Args:
        messages_json: JSON text, as `read_input` returns it or a stored row has it.
    """
    parsed = parse(messages_json)
    messages = parsed.get("messages") if is_object(parsed) else parsed
    if not is_array(messages):
        return messages_json
    end = len(messages)
    while end and not _is_of_a_user(messages[end - 1]):
        end -= 1
    if end in (0, len(messages)):
        return messages_json
    kept = list(messages[:end])
    return encodable(compact({**parsed, "messages": kept} if is_object(parsed) else kept))


def _is_of_a_user(message: object) -> bool:
    return is_object(message) and any(
        one.role in _USER_ROLES and one.content is not None for one in read_messages([message])
    )


def _is_telling(key: str, attributes: Attributes) -> bool:
    companions = _COMPANIONS.get(key)
    return companions is None or not companions.isdisjoint(attributes)


def _value_of(key: str, value: object) -> object:
    """Return the input in an attribute's value, out of what it is wrapped in."""
    if key == "langwatch.input":
        wrapped = parse(value)
        return wrapped.get("value") if is_object(wrapped) and "value" in wrapped else value
    if key in _CONVERSATIONS:
        items = parse(value)
        return _before_output(items) if is_array(items) and items else None
    if key.startswith("lk."):
        context = parse(value)
        return context.get("items", context) if is_object(context) else value
    return value


def _before_output(items: Sequence[object]) -> Sequence[object]:
    """Return the messages of a conversation without the output that it ends in."""
    end = len(items)
    while end and _is_output(items[end - 1]):
        end -= 1
    return items[:end]


def _is_output(item: object) -> bool:
    if not is_object(item):
        return False
    name = item.get("event.name")
    return name in _OUTPUT_EVENTS if name is not None else "message" in item or item.get("role") == "assistant"


def _as_json(value: object) -> str:
    parsed = parse(value)
    if parsed is None and isinstance(value, str):
        parsed = read_repr(value) if value.startswith(LITERAL) else None
        if parsed is None:
            return "" if _is_a_part(value) else compact(value)
    if isinstance(parsed, str) and parsed[:2] in ("[{", '{"') and (inner := parse(parsed)) is not None:
        parsed = inner
    parsed = _messages_in(parsed)
    if is_array(parsed) and parsed and all(isinstance(item, str) and item[:1] == "{" for item in parsed):
        parsed = [parse(item) for item in parsed]  # a sequence of messages, each as JSON
        if None in parsed:
            return ""
    if is_items(parsed) or (is_chat(parsed) and not holds_more(parsed)):
        messages = read_messages(parsed)
        if messages:
            return compact(as_chat(messages))
    return "" if parsed in ([], {}, ()) else compact(parsed)


def _is_a_part(text: str) -> bool:
    """Whether a text that is no JSON, nor the ``str`` of messages, may be the beginning of some."""
    closing = CLOSING.get(text[:1], "")
    return was_cut(text) or text.startswith(LITERAL) or closing not in text[1:]


def _messages_in(value: object) -> object:
    """Return what stands for messages in an input, as messages; the input itself where nothing does."""
    if is_object(value) and "inputs" in value and value.keys() <= _BESIDE_INPUTS:  # OpenLLMetry
        value = value["inputs"]
    if is_object(value) and isinstance(value.get("prompt"), str) and value.keys() <= {"prompt", "system"}:  # Vercel
        return [{"role": role, "content": value[key]} for key, role in _PROMPT_ROLES if isinstance(value.get(key), str)]
    if is_object(value):
        value = value.get("messages", value.get("contents", value))
    if not is_array(value) or not value:
        return value
    if len(value) == 1 and is_array(value[0]) and not _is_pair(value[0]):  # LangChain: a list for each prompt
        return value[0]
    if all(is_array(item) and _is_pair(item) for item in value):  # LangChain: roles and texts
        return [{"role": item[0], "content": item[1]} for item in value if is_array(item)]
    parsed = [parse(item) for item in value]
    if all(is_object(item) and len(item) == 1 and item.keys() <= _ROLES for item in parsed):  # Monocle
        return [
            {"role": role, "content": content} for item in parsed if is_object(item) for role, content in item.items()
        ]
    return value


def _is_pair(item: Sequence[object]) -> bool:
    return len(item) == 2 and all(isinstance(part, str) for part in item) and item[0] in _ROLES


def _read_events(events: Sequence[Event]) -> str | None:
    messages: list[Message] = []
    for event in events:
        attributes = event.attributes or {}
        if (whole := _WHOLE_EVENTS.get(event.name)) is not None:
            if attributes.get(whole) and (text := _as_json(attributes[whole])):
                return encodable(text)
        elif (role := MESSAGE_EVENTS.get(event.name)) is not None:
            messages += read_message(attributes, role)
    return encodable(compact(as_chat(messages))) if _says_something(messages) else None


def _says_something(messages: Sequence[Message]) -> bool:
    return any(message.content is not None or message.tool_calls for message in messages)


def read_message(fields: Mapping[str, object], role: str) -> list[Message]:
    """Return the message in an event's attributes or a record's body.

    Args:
        fields: The attributes, or the body.
        role: Whose message it is.
    """
    content = next((fields[key] for key in _CONTENTS if fields.get(key) is not None), None)
    parsed = parse(content) if isinstance(content, str) and content[:1] in ("{", "[") else content
    item: object = {"role": role, "content": content if parsed is None else parsed}
    if is_object(parsed):
        is_message = "content" in parsed or "tool_calls" in parsed
        item = {"role": role, **parsed} if is_message else {"role": role, "content": content}
    found = read_messages(item)
    calls = _calls_in(fields)
    if calls and found:
        found[-1] = found[-1]._replace(tool_calls=calls)
    return found or ([Message("assistant", None, calls)] if calls else [])


def _calls_in(attributes: Mapping[str, object]) -> tuple[ToolCall, ...]:
    items = parse(attributes.get("tool_calls"))
    found = [read_tool_call(parse(item)) for item in items] if is_array(items) else []
    return tuple(call for call in found if call is not None)
