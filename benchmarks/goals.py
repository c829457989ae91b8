"""What the processor may cost at most, and what was measured: the table that docs/performance.md begins with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .contenders import ALL, IN_PLACE, LAST, PEERS, WRAPPING
from .report import Table

Data = Mapping[str, Any]


@dataclass(frozen=True)
class Goal:
    """One of them.

    Args:
        title: For the table.
        most: What may be measured at the most.
        measured: From all results to the figures that count; a `KeyError` if they were not measured.
        unit: What stands behind a figure.
    """

    title: str
    most: float
    measured: Callable[[Data], list[float]]
    unit: str = ""

    def row(self, data: Data) -> tuple[str, ...] | None:
        """Return its row in the table, None if it was not measured."""
        try:
            figures = self.measured(data)
        except (KeyError, ValueError):
            return None
        form = "{:,.0f}" if self.unit else "{:.2f}"
        shown = ", ".join(form.format(one) for one in figures) + self.unit
        return self.title, form.format(self.most) + self.unit, shown, "yes" if max(figures) <= self.most else "**no**"


def _to(what: str, name: str, *contenders: str) -> Callable[[Data], list[float]]:
    return lambda data: [data[name][one][what]["median"] for one in contenders]


def _of_the_cheapest_peer(*names: str) -> Callable[[Data], list[float]]:
    """What ours costs, in place and wrapping, to the cheapest peer that reads or rewrites model spans."""

    def measured(data: Data) -> list[float]:
        found = []
        for name in names:
            costs = {one: values["ns_per_span"]["median"] for one, values in data[name].items()}
            peers = [costs[one.name] for one in PEERS if one.rewrites and data[name][one.name]["changes_attributes"]]
            found += [costs[IN_PLACE] / min(peers), costs[WRAPPING] / min(peers)]
        return found

    return measured


def _last_of(name: str, *contenders: str) -> Callable[[Data], list[float]]:
    return lambda data: [list(data[name][one].values())[-1]["to_first"]["median"] for one in contenders]


GOALS = (
    Goal(
        "spans without AI content, to an empty processor: in place, wrapping (a span; a request of five)",
        1.06,
        lambda data: [
            *_to("to_empty", "span-5", IN_PLACE, WRAPPING)(data),
            *_to("to_empty", "request-5", IN_PLACE, WRAPPING)(data),
        ],
    ),
    Goal("model spans of 1 KB, in place, to by hand", 1.30, _to("to_by_hand", "messages-1k", IN_PLACE)),
    Goal("model spans of 1 KB, wrapping, to by hand", 1.45, _to("to_by_hand", "messages-1k", WRAPPING)),
    Goal("the same with the export, in place, to by hand", 1.22, _to("to_by_hand", "exported-messages-1k", IN_PLACE)),
    Goal("a plain output of 4 MB, to one of 4 KB: in place, wrapping", 2, lambda data: _by_4_kb(data)),
    Goal(
        "in place, wrapping, to the cheapest peer that reads or rewrites model spans (plain output, 1 KB)",
        1,
        _of_the_cheapest_peer("gen_ai-completion", "messages-1k"),
    ),
    Goal("10,000 live spans, to 10: in place, wrapping", 1.1, _last_of("live-spans", IN_PLACE, WRAPPING)),
    Goal("80,000 answers of one root, to 1,000: `last`, `all`", 1.1, _last_of("answers", LAST, ALL)),
    Goal("memory for a live span, a root with nine children", 300, lambda data: [data["memory"]["of ten"]], " bytes"),
    Goal("memory for a live span, traces of one span", 600, lambda data: [data["memory"]["of one"]], " bytes"),
)


def _by_4_kb(data: Data) -> list[float]:
    sizes = data["output-size"]
    return [
        sizes[one]["4,096 KB"]["ns_per_span"]["median"] / sizes[one]["4 KB"]["ns_per_span"]["median"]
        for one in (IN_PLACE, WRAPPING)
    ]


def goals(data: Data) -> Table:
    """Return the table of what was measured of them."""
    rows = [row for goal in GOALS if (row := goal.row(data)) is not None]
    return Table("Goals", ("", "at most", "measured", "met"), rows)
