r"""Google's Agent Development Kit: ``gcp.vertex.agent.llm_response`` on ``call_llm`` spans, and OpenInference's form.

The attribute of release 1.x holds an ``LlmResponse`` as JSON; it is ``{}`` when content capture is off::

    gcp.vertex.agent.llm_response  {"content": {"role": "model", "parts": [{"text": "The capital of France .."}]}}

OpenInference merges both turns of an exchange on one of ADK's own spans, the call of the first into the message of the
second. Its ``output.value``, the last ``LlmResponse`` or final event, is what was said, on LLM and AGENT spans::

    output.value                   {"content": {"role": "model", "parts": [{"text": "The capital of France .."}]}}
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
_OUTPUT = "output.value"
_KIND = "openinference.span.kind"
_SCOPES = ("openinference.instrumentation.google_adk", "gcp.vertex.agent")


def read(attributes: Attributes, _events: Sequence[Event], _scope: str) -> Completion | None:
    """Return the response's content."""
    return _read(attributes, _KEY)


def read_openinference(attributes: Attributes, _events: Sequence[Event], scope: str) -> Completion | None:
    """Return the content of the last response of a model, or of the final event of an agent."""
    return _read(attributes, _OUTPUT) if scope in _SCOPES and attributes.get(_KIND) in ("LLM", "AGENT") else None


def _read(attributes: Attributes, key: str) -> Completion | None:
    response = parse(attributes[key])
    content = response.get("content") if is_object(response) else None
    return from_messages(read_messages(content), key) if content else None


CONVENTION = Convention("Google ADK", read, keys=frozenset({_KEY}))
OPENINFERENCE = Convention("Google ADK, OpenInference", read_openinference, keys=frozenset({_OUTPUT}))
