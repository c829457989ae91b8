"""Which spans live, and which local root each of them belongs to.

A local root is a span whose parent is not a live span of this process that the processor knows: no parent, a remote
parent, a parent of another provider, a native Braintrust parent or an unsampled one. Every other span belongs to the
local root of its parent. Ended spans are remembered for a while, for children that start after their parent's end.

Every span of the application passes `Lineage.start` and `Lineage.end`, so these do next to nothing: one entry in a
dictionary, the context of the span's local root.

Locking: single operations on a dictionary or set are atomic and need no lock. ``_lock`` is held while spans are
forgotten; no code of others runs under it.
"""

from __future__ import annotations

import threading
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ._sdk import ContextTuple, SpanKey

MAX_SPANS = 100_000
"""How many live spans are remembered; beyond that the oldest are taken for spans that never end."""

_MAX_ENDED = 4_096
"""How many ended spans are remembered while others live."""

_TRACE_ID, _SPAN_ID, _IS_REMOTE = 0, 1, 2


class Lineage:
    """Follows spans from start to end. Spans are named by their contexts, or by trace id and span id alone.

    Args:
        forgets: Called with the spans that never ended, when they are forgotten.
        follows_running: Whether to know of each local root's live descendants.
        max_spans: How many live spans are remembered.
    """

    def __init__(
        self, forgets: Callable[[Iterable[SpanKey]], None], *, follows_running: bool = False, max_spans: int = MAX_SPANS
    ) -> None:
        self._forgets = forgets
        self._follows_running = follows_running
        self._max_spans = max_spans
        self.running: dict[SpanKey, set[SpanKey]] = {}
        """The live descendants of local roots, where they are followed; for others to look up, not to change."""
        self.clear()

    def clear(self) -> None:
        """Forget everything: at shutdown, and in a forked child, where an inherited lock may be held for ever."""
        self._lock = threading.RLock()  # a signal handler or a finalizer may end spans on the thread that holds it
        # Every span's origin, by its span id: the context of its local root; of a local root the context of its remote
        # parent, where that lived here when it started, otherwise its own.
        self._live: dict[int, ContextTuple] = {}
        self._ended: dict[int, ContextTuple] = {}
        self._twins: dict[SpanKey, ContextTuple] = {}
        """The origins of spans that started while a span of another trace with the same id lived."""
        self.running.clear()

    def __len__(self) -> int:
        """How many spans are remembered."""
        return len(self._live) + len(self._ended) + len(self._twins) + len(self.running)

    # --- a span's way ----------------------------------------------------------------------------------------

    def start(self, context: ContextTuple, parent: ContextTuple | None) -> None:
        """Note that a span started, given its context and its parent's."""
        live = self._live
        origin = context
        if parent is not None:
            above = live.get(parent[_SPAN_ID])
            if above is not None and above[_TRACE_ID] == context[_TRACE_ID]:
                origin = parent if parent[_IS_REMOTE] or above[_IS_REMOTE] else above
            elif self._ended or self._twins:
                origin = self._origin_below(parent) or context
        if live.setdefault(context[_SPAN_ID], origin) is not origin:
            self._add_twin(context[:2], origin)
        if len(live) > self._max_spans:
            self._forget_oldest()
        if self._follows_running and origin is not context and not origin[_IS_REMOTE]:
            self._note_running(context[:2], origin)

    def end(self, span: ContextTuple) -> ContextTuple | None:
        """Note that a span ended, and return its origin; a local root that is held back lives until it is released."""
        if self.running:
            self.running.pop(span[:2], None)
        if self._twins and span[:2] in self._twins:
            return self._twins.pop(span[:2], None)
        key = span[_SPAN_ID]
        origin = self._live.pop(key, None)
        ended = self._ended
        if not self._live:
            if ended:
                ended.clear()
        elif origin is not None:
            ended[key] = origin
            if len(ended) > _MAX_ENDED:
                self._forget_ended()
        return origin

    def _origin_below(self, parent: ContextTuple) -> ContextTuple | None:
        """Return the origin of a span whose parent has ended, or has a twin; None if that leads to no live root."""
        root = self.root_of(parent)
        if root is None:
            return None
        return parent if parent[_IS_REMOTE] else (*root, False)

    # --- who belongs to whom -----------------------------------------------------------------------------------

    def root_of(self, span: ContextTuple) -> SpanKey | None:
        """Return the local root that a live or ended span belongs to, itself if it is one; None if it has ended."""
        live = self._live
        origin = live.get(span[_SPAN_ID])
        if origin is not None and origin[_TRACE_ID] == span[_TRACE_ID] and not origin[_IS_REMOTE]:  # nearly always
            if origin[_SPAN_ID] == span[_SPAN_ID]:
                return span[:2]
            of_root = live.get(origin[_SPAN_ID])
            if of_root is not None and of_root[_TRACE_ID] == span[_TRACE_ID]:
                return origin[:2]
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
        return self.root_of(origin) if origin[_IS_REMOTE] else None

    def origin_of(self, span: ContextTuple) -> ContextTuple | None:
        """Return a live span's origin, None if the span does not live.

        That is the context of its local root or, for a local root, of its remote parent where that lives here, or else
        its own.
        """
        origin = self._live.get(span[_SPAN_ID])
        if origin is not None and origin[_TRACE_ID] == span[_TRACE_ID]:
            return origin
        return self._twins.get(span[:2]) if self._twins else None

    def root_above(self, root: ContextTuple) -> SpanKey | None:
        """Return the local root that a local root's remote parent belongs to, where that lives in this process.

        So it is in a service that calls itself: what the inner root puts out counts for both.

        Args:
            root: The origin of the inner root.
        """
        return self.root_of(root) if root[_IS_REMOTE] else None

    def _is_roots(self, span: ContextTuple, origin: ContextTuple) -> bool:
        """Whether this is the origin of a local root."""
        return bool(origin[_IS_REMOTE]) or origin[_SPAN_ID] == span[_SPAN_ID]

    def _last_origin_of(self, span: ContextTuple) -> ContextTuple | None:
        """Return a live or ended span's origin, None if it is not known."""
        origin = self.origin_of(span)
        if origin is None:
            origin = self._ended.get(span[_SPAN_ID])
        return origin if origin is not None and origin[_TRACE_ID] == span[_TRACE_ID] else None

    # --- live descendants --------------------------------------------------------------------------------------

    def _note_running(self, span: SpanKey, root: ContextTuple) -> None:
        running = self.running.get(root[:2])
        if running is None:
            if self.origin_of(root) is None:  # it has ended
                return
            running = self.running.setdefault(root[:2], set())
        running.add(span)

    def done(self, span: SpanKey, origin: ContextTuple | None) -> SpanKey | None:
        """Note that an ended span has been handed on, and return the local root that may have waited for it, if any.

        Args:
            span: The span.
            origin: What `end` returned for it.
        """
        if origin is None or origin[_IS_REMOTE] or origin[_SPAN_ID] == span[_SPAN_ID]:
            return None
        root = origin[:2]
        running = self.running.get(root)
        if running is not None:
            running.discard(span)
            if not running and self.origin_of(root) is None:
                self.running.pop(root, None)
        return root

    # --- bounds ------------------------------------------------------------------------------------------------

    def _add_twin(self, span: SpanKey, origin: ContextTuple) -> None:
        """Keep a span apart that has the id of another trace's live span: ids need only be unique within a trace."""
        with self._lock:
            self._twins[span] = origin
            if len(self._twins) > self._max_spans:
                self._twins.pop(next(iter(self._twins)), None)

    def _forget_ended(self) -> None:
        with self._lock:
            for key in list(islice(self._ended, _MAX_ENDED // 2)):
                self._ended.pop(key, None)

    def _forget_oldest(self) -> None:
        forgotten: list[SpanKey] = []
        with self._lock:
            excess = self._max_spans // 10 + 1 if len(self._live) > self._max_spans else 0
            for span_id in list(islice(self._live, excess)):
                origin = self._live.pop(span_id, None)
                if origin is not None:
                    forgotten.append((origin[_TRACE_ID], span_id))
                    self.done(forgotten[-1], origin)
                    self.running.pop(forgotten[-1], None)
        self._forgets(forgotten)
