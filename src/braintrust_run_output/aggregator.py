"""Local roots, the run outputs of their descendants, and which one wins.

A local root is a span whose parent is not a live span of this process that the processor knows: no parent, a remote
parent, a parent of another provider, a native Braintrust parent or an unsampled one. Every other span belongs to the
local root of its parent.

Locking: single dictionary and list operations are atomic and need no lock. ``_lock`` is held while outputs of one root
are compared and while spans that never ended are forgotten; no code of others runs under it.
"""

from __future__ import annotations

import json
import threading
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ._sdk import SpanKey
    from .config import Root

MAX_SPANS = 100_000
"""How many spans are remembered at once; beyond that the oldest are taken for spans that never end."""

_MAX_ENDED = 256
"""How many ended spans of one live root are remembered, for children that start after their parent's end."""


class RunOutput(NamedTuple):
    """A value to write, and where it came from."""

    value: str
    key: SpanKey
    """The span that it was found on."""
    end_time: int
    """When that span ended, in nanoseconds since the epoch."""


class LocalRoot:
    """What is known of one local root. Small, for there may be many: its lists are made when they are needed."""

    __slots__ = ("chars", "ended", "ended_spans", "key", "outer", "outputs")

    def __init__(self, key: SpanKey, outer: LocalRoot | None = None) -> None:
        self.key = key
        self.outer = outer
        """The live local root that this one's remote parent belongs to, where that is in this process."""
        self.ended = False
        self.ended_spans: list[SpanKey] | None = None
        self.outputs: tuple[RunOutput, ...] = ()
        self.chars = 0


class Aggregator:
    """Follows spans from start to end and collects the run outputs of each local root's descendants.

    Args:
        root: Which of the descendants' outputs a root gets.
        max_chars: How many characters of outputs are worth keeping for one root.
        max_spans: How many spans are remembered at once.
    """

    def __init__(self, root: Root, *, max_chars: int, max_spans: int = MAX_SPANS) -> None:
        self._policy = root
        self._max_chars = max_chars
        self._max_spans = max_spans
        self.clear()

    def clear(self) -> None:
        """Forget everything: at shutdown, and in a forked child, where an inherited lock may be held for ever."""
        self._lock = threading.Lock()
        self._roots: dict[SpanKey, LocalRoot] = {}

    def __len__(self) -> int:
        """How many spans are remembered."""
        return len(self._roots)

    def start(self, key: SpanKey, parent: SpanKey | None, *, remote: bool = False) -> None:
        """Note that a span started.

        Args:
            key: The span.
            parent: Its parent, None if it has none.
            remote: Whether the parent's context came from outside. Such a span is a local root even where its parent
                lives in this process (a service that calls itself); what it puts out counts for both roots then.
        """
        roots = self._roots
        root = None if parent is None else roots.get(parent)
        if root is None or root.ended:
            root = LocalRoot(key)
        elif remote:
            root = LocalRoot(key, outer=root)
        roots[key] = root
        if len(roots) > self._max_spans:
            self._forget_oldest()

    def end(self, key: SpanKey) -> LocalRoot | None:
        """Note that a span ended and return its local root (itself, if it is one); None if it is not known."""
        root = self._roots.get(key)
        if root is None:
            return None
        if root.key == key:
            root.ended = True
            self._forget(key, *(root.ended_spans or ()))
        else:
            self._remember_ended(root, key)
        return root

    def _remember_ended(self, root: LocalRoot, key: SpanKey) -> None:
        with self._lock:
            ended = root.ended_spans
            if ended is None:
                ended = root.ended_spans = []
            ended.append(key)
            oldest = ended[: _MAX_ENDED // 2] if len(ended) > _MAX_ENDED else []
            del ended[: len(oldest)]
        # Asked after the append: either the root's own end sees the span, or we see that the root has ended.
        self._forget(*oldest, *((key,) if root.ended else ()))

    def add(self, root: LocalRoot, output: RunOutput) -> None:
        """Add the run output of a descendant that ended, for its local root and those around it."""
        if self._policy in ("own", "off"):
            return
        with self._lock:
            around: LocalRoot | None = root
            while around is not None:
                if not around.ended:
                    self._keep(around, output)
                around = around.outer

    def _keep(self, root: LocalRoot, output: RunOutput) -> None:
        if not root.outputs or self._policy == "all":
            if root.chars < self._max_chars:
                root.outputs += (output,)
                root.chars += len(output.value)
        elif (output.end_time >= root.outputs[0].end_time) == (self._policy == "last"):
            root.outputs = (output,)

    def choose(self, root: LocalRoot) -> RunOutput | None:
        """Return the run output that a root gets from its descendants, None if there is none."""
        outputs = sorted(root.outputs, key=lambda output: output.end_time)
        if not outputs:
            return None
        if self._policy != "all":
            return outputs[-1]
        values = [_messages_or_text(output.value) for output in outputs]
        return outputs[-1]._replace(value=json.dumps(values, ensure_ascii=False, separators=(",", ":")))

    def _forget(self, *keys: SpanKey) -> None:
        for key in keys:
            self._roots.pop(key, None)

    def _forget_oldest(self) -> None:
        with self._lock:
            if len(self._roots) > self._max_spans:
                self._forget(*list(islice(self._roots, self._max_spans // 10 + 1)))


def _messages_or_text(value: str) -> object:
    """Return a value's chat messages where it is a JSON array of them, otherwise the value itself."""
    if value.startswith('[{"role":'):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):  # cut, or changed by a transform
            pass
    return value
