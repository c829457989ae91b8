"""Real instrumentations against a stub provider on loopback: what the root of a run ends up with.

Each run is a process of its own, since instrumentations are global. The dependency group ``live`` has what is needed.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from braintrust_run_output.local import StubProvider
from live.provider import Provider

APPS = Path(__file__).parent / "apps"
TEXT = "It is sunny in Paris."

NEEDS = {
    ("openai", "openllmetry"): ("openai", "opentelemetry.instrumentation.openai"),
    ("openai", "openinference"): ("openai", "openinference.instrumentation.openai"),
    ("openai", "genai"): ("openai", "opentelemetry.instrumentation.genai.openai"),
    ("openai", "hook"): ("openai", "opentelemetry.instrumentation.genai.openai"),
    ("openai", "logfire"): ("openai", "logfire"),
    ("anthropic", "openllmetry"): ("anthropic", "opentelemetry.instrumentation.anthropic"),
    ("anthropic", "openinference"): ("anthropic", "openinference.instrumentation.anthropic"),
    ("anthropic", "logfire"): ("anthropic", "logfire"),
    ("langchain", "openllmetry"): ("langchain", "langchain_openai", "opentelemetry.instrumentation.langchain"),
    ("langchain", "openinference"): ("langchain", "langchain_openai", "openinference.instrumentation.langchain"),
    ("pydantic_ai", "native"): ("pydantic_ai", "openai"),
    ("openai_agents", "openllmetry"): ("agents", "opentelemetry.instrumentation.openai_agents"),
    ("openai_agents", "openinference"): ("agents", "openinference.instrumentation.openai_agents"),
}
"""Which modules each app needs under each instrumentation."""

MODES = ("sync", "async", "stream", "async-stream", "tool", "responses")
NOT_OFFERED = {
    ("anthropic", "responses"), ("langchain", "responses"),
    ("pydantic_ai", "stream"), ("pydantic_ai", "responses"), ("openai_agents", "stream"), ("openai_agents", "responses"),
}  # fmt: skip
ENVIRONMENT = {
    "genai": {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY"},
    "hook": {"OTEL_INSTRUMENTATION_GENAI_COMPLETION_HOOK": "braintrust_run_output"},
}
EXPERIMENTAL = {"OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental"}
AGENTS = ("langchain", "pydantic_ai", "openai_agents")
"""Apps whose tool mode is a whole run: call, result, answer."""


def runs() -> list[Any]:
    found = []
    for (app, instrumentation), modules in NEEDS.items():
        missing = [module for module in modules if not is_installed(module)]
        marks = [pytest.mark.skip(reason=f"not installed: {', '.join(missing)}")] if missing else []
        found += [
            pytest.param(app, instrumentation, mode, marks=marks, id=f"{app}-{instrumentation}-{mode}")
            for mode in MODES
            if (app, mode) not in NOT_OFFERED
        ]
    return found


def is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


@pytest.fixture(scope="module")
def outcomes():
    """The outcomes of an app under an instrumentation, each of which runs once."""
    with StubProvider(TEXT) as chat, Provider() as other:
        urls = {
            "OPENAI_BASE_URL": chat.base_url,
            "RESPONSES_BASE_URL": f"{other.url}/v1",
            "ANTHROPIC_BASE_URL": other.url,
        }
        yield functools.cache(functools.partial(run, urls))


def run(urls: dict[str, str], app: str, instrumentation: str) -> dict[str, Any]:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "LOGFIRE_"))},
        **EXPERIMENTAL,
        **ENVIRONMENT.get(instrumentation, {}),
        **urls,
        **({"OPENAI_BASE_URL": urls["RESPONSES_BASE_URL"]} if app == "openai_agents" else {}),
        "OPENAI_API_KEY": "stub",
        "ANTHROPIC_API_KEY": "stub",
        "TRACELOOP_TELEMETRY": "false",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }
    command = [sys.executable, str(APPS / f"{app}_app.py"), instrumentation]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    outcomes: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return outcomes


@pytest.mark.parametrize(("app", "instrumentation", "mode"), runs())
def test_the_root_of_a_run_has_the_models_output(outcomes, app, instrumentation, mode):
    outcome = outcomes(app, instrumentation)[mode]

    if mode == "tool" and app not in AGENTS:
        (message,) = json.loads(outcome["root"])
        assert message["tool_calls"][0]["function"]["name"] == "get_weather"
        assert json.loads(message["tool_calls"][0]["function"]["arguments"]) == {"city": "Paris"}
    else:
        assert outcome["root"] == TEXT
    assert outcome["root"] in outcome["others"]
    if instrumentation == "hook":
        assert outcome["content"] == []
