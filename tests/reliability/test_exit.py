"""What becomes of a held root when the process ends: tried with real processes, each way that docs/reliability.md names."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from processes import INSTRUMENT, NO_MODEL, PLAIN, Application, environment, run_command

APP = """
import os, signal, sys
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter, SpanExportResult
from braintrust_run_output import RunOutputConfig, RunOutputSpanProcessor

class Writing(SpanExporter):
    def __init__(self, file):
        self.file = file
    def export(self, spans):
        with open(self.file, "a") as stream:
            for span in spans:
                stream.write(span.name + "\\n")
        return SpanExportResult.SUCCESS

def never_due(exporter):
    return BatchSpanProcessor(exporter, schedule_delay_millis=3_600_000)

provider = TracerProvider(shutdown_on_exit={shutdown_on_exit})
config = RunOutputConfig(hold="always", hold_millis=3_600_000)
provider.add_span_processor(RunOutputSpanProcessor({processor}(Writing("held.txt")), config=config))
provider.add_span_processor(never_due(Writing("batch.txt")))
{before}
provider.get_tracer("app").start_span("root").end()
print("ready", flush=True)
{after}
"""
WAIT = "signal.pause()"


@dataclass
class Outcome:
    """How a process ended and what it exported."""

    code: int
    held: bool
    """Whether the held root was exported."""
    batch: bool
    """Whether what was in the queue of another BatchSpanProcessor was exported."""


def run(tmp_path: Path, code: str, *, stop: signal.Signals | None = None, command=PLAIN, **variables: str) -> Outcome:
    process = Application([*command, "-c", code], environment(**variables), cwd=tmp_path)
    assert process.out.readline() == "ready\n"
    if stop is not None:
        process.send_signal(stop)
    ended = process.end()
    written = [(tmp_path / name).exists() for name in ("held.txt", "batch.txt")]
    return Outcome(ended.code, *written)


def app(after: str = "", before: str = "", *, shutdown_on_exit: bool = True, processor: str = "SimpleSpanProcessor"):
    return APP.format(after=after, before=before, shutdown_on_exit=shutdown_on_exit, processor=processor)


@pytest.mark.parametrize(
    ("after", "code"), [("", 0), ("sys.exit(3)", 3), ("raise ValueError('of the application')", 1)]
)
@pytest.mark.parametrize("processor", ["SimpleSpanProcessor", "never_due"])
def test_at_the_interpreters_exit_it_goes_out(tmp_path, after, code, processor):
    assert run(tmp_path, app(after, processor=processor)) == Outcome(code, held=True, batch=True)


def test_it_goes_out_also_where_the_provider_is_not_shut_down(tmp_path):
    outcome = run(tmp_path, app(shutdown_on_exit=False))

    assert outcome == Outcome(0, held=True, batch=False)


def test_on_sigint_it_goes_out(tmp_path):
    outcome = run(tmp_path, app(WAIT), stop=signal.SIGINT)

    assert (outcome.held, outcome.batch) == (True, True)


def test_on_sigterm_that_nobody_handles_it_is_lost_as_every_queued_span_is(tmp_path):
    outcome = run(tmp_path, app(WAIT), stop=signal.SIGTERM)

    assert outcome == Outcome(-signal.SIGTERM, held=False, batch=False)


@pytest.mark.parametrize(
    "handler", ["lambda *_: sys.exit(0)", "lambda *_: (provider.shutdown(), sys.exit(0))", "signal.default_int_handler"]
)
def test_on_sigterm_that_the_application_handles_it_goes_out(tmp_path, handler):
    outcome = run(tmp_path, app(WAIT, f"signal.signal(signal.SIGTERM, {handler})"), stop=signal.SIGTERM)

    assert (outcome.held, outcome.batch) == (True, True)


@pytest.mark.parametrize("after", ["os._exit(0)", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_what_skips_the_interpreters_exit_loses_it(tmp_path, after):
    outcome = run(tmp_path, app(after))

    assert (outcome.held, outcome.batch) == (False, False)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_worker_of_multiprocessing_flushes_for_itself(tmp_path):
    """It ends by ``os._exit``, so nothing that is to happen at exit happens: for nobody's spans."""
    code = """
def work(flush):
    provider.get_tracer("app").start_span("of the worker").end()
    if flush:
        provider.force_flush()

import multiprocessing
for flush in (False, True):
    process = multiprocessing.get_context("fork").Process(target=work, args=(flush,))
    process.start()
    process.join()
    print(os.path.exists("held.txt"), flush=True)
os._exit(0)
"""
    ended = run_command([sys.executable, "-c", app(code)], cwd=tmp_path)
    assert ended.out.split() == ["ready", "False", "True"]


# --- uvicorn -----------------------------------------------------------------------------------------------------

SERVED = """
class App:
    async def __call__(self, scope, receive, send):
        assert scope["type"] == "lifespan"
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown" and {flushes}:
                provider.force_flush()
            await send({{"type": message["type"] + ".complete"}})
            if message["type"] == "lifespan.shutdown":
                return

import uvicorn

class Server(uvicorn.Server):
    async def main_loop(self):
        print("ready", flush=True)
        await super().main_loop()

Server(uvicorn.Config(App(), host="127.0.0.1", port=0, log_level="critical")).run()
"""


@pytest.mark.parametrize("flushes", [False, True])
def test_uvicorn_ends_by_the_signal_so_the_application_has_to_flush(tmp_path, flushes):
    """It shuts the application down, and then raises SIGTERM anew: nothing that is to happen at exit happens."""
    pytest.importorskip("uvicorn")
    code = app(SERVED.format(flushes=flushes)).replace('print("ready", flush=True)\n', "", 1)
    outcome = run(tmp_path, code, stop=signal.SIGTERM)

    assert (outcome.held, outcome.batch) == (flushes, flushes)


# --- zero-code ---------------------------------------------------------------------------------------------------

AGENT = """
import os, signal, sys
from opentelemetry import trace
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

class Writing(SpanExporter):
    def export(self, spans):
        with open("held.txt", "a") as stream:
            stream.writelines(span.name + "\\n" for span in spans)
        return SpanExportResult.SUCCESS

{before}
trace.get_tracer_provider().add_span_processor(BatchSpanProcessor(Writing(), schedule_delay_millis={delay}))
tracer = trace.get_tracer("agent")
tracer.start_span("root").end()
tracer.start_span("child", trace.set_span_in_context(tracer.start_span("other root"))).end()
print("ready", flush=True)
{after}
"""
ZERO_CODE = {
    **NO_MODEL,
    "OTEL_TRACES_EXPORTER": "none",
    "BRAINTRUST_RUN_OUTPUT_HOLD": "always",
    "BRAINTRUST_RUN_OUTPUT_HOLD_MILLIS": "3600000",
}


@pytest.mark.parametrize(
    ("before", "stop", "is_exported"),
    [
        ("", None, True),
        ("", signal.SIGTERM, False),
        ("signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))", signal.SIGTERM, True),
    ],
    ids=["exit", "SIGTERM", "SIGTERM handled"],
)
def test_under_opentelemetry_instrument(tmp_path, before, stop, is_exported):
    code = AGENT.format(before=before, after=WAIT if stop else "", delay=3_600_000)
    outcome = run(tmp_path, code, stop=stop, command=INSTRUMENT, **ZERO_CODE)

    assert outcome.held == is_exported
    if is_exported:
        assert sorted((tmp_path / "held.txt").read_text().split("\n")) == ["", "child", "root"]
