r"""Haystack's own tracing with content: the replies of a generator, an agent's last message, a pipeline's output.

Source: https://docs.haystack.deepset.ai/docs/tracing, ``HAYSTACK_CONTENT_TRACING_ENABLED=true``::

    haystack.agent.step.llm.output  {"replies": [{"role": "assistant", "content": [{"text": "The capital .."}]}]}
    haystack.agent.output           {"messages": [..], "last_message": {"role": "assistant", "content": [..]}}
    haystack.component.type         "OpenAIChatGenerator"
    haystack.component.output       {"replies": [..]}
    haystack.pipeline.output_data   {"llm": {"replies": [..]}}

The output of a component that is no generator, and of a pipeline, is generic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..completion import from_messages
from ._convention import Attributes, Convention, Event
from ._json import is_object, parse
from ._responses import read_response
from ._unwrap import unwrap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..completion import Completion

_STEP = "haystack.agent.step.llm.output"
_AGENT = "haystack.agent.output"
_COMPONENTS = ("haystack.component.output", "haystack.component.outputs")
"""The second is what pipelines that run asynchronously wrote, in early releases."""
_TYPE = "haystack.component.type"
_PIPELINE = "haystack.pipeline.output_data"


def read_generator(attributes: Attributes, _events: Sequence[Event], _scope: str) -> Completion | None:
    """Return the replies of a generator, or what an agent said last."""
    keys = [_STEP]
    if str(attributes.get(_TYPE)).endswith("Generator"):
        keys += _COMPONENTS
    for key in keys:
        value = attributes.get(key)
        completion = from_messages(read_response(parse(value)), key, raw=value if isinstance(value, str) else None)
        if completion is not None:
            return completion
    return unwrap(attributes[_AGENT], _AGENT) if _AGENT in attributes else None


def read_output(attributes: Attributes, _events: Sequence[Event], _scope: str) -> Completion | None:
    """Return the output of a pipeline or another component, unwrapped."""
    for key in (_PIPELINE, *_COMPONENTS):
        value = parse(attributes.get(key))
        if is_object(value) and (completion := unwrap(value, key)) is not None:
            return completion
    return None


GENERATOR = Convention(
    "Haystack generator and agent",
    read_generator,
    keys=frozenset({_STEP, _AGENT, *_COMPONENTS}),
)
OUTPUT = Convention("Haystack pipeline", read_output, keys=frozenset({_PIPELINE, *_COMPONENTS}))
