"""What does not show in a span's time: memory per live span, memory that stays, and the cost of importing."""

import gc
import resource
import statistics
import subprocess
import sys
import tracemalloc

from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.trace import Span, set_span_in_context

from .contenders import Empty, run_output_processor

_CHILDREN = 9
"""How many children a root has whose spans all end."""
_MODULES = (
    ("Python alone", "pass"),
    ("opentelemetry.sdk.trace", "import opentelemetry.sdk.trace"),
    ("**braintrust_run_output**", "import braintrust_run_output"),
    ("opentelemetry.processor.baggage", "import opentelemetry.processor.baggage"),
    ("openinference.instrumentation.pydantic_ai", "import openinference.instrumentation.pydantic_ai"),
    ("openinference.instrumentation.openllmetry", "import openinference.instrumentation.openllmetry"),
    ("braintrust.otel", "import braintrust.otel"),
    ("logfire", "import logfire"),
)


def _provider(processor: SpanProcessor) -> TracerProvider:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    return provider


def _start(provider: TracerProvider, count: int, children: int) -> list[Span]:
    """Start traces of one root and so many children, none of which ends."""
    tracer = provider.get_tracer("benchmarks")
    spans: list[Span] = []
    while len(spans) < count:
        root = tracer.start_span("root")
        context = set_span_in_context(root)
        spans += [root, *(tracer.start_span("child", context) for _ in range(children))]
    return spans


def _bytes_per_live_span(processor: SpanProcessor, count: int, children: int) -> float:
    provider = _provider(processor)
    _start(provider, 100, children)
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        spans = _start(provider, count, children)
        gc.collect()
        return (tracemalloc.get_traced_memory()[0] - before) / len(spans)
    finally:
        tracemalloc.stop()


def memory_per_live_span(count: int, children: int) -> tuple[float, float]:
    """Return the bytes that each of so many live spans takes in the SDK, and in the processor beside that."""
    sdk = _bytes_per_live_span(Empty(), count, children)
    return sdk, _bytes_per_live_span(run_output_processor(), count, children) - sdk


def memory_after(spans: int) -> tuple[int, int]:
    """Return how many memory blocks the interpreter holds more after this many spans, with and without the processor.

    The spans are requests with one model's span. A million with tracemalloc would take minutes; the interpreter's own
    count of its blocks costs nothing.
    """

    def blocks(processor: SpanProcessor) -> int:
        provider = _provider(processor)
        tracer = provider.get_tracer("benchmarks")

        def trace() -> None:
            root = tracer.start_span("root")
            context = set_span_in_context(root)
            for n in range(_CHILDREN):
                child = tracer.start_span("child", context)
                if not n:
                    child.set_attributes({"gen_ai.completion": f"Answer {n}."})
                child.end()
            root.end()

        for _ in range(1_000):  # what is kept for later is kept from here on
            trace()
        gc.collect()
        before = sys.getallocatedblocks()
        for _ in range(spans // (_CHILDREN + 1)):
            trace()
        gc.collect()
        return sys.getallocatedblocks() - before

    return blocks(run_output_processor()), blocks(Empty())


def import_times(rounds: int) -> dict[str, float]:
    """Return the median CPU milliseconds of importing each module that is installed, in its own interpreter."""
    samples: dict[str, list[float]] = {}
    for _ in range(rounds):
        for title, statement in _MODULES:
            before = _child_seconds()
            done = subprocess.run([sys.executable, "-c", statement], capture_output=True, check=False)
            if done.returncode == 0:
                samples.setdefault(title, []).append((_child_seconds() - before) * 1000)
    return {title: statistics.median(taken) for title, taken in samples.items()}


def _child_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
