"""What the relay counts, for Prometheus. No label has any content of a span, nor a key.

What a root got, and why it got nothing, is counted in the words of the processor's own metrics: ``own``, ``mirrored``,
``generic``, ``explicit`` or ``none``; ``no_content``, ``failed``, ``withheld`` or ``late``.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

if TYPE_CHECKING:
    from collections.abc import Callable

_PREFIX = "braintrust_run_output_relay"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_HELD_SECONDS = (0.1, 0.5, 1, 2.5, 5, 7.5, 10, 12.5, 15, 20, 30, 45, 60, 120)


class Metrics:
    """The relay's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = self._counter(
            "requests", "Requests by what became of them: accepted, busy, refused.", "protocol", "signal", "result"
        )
        self.spans = self._counter("spans", "Spans taken.")
        self.unreadable = self._counter("unreadable_spans", "Spans that could not be read, and went on as they came.")
        self.log_records = self._counter("log_records", "Log records taken.")
        roots = self._counter("roots", "Roots above a model call, by what they got.", "output")
        self.roots_that_got: Callable[[str], Counter] = functools.cache(roots.labels)
        """Returns the counter of roots above a model call that got this."""
        self.none = self._counter(
            "roots_without_output", "Roots above a model call that got nothing, by why.", "reason"
        )
        self.plain_roots = self._counter("roots_without_model", "Roots with no model call below them.")
        self.early = self._counter("roots_released_early", "Roots that went on early, as there was no room for more.")
        self.set_aside = self._counter("roots_set_aside", "Roots that the next hop refused for good.")
        self.rootless = self._counter(
            "traces_without_root", "Traces that were forgotten with completions and without a root ever seen."
        )
        self.forgotten = self._counter(
            "traces_forgotten_early", "Traces forgotten early, as there was no room for more."
        )
        self.forwards = self._counter(
            "forwards", "Requests to the next hop: accepted, unavailable, refused.", "signal", "result"
        )
        self.rejected = self._counter("rejected_spans", "Spans that the next hop took the request without.")
        self.spool_failures = self._counter("spool_failures", "Writes to the state directory that failed.")
        self.forward_seconds = self._histogram("forward_seconds", "How long the next hop took.", _SECONDS)
        self.hold_seconds = self._histogram("hold_seconds", "How long roots waited.", _HELD_SECONDS)

    def watch(self, name: str, documentation: str, read: Callable[[], float]) -> None:
        """Have a number read whenever metrics are.

        Args:
            name: The metric's name, without the prefix.
            documentation: What it is.
            read: Returns the number; called on another thread.
        """
        Gauge(f"{_PREFIX}_{name}", documentation, registry=self.registry).set_function(read)

    def _counter(self, name: str, documentation: str, *labels: str) -> Counter:
        return Counter(f"{_PREFIX}_{name}", documentation, labels, registry=self.registry)

    def _histogram(self, name: str, documentation: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"{_PREFIX}_{name}", documentation, buckets=buckets, registry=self.registry)
