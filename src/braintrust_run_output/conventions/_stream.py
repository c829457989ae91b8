"""The pieces of a stream, which some write in place of what came of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..completion import Message, ToolCall
from ._chat import read_messages
from ._json import first_string, is_array, is_object, parse, type_of
from ._tool_calls import read_tool_call

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._json import Object

_EVENT_STREAM = re.compile(r"\s*(?:data: ?[{\[]|event: ?\w|id: ?\w|:|\{)")
"""How server-sent events begin, or a text of one JSON object a line."""
_LINES = re.compile(r"[\r\n]+")
_BESIDE_DATA = ("event:", "id:", "retry:", ":")
_DATA = "data:"
_DONE = "[DONE]"
_FINISHED = frozenset({"response.completed", "response.done", "response.incomplete"})
_PARTS = frozenset({
    "abort", "file", "finish", "finish-step", "message-metadata", "raw", "reasoning-delta", "reasoning-end",
    "reasoning-start", "response-metadata", "source", "source-url", "start", "start-step", "stream-start", "text-delta",
    "text-end", "text-start", "tool-call", "tool-input-available", "tool-input-delta", "tool-input-end",
    "tool-input-start", "tool-output-available", "tool-result",
})  # fmt: skip
"""The types of the parts of a stream of Vercel's AI SDK."""
_MESSAGE_CHUNK = "AIMessageChunk"
_RESPONSES = "response."
"""How the types of the events of OpenAI's Responses API begin."""
_ANTHROPIC = frozenset({
    "message_start", "message_delta", "message_stop", "content_block_start", "content_block_delta",
    "content_block_stop", "ping",
})  # fmt: skip
_BESIDE_PIECES = frozenset({"metadata", "modelVersion", "responseId", "usage", "usageMetadata", "usage_metadata"})
"""What the last event of a stream may have instead of a piece."""
_OF_A_CANDIDATE = frozenset({"content", "finishReason", "finish_reason"})
_BEDROCK = frozenset({"messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop"})


def events_in(text: str) -> list[object] | None:
    """Return the data in a text of server-sent events, or of one JSON object a line; None if the text is none.

    Gateways and proxies keep what they pass on.
    """
    if not _EVENT_STREAM.match(text):
        return None
    events: list[object] = []
    for line in _LINES.split(text.strip()):
        data = line.removeprefix(_DATA).strip()
        if data == _DONE or line.startswith(_BESIDE_DATA):
            continue
        event = parse(data)
        if not is_object(event):
            return None
        events.append(event)
    return events


def final_response(items: Sequence[object]) -> Object | None:
    """Return the response in the events of OpenAI's Responses API; None if the items are none, or it did not finish."""
    last = items[-1] if items else None
    response = last.get("response") if is_object(last) and type_of(last) in _FINISHED else None
    return response if is_object(response) else None


def read_message_chunks(items: Sequence[object]) -> list[Message] | None:
    """Return the message that chunks of LangChain's messages add up to; None if any item is none."""
    if len(items) < 2 or not all(is_object(item) and _is_message_chunk(item) for item in items):
        return None
    said = [message for item in items for message in read_messages(item)]
    text = "".join(message.content or "" for message in said)
    calls = tuple(call for message in said for call in message.tool_calls)
    return [Message("assistant", text or None, calls)] if text or calls else []


def read_parts(items: Sequence[object]) -> list[Message] | None:
    """Return the last step that the parts of a stream of Vercel's AI SDK add up to; None if they are none."""
    kinds = [type_of(item) for item in items if is_object(item)]
    if len(kinds) < len(items) or "text-delta" not in kinds or not _PARTS.issuperset(kinds):
        return None
    turn = _Choice()
    for kind, item in zip(kinds, items, strict=True):
        if kind in ("start-step", "tool-result"):
            turn = _Choice()
        elif kind == "text-delta" and is_object(item):
            turn.add({"content": first_string(item, "delta", "text", "textDelta")})
        elif kind == "tool-call" and (call := read_tool_call(item)) is not None:
            function = {"name": call.name, "arguments": call.arguments}
            turn.add({"tool_calls": [{"index": call.id, "id": call.id, "function": function}]})
    return turn.messages()


def _is_message_chunk(item: Object) -> bool:
    path = item.get("id") if item.get("lc") else None
    return type_of(item) == _MESSAGE_CHUNK or (is_array(path) and bool(path) and path[-1] == _MESSAGE_CHUNK)


def read_pieces(items: Sequence[object]) -> list[Message] | None:
    """Return the turn that the events of a stream add up to, as Anthropic's, Bedrock's, Google's, Ollama's; else None.

    Each has one piece of a text, or a piece of a call's arguments, or neither; thinking is left out.
    """
    if len(items) < 2 or not is_object(items[0]) or not _is_piece(items[0]):
        return None
    if not all(is_object(item) and (item.keys() <= _BESIDE_PIECES or _is_piece(item)) for item in items):
        return None
    turn = _Choice()
    for item in items:
        if is_object(item):
            turn.add(_delta_in(item))
    return turn.messages()


def _is_piece(item: Object) -> bool:
    kind, candidates = item.get("type"), item.get("candidates")
    if isinstance(kind, str) and (kind in _ANTHROPIC or kind.startswith(_RESPONSES)):
        return True
    if is_array(candidates):
        return all(is_object(one) and not one.keys().isdisjoint(_OF_A_CANDIDATE) for one in candidates)
    said = is_object(item.get("message")) or isinstance(item.get("response"), str)
    return not _BEDROCK.isdisjoint(item) or (said and isinstance(item.get("done"), bool))


def _delta_in(item: Object) -> Object:
    """Return an event of a stream as a delta of OpenAI's chat completions."""
    if item.get("type") == "response.output_text.delta":
        return {"content": item.get("delta")}
    if item.get("type") in ("response.output_item.done", "response.function_call_arguments.done"):
        call = item.get("item")
        return _as_call(call, item.get("output_index")) if is_object(call) and call.get("name") else {}
    if "candidates" in item or "done" in item:
        said = read_messages(_said_in(item))
        calls = [
            {"index": call.id or call, "id": call.id, "function": {"name": call.name, "arguments": call.arguments}}
            for message in said
            for call in message.tool_calls
        ]
        return {"content": "".join(message.content or "" for message in said), "tool_calls": calls}
    event = next((inner for key in _BEDROCK if is_object(inner := item.get(key))), item)
    index = event.get("index", event.get("contentBlockIndex"))
    started = event.get("content_block", event.get("start"))
    if is_object(started):
        call = started.get("toolUse", started)
        return _as_call(call, index) if is_object(call) and call.get("name") else {}
    delta = event.get("delta")
    if not is_object(delta):
        return {}
    used = delta.get("toolUse")
    arguments = used.get("input") if is_object(used) else delta.get("partial_json")
    return {
        "content": delta.get("text"),
        "tool_calls": [{"index": index, "function": {"arguments": arguments}}] if arguments else [],
    }


def _said_in(item: Object) -> object:
    candidates = item.get("candidates")
    if is_array(candidates):
        return candidates[0].get("content") if candidates and is_object(candidates[0]) else None
    return item.get("message", {"role": "assistant", "content": item.get("response")})


def _as_call(call: Object, index: object) -> Object:
    identifier = call.get("call_id", call.get("id", call.get("toolUseId")))
    function = {"name": call.get("name"), "arguments": call.get("arguments")}
    return {"tool_calls": [{"index": index, "id": identifier, "function": function}]}


def read_chunks(items: Sequence[object]) -> list[Message] | None:
    """Return the messages that chunks of OpenAI's chat completions add up to, a choice each; None if they are none."""
    if not items or not all(is_object(item) and is_array(item.get("choices")) for item in items):
        return None
    choices: dict[object, _Choice] = {}
    has_deltas = False
    for item in items:
        for choice in item["choices"] if is_object(item) and is_array(item["choices"]) else ():
            if is_object(choice) and is_object(delta := choice.get("delta")):
                has_deltas = True
                choices.setdefault(choice.get("index"), _Choice()).add(delta)
    return [message for one in choices.values() for message in one.messages()] if has_deltas else None


class _Choice:
    """One choice, as far as it has come."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.calls: dict[object, list[str]] = {}
        """Id, name and arguments of each call, by its index."""

    def add(self, delta: Object) -> None:
        for key in ("content", "refusal"):
            if isinstance(text := delta.get(key), str):
                self.texts.append(text)
        calls = delta.get("tool_calls")
        for call in calls if is_array(calls) else ():
            if is_object(call):
                known = self.calls.setdefault(call.get("index"), ["", "", ""])
                function = call.get("function")
                named = function if is_object(function) else {}
                for position, piece in enumerate((call.get("id"), named.get("name"), named.get("arguments"))):
                    known[position] += piece if isinstance(piece, str) else ""

    def messages(self) -> list[Message]:
        calls = tuple(
            ToolCall(name, arguments or "{}", identifier or None) for identifier, name, arguments in self.calls.values()
        )
        text = "".join(self.texts)
        return [Message("assistant", text or None, calls)] if text or calls else []
