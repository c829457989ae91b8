"""``braintrust-run-output doctor`` on set-ups that are broken, each in one way, and on good ones: real processes."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from processes import HttpReceiver

pytest.importorskip("openai")
pytest.importorskip("opentelemetry.instrumentation.openai")
pytest.importorskip("openinference.instrumentation.openai")

KEY = "key-of-the-test"
BRAINTRUST = {
    "OTEL_TRACES_EXPORTER": "braintrust",
    "BRAINTRUST_API_KEY": KEY,
    "BRAINTRUST_PARENT": "project_name:weather",
}
PLAIN = {**BRAINTRUST, "OTEL_PYTHON_TRACER_PROVIDER": "braintrust_run_output"}
SILENT = {"TRACELOOP_TRACE_CONTENT": "false", "OPENINFERENCE_HIDE_OUTPUTS": "true"}


@dataclass(frozen=True)
class Fake:
    """A distribution that a set-up has installed: its entry points, requirements and modules."""

    name: str
    entry_points: str = ""
    requires: tuple[str, ...] = ()
    modules: dict[str, str] = field(default_factory=dict)
    version: str = "1.0"

    def install(self, directory) -> None:
        information = directory / f"{self.name.replace('-', '_')}-{self.version}.dist-info"
        information.mkdir()
        requires = "".join(f"Requires-Dist: {one}\n" for one in self.requires)
        metadata = f"Metadata-Version: 2.1\nName: {self.name}\nVersion: {self.version}\n{requires}"
        (information / "METADATA").write_text(metadata)
        (information / "entry_points.txt").write_text(self.entry_points)
        for name, code in self.modules.items():
            (directory / f"{name}.py").write_text(code)


INSTRUMENTOR = """
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor

class Instrumentor(BaseInstrumentor):
    def instrumentation_dependencies(self):
        return ()
    def _instrument(self, **options):
        {does}
    def _uninstrument(self, **options):
        pass
"""
CLIENT = """
import urllib.request

class Anthropic:
    def __init__(self, *, base_url, **options):
        self.messages, self.url = self, base_url
    def create(self, **request):
        {does}
"""
TRACED = """from opentelemetry import trace
        trace.get_tracer("http").start_span("POST").end()
        """
"""What an instrumentation of the HTTP client makes of it."""
CALLS = 'return urllib.request.urlopen(self.url + "/v1/messages", b"{}").read()'
"""What a client does that nothing instruments."""


def instrumentor(name, does, *requires):
    module = f"{name}_of_the_test"
    points = f"[opentelemetry_instrumentor]\n{name} = {module}:Instrumentor\n"
    return Fake(f"opentelemetry-instrumentation-{name}", points, requires, {module: INSTRUMENTOR.format(does=does)})


def hook(code):
    """Something that is done at the start, as a company's own package does it."""
    return Fake(
        "hook-of-the-test",
        "[opentelemetry_post_instrument]\nhook = hook_of_the_test:run\n",
        modules={"hook_of_the_test": code},
    )


DROP = """
from braintrust.otel import OtelExporter
from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor

class Drop(SpanProcessor):
    def __init__(self, processor):
        self.processor = processor
    def on_end(self, span):
        if span.kind is not trace.SpanKind.SERVER:
            self.processor.on_end(span)
    def force_flush(self, timeout_millis=30000):
        return self.processor.force_flush(timeout_millis)

def run():
    trace.get_tracer_provider().add_span_processor(Drop(BatchSpanProcessor(OtelExporter())))
"""
"""Lets no root of a web framework through, whatever it has."""
FILTER = """
from braintrust.otel import BraintrustSpanProcessor
from opentelemetry import trace

def run():
    provider = trace.get_tracer_provider()
    provider.add_span_processor(BraintrustSpanProcessor(filter_ai_spans=True))
"""
BROKEN_IMPORT = Fake(
    "broken-of-the-test",
    "[opentelemetry_instrumentor]\nbroken = broken_of_the_test:Instrumentor\n",
    modules={"broken_of_the_test": "from json import no_such_name\n"},
)


@dataclass(frozen=True)
class SetUp:
    """A set-up, and what doctor has to say to it."""

    variables: dict[str, str]
    problem: str = ""
    """Words of the one problem, if it is broken."""
    remedy: str = ""
    says: str = ""
    """Words of something else that is said, or of its remedy."""
    fakes: tuple[Fake, ...] = ()


BROKEN = {
    "no key": SetUp({**BRAINTRUST, "BRAINTRUST_API_KEY": ""}, "there is no API key", "set BRAINTRUST_API_KEY"),
    "parent without kind": SetUp(
        {**BRAINTRUST, "BRAINTRUST_PARENT": "weather"},
        "the parent weather does not say what it is",
        "set BRAINTRUST_PARENT=project_name:weather",
    ),
    "parent without kind, in a header": SetUp(
        {
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_EXPORTER_OTLP_ENDPOINT": "https://api.braintrust.dev/otel",
            "OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer%20{KEY},x-bt-parent=weather",
        },
        "the parent weather does not say what it is",
        "set x-bt-parent=project_name:weather in OTEL_EXPORTER_OTLP_HEADERS",
    ),
    "exporter mistyped": SetUp(
        {**BRAINTRUST, "OTEL_TRACES_EXPORTER": "brain-trust"},
        "OTEL_TRACES_EXPORTER=brain-trust, but no such exporter is installed",
        "did you mean OTEL_TRACES_EXPORTER=braintrust?",
    ),
    "exporter mistyped, plain": SetUp(
        {**PLAIN, "OTEL_TRACES_EXPORTER": "otpl"}, "OTEL_TRACES_EXPORTER=otpl", "did you mean OTEL_TRACES_EXPORTER=otlp?"
    ),
    "no exporter": SetUp({"OTEL_TRACES_EXPORTER": "none"}, "no span leaves the process", "unset OTEL_TRACES_EXPORTER"),
    "SDK off": SetUp({**BRAINTRUST, "OTEL_SDK_DISABLED": "true"}, "turns OpenTelemetry off", "unset OTEL_SDK_DISABLED"),
    "package off": SetUp(
        {**BRAINTRUST, "BRAINTRUST_RUN_OUTPUT_ENABLED": "false"},
        "turns this package off",
        "unset BRAINTRUST_RUN_OUTPUT_ENABLED",
    ),
    "setting mistyped": SetUp({**BRAINTRUST, "BRAINTRUST_RUN_OUTPUT_ROTO": "last"}, "did you mean BRAINTRUST_RUN_OUTPUT_ROOT?"),
    "bad value": SetUp({**BRAINTRUST, "BRAINTRUST_RUN_OUTPUT_ROOT": "lst"}, "BRAINTRUST_RUN_OUTPUT_ROOT='lst'"),
    "package left out": SetUp(
        {**BRAINTRUST, "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "braintrust_run_output"},
        "leaves this package out",
        "unset OTEL_PYTHON_DISABLED_INSTRUMENTATIONS",
    ),
    "no such distro": SetUp({**BRAINTRUST, "OTEL_PYTHON_DISTRO": "nobodys"}, "there is no such distro"),
    "nothing is mirrored": SetUp(
        {**BRAINTRUST, "BRAINTRUST_RUN_OUTPUT_ROOT": "off"},
        "its root got nothing: roots get nothing of what is below them",
        "unset BRAINTRUST_RUN_OUTPUT_ROOT",
    ),
    "sampled away": SetUp(
        {**BRAINTRUST, "OTEL_TRACES_SAMPLER": "always_off"}, "the sampler drops every trace", "unset OTEL_TRACES_SAMPLER"
    ),
    "content off": SetUp(
        {**BRAINTRUST, **SILENT},
        "its root got nothing: the span openai.chat has no output (TRACELOOP_TRACE_CONTENT=false",
        "set TRACELOOP_TRACE_CONTENT=true",
    ),
    "content off, plain": SetUp({**PLAIN, **SILENT}, "has no output (TRACELOOP_TRACE_CONTENT=false", "set TRACELOOP_TRACE"),
    "roots are dropped": SetUp(
        BRAINTRUST,
        "its root did not reach OtelExporter: something drops it",
        "take filter_ai_spans=True out",
        fakes=(hook(DROP),),
    ),
    "an import fails": SetUp(
        BRAINTRUST,
        "broken-of-the-test did not load: ImportError: cannot import name 'no_such_name'",
        "pip install --upgrade broken-of-the-test",
        fakes=(BROKEN_IMPORT,),
    ),
    "instrumenting fails": SetUp(
        BRAINTRUST,
        "opentelemetry-instrumentation-aaa did not load: ZeroDivisionError: division by zero",
        "uninstall it",
        fakes=(instrumentor("aaa", "1 / 0"),),
    ),
    "another version": SetUp(
        BRAINTRUST,
        "opentelemetry-instrumentation-fitting did not load: it needs braintrust<0.1, and braintrust",
        "pip install --upgrade opentelemetry-instrumentation-fitting",
        fakes=(instrumentor("fitting", "pass", "braintrust<0.1; extra == 'instruments'", "opentelemetry-util-genai"),),
    ),
}  # fmt: skip
DISABLED = SetUp({**BRAINTRUST, "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "openai"})
GOOD = {
    "Braintrust": SetUp(BRAINTRUST, says="its root got the answer, from the span openai.chat (rule: last)"),
    "plain": SetUp(PLAIN, says="OTEL_PYTHON_TRACER_PROVIDER instruments nothing"),
    "plain OTLP to Braintrust": SetUp(
        {
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_EXPORTER_OTLP_ENDPOINT": "https://api.braintrust.dev/otel",
            "OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer%20{KEY},x-bt-parent=project_id:1234",
        },
        says="parent project_id:1234",
    ),
    "roots are held": SetUp({**BRAINTRUST, "BRAINTRUST_RUN_OUTPUT_HOLD_MILLIS": "500"}, says="hold_millis=500"),
    "messages": SetUp({**BRAINTRUST, "BRAINTRUST_RUN_OUTPUT_FORMAT": "messages"}, says="its root got the answer"),
    "a key of its own": SetUp({**BRAINTRUST, "BRAINTRUST_RUN_OUTPUT_KEY": "said"}, says="its root got the answer"),
    "redaction": SetUp(
        {**BRAINTRUST, "BRAINTRUST_RUN_OUTPUT_TRANSFORM": "redacting:redact"},
        says="a value that is not the answer as it was",
        fakes=(Fake("redacting", modules={"redacting": "def redact(value, span):\n    return '[redacted]'\n"}),),
    ),
    "a sampler that keeps a part": SetUp(
        {**BRAINTRUST, "OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.25"},
        says="the sampler keeps about 2",
    ),
    "two exporters": SetUp({**BRAINTRUST, "OTEL_TRACES_EXPORTER": "console,braintrust"}, says="ConsoleSpanExporter"),
}
WARNED = {
    "the key is for nobody": SetUp(
        {"BRAINTRUST_API_KEY": KEY, "OTEL_TRACES_EXPORTER": "console"},
        says="BRAINTRUST_API_KEY is set, but spans go to ConsoleSpanExporter only",
    ),
    "nothing is set": SetUp({}, says="nothing listens there; it is the default"),
    "nobody listens": SetUp(
        {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"},
        says="spans go to http://127.0.0.1:1/v1/traces, and nothing listens there",
    ),
    "metrics for nobody": SetUp(
        {**BRAINTRUST, "BRAINTRUST_RUN_OUTPUT_METRICS": "true", "OTEL_METRICS_EXPORTER": "none"},
        says="OTEL_METRICS_EXPORTER=none sends no metric anywhere",
    ),
    "a limit of the SDK": SetUp(
        {**BRAINTRUST, "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "1000"}, says="OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT=1000 cuts"
    ),
    "few attributes": SetUp(
        {**BRAINTRUST, "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "100"}, says="OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=100"
    ),
    "no parent": SetUp({**BRAINTRUST, "BRAINTRUST_PARENT": ""}, says="traces go to the project default-otel-project"),
    "two distros": SetUp(
        {**BRAINTRUST},
        says="several OpenTelemetry distros are installed",
        fakes=(Fake("distro-of-the-test", "[opentelemetry_distro]\nown = opentelemetry.distro:OpenTelemetryDistro\n"),),
    ),
    "two copies": SetUp(
        BRAINTRUST,
        says="braintrust is installed more than once: 0.0.1, ",
        fakes=(Fake("braintrust", version="0.0.1"),),
    ),
    "nothing instruments a client": SetUp(
        BRAINTRUST,
        says="pip install opentelemetry-instrumentation-anthropic",
        fakes=(Fake("anthropic", modules={"anthropic": CLIENT.format(does=CALLS)}),),
    ),
    "nothing but the HTTP client is instrumented": SetUp(
        BRAINTRUST,
        says="pip install opentelemetry-instrumentation-anthropic",
        fakes=(Fake("anthropic", modules={"anthropic": CLIENT.format(does=TRACED + CALLS)}),),
    ),
    "a call fails": SetUp(
        BRAINTRUST,
        says="anthropic 1.0: the call failed: ZeroDivisionError: division by zero",
        fakes=(Fake("anthropic", modules={"anthropic": CLIENT.format(does="1 / 0")}),),
    ),
    "roots are filtered": SetUp(
        {**BRAINTRUST, "OTEL_TRACES_EXPORTER": "none"} | {"OTEL_TRACES_EXPORTER": "braintrust"},
        says="OtelExporter does not get roots without a run output",
        fakes=(hook(FILTER),),
    ),
}


@pytest.fixture
def examine(doctor, tmp_path, monkeypatch):
    """Let doctor examine a set-up; nothing of it may leave for another host than the receiver."""

    def examine(setup: SetUp):
        for fake in setup.fakes:
            fake.install(tmp_path)
        if setup.fakes:
            monkeypatch.syspath_prepend(tmp_path)
        path = {"PYTHONPATH": str(tmp_path)} if setup.fakes else {}
        with HttpReceiver() as receiver:
            ended = doctor("--json", **{"BRAINTRUST_API_URL": receiver.url, **path, **setup.variables})
            assert receiver.store.rows() == []
        findings = json.loads(ended.out)["findings"]
        told = [one["text"] for one in findings]
        assert len(told) == len(set(told)), told
        return ended.code, findings

    return examine


def of_level(findings, level):
    return [(one["text"], one["remedy"]) for one in findings if one["level"] == level]


def is_said(words, findings):
    return any(words in one["text"] + one["remedy"] for one in findings)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_set_up_has_one_problem_and_its_remedy(examine, name):
    setup = BROKEN[name]

    code, findings = examine(setup)

    assert code == 1
    ((text, remedy),) = of_level(findings, "problem")
    assert setup.problem in text
    assert setup.remedy in remedy
    assert is_said(setup.says, findings)


@pytest.mark.parametrize("name", GOOD)
def test_a_good_set_up_has_nothing_to_complain_of(examine, name):
    setup = GOOD[name]

    code, findings = examine(setup)

    assert (code, of_level(findings, "problem"), of_level(findings, "warning")) == (0, [], [])
    assert is_said(setup.says, findings), findings


@pytest.mark.parametrize("name", WARNED)
def test_what_may_go_wrong_is_one_warning(examine, name):
    setup = WARNED[name]

    code, findings = examine(setup)

    assert (code, of_level(findings, "problem")) == (0, [])
    ((text, remedy),) = of_level(findings, "warning")
    assert setup.says in text + remedy


def test_a_disabled_instrumentation_is_a_problem_for_each_distribution(examine):
    code, findings = examine(DISABLED)

    assert code == 1
    assert sorted(text for text, _ in of_level(findings, "problem")) == [
        f"{name} is disabled by OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"
        for name in ("openinference-instrumentation-openai", "opentelemetry-instrumentation-openai")
    ]


def test_what_nothing_instruments_is_a_problem_where_nothing_else_answers(examine):
    """The openai client's instrumentations are disabled, and there is another client without any."""
    client = Fake("anthropic", modules={"anthropic": CLIENT.format(does=CALLS)})

    _, findings = examine(SetUp(DISABLED.variables, fakes=(client,)))

    said = [text for text, _ in of_level(findings, "problem")]
    assert "anthropic 1.0: its root got nothing: nothing instruments it" in said


# --- a relay -----------------------------------------------------------------------------------------------------


@contextmanager
def serving(health):
    """A server that answers ``GET /health``, and keeps the paths that it was asked for."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            body = json.dumps(health).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


RELAY = {"name": "braintrust-run-output relay", "version": "0.2.0", "next_hop": "ok"}


@pytest.mark.parametrize(
    ("health", "level"),
    [(RELAY, "ok"), ({"status": "ok"}, "note"), ([], "note")],
)
def test_a_relay_at_the_endpoint_is_named(examine, health, level):
    with serving(health) as (url, asked):
        variables = {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", "OTEL_EXPORTER_OTLP_ENDPOINT": url}
        code, findings = examine(SetUp({**variables, "BRAINTRUST_API_KEY": KEY}))

    (found,) = [
        one for one in findings if url in one["text"] and one["topic"] == "Destination" and one["level"] != "warning"
    ]
    assert (code, found["level"], asked) == (0, level, ["/health"])
    assert found["text"].startswith("braintrust-run-output relay 0.2.0 at" if level == "ok" else "OTLP at")
    elsewhere = [text for text, _ in of_level(findings, "warning") if "BRAINTRUST_API_KEY is set" in text]
    assert bool(elsewhere) is (level == "note")


def test_the_relay_goes_by_that_name():
    receiving = pytest.importorskip("braintrust_run_output.relay.receiving")

    assert RELAY["name"] == receiving.NAME


def test_a_relay_whose_next_hop_is_down_is_a_warning(examine):
    with serving({**RELAY, "next_hop": "unavailable"}) as (url, _):
        variables = {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", "OTEL_EXPORTER_OTLP_ENDPOINT": url}
        code, findings = examine(SetUp(variables))

    assert (code, [text for text, _ in of_level(findings, "warning")]) == (
        0,
        ["the relay does not reach where it sends spans to"],
    )
