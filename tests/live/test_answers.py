"""Which of several answers is the run's: real frameworks, traced for real, against a stub provider on loopback.

What is installed together is a dependency group: ``live`` or ``live-more``.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from typing import Any

import pytest
from relays import relay

from braintrust_run_output.local import LocalIntake, StubProvider
from live.provider import TEXT, Provider
from live.running import needs, run_app

QUESTION = "What is the weather in Paris?"
TITLE = "Weather in Paris today"
VERDICT = '{"is_safe": true, "why": "It is about the weather."}'
TRANSFER = "transfer_to_agent"
MIRROR = {"BRAINTRUST_RUN_OUTPUT_MIRROR_INPUT": "true"}
EXPERIMENTAL = {"OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental"}
NOWHERE = "http://127.0.0.1:9"
MLFLOW = {"MLFLOW_TRACKING_URI": NOWHERE, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf"}
"""Where it exports by OTLP, MLflow asks nothing of its server."""


SAID = {"the guardrail": VERDICT, "a title": TITLE}
"""What the model says to a request with these words."""


def say(body: dict[str, Any]) -> str:
    asked = json.dumps(body)
    return next((said for words, said in SAID.items() if words in asked), TEXT)


CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"


@dataclass(frozen=True)
class App:
    """An app, and what is said in it besides the answer: None where the calls of the model are not traced."""

    name: str
    instrumentation: str
    needs: tuple[str, ...]
    beside: str | None = TITLE
    group: str = "live"
    modes: tuple[str, ...] = ("sync", "sync-alone")
    variables: dict[str, str] = field(default_factory=dict)
    pythons: tuple[tuple[int, int], tuple[int, int]] = ((3, 10), (3, 99))
    """The first and the last Python that it can be installed with."""

    def __str__(self) -> str:
        captured = self.variables.get(CAPTURE)
        return "-".join((self.name, self.instrumentation, *([] if captured is None else [captured])))

    @property
    def marks(self) -> list[pytest.MarkDecorator]:
        first, last = self.pythons
        if not first <= sys.version_info[:2] <= last:
            return [pytest.mark.skip(reason=f"{self.name}: there is no release for this Python")]
        return needs(self.group, *self.needs)


LANGGRAPH = dict(modes=("messages", "messages-stream", "messages-async", "answer", "messages-alone", "answer-alone"))
GUARDRAIL = dict(beside=VERDICT, modes=("sync", "async", "async-stream", "async-alone"))
ADK = dict(beside=TRANSFER, group="live-more", modes=("transfer", "transfer-alone"), pythons=((3, 11), (3, 99)))
CREWAI = dict(group="live-more", pythons=((3, 10), (3, 13)))
APPS = [
    App("langgraph", "openinference", ("langgraph", "langchain_openai", "openinference.instrumentation.langchain"), **LANGGRAPH),
    App("langgraph", "openllmetry", ("langgraph", "langchain_openai", "opentelemetry.instrumentation.langchain"), **LANGGRAPH),
    App("guardrail", "openinference", ("agents", "openinference.instrumentation.openai_agents"), **GUARDRAIL),
    App("guardrail", "openllmetry", ("agents", "opentelemetry.instrumentation.openai_agents"), **GUARDRAIL),
    App("google_adk", "native", ("google.adk",), **ADK, variables={CAPTURE: "true"}),
    App("google_adk", "native", ("google.adk",), **ADK, variables={CAPTURE: "SPAN_ONLY", **EXPERIMENTAL}),
    App("google_adk", "native", ("google.adk",), **ADK, variables={CAPTURE: "EVENT_ONLY", **EXPERIMENTAL}),
    App("crewai", "openllmetry", ("crewai", "opentelemetry.instrumentation.crewai"), **CREWAI, beside=None),
    App("crewai", "openllmetry-openai", ("crewai", "opentelemetry.instrumentation.crewai",
                                          "opentelemetry.instrumentation.openai"), **CREWAI),
    App("mlflow", "shared", ("mlflow", "openai"), modes=("sync", "async-stream", "sync-alone"),
        variables={"MLFLOW_USE_DEFAULT_TRACER_PROVIDER": "false", **MLFLOW,
                   "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{NOWHERE}/v1/traces"}),
]  # fmt: skip


@pytest.fixture(scope="module")
def urls():
    with StubProvider(say) as chat, Provider(say) as other:
        yield {
            "OPENAI_BASE_URL": chat.base_url,
            "GEMINI_BASE_URL": other.url,
            "RESPONSES_BASE_URL": f"{other.url}/v1",
        }


@pytest.mark.parametrize("app", [pytest.param(app, marks=app.marks, id=str(app)) for app in APPS])
def test_the_root_has_the_answer_and_what_was_asked(app, urls, tmp_path):
    outcomes = run_app(app.name, app.instrumentation, HOME=str(tmp_path), **{**urls, **MIRROR, **app.variables})

    assert {mode: outcome["root"] for mode, outcome in outcomes.items()} == dict.fromkeys(app.modes, TEXT)
    for mode, outcome in outcomes.items():
        if app.beside is not None:
            assert any(app.beside in said for said in outcome["others"]), mode
            assert is_of_the_answer(outcome["input"]) or (mode.endswith("-alone") and outcome["input"] is None), mode


@pytest.mark.parametrize("_", [pytest.param(None, marks=needs("live", "mlflow", "openai", "aiohttp"), id="mlflow")])
def test_what_is_exported_without_the_processor_gets_its_answer_at_the_relay(_, urls, tmp_path):
    with LocalIntake() as intake, relay("--to", intake.endpoint, "--hold", "1s") as one:
        run_app(
            "mlflow",
            "exported",
            HOME=str(tmp_path),
            OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"{one.url}/v1/traces",
            **{**urls, **MLFLOW},
        )
        rows = {row["span_attributes"]["name"]: row for row in intake.store.wait_for_rows(3, timeout=60)}

    assert rows["handle"]["is_root"]
    assert rows["handle"]["metadata"]["run_output"] == TEXT


def is_of_the_answer(asked: str | None) -> bool:
    return asked is not None and QUESTION in asked and not any(what in asked for what in SAID)
