"""A conversation as a row a turn: which calls of a model below one root belong to which turn.

A turn is consecutive calls of a model, side spans aside, that have the same last user message at the same position: an
agent's loop asks again and again after one message of the user, and the next message begins the next turn.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from ..conventions import up_to_last_user
from ..conventions._json import compact, is_array, is_object, parse
from ..outcome import Outcome
from ..run import Run, way_up
from . import rows as reading
from .traces import A_PROBE, NO_ROOT, Decided, Found, collect, input_for, is_probe

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ..config import RunOutputConfig
    from ..outcome import SpanId
    from .traces import StoredTrace

NO_TURN = "without a call of a model that says something"


def read_turns(rows: Iterable[Mapping[str, object]], config: RunOutputConfig) -> list[Decided]:
    """Read a trace and decide on the run output of each of its turns.

    Args:
        rows: The rows of one trace, in any order. Read once.
        config: The configuration. ``overwrite`` does not count.

    Returns:
        The turns in their order, each with the row of its first call as ``about``; one without a run output, which says
        why, if there is none.
    """
    trace = collect(rows, config)
    if trace.root is None or trace.root_row is None:
        return [Decided(None, None, NO_ROOT)]
    if is_probe(trace.root_row):
        return [Decided(trace.root_row, None, A_PROBE)]
    ways = {one.span_id: way_up(one.span_id, trace.root.span_id, trace.parents) for one in trace.others}
    calls = _calls_of(trace, trace.root, ways)
    turns = [_decide(trace, trace.root, list(turn), ways) for _, turn in groupby(calls, key=_last_user_message)]
    made = [turn for turn in turns if turn.found is not None]
    return made or [Decided(trace.root_row, None, NO_TURN)]


def _calls_of(trace: StoredTrace, root: Outcome, ways: Mapping[SpanId, Sequence[SpanId]]) -> list[Outcome]:
    """Return the calls of a model that say something and lie below no side span, in the order of their starts."""
    sides = {one.span_id for one in trace.others if one.side is not None}
    said = [
        one
        for one in (root, *trace.others)
        if one.completion is not None and sides.isdisjoint((one.span_id, *ways.get(one.span_id, ())))
    ]
    calls = [one for one in said if one.is_model] or said
    return sorted(calls, key=lambda one: (one.start, one.end, str(one.span_id)))


def _decide(
    trace: StoredTrace, root: Outcome, turn: Sequence[Outcome], ways: Mapping[SpanId, Sequence[SpanId]]
) -> Decided:
    """Decide as for a root below which nothing but the turn was said."""
    run = Run(trace.config)
    said = {one.span_id for one in turn}
    for one in sorted((root, *trace.others), key=lambda one: one.order):
        if one.span_id in said or (one is not root and one.completion is None and one.explicit is None):
            run.hear(one, ways.get(one.span_id, ()))
    choice = run.choose(Outcome(root.key))._replace(input_of=turn[0])
    value = reading.written_value(choice, trace.config, trace.row_of)
    about = trace.row_of(turn[0].key)
    if value is None or choice.source is None:
        return Decided(trace.root_row, None, NO_TURN, choice)
    found = Found(value.text, str(choice.source.span_id), str(root.key[0]), choice.source.name, value.is_cut)
    return Decided(trace.root_row, found, "", choice, input_for(choice, trace), about)


def _last_user_message(call: Outcome) -> tuple[int, str]:
    """Return the position of a call's last user message, and the message as JSON."""
    text = call.input
    if text is None:
        return 0, ""
    asked = parse(up_to_last_user(text))
    messages = asked.get("messages") if is_object(asked) else asked
    return (len(messages), compact(messages[-1])) if is_array(messages) and messages else (0, text)
