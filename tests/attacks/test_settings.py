"""Settings that are refused, by us or by the SDK: the application runs, one WARNING says what to do."""

from __future__ import annotations

import json
import logging
import re

import pytest
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from braintrust_run_output import RunOutputConfig, RunOutputSpanProcessor
from processes import AGENT, run
from support import parts, pipeline

PROVIDER = {"OTEL_PYTHON_TRACER_PROVIDER": "braintrust_run_output"}
SUNNY = {"root": "It is sunny.", "chat": "It is sunny."}
WITHOUT = {"root": None, "chat": None}


# --- the tracer provider --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "variables",
    [
        {"OTEL_BSP_MAX_QUEUE_SIZE": "10", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "1000"},
        {"OTEL_BSP_MAX_QUEUE_SIZE": "-1"},
        {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "0"},
        {"OTEL_BSP_SCHEDULE_DELAY": "-5"},
    ],
    ids=lambda variables: " ".join(variables),
)
def test_batch_settings_that_the_sdk_refuses(receiver, variables):
    ended = run(AGENT, **PROVIDER, **receiver.variables, **variables)

    assert (ended.code, ended.out) == (0, "done\n"), ended.log
    assert "Traceback" not in ended.log
    assert len(ended.warnings("OTEL_BSP_")) == 1
    assert receiver.run_outputs == SUNNY


@pytest.mark.parametrize(
    "variables",
    [
        {"OTEL_SPAN_LINK_COUNT_LIMIT": "many"},
        {"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "-1"},
        {"OTEL_SPAN_EVENT_COUNT_LIMIT": "1.5"},
    ],
    ids=lambda variables: next(iter(variables)),
)
def test_limits_that_the_sdk_refuses(receiver, variables):
    if run("import opentelemetry.sdk.trace, opentelemetry.sdk._logs", **variables).code:
        pytest.skip("this SDK cannot even be imported with them")
    ended = run(AGENT, **PROVIDER, **receiver.variables, **variables)

    assert (ended.code, ended.out) == (0, "done\n"), ended.log
    assert "Traceback" not in ended.log
    assert len(ended.warnings("the default is used")) == 1  # the SDK says which
    assert receiver.run_outputs == SUNNY


# --- transform ------------------------------------------------------------------------------------------------

MODULES = {
    "exits": "import sys\nsys.exit(3)\n",
    "raises": "raise RuntimeError('the payload')\n",
    "has no such function": "def other(value, span):\n    return value\n",
    "is no function": "redact = 7\n",
    "is no Python": "def\n",
}


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("variables", [PROVIDER, None], ids=["provider", "command"])
def test_a_transform_that_cannot_be_loaded_withholds_every_value(receiver, tmp_path, module, variables):
    from processes import INSTRUMENT, PLAIN

    (tmp_path / "mine.py").write_text(MODULES[module])
    ended = run(
        AGENT,
        command=PLAIN if variables else INSTRUMENT,
        cwd=tmp_path,
        PYTHONPATH=str(tmp_path),
        BRAINTRUST_RUN_OUTPUT_TRANSFORM="mine:redact",
        **receiver.variables,
        **(variables or {}),
    )

    assert (ended.code, ended.out) == (0, "done\n"), ended.log
    assert receiver.run_outputs == WITHOUT
    (warning,) = ended.log.splitlines()
    assert "BRAINTRUST_RUN_OUTPUT_TRANSFORM" in warning
    assert "the payload" not in warning


def test_a_transform_that_is_not_there_withholds_every_value(receiver):
    ended = run(AGENT, **PROVIDER, **receiver.variables, BRAINTRUST_RUN_OUTPUT_TRANSFORM="no_such_module:redact")

    assert (ended.code, ended.out) == (0, "done\n")
    assert receiver.run_outputs == WITHOUT
    assert len(ended.warnings("BRAINTRUST_RUN_OUTPUT_TRANSFORM", "no_such_module:redact")) == 1


def test_a_transform_that_can_be_loaded_is_asked(receiver, tmp_path):
    """So the tests above can fail."""
    (tmp_path / "mine.py").write_text("def redact(value, span):\n    return value\n")
    run(
        AGENT,
        PYTHONPATH=str(tmp_path),
        BRAINTRUST_RUN_OUTPUT_TRANSFORM="mine:redact",
        **PROVIDER,
        **receiver.variables,
    )

    assert receiver.run_outputs == SUNNY


def test_in_code_it_is_an_error(tmp_path, monkeypatch):
    (tmp_path / "ends_the_process.py").write_text(MODULES["exits"])
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(ValueError, match="transform='ends_the_process:redact'"):
        RunOutputConfig(transform="ends_the_process:redact")


SECRET = "The key is 1234."


@pytest.mark.parametrize("policy", ["last", "all", "own"])
@pytest.mark.parametrize("answer", ["raises", "no text", "nothing"])
def test_what_a_transform_fails_on_is_withheld_wherever_it_would_be_written(build, policy, answer, caplog):
    def transform(value, span):
        if answer == "raises":
            raise RuntimeError(value)
        return None if answer == "nothing" else 7

    app = build(root=policy, transform=transform, mirror_input=True, linkage=True)
    question = json.dumps([{"role": "user", "parts": [{"type": "text", "content": SECRET}]}])
    for n in range(3):
        with app.tracer.start_as_current_span("root") as root:
            with app.tracer.start_as_current_span("chain", attributes={"output.value": f"{SECRET} {n}"}):
                with app.tracer.start_as_current_span("llm") as span:
                    span.set_attributes({
                        "gen_ai.output.messages": parts(f"{SECRET} {n}"),
                        "gen_ai.input.messages": question,
                    })  # fmt: skip
            if policy == "own":
                root.set_attribute("gen_ai.completion", f"{SECRET} {n}")

    written = [
        (name, value)
        for span in app.exporter.get_finished_spans()
        for name, value in span.attributes.items()
        if name.startswith("braintrust.")
    ]
    assert [one for one in written if SECRET in str(one[1])] == []
    assert SECRET not in caplog.text
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == (answer != "nothing")


# --- what is given to the processor ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "remedy"),
    [
        (InMemorySpanExporter(), r"BatchSpanProcessor\("),
        (ConsoleSpanExporter(), r"BatchSpanProcessor\("),
        (RunOutputConfig(), "config="),
        (object(), "SpanProcessor"),
        ("braintrust", "SpanProcessor"),
        (SimpleSpanProcessor, "SpanProcessor"),
    ],
    ids=lambda one: re.sub(r"\W.*", "", one) if isinstance(one, str) else getattr(one, "__name__", type(one).__name__),
)
def test_what_is_no_span_processor_is_a_type_error_that_says_what_to_write(given, remedy):
    with pytest.raises(TypeError, match=remedy) as raised:
        RunOutputSpanProcessor(given)

    assert getattr(given, "__name__", type(given).__name__) in str(raised.value)


@pytest.mark.parametrize(
    "config", [{"key": "x"}, "last", 7, InMemorySpanExporter()], ids=lambda one: type(one).__name__
)
def test_what_is_no_configuration_is_a_type_error(config):
    with pytest.raises(TypeError, match="RunOutputConfig"):
        RunOutputSpanProcessor(config=config)


def test_a_span_processor_in_all_but_name_is_taken():
    class Duck:
        def __init__(self):
            self.ended = []

        def on_start(self, span, parent_context=None): ...

        def on_end(self, span):
            self.ended.append(span.name)

        def shutdown(self): ...

        def force_flush(self, timeout_millis=30000): ...

    duck = Duck()
    app = pipeline()
    app.provider.add_span_processor(RunOutputSpanProcessor(duck))
    app.tracer.start_span("span").end()

    assert duck.ended == ["span"]
