"""What spans and log records put out, as values: loaded with what reads them, not when the process starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .completion import Completion
    from .outcome import SpanKey


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


class Findings:
    """What the local roots above an ended span count of it.

    Args:
        outputs: Its run output, after those of the model calls that were recorded beside it.
        generic: Its generic output, where it has no other.
        is_silent_model: Whether it is a model that says nothing: it failed.
        input: The input of its completion, as JSON text.
    """

    __slots__ = ("generic", "input", "is_silent_model", "outputs")

    def __init__(
        self,
        outputs: tuple[RunOutput, ...],
        generic: GenericOutput | None = None,
        *,
        is_silent_model: bool = False,
        input: str | None = None,  # noqa: A002
    ) -> None:
        self.outputs = outputs
        self.generic = generic
        self.is_silent_model = is_silent_model
        self.input = input
