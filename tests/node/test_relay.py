"""Services in Node, set up as docs/typescript.md says, with the relay behind them: one row, with the answer on its root."""

from __future__ import annotations

import re
import subprocess
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

pytest.importorskip("aiohttp", reason="the relay's extra is not installed")

from hops import Hop
from relays import relay
from services import ANSWER, TIMEOUT, post, service, wait_for_the_root

from braintrust_run_output.local import StubProvider
from docs.pages import ROOT
from processes import environment

HERE = Path(__file__).parent
RUN_OUTPUT = "braintrust.metadata.run_output"
_, *_PARTS = re.split(r"^## (.+)$", (ROOT / "docs" / "typescript.md").read_text(encoding="utf-8"), flags=re.M)
SNIPPETS = {
    title: code
    for title, text in zip(_PARTS[::2], _PARTS[1::2], strict=True)
    for code in re.findall(r"^```javascript\n// instrumentation\.mjs\n(.*?)^```$", text, re.M | re.S)
}
"""The page's instrumentations, by section."""
NODE_SDK, AI_SDK, VERCEL, BRAINTRUST = "OpenTelemetry's NodeSDK", "AI SDK 7", "@vercel/otel", "@braintrust/otel"


@pytest.fixture
def hop():
    with Hop() as one:
        yield one


@pytest.fixture
def node_service(tmp_path):
    """Run a service in Node with an instrumentation; yield its address: ``node_service("front", code, NAME=value)``."""
    (tmp_path / "node_modules").symlink_to(HERE / "node_modules")
    (tmp_path / "app.mjs").write_text((HERE / "relay_service.mjs").read_text())

    @contextmanager
    def start(name, *snippets, **variables):
        file = tmp_path / f"{name}.mjs"
        file.write_text("".join(snippets) + ("\nregister();\n" if "function register" in snippets[0] else ""))
        process = subprocess.Popen(
            ["node", "--import", f"./{file.name}", "app.mjs"],
            cwd=tmp_path,
            env=environment(
                **{"OTEL_SERVICE_NAME": name, "OTEL_BSP_SCHEDULE_DELAY": "200", "ANSWER": ANSWER, **variables}
            ),
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
            process.communicate(timeout=TIMEOUT)

    return start


def test_the_page_has_an_instrumentation_in_each_section():
    assert set(SNIPPETS) == {NODE_SDK, AI_SDK, VERCEL, BRAINTRUST}


@pytest.mark.parametrize("protocol", ["http/protobuf", "http/json", "grpc"])
def test_a_root_in_node_has_the_answer_of_an_agent_in_python(hop, node_service, protocol):
    with ExitStack() as stack:
        one = stack.enter_context(relay("--to", hop.url, "--hold", "4s", "--grpc", "127.0.0.1:0"))
        endpoint = f"http://{one.address('over gRPC')}" if protocol == "grpc" else one.url
        model = stack.enter_context(StubProvider(ANSWER))
        agent = stack.enter_context(service("agent", one.url, OPENAI_BASE_URL=model.base_url, OPENAI_API_KEY="key"))
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol}
        front = stack.enter_context(node_service("front", SNIPPETS[NODE_SDK], NEXT=f"{agent}/ask", **variables))
        assert post(f"{front}/chat") == ANSWER
        root = wait_for_the_root(hop)
        assert (root.resource["service.name"], root.attributes[RUN_OUTPUT]) == ("front", ANSWER)


def test_a_root_in_python_has_the_answer_of_the_ai_sdk(hop, node_service):
    with ExitStack() as stack:
        one = stack.enter_context(relay("--to", hop.url, "--hold", "4s"))
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": one.url}
        agent = stack.enter_context(node_service("agent", SNIPPETS[NODE_SDK], SNIPPETS[AI_SDK], **variables))
        front = stack.enter_context(service("front", one.url, NEXT=f"{agent}/ask"))
        assert post(f"{front}/chat") == ANSWER
        root = wait_for_the_root(hop)
        assert (root.resource["service.name"], root.attributes[RUN_OUTPUT]) == ("front", ANSWER)


def test_vercel_s_way(hop, node_service):
    with ExitStack() as stack:
        one = stack.enter_context(relay("--to", hop.url, "--hold", "4s"))
        model = stack.enter_context(StubProvider(ANSWER))
        agent = stack.enter_context(service("agent", one.url, OPENAI_BASE_URL=model.base_url, OPENAI_API_KEY="key"))
        front = stack.enter_context(
            node_service(
                "front", SNIPPETS[VERCEL], OTEL_EXPORTER_OTLP_ENDPOINT=one.url, OWN_ROOT="1", NEXT=f"{agent}/ask"
            )
        )
        assert post(f"{front}/chat") == ANSWER
        root = wait_for_the_root(hop)
        assert (root.name, root.attributes[RUN_OUTPUT]) == ("POST /chat", ANSWER)


def test_braintrust_s_processor_with_keys_that_go_on(hop, node_service):
    with ExitStack() as stack:
        one = stack.enter_context(relay("--to", hop.url, "--hold", "6s", "--forward-headers"))
        variables = {"BRAINTRUST_API_URL": one.url, "BRAINTRUST_API_KEY": "the-key"}
        agent = stack.enter_context(node_service("agent", SNIPPETS[BRAINTRUST], SNIPPETS[AI_SDK], **variables))
        front = stack.enter_context(node_service("front", SNIPPETS[BRAINTRUST], NEXT=f"{agent}/ask", **variables))
        assert post(f"{front}/chat") == ANSWER
        root = wait_for_the_root(hop)
        assert (root.name, root.attributes[RUN_OUTPUT]) == ("POST", ANSWER)
        assert {headers["authorization"] for headers, _ in hop.received()} == {"Bearer the-key"}
        assert {headers["x-bt-parent"] for headers, _ in hop.received()} == {"project_name:shop"}


def test_where_every_service_drops_the_root_the_relay_says_so(hop, node_service):
    only_ai = SNIPPETS[BRAINTRUST].replace("{ parent:", "{ filterAISpans: true, parent:")
    with ExitStack() as stack:
        options = ["--hold", "1s", "--remember", "1s", "--forward-headers", "--metrics", "127.0.0.1:0"]
        one = stack.enter_context(relay("--to", hop.url, *options))
        variables = {"BRAINTRUST_API_URL": one.url, "BRAINTRUST_API_KEY": "the-key"}
        with node_service("agent", only_ai, SNIPPETS[AI_SDK], **variables) as agent:
            assert post(f"{agent}/ask") == ANSWER
        hop.wait(bool)
        one.wait_for_metric("relay_traces_without_root_total 1.0")
        assert all(span.parent_id is not None for span in hop.spans())
        _, _, log = one.stop()
        assert "drop its first span (filter_ai_spans)" in log
