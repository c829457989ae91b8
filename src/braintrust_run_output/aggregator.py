"""Local roots, the run outputs of their descendants, and which one wins.

A local root is a span whose parent is not a live span of this process that the processor knows: no parent, a remote
parent, a parent of another provider, a native Braintrust parent or an unsampled one. Every other span belongs to the
local root of its parent.

Locking: single dictionary operations are atomic and need no lock. ``_lock`` is held while what a root has is changed
and while spans that never ended are forgotten; no code of others runs under it.
"""

from __future__ import annotations

import json
import threading
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ._sdk import SpanKey
    from .completion import Completion
    from .config import Root

MAX_SPANS = 100_000
"""How many spans are remembered at once; beyond that the oldest are taken for spans that never end."""

_MAX_ENDED = 256
"""How many ended spans of one live root are remembered, for children that start after their parent's end."""
_MAX_RECORDS = 64
"""How many completions from log records are kept for one live span."""
_MAX_GENERIC = 8
"""How many generic outputs are kept for one root, until it has a completion."""


class RunOutput(NamedTuple):
    """A value to write, and where it came from."""

    value: str
    key: SpanKey
    """The span that it was found on."""
    end_time: int
    """When that span ended, in nanoseconds since the epoch."""


class GenericOutput(NamedTuple):
    """A generic output that has not been looked at, and where it came from."""

    excerpt: Mapping[str, object]
    scope_name: str
    key: SpanKey
    end_time: int


class RecordedCompletion(NamedTuple):
    """A completion that arrived beside the spans, in a log record or a hook."""

    completion: Completion
    time: int
    """When it arrived, in nanoseconds since the epoch."""
    input: str | None = None
    """The input of the model call, as JSON text."""


class LocalRoot:
    """What is known of one local root. Small, for there may be many: its lists are made when they are needed."""

    __slots__ = ("chars", "ended", "ended_spans", "generic", "input", "key", "live", "outer", "outputs", "records")

    def __init__(self, key: SpanKey, outer: LocalRoot | None = None) -> None:
        self.key = key
        self.outer = outer
        """The live local root that this one's remote parent belongs to, where that is in this process."""
        self.ended = False
        """Whether it is closed: what arrives from then on is late."""
        self.live = 0
        """How many of its descendants live, where they are counted."""
        self.ended_spans: list[SpanKey] | None = None
        self.outputs: tuple[RunOutput, ...] = ()
        self.chars = 0
        self.generic: tuple[GenericOutput, ...] = ()
        self.records: dict[SpanKey, list[RecordedCompletion]] | None = None
        self.input: str | None = None


class Aggregator:
    """Follows spans from start to end and collects the run outputs of each local root's descendants.

    Args:
        root: Which of the descendants' outputs a root gets.
        max_chars: How many characters of outputs are worth keeping for one root.
        max_spans: How many spans are remembered at once.
        counts_live: Whether to count each root's live descendants.
    """

    def __init__(self, root: Root, *, max_chars: int, max_spans: int = MAX_SPANS, counts_live: bool = False) -> None:
        self._policy = root
        self._mirrors = root not in ("own", "off")
        self._max_chars = max_chars
        self._max_spans = max_spans
        self._counts_live = counts_live
        self.clear()

    def clear(self) -> None:
        """Forget everything: at shutdown, and in a forked child, where an inherited lock may be held for ever."""
        self._lock = threading.Lock()
        self._roots: dict[SpanKey, LocalRoot] = {}

    def __len__(self) -> int:
        """How many spans are remembered."""
        return len(self._roots)

    # --- a span's way ----------------------------------------------------------------------------------------

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
        elif self._counts_live:
            with self._lock:
                root.live += 1
        roots[key] = root
        if len(roots) > self._max_spans:
            self._forget_oldest()

    def end(self, key: SpanKey) -> LocalRoot | None:
        """Note that a span ended and return its local root (itself, if it is one); None if it is not known.

        A local root goes on collecting until it is closed.
        """
        root = self._roots.get(key)
        if root is not None and root.key != key:
            self._remember_ended(root, key)
        return root

    def close(self, root: LocalRoot) -> None:
        """Forget an ended local root: what arrives for it from now on is late."""
        root.ended = True
        self._forget(root.key, *(root.ended_spans or ()))

    def _remember_ended(self, root: LocalRoot, key: SpanKey) -> None:
        with self._lock:
            ended = root.ended_spans
            if ended is None:
                ended = root.ended_spans = []
            ended.append(key)
            root.live -= self._counts_live
            oldest = ended[: _MAX_ENDED // 2] if len(ended) > _MAX_ENDED else []
            del ended[: len(oldest)]
        # Asked after the append: either the root's own end sees the span, or we see that the root has ended.
        self._forget(*oldest, *((key,) if root.ended else ()))

    def _forget(self, *keys: SpanKey) -> None:
        for key in keys:
            self._roots.pop(key, None)

    def _forget_oldest(self) -> None:
        with self._lock:
            if len(self._roots) > self._max_spans:
                self._forget(*list(islice(self._roots, self._max_spans // 10 + 1)))

    # --- what a root is told -----------------------------------------------------------------------------------

    def add(self, root: LocalRoot, output: RunOutput) -> None:
        """Add a run output, for its local root and those around it; what comes after a root is closed is late."""
        if not self._mirrors:
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
                root.generic = ()
        elif (output.end_time >= root.outputs[0].end_time) == (self._policy == "last"):
            root.outputs = (output,)

    def wants_generic(self, root: LocalRoot) -> bool:
        """Whether a generic output may still be needed for a root."""
        return self._mirrors and not root.outputs and not root.ended

    def add_generic(self, root: LocalRoot, output: GenericOutput) -> None:
        """Add the generic output of a descendant, in case that the root gets no completion."""
        with self._lock:
            if self.wants_generic(root):
                root.generic = (*root.generic, output)[-_MAX_GENERIC:]

    def add_record(self, key: SpanKey, recorded: RecordedCompletion, *, continues: bool) -> LocalRoot | None:
        """Keep a completion that arrived beside the spans, for the live span that it names, or else its local root.

        Args:
            key: The span.
            recorded: The completion.
            continues: Whether it is another choice of the completion before it.

        Returns:
            The local root that the span belongs to; None if the span is not known.
        """
        root = self._roots.get(key)
        if root is None or root.ended:
            return None
        with self._lock:
            if key in (root.ended_spans or ()):
                if not self._mirrors:
                    return root
                key = root.key
            if root.records is None:
                root.records = {}
            records = root.records.setdefault(key, [])
            if continues and records:
                records[-1] = records[-1]._replace(completion=records[-1].completion.joined(recorded.completion))
            else:
                records.append(recorded)
                del records[1 : len(records) - _MAX_RECORDS + 1]  # the first and the last ones stay
        return root

    def take_records(self, root: LocalRoot, key: SpanKey) -> Sequence[RecordedCompletion]:
        """Return, and forget, the completions that arrived in log records for a span."""
        with self._lock:
            return root.records.pop(key, ()) if root.records else ()

    # --- what a root gets --------------------------------------------------------------------------------------

    def choose(self, root: LocalRoot) -> RunOutput | None:
        """Return the run output that a root gets from its descendants, None if there is none."""
        outputs = sorted(root.outputs, key=lambda output: output.end_time)
        if not outputs:
            return None
        if self._policy != "all":
            return outputs[-1]
        values = [_messages_or_text(output.value) for output in outputs]
        return outputs[-1]._replace(value=json.dumps(values, ensure_ascii=False, separators=(",", ":")))

    def generic(self, root: LocalRoot) -> Sequence[GenericOutput]:
        """Return the generic outputs of a root's descendants, the one that ended last first."""
        return sorted(root.generic, key=lambda output: output.end_time, reverse=True)


def _messages_or_text(value: str) -> object:
    """Return a value's chat messages where it is a JSON array of them, otherwise the value itself."""
    if value.startswith('[{"role":'):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):  # cut, or changed by a transform
            pass
    return value
