"""An application that ends a span deep in calls: with four frames more than an empty processor needs, it is exported."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

from braintrust_run_output import RunOutputConfig, RunOutputSpanProcessor
from support import parts

FRAMES = 4
"""How many frames more than an empty processor needs are to be enough."""

ATTRIBUTES = {
    "a plain output": {"gen_ai.completion": "Paris."},
    "messages": {"gen_ai.output.messages": parts("Paris.")},
    "a generic output": {"output.value": '{"output": "Paris."}'},
    "nothing": {},
}


class Empty(SpanProcessor):
    """What any processor costs."""


class Keep(SpanProcessor):
    """The shallowest that exports."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def on_end(self, span):
        self.names.append(span.name)


def with_frames_left(frames: int, function: Callable[[], object]) -> None:
    """Call a function where so many calls can still be nested."""
    depth, frame = 0, sys._getframe()
    while frame is not None:
        depth, frame = depth + 1, frame.f_back

    def go_down(more: int) -> None:
        function() if more == 0 else go_down(more - 1)

    go_down(sys.getrecursionlimit() - depth - frames - 1)


def exports(processors: list[SpanProcessor], keep: Keep, attributes: dict[str, str], frames: int) -> bool:
    """Whether a span that is ended with so many frames left is exported; what is raised is raised."""
    provider = TracerProvider(shutdown_on_exit=False)
    for processor in processors:
        provider.add_span_processor(processor)
    span = provider.get_tracer("app").start_span("span", attributes=attributes)
    with_frames_left(frames, span.end)
    return keep.names == ["span"]


def frames_needed() -> int:
    """How many frames the end of a span needs with an empty processor."""
    for frames in range(1, 200):
        keep = Keep()
        try:
            if exports([Empty(), keep], keep, {}, frames):
                return frames
        except RecursionError:
            continue
    raise AssertionError("no number of frames is enough")


@pytest.mark.parametrize("attributes", ATTRIBUTES.values(), ids=ATTRIBUTES)
@pytest.mark.parametrize("form", ["in place", "wrapping"])
@pytest.mark.parametrize("hold", ["never", "open"])
def test_a_span_that_ends_near_the_recursion_limit_is_exported(form, hold, attributes, caplog):
    needed = frames_needed()
    config = RunOutputConfig(hold=hold)
    for frames in range(needed + FRAMES, needed + 60):
        keep = Keep()
        if form == "in place":
            processors = [RunOutputSpanProcessor(config=config), keep]
        else:
            processors = [RunOutputSpanProcessor(keep, config=config)]

        assert exports(processors, keep, attributes, frames), frames
    for record in caplog.records:
        record.getMessage()  # what was said can be said


def test_starting_a_span_there_raises_nothing_of_ours():
    def start(processors: list[SpanProcessor], frames: int) -> bool:
        provider = TracerProvider(shutdown_on_exit=False)
        for processor in processors:
            provider.add_span_processor(processor)
        tracer = provider.get_tracer("app")
        try:
            with_frames_left(frames, lambda: tracer.start_span("span"))
        except RecursionError:
            return False
        return True

    needed = next(frames for frames in range(1, 200) if start([Empty()], frames))

    for frames in range(needed + FRAMES, needed + 60):
        assert start([RunOutputSpanProcessor(config=RunOutputConfig())], frames)
        assert start([RunOutputSpanProcessor(Keep(), config=RunOutputConfig())], frames)
