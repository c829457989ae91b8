"""In whatever order, in whatever pieces and however often spans come: the root gets what it gets of the stored trace."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from harness import RUN_OUTPUT, bench, request, span
from hypothesis import given
from hypothesis import strategies as st

from braintrust_run_output.config import RunOutputConfig
from braintrust_run_output.otlp import read_spans
from braintrust_run_output.outcome import read_outcome
from braintrust_run_output.run import decide
from braintrust_run_output.writing import value_of
from support import examples

ROOT_ID = f"{1:016x}"
KINDS = ["CHAIN", "AGENT", "TOOL", "RETRIEVER", "GUARDRAIL", "EVALUATOR", "LLM", None]
TEXTS = ["Paris.", "The capital of France is Paris.", "Sources: 1, 2. The capital of France is Paris.", "yes", "ok", ""]


@st.composite
def traces(draw):
    """A tree of spans, the root first: kinds, completions, generic outputs, failures, times that overlap."""
    spans = []
    for number in range(1, draw(st.integers(1, 8)) + 1):
        parent = "" if number == 1 else f"{draw(st.integers(1, number - 1)):016x}"
        attributes = {}
        kind = draw(st.sampled_from(KINDS))
        if kind is not None:
            attributes["openinference.span.kind"] = kind
        if kind == "LLM" or draw(st.integers(0, 5)) == 0:
            attributes["gen_ai.completion"] = draw(st.sampled_from(TEXTS))
        if kind != "LLM" and draw(st.booleans()):
            attributes["output.value"] = draw(st.sampled_from([*TEXTS, '{"answer": "Paris."}']))
        if draw(st.integers(0, 9)) == 0:
            attributes[RUN_OUTPUT] = draw(st.sampled_from(TEXTS[:3]))
        start = draw(st.integers(0, 20))
        spans.append(
            span(
                f"{number:016x}",
                parent,
                name=draw(st.sampled_from(["step", "answer", "side"])),
                start=start,
                end=100 if number == 1 else start + draw(st.integers(0, 20)),
                failed=draw(st.integers(0, 7)) == 0,
                **attributes,
            )
        )
    return spans


@st.composite
def deliveries(draw, spans):
    """The spans in any order, some of them more than once, in any pieces."""
    order = draw(st.permutations([*spans, *draw(st.lists(st.sampled_from(spans), max_size=3))]))
    pieces, at = [], 0
    while at < len(order):
        size = draw(st.integers(1, len(order)))
        pieces.append(order[at : at + size])
        at += size
    return pieces


configs = st.builds(
    RunOutputConfig,
    root=st.sampled_from(["last", "first", "all", "own"]),
    answer_spans=st.sampled_from([None, "answer"]),
    side_spans=st.sampled_from([None, "side"]),
    format=st.sampled_from(["text", "messages"]),
)


def by_the_whole_trace(spans, config):
    """What the root gets where all of it is known."""
    read = list(read_spans(request(*spans)))
    outcomes = {
        one.span_id: read_outcome(
            one.attributes,
            one.events,
            one.scope.name,
            key=one.key,
            config=config,
            name=one.name,
            start=one.start,
            end=one.end,
            has_failed=one.has_failed,
        )
        for one in read
    }
    own = outcomes.pop(1)
    if own.explicit is not None:
        return own.explicit
    value = value_of(decide(own, outcomes.values(), {one.span_id: one.parent_id for one in read}, config), config)
    return None if value is None else value.text


def through_the_relay(pieces, config, *, restart_after=None):
    async def whole(directory):
        at = 0
        found = []
        while at < len(pieces):
            until = restart_after if restart_after and at == 0 else len(pieces)
            async with bench(directory, config) as relay:
                for piece in pieces[at:until]:
                    await relay.take(*piece)
                if until == len(pieces):
                    await relay.wait(100)
                found += relay.hop.named(ROOT_ID)
            at = until
        return {one.attributes.get(RUN_OUTPUT) for one in found}

    with tempfile.TemporaryDirectory() as directory:
        return asyncio.run(whole(Path(directory)))


@examples(300)
@given(st.data(), traces(), configs)
def test_in_any_order_in_any_pieces_and_however_often(data, spans, config):
    pieces = data.draw(deliveries(spans))
    restart_after = data.draw(st.none() | st.integers(1, len(pieces)))
    assert through_the_relay(pieces, config, restart_after=restart_after) == {by_the_whole_trace(spans, config)}
