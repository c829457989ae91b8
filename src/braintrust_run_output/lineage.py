"""Which spans live, and which local root each of them belongs to.

A local root is a span whose parent is not a live span of this process that the processor knows: no parent, a remote
parent, a parent of another provider, a native Braintrust parent or an unsampled one. Every other span belongs to the
local root of its parent. Ended spans are remembered for a while, for children that start after their parent's end.

Every span of the application passes `Lineage.start` and `Lineage.end`, so these do next to nothing: one entry in a
dictionary, the context of the span's local root.

Locking: single dictionary operations are atomic and need no lock. ``_lock`` is held while spans that never ended are
forgotten and while the live descendants of a root are counted; no code of others runs under it.
"""

from __future__ import annotations

import threading
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ._sdk import ContextTuple, SpanKey

_Key: TypeAlias = "int | SpanKey"
"""What identifies a span here: its span id; with its trace id before it, once two live traces have shared a span id."""

MAX_SPANS = 100_000
"""How many live spans are remembered; beyond that the oldest are taken for spans that never end."""

_MAX_ENDED = 4_096
"""How many ended spans are remembered while others live."""

_TRACE_ID, _SPAN_ID, _IS_REMOTE = 0, 1, 2


class Lineage:
    """Follows spans from start to end. Spans are named by their contexts, or by trace id and span id alone.

    Args:
        forgets: Called with the spans that never ended, when they are forgotten.
        counts: Whether to count each root's live descendants.
        max_spans: How many live spans are remembered.
    """

    def __init__(
        self, forgets: Callable[[Iterable[SpanKey]], None], *, counts: bool = False, max_spans: int = MAX_SPANS
    ) -> None:
        self._forgets = forgets
        self._counts = counts
        self._max_spans = max_spans
        self.clear()

    def clear(self) -> None:
        """Forget everything: at shutdown, and in a forked child, where an inherited lock may be held for ever."""
        self._lock = threading.RLock()  # a signal handler or a finalizer may end spans on the thread that holds it
        self._key_of: Callable[[ContextTuple], Any] = itemgetter(_SPAN_ID)
        # Every span's origin: the context of its local root; of a local root the context of its remote parent, where
        # that lived here when it started, otherwise its own.
        self._live: dict[_Key, ContextTuple] = {}
        self._ended: dict[_Key, ContextTuple] = {}
        self._counted_for: dict[SpanKey, SpanKey] = {}
        self._running: dict[SpanKey, int] = {}

    def __len__(self) -> int:
        """How many spans are remembered."""
        return len(self._live) + len(self._ended)

    # --- a span's way ----------------------------------------------------------------------------------------

    def start(self, context: ContextTuple, parent: ContextTuple | None) -> None:
        """Note that a span started, given its context and its parent's."""
        live = self._live
        origin = context
        if parent is not None:
            above = live.get(self._key_of(parent))
            if above is not None and above[_TRACE_ID] == context[_TRACE_ID]:
                is_of_root = parent[_IS_REMOTE] or above[_IS_REMOTE] or above[_SPAN_ID] == parent[_SPAN_ID]
                origin = parent if is_of_root else above
            elif self._ended:
                root = self.root_of(parent)
                if root is not None:
                    origin = parent if parent[_IS_REMOTE] else (*root, False)
        if live.setdefault(self._key_of(context), origin) is not origin:
            self._tell_traces_apart(context, origin)
        if len(live) > self._max_spans:
            self._forget_oldest()
        if self._counts and parent is not None:
            self._count(context[:2])

    def end(self, span: ContextTuple) -> None:
        """Note that a span ended; a local root that is held back lives until it is released."""
        key = self._key_of(span)
        origin = self._live.pop(key, None)
        if origin is not None:
            ended = self._ended
            ended[key] = origin
            if not self._live:
                ended.clear()
            elif len(ended) > _MAX_ENDED:
                self._forget_ended()

    # --- who belongs to whom -----------------------------------------------------------------------------------

    def root_of(self, span: ContextTuple) -> SpanKey | None:
        """Return the local root that a live or ended span belongs to, itself if it is one; None if it has ended."""
        origin = self._origin(self._live, span) or self._origin(self._ended, span)
        if origin is not None and not self._is_roots(span, origin):
            span, origin = origin, self._origin(self._live, origin) or self._origin(self._ended, origin)
        if origin is None:
            return None
        if self._origin(self._live, span) is not None:
            return span[:2]
        # It is late for its own root, but perhaps not for the one that this one's remote parent belongs to.
        return self.root_of(origin) if origin[_IS_REMOTE] else None

    def origin_of(self, span: ContextTuple) -> ContextTuple | None:
        """Return a live span's origin, None if the span does not live.

        That is the context of its local root or, for a local root, of its remote parent where that lives here, or else
        its own.
        """
        return self._origin(self._live, span)

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

    def _origin(self, spans: dict[_Key, ContextTuple], span: ContextTuple) -> ContextTuple | None:
        """Return a span's origin; None if it is not among the spans."""
        origin = spans.get(self._key_of(span))
        return origin if origin is not None and origin[_TRACE_ID] == span[_TRACE_ID] else None

    # --- live descendants --------------------------------------------------------------------------------------

    def running(self, root: SpanKey) -> int:
        """Return how many descendants of a local root live, where they are counted."""
        return self._running.get(root, 0)

    def stop_counting(self, span: SpanKey) -> SpanKey | None:
        """Count a span that ended no more and return the local root that it was counted for, if any."""
        with self._lock:
            root = self._counted_for.pop(span, None)
            if root is not None:
                left = self._running.pop(root, 1) - 1
                if left > 0:
                    self._running[root] = left
        return root

    def _count(self, span: SpanKey) -> None:
        root = self.root_of(span)
        if root is not None and root != span:
            with self._lock:
                self._counted_for[span] = root
                self._running[root] = self._running.get(root, 0) + 1

    # --- bounds ------------------------------------------------------------------------------------------------

    def _forget_ended(self) -> None:
        with self._lock:
            for key in list(islice(self._ended, _MAX_ENDED // 2)):
                self._ended.pop(key, None)

    def _forget_oldest(self) -> None:
        forgotten: list[SpanKey] = []
        with self._lock:
            excess = self._max_spans // 10 + 1 if len(self._live) > self._max_spans else 0
            for key in list(islice(self._live, excess)):
                origin = self._live.pop(key, None)
                if origin is not None:
                    forgotten.append(key if isinstance(key, tuple) else (origin[_TRACE_ID], key))
        for span in forgotten:
            self.stop_counting(span)
            self._running.pop(span, None)
        self._forgets(forgotten)

    def _tell_traces_apart(self, context: ContextTuple, origin: ContextTuple) -> None:
        """Go over to keys with the trace id in them: span ids are only unique within a trace, if rarely shared."""
        with self._lock:
            self._key_of = itemgetter(_TRACE_ID, _SPAN_ID)
            for spans in (self._live, self._ended):
                for key, other in list(spans.items()):
                    if not isinstance(key, tuple):
                        spans[other[_TRACE_ID], key] = spans.pop(key)
            self._live[self._key_of(context)] = origin
