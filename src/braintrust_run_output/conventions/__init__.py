"""Where model outputs are found: one module a convention, and the order in which they are tried.

Conventions know nothing of spans beyond attributes, events and scope name, so they read stored rows as well.

To add one: write a module like its neighbours (what it claims and one real example in the docstring) and put its
``Convention`` into `REGISTRY`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import gen_ai_messages, indexed, openinference, single_attribute
from ._kinds import is_never_a_completion

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..completion import Completion
    from ._convention import Attributes, Convention, Event

__all__ = ["KEYS", "REGISTRY", "read_completion"]

REGISTRY: tuple[Convention, ...] = (
    single_attribute.BRAINTRUST_OUTPUT,
    indexed.BRAINTRUST_OUTPUT,
    gen_ai_messages.CONVENTION,
    openinference.CONVENTION,
    indexed.GEN_AI_COMPLETION,
    single_attribute.GEN_AI_COMPLETION,
)
"""Every convention, in the order in which they are tried; the first that finds a completion wins."""


def _by(given_away_by: Mapping[Convention, frozenset[str]]) -> dict[str, tuple[int, ...]]:
    table: dict[str, tuple[int, ...]] = {}
    for rank, convention in enumerate(REGISTRY):
        for key in given_away_by[convention]:
            table[key] = (*table.get(key, ()), rank)
    return table


_RANKS_BY_KEY = _by({convention: convention.keys for convention in REGISTRY})
_RANKS_BY_EVENT = _by({convention: convention.events for convention in REGISTRY})
KEYS = frozenset(_RANKS_BY_KEY)
"""The attributes of which every span with a completion has one, unless it is in an event."""


def read_completion(attributes: Attributes, events: Sequence[Event] = (), scope_name: str = "") -> Completion | None:
    """Return the model's output that a span carries, None if it carries none.

    Spans that say they are a tool, retriever, reranker, embedding, prompt, guardrail or evaluator never do.
    A span without any attribute or event of a known convention is dismissed without a look at a value.

    Args:
        attributes: The span's attributes.
        events: The span's events.
        scope_name: The name of the span's instrumentation scope.
    """
    ranks: set[int] = set()
    if not KEYS.isdisjoint(attributes):
        ranks.update(*(_RANKS_BY_KEY[key] for key in KEYS.intersection(attributes)))
    if events and _RANKS_BY_EVENT:
        ranks.update(*(_RANKS_BY_EVENT.get(event.name, ()) for event in events))
    if not ranks or is_never_a_completion(attributes):
        return None
    for rank in sorted(ranks):
        completion = REGISTRY[rank].read(attributes, events, scope_name)
        if completion is not None:
            return completion
    return None
