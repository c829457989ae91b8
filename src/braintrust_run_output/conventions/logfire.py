r"""Logfire's own instrumentations of openai and anthropic, semantic-convention version 1: ``response_data``.

While streaming, the request's span ends without output, and a sibling (``streaming response from ..``,
``logfire.span_type`` ``log``) has it. Newer versions write `gen_ai_messages`, the Responses API `message_events`::

    response_data  {"message": {"role": "assistant", "content": "The capital of France is Paris."}, "usage": {..}}
    response_data  {"combined_chunk_content": "The capital of France is Paris.", "chunk_count": 9}

Its spans for OpenAI's agents have the whole response of the Responses API as well::

    response       {"object": "response", "output": [{"type": "message", "content": [{"type": "output_text", ..}]}]}
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..completion import from_messages
from ._convention import Attributes, Convention, Event
from ._json import parse
from ._responses import read_response

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..completion import Completion

_KEY = "response_data"
_RESPONSE = "response"
_TEMPLATE = "logfire.msg_template"


def read(attributes: Attributes, _events: Sequence[Event], scope: str) -> Completion | None:
    """Return the output, if the attribute is logfire's."""
    if "request_data" not in attributes and not scope.startswith("logfire"):
        return None
    return from_messages(read_response(parse(attributes[_KEY])), _KEY)


def read_agents_response(attributes: Attributes, _events: Sequence[Event], _scope: str) -> Completion | None:
    """Return the output of a response that one of OpenAI's agents got."""
    if _TEMPLATE not in attributes:
        return None
    return from_messages(read_response(parse(attributes[_RESPONSE]), may_be_said=True), _RESPONSE)


CONVENTION = Convention("Logfire response data", read, keys=frozenset({_KEY}))
AGENTS_RESPONSE = Convention("Logfire agents' response", read_agents_response, keys=frozenset({_RESPONSE}))
