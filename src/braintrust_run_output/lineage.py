"""Which spans live, and which local root each of them belongs to.

A local root is a span whose parent is not a live span of this process that the processor knows: no parent, a remote
parent, a parent of another provider, a native Braintrust parent or an unsampled one. Every other span belongs to the
local root of its parent. Ended spans are remembered for a while, for children that start after their parent's end.

Every span of the application passes here, so next to nothing is done: one entry in a dictionary, the context of the
span's local root. What `Lineage.start` and `Lineage.end` do with nearly every span is written out once more in
`_sdk.SpanHooks`, where it saves the calls; that it is the same is tested with random traces.

Locking: single operations on a dictionary or set are atomic and need no lock. ``_lock`` is held while spans are
forgotten; no code of others runs under it.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar

from ._sdk import IS_REMOTE, SPAN_ID, TRACE_ID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ._sdk import ContextTuple, SpanKey

_Key = TypeVar("_Key")

MAX_LIVE = 100_000
"""How many live spans are remembered; beyond that the oldest are taken for spans that never end."""

MAX_ENDED = 4_096
"""How many ended spans are remembered while others live."""


class Lineage:
    """Follows spans from start to end. Spans are named by their contexts, or by trace id and span id alone.

    Args:
        forgets: Called with the spans that never ended, when they are forgotten.
        follows_running: Whether to know of each local root's live descendants.
        max_live: How many live spans are remembered; default `MAX_LIVE`.
    """

    def __init__(
        self,
        forgets: Callable[[Iterable[SpanKey]], None],
        *,
        follows_running: bool = False,
        max_live: int | None = None,
    ) -> None:
        self._forgets = forgets
        self._follows_running = follows_running
        self.max_live = MAX_LIVE if max_live is None else max_live
        self.max_ended = MAX_ENDED
        # What follows is for others to look up; only `_sdk.SpanHooks` changes it, as `start` and `end` do.
        self.live: dict[int, ContextTuple] = {}
        """Every live span's origin, by its span id: the context of its local root; of a local root the context of its
        remote parent, where that lived here when it started, otherwise its own."""
        self.ended: dict[int | SpanKey, ContextTuple] = {}
        """The origins of spans that have ended, by their span ids; by trace id and span id if there were twins then."""
        self.twins: dict[SpanKey, ContextTuple] = {}
        """The origins of spans that started while a span of another trace with the same id lived."""
        self.running: dict[int | SpanKey, set[int]] = {}
        """The span ids of local roots' live descendants, where they are followed; roots are named by `_name_of`."""
        self.clear()

    def clear(self) -> None:
        """Forget everything: at shutdown, and in a forked child, where an inherited lock may be held for ever."""
        self._lock = threading.RLock()  # a signal handler or a finalizer may end spans on the thread that holds it
        self.live.clear()
        self.ended.clear()
        self.twins.clear()
        self.running.clear()

    @property
    def remembered(self) -> int:
        """How many spans are remembered."""
        return len(self.live) + len(self.ended) + len(self.twins) + len(self.running)

    # --- a span's way ----------------------------------------------------------------------------------------

    def start(self, context: ContextTuple, parent: ContextTuple | None) -> ContextTuple:
        """Note that a span started, given its context and its parent's, and return its origin."""
        live = self.live
        origin = context
        if parent is not None:
            above = self.origin_of(parent)
            if above is not None:
                origin = parent if parent[IS_REMOTE] or above[IS_REMOTE] else above
            elif self.ended:
                origin = self._origin_below(parent) or context
        if live.setdefault(context[SPAN_ID], origin) is not origin:
            self._add_twin(context[:2], origin)
        if len(live) > self.max_live:
            self._forget_oldest()
        if self._follows_running and origin is not context:
            self.runs_below(context, origin)
        return origin

    def end(self, span: ContextTuple) -> ContextTuple | None:
        """Note that a span ended, and return its origin; a local root that is held back lives until it is released."""
        if self.twins:
            return self._end_among_twins(span)
        key, live, ended = span[SPAN_ID], self.live, self.ended
        origin = live.get(key)
        if origin is not None and len(live) > 1:
            ended[key] = origin  # first it has ended, then it lives no more: whoever looks finds it
        live.pop(key, None)
        if self.running:
            self.running.pop(key, None)
        if not live:
            if ended:
                ended.clear()
        elif len(ended) > self.max_ended:
            self.forget_ended()
        return origin

    def _end_among_twins(self, span: ContextTuple) -> ContextTuple | None:
        """Note that a span ended whose id another one may have: it goes on being known by its trace id as well."""
        key, name = span[:2], self._name_of(span)
        origin = self.origin_of(span)
        if origin is not None:
            self.ended[key] = origin
            if self.twins.pop(key, None) is None:
                self.live.pop(span[SPAN_ID], None)
            self.running.pop(name, None)
            if len(self.ended) > self.max_ended:
                self.forget_ended()
        if not (self.live or self.twins):
            self.ended.clear()
        return origin

    def _origin_below(self, parent: ContextTuple) -> ContextTuple | None:
        """Return the origin of a span whose parent has ended; None if that leads to no live root."""
        root = self.root_of(parent)
        if root is None:
            return None
        return parent if parent[IS_REMOTE] else (*root, False)

    # --- who belongs to whom -----------------------------------------------------------------------------------

    def root_of(self, span: ContextTuple) -> SpanKey | None:
        """Return the local root that a live or ended span belongs to, itself if it is one; None if it has ended."""
        live = self.live
        origin = live.get(span[SPAN_ID])
        if origin is not None and live.get(origin[SPAN_ID]) is origin and origin[TRACE_ID] == span[TRACE_ID]:
            return origin[:2]  # nearly always: a local root that lives, and is its own origin
        return self._find_root_of(span)

    def _find_root_of(self, span: ContextTuple) -> SpanKey | None:
        origin = self._last_origin_of(span)
        if origin is not None and not self._is_roots(span, origin):
            span, origin = origin, self._last_origin_of(origin)
        if origin is None:
            return None
        if self.origin_of(span) is not None:
            return span[:2]
        # It is late for its own root, but perhaps not for the one that this one's remote parent belongs to.
        return self.root_of(origin) if origin[IS_REMOTE] else None

    def origin_of(self, span: ContextTuple) -> ContextTuple | None:
        """Return a live span's origin, None if the span does not live.

        That is the context of its local root or, for a local root, of its remote parent where that lives here, or else
        its own.
        """
        origin = self.live.get(span[SPAN_ID])
        if origin is not None and origin[TRACE_ID] == span[TRACE_ID]:
            return origin
        return self.twins.get(span[:2]) if self.twins else None

    def root_above(self, root: ContextTuple) -> SpanKey | None:
        """Return the local root that a local root's remote parent belongs to, where that lives in this process.

        So it is in a service that calls itself: what the inner root puts out counts for both.

        Args:
            root: The origin of the inner root.
        """
        return self.root_of(root) if root[IS_REMOTE] else None

    def is_alone(self, root: SpanKey) -> bool:
        """Whether a local root lives, and there is surely none around it."""
        origin = self.live.get(root[SPAN_ID])
        return origin is not None and not origin[IS_REMOTE] and not self.twins

    def _is_roots(self, span: ContextTuple, origin: ContextTuple) -> bool:
        """Whether this is the origin of a local root."""
        return bool(origin[IS_REMOTE]) or origin[SPAN_ID] == span[SPAN_ID]

    def _last_origin_of(self, span: ContextTuple) -> ContextTuple | None:
        """Return a live or ended span's origin, None if it is not known."""
        origin = self.origin_of(span)
        if origin is None:
            origin = self.ended.get(span[:2]) or self.ended.get(span[SPAN_ID])
        return origin if origin is not None and origin[TRACE_ID] == span[TRACE_ID] else None

    # --- live descendants --------------------------------------------------------------------------------------

    def runs_below(self, span: ContextTuple, origin: ContextTuple) -> None:
        """Note that a span that is not its own origin lives below a local root, if it does."""
        if origin[IS_REMOTE]:  # it is a local root itself
            return
        name = self._name_of(origin) if self.twins else origin[SPAN_ID]
        if self.live.get(origin[SPAN_ID]) is origin or self.origin_of(origin) is not None:  # it has not ended
            running = self.running.get(name)
            if running is None:
                running = self.running.setdefault(name, set())
            running.add(span[SPAN_ID])

    def has_running(self, root: ContextTuple) -> bool:
        """Whether any descendant of a local root lives, where they are followed."""
        return bool(self.running.get(self._name_of(root)))

    def done(self, span: ContextTuple, origin: ContextTuple) -> None:
        """Note that an ended span has been handed on.

        Args:
            span: The span.
            origin: What `end` returned for it.
        """
        name = self._name_of(origin) if self.twins else origin[SPAN_ID]
        running = self.running.get(name)
        # Not where its root has ended, and one of another trace has taken over the id.
        if running is not None and (
            self.live.get(origin[SPAN_ID], origin) is origin or self.origin_of(origin) is not None
        ):
            running.discard(span[SPAN_ID])
            if not running and name not in self.live and self.origin_of(origin) is None:
                self.running.pop(name, None)

    def _name_of(self, span: ContextTuple) -> int | SpanKey:
        """Return what a live span is known by: its span id, and the trace id as well if another has the same."""
        return span[:2] if self.twins and span[:2] in self.twins else span[SPAN_ID]

    # --- bounds ------------------------------------------------------------------------------------------------

    def _add_twin(self, span: SpanKey, origin: ContextTuple) -> None:
        """Keep a span apart that has the id of another trace's live span: ids need only be unique within a trace."""
        with self._lock:
            self.twins[span] = origin
            if len(self.twins) > self.max_live:
                for key in oldest(self.twins, self.max_live // 10 + 1):
                    self.twins.pop(key, None)

    def forget_ended(self) -> None:
        """Forget the older half of the ended spans."""
        with self._lock:
            for key in oldest(self.ended, self.max_ended // 2):
                self.ended.pop(key, None)

    def _forget_oldest(self) -> None:
        forgotten: list[SpanKey] = []
        with self._lock:
            excess = self.max_live // 10 + 1 if len(self.live) > self.max_live else 0
            for span_id in oldest(self.live, excess):
                origin = self.live.pop(span_id, None)
                if origin is not None:
                    forgotten.append((origin[TRACE_ID], span_id))
                    self.done(forgotten[-1], origin)
                    self.running.pop(span_id, None)
        self._forgets(forgotten)


def oldest(spans: Mapping[_Key, object], number: int) -> list[_Key]:
    """Return so many keys that have been in a dictionary longest, none if that is not positive.

    Others may add to it and remove from it meanwhile: one operation puts all keys down, where an iterator would live
    on, and raise when it sees that the dictionary has changed.
    """
    return list(spans)[:number] if number > 0 else []
