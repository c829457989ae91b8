"""What one ended span says: its `Outcome`, read off its attributes, events, name and status.

Pure: it knows nothing of the SDK, so live spans, native Braintrust spans, stored rows and OTLP all come through here.
What costs something to read, and is seldom wanted, is read when it is asked for: a generic output, an input.
"""

from __future__ import annotations

import fnmatch
import functools
import re
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from . import _faults, metadata
from .conventions import (
    KEYS,
    KINDS,
    Side,
    generic_excerpt,
    kinds_of,
    read_completion,
    read_generic_output,
)
from .conventions.inputs import input_excerpt, read_input
from .conventions.tools import executed_call

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeAlias

    from .completion import Completion, ToolCall
    from .config import RunOutputConfig
    from .conventions._convention import Event
    from .conventions.tools import ToolExecution

SpanId: TypeAlias = "int | str"
SpanKey: TypeAlias = "tuple[SpanId, SpanId]"
"""Trace id and span id: numbers of live spans, text where they are stored as text."""

_Read = TypeVar("_Read")

NOT_TRANSFORMED: Final = object()
"""What `Outcome.transformed` is where no transform has been asked."""


class Outcome:
    """All that one ended span says.

    Args:
        key: Its trace id and span id.
        name: Its name.
        start: When it started, in nanoseconds since the epoch; 0 if unknown.
        end: When it ended, in nanoseconds since the epoch; 0 if unknown.
        explicit: The run output that the application set on it.
        completion: Its completion.
        generic: Its generic output, or what reads it.
        input: Its input as JSON text, or what reads it.
        side: What kind of side span it is, None if it is none.
        execution: The tool call that it executes.
        is_model: Whether it is a call of a model by its kind, whatever it says.
        is_agent: Whether it is an agent by its kind.
        is_answer: Whether ``answer_spans`` names it.
        has_failed: Whether its status is an error: it says nothing then but an explicit value.
    """

    __slots__ = (
        "beside", "completion", "cut", "end", "execution", "explicit", "has_failed", "is_agent", "is_answer",
        "is_model", "key", "name", "side", "start", "transformed", "unread_generic", "unread_input",
    )  # fmt: skip

    def __init__(
        self,
        key: SpanKey,
        *,
        name: str = "",
        start: int = 0,
        end: int = 0,
        explicit: str | None = None,
        completion: Completion | None = None,
        generic: Callable[[], Completion | None] | Completion | None = None,
        input: Callable[[], str | None] | str | None = None,  # noqa: A002 (the field's name)
        side: Side | None = None,
        execution: ToolExecution | None = None,
        is_model: bool = False,
        is_agent: bool = False,
        is_answer: bool = False,
        has_failed: bool = False,
    ) -> None:
        self.key = key
        self.name = name
        self.start = start
        self.end = end
        self.explicit = explicit
        self.completion = completion
        self.unread_generic = generic
        self.unread_input = input
        self.side = side
        self.execution = execution
        self.is_model = is_model
        self.is_agent = is_agent
        self.is_answer = is_answer
        self.has_failed = has_failed
        self.beside: Sequence[Outcome] = ()
        """What earlier calls said beside it, in log records: not the span's to write, but a root's to know."""
        self.cut: tuple[int, str] | None = None
        """The beginning of its completion, and how long that was to be: where it is too long to be written whole."""
        self.transformed: object = NOT_TRANSFORMED
        """Its completion's value as ``transform`` wants it, None if that withholds it: asked at the span's end."""

    @property
    def span_id(self) -> SpanId:
        """Its span id."""
        return self.key[1]

    @property
    def order(self) -> tuple[int, int, SpanId]:
        """By what outcomes are ordered: end, start, span id."""
        return self.end, self.start, self.key[1]

    @property
    def may_have_generic(self) -> bool:
        """Whether it has a generic output, as far as can be told without reading it."""
        return self.unread_generic is not None

    @property
    def generic(self) -> Completion | None:
        """Its generic output: what a chain, workflow or decorated function returned."""
        if callable(self.unread_generic):
            self.unread_generic = _contained("Reading a generic output", self.unread_generic)
        return self.unread_generic

    @property
    def input(self) -> str | None:
        """Its input as JSON text, where it was to be kept."""
        if callable(self.unread_input):
            self.unread_input = _contained("Reading an input", self.unread_input)
        return self.unread_input

    def counts_for_a_root(self) -> bool:
        """Whether it says anything that a root above it needs to know."""
        return (
            self.completion is not None
            or self.explicit is not None
            or self.unread_generic is not None
            or self.side is not None
            or self.execution is not None
            or self.is_model
            or self.is_agent
            or self.is_answer
        )


class Placed(NamedTuple):
    """An outcome below a root, and its way up to it: the ids of the spans on it, its parent's first."""

    outcome: Outcome
    way: Sequence[SpanId]
    completion: Completion | None
    """Its completion; None where what the application set on it counts instead."""

    @property
    def text(self) -> str | None:
        """What it says, where that is one text: as it is compared, not as it is written."""
        return self.outcome.explicit if self.completion is None else self.completion.text

    @property
    def calls(self) -> Sequence[ToolCall]:
        """The calls of tools that it ends in."""
        completion = self.completion
        return completion.messages[-1].tool_calls if completion is not None and completion.messages else ()


def read_outcome(
    attributes: Mapping[str, object],
    events: Sequence[Event] = (),
    scope_name: str = "",
    *,
    key: SpanKey,
    config: RunOutputConfig,
    name: str = "",
    start: int = 0,
    end: int = 0,
    has_failed: bool = False,
    records: Sequence[Outcome] = (),
) -> Outcome:
    """Read what a span says.

    A convention that fails costs that one value, and is reported. What was said beside the span, in log records or
    hooks, counts where its attributes and events have no completion: the last of it, for the span.

    Args:
        attributes: The span's attributes.
        events: Its events; default none.
        scope_name: The name of its instrumentation scope; default unknown.
        key: Its trace id and span id.
        config: What is written under which key, and which spans hold the answer, or never do.
        name: Its name.
        start: When it started, in nanoseconds since the epoch; default unknown.
        end: When it ended, in nanoseconds since the epoch; default unknown.
        has_failed: Whether its status is an error.
        records: What was said beside the span; default nothing.
    """
    kinds = kinds_of(attributes)
    has_failed = has_failed or kinds.has_failed
    outcome = Outcome(
        key,
        name=name,
        start=start,
        end=end,
        explicit=metadata.explicit(attributes, config.key),
        side=kinds.side,
        execution=executed_call(attributes, name, kinds),
        is_model=kinds.is_model,
        is_agent=kinds.is_agent,
        has_failed=has_failed,
    )
    if config.side_spans is not None and matches(config.side_spans, name):
        outcome.side = Side.VERDICT
    if config.answer_spans is not None:
        outcome.is_answer = matches(config.answer_spans, name)
    if has_failed:
        return outcome
    try:
        outcome.completion = read_completion(attributes, events, scope_name, kinds=kinds)
    except Exception as error:  # noqa: BLE001 (it costs that one value)
        _faults.contain("Reading a completion", error)
    if config.mirror_input and (asked := input_excerpt(attributes, events)) is not None:
        outcome.unread_input = functools.partial(read_input, asked.attributes, asked.events, scope_name)
    if outcome.completion is None:
        if records and not kinds.silence(attributes):
            outcome.completion, outcome.beside = records[-1].completion, records[:-1]
            outcome.unread_input = records[-1].unread_input or outcome.unread_input
        elif (excerpt := generic_excerpt(attributes)) is not None:
            outcome.unread_generic = functools.partial(read_generic_output, excerpt, scope_name)
    return outcome


@functools.lru_cache(maxsize=64)
def says_nothing(config: RunOutputConfig) -> Callable[[Mapping[str, object]], bool]:
    """Return what tells by the names of a span's attributes, without a look at a value, that they say nothing."""
    return (KEYS | KINDS | {metadata.METADATA, metadata.attribute(config.key)}).isdisjoint


def matches(patterns: str | None, name: str) -> bool:
    """Whether a span's name is matched by one of several comma-separated patterns, of which ``*`` and ``?`` mean more.

    Case counts, and ``[`` is a letter like others: Next.js names routes ``/api/[id]``.
    """
    return patterns is not None and isinstance(name, str) and _compiled(patterns).fullmatch(name) is not None


@functools.lru_cache(maxsize=64)
def _compiled(patterns: str) -> re.Pattern[str]:
    each = (one.strip().replace("[", "[[]") for one in patterns.split(",") if one.strip())
    return re.compile("|".join(map(fnmatch.translate, each)))


def _contained(doing: str, read: Callable[[], _Read | None]) -> _Read | None:
    try:
        return read()
    except Exception as error:  # noqa: BLE001 (it costs that one value)
        _faults.contain(doing, error)
        return None
