"""Counts local roots above a model call by what they got, so that production sees when outputs go missing.

Through OpenTelemetry's metrics API: without a meter provider it counts nothing. No label holds content.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry.metrics import get_meter

from .run import Reason, Rule

if TYPE_CHECKING:
    from .run import Choice

COUNTER: Final = "braintrust.run_output.roots"
"""The name of the counter. Its labels are ``got`` and, where that is ``none``, ``why_not``."""

_GOT: Final = {
    Rule.EXPLICIT: "explicit",
    Rule.OWN: "own",
    Rule.GENERIC: "generic",
    Rule.GENERIC_BELOW: "generic",
}


class RootCounter:
    """Counts local roots: ``own``, ``mirrored``, ``generic``, ``explicit``, ``none``."""

    def __init__(self) -> None:
        self._counter = get_meter("braintrust_run_output").create_counter(
            COUNTER, unit="{root}", description="Local roots above a model call, by the run output that they got"
        )

    def count_root(self, choice: Choice, *, is_written: bool) -> None:
        """Count a root.

        Args:
            choice: What it was to get.
            is_written: Whether it got a value: ``transform`` may have withheld it.
        """
        if choice.rule is None:
            self._count_none("failed" if choice.reason is Reason.FAILED else "no_content")
        elif choice.said and not is_written:
            self._count_none("withheld")
        else:
            self._counter.add(1, {"got": _GOT.get(choice.rule, "mirrored")})

    def count_late(self) -> None:
        """Count a completion that came after its root had gone."""
        self._count_none("late")

    def _count_none(self, why_not: str) -> None:
        self._counter.add(1, {"got": "none", "why_not": why_not})
