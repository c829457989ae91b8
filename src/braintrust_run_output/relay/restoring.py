"""Taking up what a former process left in the spool.

The wait of its roots begins anew: what they wait for was refused meanwhile, and is sent again.
"""

from __future__ import annotations

import json
import time
from functools import partial
from typing import TYPE_CHECKING

from .. import _faults
from ..otlp import read_log_records, read_spans
from .codec import read_roots, unpack_links
from .state import HeldRoot, Recorded, Spooled, TraceKey

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..outcome import Outcome
    from .deciding import Deciding
    from .spool import RootsRow, SaidRow, Spool
    from .state import State, Trace


def restore(spool: Spool, state: State, deciding: Deciding, *, now: float, remember: float) -> None:
    """Take up what a former process left.

    Args:
        spool: Where it is.
        state: Where it goes.
        deciding: Reads what spans said.
        now: The time, by the clock of the state.
        remember: How long what was said counts, in seconds.
    """
    oldest = time.time() - remember
    for said in spool.read_said():
        if said.seen >= oldest:
            _contained(partial(_take_said, said, state, deciding, now))
    for number, roots in spool.read_roots():
        _contained(partial(_take_roots, number, roots, spool, state, now))


def _contained(take: Callable[[], None]) -> None:
    try:
        take()
    except Exception as error:  # noqa: BLE001 (a row that cannot be read costs that row)
        _faults.contain("Reading the state directory", error)


def _take_said(row: SaidRow, state: State, deciding: Deciding, now: float) -> None:
    def trace_of(trace_id: bytes) -> Trace:
        trace = state.touch(TraceKey(trace_id, row.tenant), now)
        trace.is_restored = True
        return trace

    for trace_id, links in unpack_links(row.links):
        state.add_links(trace_of(trace_id), links)
    for span in read_spans(row.spans):
        outcome = deciding.read_again(span)
        trace = trace_of(span.trace_id.to_bytes(16, "big"))
        state.add_outcome(trace, span.span_id.to_bytes(8, "big"), outcome, _size_of(outcome))
    for record in read_log_records(row.records):
        found = deciding.read_record(record)
        if found is not None:
            recorded = Recorded(found.outcome, found.continues)
            trace = trace_of(record.trace_id.to_bytes(16, "big"))
            state.add_record(trace, record.span_id.to_bytes(8, "big"), recorded, len(found.excerpt))


def _take_roots(number: int, row: RootsRow, spool: Spool, state: State, now: float) -> None:
    headers = tuple((str(name), str(value)) for name, value in json.loads(row.headers))
    roots = list(read_roots(row.content))
    spooled = Spooled(number, len(roots))
    for root in roots:
        key = TraceKey(root.trace_id, row.tenant)
        state.touch(key, now)
        if not state.hold(HeldRoot(key, root, headers, now, spooled)):
            spooled.left -= 1
    if not spooled.left:
        spool.doom(number)


def _size_of(outcome: Outcome) -> int:
    completion = outcome.completion
    return 0 if completion is None else len(completion.text or str(completion.messages))
