"""What the relay holds is bounded: a trace of 100,000 spans, payloads of 4 MB, states that grow."""

from __future__ import annotations

import asyncio

from harness import CHAT, ROOT, RUN_OUTPUT, bench, chat, request, root, span

from braintrust_run_output.config import RunOutputConfig

MIB = 1024 * 1024


def run(test, directory, config=None, **settings):
    async def whole():
        async with bench(directory, config, **settings) as one:
            await test(one)

    asyncio.run(whole())


def test_a_trace_of_a_hundred_thousand_spans(tmp_path):
    async def test(relay):
        relay.hop.send = taken = Taken(relay.hop)
        for first in range(0, 100_000, 2_000):
            spans = [span(f"{number + 1:016x}", ROOT) for number in range(first, first + 2_000)]
            await relay.relay.take_traces(
                request(*spans, chat(f"answer {first}", f"{first + 1_000_000:016x}", end=first))
            )
        await relay.relay.take_traces(request(root()))
        assert relay.count("remembered_bytes") < 5 * MIB
        for _ in range(3):  # sent again
            await relay.relay.take_traces(request(*spans))
        assert relay.count("remembered_bytes") < 5 * MIB
        await relay.wait(10.1)
        assert relay.hop.run_output() == "answer 98000"
        assert taken.requests == 54

    run(test, tmp_path)


class Taken:
    """Takes requests, and keeps but the last: a hundred thousand spans need not be read again."""

    def __init__(self, hop):
        self.requests = 0
        self._keep = hop.send

    async def __call__(self, signal, body, headers=()):
        self.requests += 1
        if len(body) < 10_000:
            await self._keep(signal, body, headers)


def test_payloads_of_four_megabytes(tmp_path):
    async def test(relay):
        prompt, answer = "p" * 4 * MIB, "a" * 4 * MIB
        for number in range(1, 9):
            await relay.take(chat(answer, f"{number:016x}", end=number, **{"gen_ai.input.messages": prompt}))
        assert relay.count("remembered_bytes") <= 12 * MIB
        await relay.take(chat("Paris.", end=50), root(**{"http.request.body": prompt}))
        await relay.wait(10.1)
        assert relay.hop.run_output() == "Paris."
        assert relay.hop.named(ROOT)[0].attributes["http.request.body"] == prompt
        assert relay.count("held_bytes") == 0

    run(test, tmp_path, max_remembered_bytes=12 * MIB)


def test_a_value_is_cut_as_it_is_in_a_process(tmp_path):
    async def test(relay):
        await relay.take(chat("a" * 1000), root())
        await relay.wait(10.1)
        for one in (*relay.hop.named(ROOT), *relay.hop.named(CHAT)):
            assert (one.attributes[RUN_OUTPUT], one.attributes[f"{RUN_OUTPUT}_truncated"]) == ("a" * 100, True)

    run(test, tmp_path, RunOutputConfig(max_length=100))


def test_what_states_take_is_counted(tmp_path):
    async def test(relay):
        state = {"openinference.span.kind": "CHAIN", "output.value": "s" * MIB}
        await relay.take(*(span(f"{number:016x}", ROOT, **state) for number in range(1, 5)))
        assert 4 * MIB < relay.count("remembered_bytes") < 5 * MIB

    run(test, tmp_path)
