"""Roots that end while the interpreter exits: in exit handlers, before and after ours, while a descendant lives."""

from __future__ import annotations

import pytest

from processes import run

APP = """
import atexit
from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from braintrust_run_output import RunOutputConfig, RunOutputSpanProcessor

class Printing(SpanProcessor):
    def on_end(self, span):
        print(span.name, span.attributes.get("braintrust.metadata.run_output"), flush=True)

def at_exit():
    root = tracer.start_span("root")
    child = tracer.start_span("child", trace.set_span_in_context(root))
    tracer.start_span("llm", trace.set_span_in_context(root), attributes={{"gen_ai.completion": "Paris."}}).end()
    root.end()
    if {child_ends}:
        child.end()

{first}
provider = TracerProvider()
config = RunOutputConfig(hold="{hold}", hold_millis=3_600_000)
provider.add_span_processor(RunOutputSpanProcessor(Printing(), config=config))
tracer = provider.get_tracer("app")
{then}
"""
REGISTER = "atexit.register(at_exit)"
HELD_BEFORE = (
    "atexit.register(lambda: None); root = tracer.start_span('early'); "
    "tracer.start_span('lives', trace.set_span_in_context(root)); root.end()\n"
)


@pytest.mark.parametrize("child_ends", [False, True], ids=["child lives", "child ends"])
@pytest.mark.parametrize("hold", ["open", "always"])
@pytest.mark.parametrize(
    ("first", "then"),
    [
        (REGISTER, ""),  # runs last: after everything of ours, and of the SDK
        ("", REGISTER),  # runs first
        (REGISTER, HELD_BEFORE),
        ("", HELD_BEFORE + REGISTER),
        ("", REGISTER + "\n" + HELD_BEFORE),  # runs after what the first root that was held has registered
    ],
    ids=["before the provider", "after it", "before, one was held", "after a hold", "before a hold"],
)
def test_a_root_that_ends_in_an_exit_handler_is_exported(first, then, hold, child_ends):
    ended = run(APP.format(first=first, then=then, hold=hold, child_ends=child_ends))

    lines = ended.out.splitlines()
    assert (ended.code, ended.log) == (0, "")
    assert lines.count("root Paris.") == 1
    assert lines.count("llm Paris.") == 1
    assert lines.count("child None") == child_ends
    assert lines.count("early None") == ("early" in then)


def test_a_thread_that_outlives_the_main_module_is_exported():
    code = APP.format(first="", then="", hold="open", child_ends=False) + (
        """
import threading, time
done = threading.Event()

def work():
    done.wait(10)
    at_exit()

threading.Thread(target=work).start()
done.set()
"""
    )
    ended = run(code)

    assert "root Paris." in ended.out.splitlines(), ended.log
