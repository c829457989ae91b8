"""The run outputs of each local root's descendants, and which one wins.

Locking: ``_lock`` is held while what is known of a root is changed; no code of others runs under it.
"""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ._sdk import SpanKey
    from .completion import Completion
    from .config import Root

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
    is_cut: bool = False
    """Whether the value is the beginning of a longer one: it is cut where it is found, not again on every span."""
    calls_tools: bool = False
    """Whether it ends in calls of tools, so that more is to come."""


class GenericOutput:
    """A generic output that has not been looked at, and where it came from."""

    __slots__ = ("end_time", "excerpt", "key", "scope_name")

    def __init__(self, excerpt: Mapping[str, object], scope_name: str, key: SpanKey, end_time: int) -> None:
        self.excerpt = excerpt
        self.scope_name = scope_name
        self.key = key
        self.end_time = end_time


class RecordedCompletion:
    """A completion that arrived beside the spans, in a log record or a hook.

    Args:
        completion: The completion.
        time: When it arrived, in nanoseconds since the epoch.
        input: The input of the model call, as JSON text.
    """

    __slots__ = ("completion", "input", "time")

    def __init__(self, completion: Completion, time: int, input: str | None = None) -> None:  # noqa: A002
        self.completion = completion
        self.time = time
        self.input = input

    def joined(self, other: RecordedCompletion) -> RecordedCompletion:
        """Return this with another choice of the same call."""
        return RecordedCompletion(self.completion.joined(other.completion), self.time, self.input)


class Gathered:
    """What has been gathered for a live span: what the descendants of a local root put out, records that name it."""

    outputs: tuple[RunOutput, ...] = ()
    chars = 0
    generic: tuple[GenericOutput, ...] = ()
    input: str | None = None
    """The input of the first completion, as JSON text."""
    records: tuple[RecordedCompletion, ...] = ()
    """The completions that arrived beside the spans."""


class Aggregator:
    """Collects the run outputs of local roots and chooses.

    Args:
        root: Which of the descendants' outputs a root gets.
        max_chars: How many characters of outputs are worth keeping for one root.
    """

    def __init__(self, root: Root, *, max_chars: int) -> None:
        self._policy = root
        self.mirrors = root not in ("own", "off")
        """Whether roots get their descendants' outputs at all."""
        self._max_chars = max_chars
        self.gathered: dict[SpanKey, Gathered] = {}
        """The live spans for which there is something."""
        self.clear()

    def clear(self) -> None:
        """Forget everything: at shutdown, and in a forked child, where an inherited lock may be held for ever."""
        self._lock = threading.RLock()  # a signal handler or a finalizer may end spans on the thread that holds it
        self.gathered.clear()

    def gathered_for(self, key: SpanKey) -> Gathered:
        """Return what has been gathered for a span, to add to it."""
        return self.gathered.get(key) or self.gathered.setdefault(key, Gathered())

    def forget(self, spans: Iterable[SpanKey]) -> None:
        """Forget spans: they are done, or never will be."""
        for key in spans:
            self.gathered.pop(key, None)

    def add(self, root: SpanKey, output: RunOutput) -> None:
        """Add the run output of a local root's descendant."""
        self.add_to(self.gathered_for(root), output)

    def add_to(self, root: Gathered, output: RunOutput) -> None:
        """Add the run output of a descendant to what has been gathered for its root."""
        with self._lock:
            if not root.outputs or self._policy == "all":
                if root.chars < self._max_chars:
                    root.outputs += (output,)
                    root.chars += len(output.value)
                    root.generic = ()
            elif (output.end_time >= root.outputs[0].end_time) == (self._policy == "last"):
                root.outputs = (output,)

    def add_generic(self, root: SpanKey, output: GenericOutput) -> None:
        """Add the generic output of a local root's descendant, in case that the root gets no completion."""
        gathered = self.gathered_for(root)
        with self._lock:
            if not gathered.outputs:
                gathered.generic = (*gathered.generic, output)[-_MAX_GENERIC:]

    def add_record(self, key: SpanKey, recorded: RecordedCompletion, *, continues: bool) -> None:
        """Keep a completion that arrived beside the spans, for a live span.

        Args:
            key: The span.
            recorded: The completion.
            continues: Whether it is another choice of the completion before it.
        """
        gathered = self.gathered_for(key)
        with self._lock:
            records = gathered.records
            if continues and records:
                gathered.records = (*records[:-1], records[-1].joined(recorded))
            else:  # the first and the last ones stay
                gathered.records = (*records[:1], *records[1:][-_MAX_RECORDS + 2 :], recorded)

    def take_records(self, key: SpanKey) -> Sequence[RecordedCompletion]:
        """Return, and forget, the completions that arrived beside the spans for one of them."""
        gathered = self.gathered.get(key)
        if gathered is None:
            return ()
        with self._lock:
            records, gathered.records = gathered.records, ()
        return records

    def forget_generic(self, root: SpanKey) -> None:
        """Forget the generic outputs of a local root's descendants that have ended by now."""
        gathered = self.gathered.get(root)
        if gathered is not None:
            with self._lock:
                gathered.generic = ()

    def has_answer(self, root: SpanKey) -> bool:
        """Whether a completion for a local root has arrived, other than calls of tools: after those more is to come."""
        gathered = self.gathered.get(root)
        if gathered is None:
            return False
        if self._policy == "first":
            return bool(gathered.outputs or gathered.records)
        return any(not output.calls_tools for output in gathered.outputs) or any(
            not record.completion.calls_tools for record in gathered.records
        )

    def choose(self, root: Gathered) -> RunOutput | None:
        """Return the run output that a root gets from its descendants, None if there is none."""
        if not root.outputs:
            return None
        if self._policy != "all":
            return root.outputs[0]  # the only one that is kept
        outputs = sorted(root.outputs, key=lambda output: output.end_time)
        values = [_messages_or_text(output.value) for output in outputs]
        return outputs[-1]._replace(value=json.dumps(values, ensure_ascii=False, separators=(",", ":")))

    def generic(self, root: Gathered) -> Sequence[GenericOutput]:
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
