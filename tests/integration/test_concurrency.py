"""Many traces at once: every root has its own trace's answer, and no state is left."""

from __future__ import annotations

import asyncio
import json
import random
import sys
import threading

from opentelemetry import trace

from support import RUN_OUTPUT


def one_trace_of_its_own_answers(app) -> None:
    spans = app.exporter.get_finished_spans()
    answers = {
        s.context.trace_id: s.attributes["gen_ai.completion"] for s in spans if "gen_ai.completion" in s.attributes
    }
    roots = [span for span in spans if span.parent is None]
    assert roots
    for root in roots:
        assert root.attributes[RUN_OUTPUT] == answers[root.context.trace_id]
    assert app.live == 0


def test_64_threads(build):
    app = build()
    together = threading.Barrier(64)

    def work(thread: int) -> None:
        together.wait()
        for n in range(25):
            with app.tracer.start_as_current_span("root"), app.tracer.start_as_current_span("step"):
                with app.tracer.start_as_current_span("llm") as span:
                    span.set_attribute("gen_ai.completion", f"{thread}/{n}")

    threads = [threading.Thread(target=work, args=(n,)) for n in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    one_trace_of_its_own_answers(app)
    assert len(app.exporter.get_finished_spans()) == 64 * 25 * 3


def test_1000_interleaved_asyncio_traces(build):
    app = build()
    shuffle = random.Random(7)

    async def turn() -> None:
        for _ in range(shuffle.randrange(5)):
            await asyncio.sleep(0)

    async def request(n: int) -> None:
        with app.tracer.start_as_current_span("root"):
            await turn()
            with app.tracer.start_as_current_span("step"):
                await turn()
                with app.tracer.start_as_current_span("llm") as span:
                    await turn()
                    span.set_attribute("gen_ai.completion", f"answer {n}")
            await turn()

    async def main() -> None:
        await asyncio.gather(*(request(n) for n in range(1_000)))

    asyncio.run(main())

    one_trace_of_its_own_answers(app)
    assert len(app.exporter.get_finished_spans()) == 3_000


def test_one_root_with_children_on_many_threads(build):
    app = build()
    root = app.tracer.start_span("root")
    within = trace.set_span_in_context(root)
    together = threading.Barrier(16)

    def work(n: int) -> None:
        together.wait()
        for m in range(50):
            span = app.tracer.start_span("llm", within, start_time=1, attributes={"gen_ai.completion": f"{n}/{m}"})
            span.end(end_time=1_000 * m + n + 2)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    root.end()

    assert app.run_output("root") == "15/49"
    assert app.live == 0


def test_outputs_are_counted_once_whoever_reads_them(build):
    app = build(root="all")
    root = app.tracer.start_span("root")
    within = trace.set_span_in_context(root)
    together, is_over = threading.Barrier(9), threading.Event()

    def work(n: int) -> None:
        together.wait()
        for m in range(100):
            app.tracer.start_span("llm", within, attributes={"gen_ai.completion": f"{n}/{m}"}).end()

    def read() -> None:  # as an exporter does, while others end
        while not is_over.is_set():
            for span in app.exporter.get_finished_spans()[-200:]:
                assert RUN_OUTPUT in (span.attributes or {})

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        reader = threading.Thread(target=read)
        reader.start()
        threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        together.wait()
        for thread in threads:
            thread.join()
        root.end()
    finally:
        is_over.set()
        reader.join()
        sys.setswitchinterval(interval)

    assert sorted(json.loads(app.run_output("root"))) == sorted(f"{n}/{m}" for n in range(8) for m in range(100))
    assert app.live == 0
