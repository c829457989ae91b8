"""Real instrumentations against a stub provider on loopback: what the root of a run ends up with.

Each run is a process of its own, since instrumentations are global. The dependency group ``live`` has what is needed.
"""

from __future__ import annotations

import functools
import json
from typing import Any

import pytest

from braintrust_run_output.local import StubProvider
from live.provider import TEXT, Provider
from live.running import needs, run_app

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
    return [
        pytest.param(app, instrumentation, mode, marks=needs("live", *modules), id=f"{app}-{instrumentation}-{mode}")
        for (app, instrumentation), modules in NEEDS.items()
        for mode in MODES
        if (app, mode) not in NOT_OFFERED
    ]


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
    more = {"OPENAI_BASE_URL": urls["RESPONSES_BASE_URL"]} if app == "openai_agents" else {}
    return run_app(app, instrumentation, **{**EXPERIMENTAL, **ENVIRONMENT.get(instrumentation, {}), **urls, **more})


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
