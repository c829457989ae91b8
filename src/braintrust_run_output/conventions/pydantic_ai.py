r"""pydantic-ai: ``final_result`` on an agent's run, a text or compact JSON.

Its chats write `gen_ai_messages` or, in version 1 of its instrumentation, `message_events`; the whole conversation in
``pydantic_ai.all_messages`` is not the output::

    agent_name    "weather_agent"
    final_result  "The capital of France is Paris."
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..completion import from_text
from ._convention import Attributes, Convention, Event
from ._json import compact, was_cut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..completion import Completion

_KEY = "final_result"
_AGENT = ("gen_ai.agent.name", "agent_name")


def read(attributes: Attributes, _events: Sequence[Event], scope: str) -> Completion | None:
    """Return the agent's final result, if the attribute is pydantic-ai's."""
    if scope != "pydantic-ai" and not any(key in attributes for key in _AGENT):
        return None
    value = attributes[_KEY]
    if value in (None, "null"):  # the agent's output type is None
        return None
    text = value if isinstance(value, str) else compact(value)
    return None if was_cut(text) else from_text(text, _KEY)


CONVENTION = Convention("pydantic-ai final result", read, keys=frozenset({_KEY}))
