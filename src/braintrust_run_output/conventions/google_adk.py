r"""Google's Agent Development Kit 1.x: ``gcp.vertex.agent.llm_response`` on ``call_llm`` spans.

The attribute holds an ``LlmResponse`` as JSON; it is ``{}`` when content capture is off::

    gcp.vertex.agent.llm_response  {"content": {"role": "model", "parts": [{"text": "The capital of France .."}]}}
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..completion import from_messages
from ._chat import read_messages
from ._convention import Attributes, Convention, Event
from ._json import is_object, parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..completion import Completion

_KEY = "gcp.vertex.agent.llm_response"


def read(attributes: Attributes, _events: Sequence[Event], _scope: str) -> Completion | None:
    """Return the response's content."""
    response = parse(attributes[_KEY])
    content = response.get("content") if is_object(response) else None
    return from_messages(read_messages(content), _KEY) if content else None


CONVENTION = Convention("Google ADK", read, keys=frozenset({_KEY}))
