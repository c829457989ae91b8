"""Which of the things said below a root is the run's output, by which rule, from which span, or why there is none.

Pure: outcomes in, a `Choice` out. Every front end decides here: the span processor, native Braintrust spans, stored
rows, OTLP files, the relay. First match wins, in the order that `Run.choose` has; each rule is a method, with its
sentence in docs/how-it-works.md.
"""

from __future__ import annotations

import enum
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from . import _faults, witness
from .conventions import WITNESSES, Side
from .kept import Kept, order_of
from .outcome import Outcome, Placed
from .texts import LONG_ENOUGH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from .completion import Completion
    from .config import RunOutputConfig
    from .outcome import SpanId, SpanKey


class Rule(str, enum.Enum):
    """By which rule a root has its value."""

    EXPLICIT = "explicit"
    """The application set it: nothing is written."""
    ANSWER_SPANS = "answer_spans"
    """Said by spans that ``answer_spans`` names, or below them."""
    OWN = "own"
    """Its own completion."""
    WITNESS = "witness"
    """A generic output on the way up to the root told which completion is the answer."""
    LAST = "last"
    """The completion that ended last, of those that can be the answer."""
    FIRST = "first"
    """The one that ended first."""
    ALL = "all"
    """All of them."""
    GENERIC = "generic"
    """Its own generic output."""
    GENERIC_BELOW = "generic_below"
    """The last generic output of a descendant."""


class Reason(str, enum.Enum):
    """Why a root has no run output."""

    NO_MODEL = "no_model"
    """No model was called below it."""
    NO_CONTENT = "no_content"
    """Models were called, but what they said is not on their spans."""
    FAILED = "failed"
    """The last call of a model failed."""
    SIDE_ONLY = "side_only"
    """All that was said was said by evaluators and the like."""
    NOT_MIRRORED = "not_mirrored"
    """The configuration says that roots get nothing, or only what they say themselves."""


class Said(NamedTuple):
    """What is to be written, and whose it is: a completion to be rendered, or a value to be written as it is."""

    outcome: Outcome
    what: Completion | str


class Choice(NamedTuple):
    """What a root gets.

    Args:
        rule: By which rule; None if there is nothing.
        said: What is written: several under ``all``, none where the application set it or there is nothing.
        source: The span that said it.
        input_of: The span whose input belongs to it.
        is_list: Whether what is written is a list, under ``all``.
        reason: Why there is nothing.
    """

    rule: Rule | None = None
    said: tuple[Said, ...] = ()
    source: Outcome | None = None
    input_of: Outcome | None = None
    is_list: bool = False
    reason: Reason | None = None

    @property
    def key(self) -> SpanKey | None:
        """Trace id and span id of the span that said it."""
        return None if self.source is None else self.source.key


class Run:
    """What one root has collected: the outcomes of the spans below it, and which of them is its value.

    Args:
        config: The configuration: ``root``, ``overwrite``, ``format`` and ``max_length``.
    """

    __slots__ = ("_config", "_kept")

    def __init__(self, config: RunOutputConfig) -> None:
        self._config = config
        self._kept = Kept(config.max_length if config.root == "all" else None)

    def choose(self, own: Outcome) -> Choice:
        """Return what the root gets. First match wins.

        Args:
            own: What the root itself says.
        """
        if own.explicit is not None and not self._config.overwrite:
            return Choice(Rule.EXPLICIT)
        if self._config.root == "off":
            return Choice(reason=Reason.NOT_MIRRORED)
        for rule in (
            self._by_answer_spans,
            self._own_completion,
            self._by_descendants,
            _own_generic,
            self._generic_below,
        ):
            choice = rule(own)
            if choice is not None:
                return choice
        return Choice(reason=self._why_not(own))

    # --- one of the descendants' completions ---------------------------------------------------------------------

    def _own_completion(self, own: Outcome) -> Choice | None:
        """Choose what the root itself said, unless that is calls of tools, and a text was said below it."""
        if own.completion is None:
            return None
        if own.completion.calls_tools and self._config.root == "last":
            main, _ = self._kept.apart(self._kept.said)
            if not all(entry.calls for entry in main):
                return None
        return Choice(Rule.OWN, (Said(own, own.completion),), own, own)

    def _by_descendants(self, own: Outcome) -> Choice | None:
        return self._one_of(self._counted_once(), own)

    def _by_answer_spans(self, _own: Outcome) -> Choice | None:
        """Choose of what the spans that ``answer_spans`` names said, or those below them, where there is any."""
        if not self._kept.answers or self._config.root == "own":
            return None
        ways = ((one, self._kept.up_to_answer(one)) for one in self._counted_once())
        below = [one._replace(way=way) for one, way in ways if way is not None]
        choice = self._one_of(below, None) or _last_generic(self._kept.answers.values())
        return None if choice is None else choice._replace(rule=Rule.ANSWER_SPANS)

    def _one_of(self, entries: Sequence[Placed], own: Outcome | None) -> Choice | None:
        policy = self._config.root
        if policy == "own" or not entries:
            return None
        main, side = self._kept.apart(entries)
        if policy == "all":
            return _all(main or side)
        if policy == "first":
            return _alone(Rule.FIRST, min(main or side, key=order_of, default=None))
        last = self._last(main, side)
        if last is None:
            return None
        witnessed = self._by_witness(last, main, side, own)
        return witnessed or self._instead(last, own, is_side=not main) or _alone(Rule.LAST, last)

    def _instead(self, last: Placed, own: Outcome | None, *, is_side: bool) -> Choice | None:
        """Return the text that was put out above what is no answer: the outermost one, the root's own first.

        It is none where the call of a model failed after it, where tools executed its calls, if it is one short word
        that the text does not have, or if it is a side completion.
        """
        is_none = is_side or _is_word(last) or (bool(last.calls) and self._kept.is_executed(last))
        below = self._failed_after(last) or (last if is_none else None)
        if below is None:
            return None
        word = last.text if below is last else None
        return next((_own_generic(one) for one in self._above(below, own) if _tells(one, without=word)), None)

    def _above(self, entry: Placed, own: Outcome | None) -> Iterator[Outcome]:
        """Yield what may have a generic output above a span: the root, then the others, the outermost first."""
        if own is not None:
            yield own
        generics = self._kept.generics
        yield from (generics[one].outcome for one in reversed(entry.way) if one in generics)

    def _failed_after(self, last: Placed) -> Placed | None:
        """Return the call of a model that failed after a completion, not around it."""
        silent = self._kept.silent
        if silent is None or not silent.outcome.has_failed or silent.outcome.end < last.outcome.end:
            return None
        is_aside = silent.outcome.span_id in last.way or self._kept.side_of(silent) is not None
        return None if is_aside else silent

    def _by_witness(
        self, last: Placed, main: Sequence[Placed], side: Sequence[Placed], own: Outcome | None
    ) -> Choice | None:
        """Of the generic outputs around the last completion, outermost first, the first that fits decides.

        Or the text of the first that does not, above the call of a model that failed later.
        """
        if not self._kept.generics and (own is None or not own.may_have_generic):
            return None
        witnesses = witness.Witnesses(last, self._kept.digests, self._kept.is_executed)
        failed = self._failed_after(last)
        for outcome, is_above in self._around(last, own):
            generic = outcome.generic
            if generic is None:
                continue
            below, side_below = ([one for one in entries if is_above(one)] for entries in (main, side))
            found = _read(witnesses, generic, below, side_below)
            if found is not None:
                return _witnessed(found, outcome)
            if failed is not None and is_above(failed) and _tells(outcome):
                return _own_generic(outcome)
        return None

    def _around(self, last: Placed, own: Outcome | None) -> Iterator[tuple[Outcome, Callable[[Placed], bool]]]:
        """Yield what may have a generic output around the last completion, and what tells what is below it.

        What is above it, and then what ran around it, beside it, with nothing below: not all instrumentations know
        parents.
        """
        for outcome in self._above(last, own):
            yield outcome, (lambda _: True) if outcome is own else partial(_is_below, outcome.span_id)
        beside = [one for one in self._kept.generics.values() if _ran_around(one, last)]
        if beside:
            above = set(chain.from_iterable(one.way for one in self._kept.said))
            for one in sorted(beside, key=lambda one: one.outcome.start):
                if one.outcome.span_id not in above:
                    yield one.outcome, partial(_ran_around, one)

    def _last(self, main: Sequence[Placed], side: Sequence[Placed]) -> Placed | None:
        """Return the last completion: a side completion only where nothing else is, or after a call of a tool."""
        last, last_side = (_last_of(entries, self._kept.is_executed) for entries in (main, side))
        if last is None or last_side is None:
            return last or last_side
        is_answered = last.calls and not last_side.calls and _follows(last_side, last)
        return last_side if is_answered else last

    def _counted_once(self) -> Sequence[Placed]:
        """Return what was said, without what a service's own processor had mirrored from below a span onto it."""
        if not self._kept.has_explicit:
            return self._kept.said
        above: dict[str, set[SpanId]] = {}
        for entry in self._kept.said:
            if entry.completion is not None:
                above.setdefault(entry.completion.render(self._config.format), set()).update(entry.way)
        return [
            entry
            for entry in self._kept.said
            if entry.completion is not None or entry.outcome.span_id not in above.get(entry.outcome.explicit or "", ())
        ]

    # --- where there is none -------------------------------------------------------------------------------------

    def _generic_below(self, _own: Outcome) -> Choice | None:
        """Choose the last generic output below; what led up to a model that failed or said nothing is none."""
        if self._config.root == "own":
            return None
        silent = 0 if self._kept.silent is None else self._kept.silent.outcome.end
        return _last_generic(
            one for one in self._kept.generics.values() if one.outcome.end >= silent and self._kept.side_of(one) is None
        )

    def _why_not(self, own: Outcome) -> Reason:
        if self._config.root == "own":
            return Reason.NOT_MIRRORED
        if self._kept.said:
            return Reason.SIDE_ONLY
        silent = self._kept.silent.outcome if self._kept.silent is not None else own if own.is_model else None
        if silent is None:
            return Reason.NO_MODEL
        return Reason.FAILED if silent.has_failed else Reason.NO_CONTENT

    # --- what is said below ------------------------------------------------------------------------------------------

    def hear(self, outcome: Outcome, way: Sequence[SpanId] = ()) -> None:
        """Take in what a span below the root says.

        Args:
            outcome: What it says.
            way: The ids of the spans on its way up to the root, its parent's first, the root's not among them.
        """
        completion = outcome.completion
        if outcome.explicit is not None and completion is not None and not self._config.overwrite:
            # What the application set counts, unless it is the same: a service's own processor has written that.
            completion = completion if completion.render(self._config.format) == outcome.explicit else None
        self._kept.collect(Placed(outcome, way, completion))

    @property
    def calls_a_model(self) -> bool:
        """Whether a model was called below the root, as far as is known."""
        return bool(self._kept.said) or self._kept.silent is not None

    @property
    def has_answer(self) -> bool:
        """Whether a completion has come that is no call of a tool, after which more is to come, and no evaluator's."""
        kept, first = self._kept, self._config.root == "first"
        return any((first or not entry.calls) and kept.side_of(entry) is not Side.VERDICT for entry in kept.said)


def counting_for(
    outcomes: Iterable[Outcome], parents: Mapping[SpanId, SpanId | None]
) -> Callable[[SpanId], list[Outcome]]:
    """Return what tells of a root which of what the spans of its trace say counts for it: a trace may have several.

    What lies below none of them, as far as is known, counts for each.

    Args:
        outcomes: What they say.
        parents: The id of each span's parent, None for a root.
    """
    found: dict[SpanId | None, list[Outcome]] = {}
    for outcome in outcomes:
        top = (outcome.span_id, *way_up(outcome.span_id, None, parents))[-1]
        is_root = top in parents and parents[top] is None
        found.setdefault(top if is_root else None, []).append(outcome)
    return lambda root_id: [*found.get(root_id, ()), *found.get(None, ())]


def decide(
    root: Outcome, others: Iterable[Outcome], parents: Mapping[SpanId, SpanId | None], config: RunOutputConfig
) -> Choice:
    """Return what the root of a whole trace gets: for those who do not see it happen, but know all of it.

    Args:
        root: What the root says.
        others: What the other spans say that count for it (see `counting_for`), in any order.
        parents: The id of each span's parent. A span whose parents do not lead to the root counts as right below it.
        config: The configuration.
    """
    run = Run(config)
    for outcome in sorted(others, key=lambda one: one.order):
        run.hear(outcome, way_up(outcome.span_id, root.span_id, parents))
    return run.choose(root)


def way_up(span_id: SpanId, root_id: SpanId | None, parents: Mapping[SpanId, SpanId | None]) -> list[SpanId]:
    """Return the ids of the spans between a span and its root, its parent's first; without a root of all above it."""
    way: dict[SpanId, None] = {}
    parent = parents.get(span_id)
    while parent is not None and parent not in (root_id, span_id) and parent not in way:
        way[parent] = None
        parent = parents.get(parent)
    return list(way)


def _read(
    witnesses: witness.Witnesses, generic: Completion, main: Sequence[Placed], side: Sequence[Placed]
) -> witness.Found | None:
    try:
        return witnesses.read(generic, main, side)
    except Exception as error:  # noqa: BLE001 (it costs that one witness)
        _faults.contain("Reading a witness", error)
        return None


def _is_below(span_id: SpanId, entry: Placed) -> bool:
    return span_id in entry.way


def _ran_around(one: Placed, entry: Placed) -> bool:
    """Whether a span began before another one beside it, and ended after it."""
    around, within = one.outcome, entry.outcome
    return around.start < within.start and within.end < around.end and [*one.way] == [*entry.way]


def _witnessed(found: witness.Found, outcome: Outcome) -> Choice:
    """Return the choice of what a span's generic output has named."""
    source = outcome if found.entry is None else found.entry.outcome
    said = Said(source, found.text or "") if found.entry is None or found.text is not None else _said(found.entry)
    return Choice(Rule.WITNESS, (said,), source, outcome if outcome.input else source)


# --- the rules that need no run ------------------------------------------------------------------------------------


def _own_generic(own: Outcome) -> Choice | None:
    generic = own.generic
    return None if generic is None else Choice(Rule.GENERIC, (Said(own, generic),), own, own)


def _tells(outcome: Outcome, without: str | None = None) -> bool:
    """Whether a generic output is a text that is long enough to be taken for itself, and no state or identifier.

    Args:
        outcome: What may have a generic output.
        without: What it must not have in it, in whatever case.
    """
    text = (outcome.generic.text or "").strip() if outcome.generic is not None else ""
    is_identifier = text.isascii() and " " not in text
    has_it = without is not None and without.lower() in text.lower()
    return len(text) >= LONG_ENOUGH and not is_identifier and not has_it and not text.startswith(("{", "["))


def _is_word(entry: Placed) -> bool:
    """Whether a completion is one short word, as a guard or a router says it."""
    text = entry.text or ""
    return len(text) < LONG_ENOUGH and len(text.split()) == 1


def _last_generic(entries: Iterable[Placed]) -> Choice | None:
    for entry in sorted(entries, key=order_of, reverse=True):
        outcome = entry.outcome
        generic = outcome.generic
        if generic is not None and generic.source not in WITNESSES:
            return Choice(Rule.GENERIC_BELOW, (Said(outcome, generic),), outcome, outcome)
    return None


def _last_of(entries: Sequence[Placed], is_executed: Callable[[Placed], bool]) -> Placed | None:
    """Return the last completion. A call of a tool counts if nobody executed it, and no text follows or lies below it.

    If there is nothing but such calls, the last of those.
    """
    if len(entries) < 2:
        return entries[0] if entries else None
    texts = [entry for entry in entries if not entry.calls]
    above = set(chain.from_iterable(text.way for text in texts))
    outer = _outermost(texts, above)
    if len(texts) == len(entries):
        return max(outer, key=order_of, default=None)
    calls = [entry for entry in entries if entry.calls]
    latest_start = max((text.outcome.start for text in texts), default=-1)  # a coarse clock may have one time for all
    unanswered = [
        call
        for call in calls
        if latest_start < call.outcome.end and call.outcome.span_id not in above and not is_executed(call)
    ]
    return max([*outer, *unanswered] or calls, key=order_of, default=None)


def _outermost(texts: Sequence[Placed], above: set[SpanId]) -> Sequence[Placed]:
    """Return the texts that lie below no call of a model that said another one: what does led up to that."""
    said = {text.outcome.span_id for text in texts if text.outcome.is_model}
    return texts if said.isdisjoint(above) else [text for text in texts if said.isdisjoint(text.way)]


def _follows(text: Placed, call: Placed) -> bool:
    """Whether a text started after a call's span ended, or lies below it."""
    return text.outcome.start >= call.outcome.end or call.outcome.span_id in text.way


def _all(entries: Sequence[Placed]) -> Choice | None:
    """All, in end order. The same call seen by two instrumentations, one span below the other, counts once."""
    above: dict[object, set[SpanId]] = {}
    for entry in entries:
        above.setdefault(_content(entry), set()).update(entry.way)
    once = [entry for entry in entries if entry.outcome.span_id not in above[_content(entry)]]
    if not once:
        return None
    return Choice(Rule.ALL, tuple(map(_said, once)), once[-1].outcome, once[0].outcome, is_list=True)


def _content(entry: Placed) -> object:
    completion = entry.completion
    return entry.outcome.explicit if completion is None else (completion.text, completion.messages)


def _alone(rule: Rule, entry: Placed | None) -> Choice | None:
    return None if entry is None else Choice(rule, (_said(entry),), entry.outcome, entry.outcome)


def _said(entry: Placed) -> Said:
    return Said(entry.outcome, (entry.outcome.explicit or "") if entry.completion is None else entry.completion)
