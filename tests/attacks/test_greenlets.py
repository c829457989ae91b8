"""gevent and eventlet, patched before or after the processor was made, in processes of their own."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import subprocess
import urllib.request

import pytest

from processes import INSTRUMENT, TIMEOUT, environment, run

PATCH = {
    "gevent": "from gevent import monkey; monkey.patch_all()",
    "eventlet": "import eventlet; eventlet.monkey_patch()",
}
SLEEP = {"gevent": "from gevent import sleep", "eventlet": "from eventlet import sleep"}
SPAWN = {"gevent": "from gevent import spawn", "eventlet": "from eventlet import spawn"}

APP = """
{first}
from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from braintrust_run_output import RunOutputConfig, RunOutputSpanProcessor

class Keep(SpanProcessor):
    def __init__(self):
        self.kept = {{}}
    def on_end(self, span):
        self.kept[span.name] = span.attributes.get("braintrust.metadata.run_output")

keep = Keep()
provider = TracerProvider()
config = RunOutputConfig(hold="{hold}", hold_millis={millis})
provider.add_span_processor(RunOutputSpanProcessor(keep, config=config))
tracer = provider.get_tracer("app")
{early}
{then}
{sleep}
{spawn}

def wait_for(*names):
    for _ in range(2000):
        if set(names) <= set(keep.kept):
            return
        sleep(0.005)
"""
EARLY = "tracer.start_span('early').end()  # the timer runs, with what was not patched\n"


@pytest.fixture
def library(request):
    needs(request.param)
    return request.param


def needs(*modules: str) -> None:
    for name in modules:
        if importlib.util.find_spec(name) is None:
            end = pytest.fail if os.environ.get("NOTHING_MAY_BE_MISSING") else pytest.skip
            end(f"{name} is not installed: make greenlets")


def app(library: str, when: str, hold: str, millis: int, early: str = "") -> str:
    first, then = (PATCH[library], "") if when == "before" else ("", PATCH[library])
    return APP.format(
        first=first, then=then, hold=hold, millis=millis, early=early, sleep=SLEEP[library], spawn=SPAWN[library]
    )


@pytest.mark.parametrize("early", ["", EARLY], ids=["", "timer runs"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("library", ["gevent", "eventlet"], indirect=True)
def test_a_held_root_is_released_when_its_time_is_up(library, when, early):
    code = app(library, when, "always", 50, early) + (
        "tracer.start_span('root').end()\nwait_for('root')\nprint('root' in keep.kept)\n"
    )
    ended = run(code, cold=True, PYTHONWARNINGS="ignore")  # eventlet calls itself deprecated

    assert (ended.out, ended.log) == ("True\n", "")


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("library", ["gevent", "eventlet"], indirect=True)
def test_a_late_answer_of_another_greenlet_releases_it(library, when):
    code = app(library, when, "open", 3_600_000) + (
        """
root = tracer.start_span("root")
llm = tracer.start_span("llm", trace.set_span_in_context(root))

def answer():
    sleep(0.01)
    llm.set_attribute("gen_ai.completion", "Paris.")
    llm.end()

spawn(answer)
root.end()
wait_for("root")
print(keep.kept)
"""
    )
    ended = run(code, cold=True, PYTHONWARNINGS="ignore")  # eventlet calls itself deprecated

    assert (ended.out, ended.log) == ("{'llm': 'Paris.', 'root': 'Paris.'}\n", "")


@pytest.mark.parametrize(
    "way", ["provider.force_flush()", "provider.shutdown()", ""], ids=["flush", "shutdown", "exit"]
)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("library", ["gevent", "eventlet"], indirect=True)
def test_a_held_root_goes_out_at_a_flush_and_at_the_end(library, when, way):
    code = app(library, when, "always", 3_600_000, EARLY) + (
        f"""
import atexit
provider.force_flush()
tracer.start_span("root").end()
{way}
if {way!r}:
    print("root" in keep.kept)
else:  # what is registered last runs first: this has to come after the provider's
    Keep.on_end = lambda self, span: print(span.name == "root", flush=True)
"""
    )
    ended = run(code, cold=True, PYTHONWARNINGS="ignore")  # eventlet calls itself deprecated

    assert ended.out == "True\n", ended.log  # a thread that runs while threads are patched complains when it ends: any


@pytest.mark.parametrize("library", ["gevent", "eventlet"], indirect=True)
def test_a_timeout_passes_and_the_span_is_handed_on(library):
    timeout = {"gevent": "from gevent import Timeout", "eventlet": "from eventlet import Timeout"}[library]
    code = app(library, "before", "never", 1000).replace(
        'hold="never"', 'hold="never", transform=lambda value, span: sleep(3600)'
    ) + (
        f"""
{timeout}
span = tracer.start_span("llm", attributes={{"gen_ai.completion": "Paris."}})
try:
    with Timeout(0.05):
        span.end()
except Timeout:
    print("timed out", list(keep.kept))
"""
    )
    ended = run(code, cold=True, PYTHONWARNINGS="ignore")  # eventlet calls itself deprecated

    assert (ended.out, ended.log) == ("timed out ['llm']\n", "")


def test_a_greenlet_that_is_killed_ends():
    needs("gevent")
    code = app("gevent", "after", "never", 1000).replace(
        'hold="never"', 'hold="never", transform=lambda value, span: sleep(3600)'
    ) + (
        """
def work():
    try:
        tracer.start_span("llm", attributes={"gen_ai.completion": "Paris."}).end()
    except BaseException as error:
        print(type(error).__name__)
        raise

greenlet = spawn(work)
sleep(0.01)
greenlet.kill()
print(list(keep.kept))
"""
    )
    ended = run(code, cold=True, PYTHONWARNINGS="ignore")  # eventlet calls itself deprecated

    assert ended.out == "GreenletExit\n['llm']\n", ended.log


ASKED = """
from opentelemetry import trace

tracer = trace.get_tracer("app")

def app(environ, start_response):
    tracer.start_span("root").end()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"asked"]
"""


@pytest.mark.parametrize("preload", [[], ["--preload"]], ids=["", "preload"])
def test_under_opentelemetry_instrument_gunicorn(receiver, tmp_path, preload):
    """The worker patches after the processor was made. The root goes out while the server runs."""
    needs("gevent", "gunicorn")
    (tmp_path / "asked.py").write_text(ASKED)
    command = [*INSTRUMENT, "-m", "gunicorn", "-k", "gevent", "-b", "127.0.0.1:0", *preload, "asked:app"]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment(
            **receiver.variables,
            OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="openai",
            OTEL_BSP_SCHEDULE_DELAY="50",
            BRAINTRUST_RUN_OUTPUT_HOLD="always",
            BRAINTRUST_RUN_OUTPUT_HOLD_MILLIS="100",
        ),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        log = ""
        while not (found := re.search(r"Listening at: (http://\S+)", log)):
            line = process.stderr.readline()
            assert line, log
            log += line
        with urllib.request.urlopen(found[1], timeout=TIMEOUT) as answered:
            assert answered.read() == b"asked"
        receiver.wait_for("root")
        assert process.poll() is None
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=TIMEOUT)
