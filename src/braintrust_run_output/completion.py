"""A completion, a model's output found on a span or log record, and its rendering to the value that is written."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .config import Format


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class ToolCall(NamedTuple):
    """A model's request to call a tool. ``arguments`` is JSON text, as in OpenAI's chat messages."""

    name: str
    arguments: str
    id: str | None = None
    is_hosted: bool = False
    """Whether the provider carries it out itself: left out beside anything else that was said."""


class Message(NamedTuple):
    """One chat message: its role, its text (None if it has none) and its tool calls."""

    role: str
    content: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()


class Completion(NamedTuple):
    """A model's output, normalised. Either ``text`` alone, or ``messages``.

    Args:
        source: The attribute or event where it was found.
        text: The output as plain text, where it is nothing but text.
        messages: The output as chat messages, where it is more than one text.
        raw: The source value as found, where it was a single string.
        block: Which block of a turn it is, where others may be found beside it: ``text``, or ``unknown`` if it may as
            well be what the model thought.
    """

    source: str
    text: str | None = None
    messages: tuple[Message, ...] = ()
    raw: str | None = None
    block: Literal["text", "unknown"] | None = None

    def render(self, format: Format = "text") -> str:  # noqa: A002 (the field's name)
        """Return the run output.

        Args:
            format: ``text``: the text alone, otherwise a compact JSON array of OpenAI chat messages; ``messages``:
                always the array; ``verbatim``: the source value as found, where it was a single string.
        """
        if format == "verbatim" and self.raw is not None:
            return encodable(self.raw)
        if self.text is not None and format != "messages":
            return encodable(self.text)
        return encodable(_encode(self.as_messages()))

    def as_messages(self) -> list[dict[str, object]]:
        """Return the output as OpenAI chat messages (``role``, ``content``, ``tool_calls``)."""
        return as_chat(self._said)

    @property
    def _said(self) -> tuple[Message, ...]:
        return self.messages or (Message("assistant", self.text),)

    @property
    def calls_tools(self) -> bool:
        """Whether it ends in calls of tools, so that more is to come."""
        return bool(self.messages and self.messages[-1].tool_calls)

    def joined(self, other: Completion) -> Completion:
        """Return this completion with what else was found of the same turn: another choice, or another block.

        Of two blocks that may be texts or thinking the later one is the text.
        """
        said = [*self._said, *other._said]
        if self.block and other.block:
            texts = [message.content or "" for message in said if not message.tool_calls]
            text = texts[-1] if other.block == "unknown" and texts else "".join(texts)
            calls = [message for message in said if message.tool_calls]
            said = [*([Message("assistant", text)] if texts else ()), *calls]
        found = _completion(_one_turn(said), self.source, None)
        return found._replace(block=other.block) if found else self


def from_text(text: str, source: str, *, raw: str | None = None) -> Completion | None:
    """Return the completion that is this text, None if the text says nothing (see `says_nothing`)."""
    return None if says_nothing(text) else Completion(source, text, (), text if raw is None else raw)


def from_messages(messages: Iterable[Message], source: str, *, raw: str | None = None) -> Completion | None:
    """Return the completion that chat messages hold, None if they hold none.

    Of a list that holds a whole exchange only the output counts (see `output_of`).
    """
    messages = list(messages)
    if len(messages) == 1:  # most often
        role, text, calls = messages[0]
        if role == "assistant" and not calls:
            return None if text is None or says_nothing(text) else Completion(source, text, (), raw)
    output = [message for message in map(_without_nothing, output_of(messages)) if message is not None]
    return _completion(_one_turn(output), source, raw)


def _completion(output: Sequence[Message], source: str, raw: str | None) -> Completion | None:
    if not output:
        return None
    if len(output) == 1 and (text := output[0].content if not output[0].tool_calls else _answer_by_tool(output[0])):
        return Completion(source, text, (), raw)
    return Completion(source, None, tuple(output), raw)


def _one_turn(output: Sequence[Message]) -> Sequence[Message]:
    """Return what is one turn as one message: a text and calls, or several calls, each a message of its own.

    Texts alone are several choices, unless the last one repeats the pieces before it.
    """
    if len(output) < 2:
        return output
    texts = [message.content or "" for message in output if not message.tool_calls]
    if len(texts) == len(output):
        return output[-1:] if len(texts) > 2 and texts[-1] == "".join(texts[:-1]) else output
    if any(message.content and message.tool_calls for message in output):
        return output
    calls = tuple(call for message in output for call in message.tool_calls)
    merged = _without_nothing(Message("assistant", "".join(texts) or None, calls))
    return () if merged is None else (merged,)


_ANSWER_TOOLS = re.compile(r"final_answer|final_result(?:_\w+)?|json|json_tool_call|strands_structured_output")
"""The tools by which models are made to give a structured answer: by smolagents, BeeAI, pydantic-ai, Vercel's AI SDK,
LiteLLM, Strands in JavaScript."""
_ANSWER_ARGUMENTS = ("answer", "response")
"""What these call an answer that is no object."""


def _answer_by_tool(message: Message) -> str | None:
    """Return the answer that a model gives by calling a tool with it, None if it calls other tools."""
    call = next((call for call in message.tool_calls if _ANSWER_TOOLS.fullmatch(call.name)), None)
    if call is None:
        return None
    try:
        arguments = json.loads(call.arguments)
    except (ValueError, RecursionError):
        return None
    if not isinstance(arguments, dict) or not arguments:
        return None
    (only, *more) = arguments
    answer = arguments[only] if not more and only in _ANSWER_ARGUMENTS else arguments
    return _text_of(Message("assistant", answer if isinstance(answer, str) else _encode(answer)))


def encodable(text: str) -> str:
    """Return a text without lone surrogates (half an emoji, cut while streaming): an exporter cannot encode them."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


# --- what counts ---------------------------------------------------------------------------------------------

_LONGEST_PLACEHOLDER = 300
_PLACEHOLDER = r"""\s*(?:
        REDACTED
      | [_\[<({*]+(?i:redacted)[_\]>)}*]+                                 # __REDACTED__, [redacted], <REDACTED>
      | [_\[<]+(?i:hidden|masked|scrubbed|omitted|filtered|elided|not\ serializable)[_\]>]+        # [hidden], <elided>
      | \[Scrubbed\ due\ to\ .*\]                                        # logfire's scrubber
      | <[^<>]*(?:<[^<>]*)?\ at\ 0x[0-9a-fA-F]+>{1,2}                       # the repr of an object
      | <(?:(?:async_)?generator\ object[^<>]*|NoneType\ [^<>]*)>           # the same, shortened
    )\s*"""
"""Compiled when it is first needed: that takes longer than to import the rest of this module."""

_PLACEHOLDER_STARTS = "R_[<({*"


def says_nothing(text: str) -> bool:
    """Whether a text is no output: empty, a redaction placeholder, or the repr of an object."""
    first = text[:1]
    if first.isspace():
        first = text.lstrip()[:1]
    if first not in _PLACEHOLDER_STARTS:  # nearly every text; the empty string is in every string
        return False
    return not first or (
        len(text) <= _LONGEST_PLACEHOLDER and bool(re.fullmatch(_PLACEHOLDER, text, re.VERBOSE | re.DOTALL))
    )


_TOOL_ROLES = frozenset({"tool", "function", "tool-response", "toolresult"})
_INPUT_ROLES = frozenset({"user", "human", "system", "developer"}) | _TOOL_ROLES
_THINKING_ROLES = frozenset({"thinking", "reasoning", "thought"})
"""Every other role is the model's: assistant, model, ai, unknown, none, an agent's name."""


def output_of(messages: Iterable[Message]) -> Sequence[Message]:
    """Return what a model put out last, given chat messages that may hold a whole exchange.

    What stands before the last message of a user, system or tool is history. What a model says after its last
    tool call is the answer; a call that a tool has answered is not output, unless there is nothing else.
    """
    messages = [message for message in messages if message.role.lower() not in _THINKING_ROLES]
    start = len(messages)
    while start and not _is_input(messages[start - 1]):
        start -= 1
    if start == len(messages):
        return _before_tool_results(messages)
    output = messages[start:]
    last_call = max((i for i, message in enumerate(output) if message.tool_calls), default=-1)
    answer = [message for message in output[last_call + 1 :] if _text_of(message)]
    return answer if last_call >= 0 and answer else output


def _is_input(message: Message) -> bool:
    return message.role.lower() in _INPUT_ROLES


def _before_tool_results(messages: list[Message]) -> Sequence[Message]:
    """Return the output of an exchange that ends with the result of a tool."""
    end = len(messages)
    while end and messages[end - 1].role in _TOOL_ROLES:
        end -= 1
    if end == len(messages) or not end or _is_input(messages[end - 1]):
        return ()
    last = messages[end - 1]
    return (Message(last.role, last.content),) if _text_of(last) else (last,)


def _text_of(message: Message) -> str | None:
    return None if message.content is None or says_nothing(message.content) else message.content


def _without_nothing(message: Message) -> Message | None:
    """Return the message as the assistant's, without a text that says nothing; None if nothing is left.

    Calls that the provider carried out itself count only where there is nothing else.
    """
    text, calls = _text_of(message), message.tool_calls
    if calls and any(call.is_hosted for call in calls):
        own = tuple(call for call in calls if not call.is_hosted)
        calls = own if own or text else calls
    return Message("assistant", text, calls) if text or calls else None


def as_chat(messages: Iterable[Message]) -> list[dict[str, object]]:
    """Return messages as OpenAI chat messages (``role``, ``content``, ``tool_calls``)."""
    return [
        {"role": role, "content": content, **({"tool_calls": list(map(_chat_call, calls))} if calls else {})}
        for role, content, calls in messages
    ]


def _chat_call(call: ToolCall) -> dict[str, object]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
