"""How it is timed: everything interleaved in one process, round by round, and compared within a round.

A round times one block of each case, in random order, with the garbage collector off; the spans are exported and freed
between the blocks. What is compared with what is divided round by round, so that a slow moment of the machine hits
both; the result is the median of these ratios. Time is the CPU time of the thread (of the process, where there are
several threads): waiting for a CPU that others use does not count.
"""

import gc
import random
import statistics
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from opentelemetry.sdk.trace import TracerProvider

from .contenders import Contender, Discarding, Encoding, provider
from .workloads import Workload

_BLOCK_NS = 3_000_000
_WARM_UP_RUNS = 30


@dataclass
class Case:
    """One contender with one workload, ready to run."""

    provider: TracerProvider
    run: Callable[[], None]
    spans: int
    threads: int = 1
    exports: bool = False
    """Whether the export belongs to what is timed."""

    def time(self, runs: int, pool: ThreadPoolExecutor | None) -> float:
        """Return the nanoseconds of CPU time per span of a block of runs."""
        gc.disable()
        try:
            if self.threads == 1 or pool is None:
                start = time.thread_time_ns()
                for _ in range(runs):
                    self.run()
                if self.exports:
                    self.provider.force_flush()
                taken = time.thread_time_ns() - start
            else:
                start = time.process_time_ns()
                list(pool.map(lambda _: [self.run() for _ in range(runs)], range(self.threads)))
                taken = time.process_time_ns() - start
        finally:
            gc.enable()
        self.provider.force_flush()
        return taken / (runs * self.threads * self.spans)


def prepare(contender: Contender, workload: Workload, *, exports: bool = False) -> Case:
    """Set a contender up for a workload, and warm it up."""
    tracer_provider = provider(contender, Encoding() if exports else Discarding())
    run = workload.build(tracer_provider.get_tracer("benchmarks"), contender.by_hand)
    for _ in range(max(1, _WARM_UP_RUNS // workload.spans)):
        run()
    tracer_provider.force_flush()
    return Case(tracer_provider, run, workload.spans, workload.threads, exports)


def measure(cases: Mapping[str, Case], rounds: int) -> dict[str, list[float]]:
    """Return the nanoseconds of CPU time per span of each case in each round."""
    runs = _runs_per_block(next(iter(cases.values())))
    samples: dict[str, list[float]] = {name: [] for name in cases}
    order = list(cases)
    threads = max(case.threads for case in cases.values())
    gc.collect()
    gc.freeze()
    try:
        with ThreadPoolExecutor(threads) as pool:
            for _ in range(rounds):
                random.shuffle(order)
                for name in order:
                    samples[name].append(cases[name].time(runs, pool))
    finally:
        gc.unfreeze()
        for case in cases.values():
            case.provider.shutdown()
    return samples


def _runs_per_block(case: Case) -> int:
    """Return how many runs make a block: the same for all that are compared."""
    taken = min(case.time(1, None) for _ in range(3)) * case.spans
    return max(1, round(_BLOCK_NS / taken / case.threads))


@dataclass(frozen=True)
class Summary:
    """The median of some figures and the middle half of them."""

    median: float
    low: float
    high: float


def summary(figures: list[float]) -> Summary:
    """Return the median of some figures and the middle half of them."""
    low, median, high = statistics.quantiles(figures, n=4)
    return Summary(median, low, high)


def ratios(samples: list[float], reference: list[float]) -> Summary:
    """Return how samples compare with those of a reference, round by round."""
    return summary([one / other for one, other in zip(samples, reference, strict=True)])
