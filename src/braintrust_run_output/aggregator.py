"""The run outputs of each local root's descendants, and which one wins.

Descendants that end are noted, not looked at: what they put out is read when the root's value is wanted, or when many
have been noted. Then each is counted, in the order in which they ended.

Locking: ``_lock`` is held while what is known of a root is changed; no code of others runs under it.
"""

from __future__ import annotations

import functools
import json
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Protocol

    from .config import Root
    from .outcome import SpanKey
    from .run_outputs import Findings, GenericOutput, RecordedCompletion, RunOutput

_MAX_RECORDS = 64
"""How many completions from log records are kept for one live span."""
_MAX_GENERIC = 8
"""How many generic outputs are kept for one root, until it has a completion."""
MAX_NOTED = 64
"""How many ended descendants of one root are kept without a look at them."""


if TYPE_CHECKING:  # what only types need takes time to make

    class Noted(Protocol):
        """An ended span that has been noted for the local roots above it, who count what it put out."""

        findings: Findings | None
        """None as long as it has not been read."""

        def read(self) -> Findings:
            """Return its findings, and keep them."""


class Gathered(list["Noted"]):
    """What has been gathered for a live local root: what its descendants put out.

    As a list it holds those that have ended and are not counted yet. (It is made at the end of spans: a list needs no
    ``__init__`` in Python.)
    """

    outputs: tuple[RunOutput, ...] = ()
    chars = 0
    generic: tuple[GenericOutput, ...] = ()
    input: str | None = None
    """The input of the first completion, as JSON text."""


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
        self.records: dict[SpanKey, tuple[RecordedCompletion, ...]] = {}
        """What arrived beside the spans for those of them that it named."""
        self.clear()

    def clear(self) -> None:
        """Forget everything: at shutdown, and in a forked child, where an inherited lock may be held for ever."""
        self._lock = threading.RLock()  # a signal handler or a finalizer may end spans on the thread that holds it
        self.gathered.clear()
        self.records.clear()

    def gathered_for(self, key: SpanKey) -> Gathered:
        """Return what has been gathered for a span, to add to it."""
        return self.gathered.setdefault(key, Gathered())

    def forget(self, spans: Iterable[SpanKey]) -> None:
        """Forget spans: they are done, or never will be."""
        for key in spans:
            self.gathered.pop(key, None)
            self.records.pop(key, None)

    def add(self, root: SpanKey, output: RunOutput) -> None:
        """Add the run output of a local root's descendant."""
        self.add_to(self.gathered_for(root), output)

    def add_to(self, root: Gathered, output: RunOutput) -> None:
        """Add the run output of a descendant to what has been gathered for its root."""
        with self._lock:
            self._add_output(root, output)

    def count(self, root: Gathered) -> None:
        """Count the descendants that have been noted for a root, in the order in which they were."""
        for one in list(root):
            one.read()  # without the lock: what it reports goes to handlers of the application
        self.count_read(root)

    def count_read(self, root: Gathered) -> None:
        """Count the descendants that have been noted for a root, up to the first that has not been read."""
        with self._lock:
            # Who has not been read stays in its place: another thread may be looking for what to read.
            while root and root[0].findings is not None:
                one = root.pop(0)  # at once: a signal handler may end a span here, and count what is left
                if one.findings is None:  # it did so just before, and this is another one
                    root.insert(0, one)
                    return
                self._count(root, one.findings)

    def _count(self, root: Gathered, found: Findings) -> None:
        for output in found.outputs:
            self._add_output(root, output)
        if found.is_silent_model:  # what ended before it was on the way to it, and is no output
            root.generic = ()
        if found.generic is not None and not root.outputs:
            root.generic = (*root.generic, found.generic)[-_MAX_GENERIC:]
        if root.input is None:
            root.input = found.input

    def _add_output(self, root: Gathered, output: RunOutput) -> None:
        if not root.outputs or self._policy == "all":
            if root.chars < self._max_chars:
                root.outputs += (output,)
                root.chars += len(output.value)
                root.generic = ()
        elif self._wins(output, root.outputs[0]):
            root.outputs = (output,)

    def _wins(self, output: RunOutput, earlier: RunOutput) -> bool:
        """Whether an output wins over one that arrived earlier."""
        return (output.end_time >= earlier.end_time) == (self._policy == "last")

    def add_record(self, key: SpanKey, recorded: RecordedCompletion, *, continues: bool) -> None:
        """Keep a completion that arrived beside the spans, for a live span.

        Args:
            key: The span.
            recorded: The completion.
            continues: Whether it is another choice of the completion before it.
        """
        self.gathered_for(key)  # so that the span is not passed over
        with self._lock:
            records = self.records.get(key, ())
            if continues and records:
                self.records[key] = (*records[:-1], records[-1].joined(recorded))
            else:  # the first and the last ones stay
                self.records[key] = (*records[:1], *records[1:][-_MAX_RECORDS + 2 :], recorded)

    def take_records(self, key: SpanKey) -> Sequence[RecordedCompletion]:
        """Return, and forget, the completions that arrived beside the spans for one of them."""
        with self._lock:
            return self.records.pop(key, ())

    def has_answer(self, root: SpanKey) -> bool:
        """Whether a completion for a local root has been counted or recorded.

        Calls of tools are none: after those more is to come.
        """
        gathered = self.gathered.get(root)
        if gathered is None:
            return False
        records = self.records.get(root, ())
        if self._policy == "first":
            return bool(gathered.outputs or records)
        return any(not output.calls_tools for output in gathered.outputs) or any(
            not record.completion.calls_tools for record in records
        )

    def choose(self, root: Gathered | None, recorded: Iterable[RunOutput] = ()) -> RunOutput | None:
        """Return the run output that a root gets from its descendants, None if there is none.

        Args:
            root: What has been gathered for it, None if nothing has.
            recorded: Run outputs that arrived later, beside the spans.
        """
        outputs = [*(root.outputs if root is not None else ()), *recorded]
        if not outputs:
            return None
        if self._policy != "all":
            return functools.reduce(lambda one, other: other if self._wins(other, one) else one, outputs)
        outputs.sort(key=lambda output: output.end_time)
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


def oldest(spans: Mapping[str, object], number: int) -> list[str]:
    """Return so many keys that have been in a dictionary longest."""
    return list(spans)[:number] if number > 0 else []
