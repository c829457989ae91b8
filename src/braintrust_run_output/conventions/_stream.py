"""The pieces of a stream, which some write in place of what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..completion import Message, ToolCall
from ._json import is_array, is_object

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._json import Object

_FINISHED = "response.completed"


def final_response(items: Sequence[object]) -> Object | None:
    """Return the response in the events of OpenAI's Responses API; None if the items are none, or it did not finish."""
    last = items[-1] if items else None
    response = last.get("response") if is_object(last) and last.get("type") == _FINISHED else None
    return response if is_object(response) else None


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
