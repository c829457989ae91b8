"""What a run keeps of what was said below its root: a bounded part, chosen so that the answer is in it.

Nothing depends on how many spans there were. What may still be the answer is kept whole: the last of what was said, the
first, and, as a span turns out to be a judge's only at its end, the last outside of every span that the last one is
below. Of the rest a digest is left, so that a witness still finds it.
"""

from __future__ import annotations

from bisect import insort
from itertools import chain, islice
from typing import TYPE_CHECKING, TypeVar

from .conventions import Side
from .texts import LONG_ENOUGH

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from .outcome import Outcome, Placed, SpanId

MAX_WHOLE = 64
"""How many outcomes a run keeps whole, of those that may be the answer, and how many that may be witnesses."""
MAX_CHARS = 4 * 1024 * 1024
"""How many characters of theirs it keeps, the last one's aside."""
MAX_MARKS = 4_096
"""How many side spans, answer spans and executions of tools it remembers, each."""
MAX_DIGESTS = 100_000
"""How many of the texts that it keeps no more it knows again."""

_Value = TypeVar("_Value")


class Kept:
    """The outcomes below a root that are kept, and what is known of their spans.

    Args:
        max_chars: Keep all that is said up to so many characters, in any number (``root="all"``); default: what may be
            the answer.
    """

    __slots__ = (
        "_called", "_chars", "_executed", "_executions", "_generics", "_max_chars", "agents", "answers", "digests",
        "has_explicit", "said", "sides", "silent",
    )  # fmt: skip

    def __init__(self, max_chars: int | None = None) -> None:
        self._max_chars = max_chars
        self._chars = 0
        self.has_explicit = False
        """Whether any of it is an explicit value: in most runs nothing is."""
        self.said: list[Placed] = []
        """What has a completion or an explicit value, by end, start and span id."""
        self._generics: dict[SpanId, Placed] = {}
        self.digests: dict[int, int] = {}
        """The digests of texts that are kept no more, in the order in which they were let go."""
        self.sides: dict[SpanId, Side] = {}
        self.answers: dict[SpanId, Placed] = {}
        """The spans that ``answer_spans`` names."""
        self.agents: dict[SpanId, Placed] = {}
        self._called: dict[SpanId, None] = {}
        """The ids of the calls of tools that were ever said."""
        self._executions: dict[SpanId, Outcome] = {}
        """The spans that execute calls of tools."""
        self._executed: dict[tuple[str | None, str | None], int] | None = None
        """What `_last_executions` found; None if something has come since."""
        self.silent: Placed | None = None
        """The last call of a model that failed or said nothing."""

    @property
    def generics(self) -> Mapping[SpanId, Placed]:
        """The spans that have a generic output, and no completion."""
        return self._generics

    def collect(self, entry: Placed) -> None:
        """Keep what a span says, and let go what can be the answer no more."""
        outcome = entry.outcome
        if outcome.side is not None:
            self._mark(self.sides, outcome.span_id, outcome.side)
        if outcome.is_answer:
            self._mark(self.answers, outcome.span_id, entry)
        if outcome.is_agent:
            self._mark(self.agents, outcome.span_id, entry)
        if outcome.execution is not None:
            self._mark(self._executions, outcome.span_id, outcome)
            self._executed = None
        if outcome.completion is not None or outcome.explicit is not None:
            self._add_said(entry)
            return
        if outcome.may_have_generic:
            self._generics[outcome.span_id] = entry
            if len(self._generics) > 4 * MAX_WHOLE:
                self._let_generics_go()
        if outcome.is_model and (self.silent is None or outcome.order > self.silent.outcome.order):
            self.silent = entry

    def apart(self, entries: Iterable[Placed]) -> tuple[list[Placed], list[Placed]]:
        """Return the completions that are no side completions, and those below tools, retrievers and guardrails.

        What is said below evaluators, scorers, moderation and facets is never the answer, nor below ``side_spans``.
        What agents say that worked for another one beside them counts like what is said below a tool.
        """
        if not self.sides and len(self.agents) < 2:
            return list(entries), []
        main: list[Placed] = []
        side: list[Placed] = []
        for entry in entries:
            kind = self.side_of(entry)
            if kind is not Side.VERDICT:
                (main if kind is None else side).append(entry)
        helpers = self._helpers(main)
        if helpers:
            helped = [one for one in main if not helpers.isdisjoint((one.outcome.span_id, *one.way))]
            side = sorted(side + helped, key=order_of)
            main = [one for one in main if helpers.isdisjoint((one.outcome.span_id, *one.way))]
        return main, side

    def _helpers(self, main: Iterable[Placed]) -> set[SpanId]:
        """Return the agents that worked for another one, which ended with a text.

        They ran within its time beside it, or below it, where it had a model say that text itself.
        """
        if len(self.agents) < 2:
            return set()
        last: dict[SpanId, Placed] = {}
        itself: dict[SpanId, Placed] = {}
        for entry in main:
            last |= {one: entry for one in (entry.outcome.span_id, *entry.way) if one in self.agents}
            itself |= {one: entry for one in entry.way[:1] if one in self.agents}
        answered = {one for one, entry in itself.items() if not entry.calls and len(entry.text or "") >= LONG_ENOUGH}
        helpers = {one for one, agent in self.agents.items() if not answered.isdisjoint(agent.way)}
        latest: dict[SpanId | None, int] = {}
        for agent in sorted(self.agents.values(), key=lambda one: (one.outcome.start, -one.outcome.end)):
            span_id, end = agent.outcome.span_id, agent.outcome.end
            beside = agent.way[0] if agent.way else None
            if end < latest.get(beside, 0):
                helpers.add(span_id)
            elif span_id in last and not last[span_id].calls:
                latest[beside] = max(end, latest.get(beside, 0))
        return helpers

    def side_of(self, entry: Placed) -> Side | None:
        """Return what kind of side span a span is, or is below; None if neither."""
        if not self.sides:
            return None
        on_the_way = {self.sides.get(one) for one in (entry.outcome.span_id, *entry.way) if one not in self.answers}
        return next((kind for kind in (Side.VERDICT, Side.WORK) if kind in on_the_way), None)

    def is_executed(self, entry: Placed) -> bool:
        """Whether all calls of tools that a completion ends in were executed, by spans that started after its own did.

        A span executes the call that has its id; one whose id no known call has, those of the tool that it names.
        """
        if self._executed is None:
            self._executed = self._last_executions()
        by = self._executed
        start = entry.outcome.start
        return all(max(by.get((call.id, None), -1), by.get((None, call.name), -1)) >= start for call in entry.calls)

    def _last_executions(self) -> dict[tuple[str | None, str | None], int]:
        """Return when the call of an id was last executed, or, for ids that no known call has, a tool of a name."""
        last: dict[tuple[str | None, str | None], int] = {}
        for outcome in self._executions.values():
            if (one := outcome.execution) is not None:
                key = (one.id, None) if one.id in self._called else (None, one.name)
                last[key] = max(outcome.start, last.get(key, 0))
        return last

    def up_to_answer(self, entry: Placed) -> Sequence[SpanId] | None:
        """Return an outcome's way up to the span that ``answer_spans`` names, None if there is none on it."""
        if entry.outcome.span_id in self.answers:
            return ()
        at = next((at for at, one in enumerate(entry.way) if one in self.answers), None)
        return None if at is None else entry.way[: at + 1]

    # --- letting go ----------------------------------------------------------------------------------------------

    def _add_said(self, entry: Placed) -> None:
        if self._max_chars is not None and self._chars >= self._max_chars:
            self._digest(entry)
            return
        outcome = entry.outcome
        if entry.completion is None:
            self.has_explicit = True
        elif entry.completion.messages and entry.calls:
            for call in entry.calls:
                if call.id is not None:
                    self._mark(self._called, call.id, None)
            self._executed = None
        self._chars += _length(entry)
        if not self.said or outcome.end > self.said[-1].outcome.end or order_of(entry) >= order_of(self.said[-1]):
            self.said.append(entry)
        else:
            insort(self.said, entry, key=order_of)
        if self._max_chars is None and (len(self.said) > 3 * MAX_WHOLE or self._chars > MAX_CHARS):
            self._let_said_go()

    def _let_said_go(self) -> None:
        kept: set[int] = set()
        chars = 0
        for group in self._groups():
            for at, entry in enumerate(_by_worth(group)):
                chars += _length(entry)
                if at < MAX_WHOLE // 2 and (chars <= MAX_CHARS or not kept):
                    kept.add(id(entry))
        for entry in self.said:
            if id(entry) not in kept:
                self._digest(entry)
        self.said = [entry for entry in self.said if id(entry) in kept]
        self._chars = sum(map(_length, self.said))

    def _groups(self) -> Iterator[Sequence[Placed]]:
        """Yield what may be the answer by different rules: in answer spans, texts, calls of tools, side completions."""
        if self.answers:
            yield [one for one in self.said if self.up_to_answer(one) is not None]
        main, side = self.apart(self.said)
        yield [one for one in main if not one.calls]
        yield [one for one in main if one.calls]
        yield side

    def _let_generics_go(self) -> None:
        """Keep the witnesses of what may be the answer, and of the others the last ones that are no side spans'."""
        on_ways = (
            self._generics[one]
            for group in (self._groups() if self._max_chars is None else ())
            for entry in islice(_by_worth(group), MAX_WHOLE // 2)
            for one in reversed(entry.way)
            if one in self._generics
        )
        witnesses = islice({id(one): one for one in on_ways}.values(), MAX_WHOLE)
        others = (one for one in sorted(self._generics.values(), key=order_of, reverse=True) if not self.side_of(one))
        kept = {id(one) for one in chain(witnesses, islice(others, MAX_WHOLE))}
        self._generics = {key: one for key, one in self._generics.items() if id(one) in kept}

    def _digest(self, entry: Placed) -> None:
        text = None if entry.text is None else entry.text.strip()
        if not text or len(self.digests) >= MAX_DIGESTS:
            return
        side = self.side_of(entry)
        if side is None or (side is Side.WORK and len(text) >= LONG_ENOUGH):
            self.digests.pop(hash(text), None)
            self.digests[hash(text)] = len(self.digests)

    def _mark(self, known: dict[SpanId, _Value], span_id: SpanId, value: _Value) -> None:
        """Note something of a span. Of too many the older half is forgotten, first what has nothing said below it."""
        known[span_id] = value
        most = MAX_MARKS + len(self.said)
        if len(known) <= most:
            return
        used = {one for entry in self.said for one in (entry.outcome.span_id, *entry.way)}
        older = list(islice(known, most // 2))
        unused = [one for one in older if one not in used]
        for one in unused if len(unused) > most // 8 else older:
            del known[one]


def order_of(entry: Placed) -> tuple[int, int, SpanId]:
    """By what entries are ordered: end, start, span id."""
    return entry.outcome.order


def _by_worth(group: Sequence[Placed]) -> Iterator[Placed]:
    """Yield the last and the first, each with the next outside of the spans that it is below; then the later ones."""
    given: set[int] = set()
    for entry in chain(group[-1:], _outside(group), group[:1], _outside(group[::-1]), reversed(group)):
        if id(entry) not in given:
            given.add(id(entry))
            yield entry


def _outside(group: Sequence[Placed]) -> Iterator[Placed]:
    inside: set[SpanId] = set(group[-1].way if group else ())
    for entry in reversed(group):
        if not inside.issubset(entry.way):
            inside.intersection_update(entry.way)
            yield entry


def _length(entry: Placed) -> int:
    text, completion = entry.text, entry.completion
    if text is not None:
        return len(text)
    return sum(len(str(message)) for message in completion.messages) if completion is not None else 0
