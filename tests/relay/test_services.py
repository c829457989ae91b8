"""Services of their own, with real instrumentations and exporters: one row, with the answer on its root."""

from __future__ import annotations

import subprocess
import time
import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from hops import Hop
from killing import free_port
from relays import TIMEOUT, relay
from services import ANSWER, post, service, wait_for_the_root

from braintrust_run_output.local import StubProvider
from processes import environment

pytest.importorskip("openai")
pytest.importorskip("opentelemetry.instrumentation.openai")


@pytest.fixture
def model():
    with StubProvider(ANSWER) as one:
        yield {"OPENAI_BASE_URL": one.base_url, "OPENAI_API_KEY": "key"}


@pytest.fixture
def hop():
    with Hop() as one:
        yield one


@pytest.mark.parametrize(
    ("front", "agent"),
    [
        ({}, {"INSTRUMENTATION": "openllmetry"}),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, {"INSTRUMENTATION": "openinference"}),
        ({}, {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "PROCESSOR": "1", "OTEL_BSP_SCHEDULE_DELAY": "1500"}),
        (
            {"PROCESSOR": "1", "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"},
            {"PROCESSOR": "1", "INSTRUMENTATION": "openinference"},
        ),
    ],
    ids=["openllmetry", "grpc-openinference", "processor-late-export", "processors-gzip"],
)
def test_the_root_in_one_service_has_the_answer_of_another(hop, model, front, agent):
    with ExitStack() as stack:
        one = stack.enter_context(relay("--to", hop.url, "--hold", "3s", "--grpc", "127.0.0.1:0"))

        def endpoint(variables):
            is_grpc = variables.get("OTEL_EXPORTER_OTLP_PROTOCOL") == "grpc"
            return f"http://{one.address('over gRPC')}" if is_grpc else one.url

        agent_url = stack.enter_context(service("agent", endpoint(agent), **{**model, **agent}))
        front_url = stack.enter_context(service("front", endpoint(front), **{"NEXT": f"{agent_url}/ask", **front}))
        assert post(f"{front_url}/chat") == ANSWER
        root = wait_for_the_root(hop)
        assert root.resource["service.name"] == "front"
        assert root.attributes["braintrust.metadata.run_output"] == ANSWER
        (entry,) = [span for span in hop.spans() if span.name == "POST /ask"]
        has_processor = "PROCESSOR" in agent
        assert entry.attributes.get("braintrust.metadata.run_output") == (ANSWER if has_processor else None)


def test_a_streamed_answer_that_ends_after_the_root(hop, model):
    with ExitStack() as stack:
        one = stack.enter_context(relay("--to", hop.url, "--hold", "3s"))
        agent_url = stack.enter_context(service("agent", one.url, LATE="1", **model))
        front_url = stack.enter_context(service("front", one.url, NEXT=f"{agent_url}/ask"))
        assert post(f"{front_url}/chat") == "later"  # the root has ended
        post(f"{agent_url}/go-on")
        root = wait_for_the_root(hop)
        assert root.attributes["braintrust.metadata.run_output"] == ANSWER
        (call,) = [
            span
            for span in hop.spans()
            if "gen_ai.operation.name" in span.attributes or "llm.request.type" in span.attributes
        ]
        assert call.end > root.end


@contextmanager
def rotel(to, tmp_path):
    """Run Rotel, a collector in Rust, as a proxy; yield its address."""
    package = pytest.importorskip("rotel")
    port = free_port()
    options = (
        f"--otlp-http-endpoint 127.0.0.1:{port} --otlp-grpc-endpoint 127.0.0.1:{free_port()} --exporter otlp "
        f"--otlp-exporter-protocol http --otlp-exporter-endpoint {to} --batch-timeout 200ms "
        f"--pid-file {tmp_path}/pid"
    )
    process = subprocess.Popen(
        [Path(package.__file__).with_name("rotel-agent"), "start", *options.split()],
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline:
            if process.poll() is not None:
                pytest.skip("Rotel does not start here: it needs a Python with a shared library")
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1)
            except urllib.error.HTTPError:
                break
            except OSError:
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(TIMEOUT)


@pytest.mark.parametrize("where", ["before", "after"])
def test_a_collector_as_the_hop_before_and_after(hop, model, where, tmp_path):
    with ExitStack() as stack:
        if where == "before":
            one = stack.enter_context(relay("--to", hop.url, "--hold", "3s"))
            endpoint = stack.enter_context(rotel(one.url, tmp_path))
        else:
            to = stack.enter_context(rotel(hop.base, tmp_path))
            endpoint = stack.enter_context(relay("--to", to, "--hold", "3s")).url
        agent_url = stack.enter_context(service("agent", endpoint, **model))
        front_url = stack.enter_context(service("front", endpoint, NEXT=f"{agent_url}/ask"))
        assert post(f"{front_url}/chat") == ANSWER
        assert wait_for_the_root(hop).attributes["braintrust.metadata.run_output"] == ANSWER
