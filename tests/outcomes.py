"""Traces made of outcomes alone: the smallest that a rule needs, without an SDK."""

from __future__ import annotations

from collections.abc import Sequence

from braintrust_run_output import Completion, RunOutputConfig
from braintrust_run_output.completion import Message, ToolCall
from braintrust_run_output.conventions.tools import ToolExecution
from braintrust_run_output.outcome import Outcome, matches
from braintrust_run_output.run import Choice, Run, decide, way_up
from braintrust_run_output.writing import input_of, value_of

ROOT = 1


def text(said: str) -> Completion:
    return Completion("test", said, (), said)


def calls(*called: tuple[str, str | None], says: str | None = None) -> Completion:
    """A completion that ends in calls of tools, each a name and an id."""
    return Completion("test", messages=(Message("assistant", says, tuple(ToolCall(n, "{}", i) for n, i in called)),))


class Trace:
    """Spans below one root, in the order of their ends. Names stand for spans; each takes a second of its own."""

    def __init__(self, **config: object) -> None:
        self.config = RunOutputConfig(**config)
        self._ids = {"root": ROOT}
        self._parents: dict[int, int | None] = {ROOT: None}
        self._outcomes: list[Outcome] = []
        self._now = 0

    def _id(self, name: str) -> int:
        return self._ids.setdefault(name, len(self._ids) + 1)

    def add(
        self,
        name: str,
        parent: str = "root",
        *,
        says: str | Completion | None = None,
        returns: str | None = None,
        executes: tuple[str, str | None] | None = None,
        at: tuple[int, int] | None = None,
        **more: object,
    ) -> Trace:
        """Add a span. A parent may be added after its children: it ends after them.

        Args:
            name: Its name, each once.
            parent: Its parent's name.
            says: Its completion.
            returns: Its generic output.
            executes: The tool call that it executes, as name and id.
            at: When it starts and ends, in seconds; default: when the one before has ended, for a second.
            more: Other arguments of an `Outcome`.
        """
        start, end = at or (self._now, self._now + 1)
        self._now = max(self._now, end)
        self._parents[self._id(name)] = self._id(parent)
        self._outcomes.append(
            Outcome(
                (1, self._id(name)),
                name=name,
                start=start * 1_000,
                end=end * 1_000,
                completion=text(says) if isinstance(says, str) else says,
                generic=None if returns is None else text(returns),
                execution=None if executes is None else ToolExecution(executes[1], executes[0]),
                is_answer=matches(self.config.answer_spans, name),
                **more,
            )
        )
        return self

    def choose(self, *, says: str | Completion | None = None, returns: str | None = None, **more: object) -> Choice:
        """Choose what the root gets that says this itself: the same for who sees it happen and who knows it all."""
        own = Outcome(
            (1, ROOT),
            name="root",
            end=(self._now + 1) * 1_000,
            completion=text(says) if isinstance(says, str) else says,
            generic=None if returns is None else text(returns),
            **more,
        )
        run = Run(self.config)
        for outcome in self._outcomes:
            run.hear(outcome, self._way(outcome))
        live = run.choose(own)
        whole = decide(own, reversed(self._outcomes), self._parents, self.config)
        assert _told(live) == _told(whole)
        return live

    def _way(self, outcome: Outcome) -> Sequence[int]:
        return way_up(outcome.span_id, ROOT, self._parents)

    def value(self, **own: object) -> str | None:
        """Return the run output of the root that says this itself."""
        value = value_of(self.choose(**own), self.config)
        return None if value is None else value.text

    def input(self, **own: object) -> str | None:
        """Return the input that the root gets."""
        return input_of(self.choose(**own))

    def source(self, **own: object) -> str | None:
        """Return the name of the span that said it."""
        source = self.choose(**own).source
        return None if source is None else source.name


def _told(choice: Choice) -> tuple[object, ...]:
    return choice.rule, [said.what for said in choice.said], choice.key, choice.reason, choice.input_of
