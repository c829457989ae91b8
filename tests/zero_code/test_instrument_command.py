"""``opentelemetry-instrument python app.py``, as people run it, and everything that turns it off."""

from __future__ import annotations

import json

import pytest

from processes import AGENT, INSTRUMENT, run

SUNNY = {"root": "It is sunny.", "chat": "It is sunny."}
WITHOUT = {"root": None, "chat": None}


def instrument(code=AGENT, **variables):
    return run(code, command=INSTRUMENT, **variables)


def test_otlp_over_http(receiver):
    ended = instrument(**receiver.variables)

    assert (ended.code, ended.out) == (0, "done\n"), ended.log
    assert receiver.run_outputs == SUNNY


def test_otlp_over_grpc_is_the_distros_default(grpc_receiver):
    variables = grpc_receiver.variables
    del variables["OTEL_TRACES_EXPORTER"], variables["OTEL_EXPORTER_OTLP_PROTOCOL"]

    ended = instrument(**variables)

    assert ended.code == 0, ended.log
    assert grpc_receiver.run_outputs == SUNNY


def test_several_exporters_all_get_it(receiver):
    ended = instrument(**{**receiver.variables, "OTEL_TRACES_EXPORTER": "console,otlp"})

    assert receiver.run_outputs == SUNNY
    assert ended.out.count('"braintrust.metadata.run_output": "It is sunny."') == 2


@pytest.mark.parametrize(
    "switch",
    [
        {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "flask, braintrust_run_output"},
        {"BRAINTRUST_RUN_OUTPUT_ENABLED": "false"},
    ],
    ids=lambda switch: next(iter(switch)),
)
def test_a_switch_leaves_the_spans_and_takes_the_run_outputs_away(receiver, switch):
    ended = instrument(**receiver.variables, **switch)

    assert (ended.code, ended.out, ended.log) == (0, "done\n", "")
    assert receiver.run_outputs == WITHOUT


def test_a_disabled_sdk_stays_disabled(receiver):
    ended = instrument(**receiver.variables, OTEL_SDK_DISABLED="true")

    assert (ended.code, ended.out) == (0, "done\n")
    assert ended.warnings("braintrust_run_output") == []
    assert receiver.run_outputs == {}


BAD_SETTINGS = {
    "ENABLED": ("maybe", "true or false"),
    "KEY": ("two words", "without white space"),
    "SPANS": ("all", "one of completions, none"),
    "ROOT": ("lst", "one of last, first"),
    "FORMAT": ("json", "one of text, messages"),
    "OVERWRITE": ("perhaps", "true or false"),
    "MAX_LENGTH": ("-1", "a whole number above 0"),
    "LINKAGE": ("2", "true or false"),
    "TRANSFORM": ("nowhere", "'module:function'"),
}


@pytest.mark.parametrize("name", BAD_SETTINGS)
def test_a_bad_setting_is_named_once_and_means_the_default(receiver, name):
    value, allowed = BAD_SETTINGS[name]
    variable = f"BRAINTRUST_RUN_OUTPUT_{name}"

    ended = instrument(**receiver.variables, **{variable: value})

    assert (ended.code, ended.out) == (0, "done\n")
    (warning,) = ended.warnings(variable)
    assert repr(value) in warning
    assert allowed in warning
    withheld = name == "TRANSFORM"  # it may be there to redact
    assert receiver.run_outputs == (dict.fromkeys(SUNNY) if withheld else SUNNY)


def test_a_mistyped_variable_is_named_with_what_was_meant(receiver):
    ended = instrument(**receiver.variables, BRAINTRUST_RUN_OUTPUT_ROTO="first")

    (warning,) = ended.warnings("BRAINTRUST_RUN_OUTPUT_ROTO")
    assert "did you mean BRAINTRUST_RUN_OUTPUT_ROOT?" in warning
    assert receiver.run_outputs == SUNNY


def test_settings_reach_the_processor(receiver):
    instrument(**receiver.variables, BRAINTRUST_RUN_OUTPUT_SPANS="none", BRAINTRUST_RUN_OUTPUT_LINKAGE="true")

    assert receiver.run_outputs == {"root": "It is sunny.", "chat": None}
    rows = {row["span_attributes"]["name"]: row for row in receiver.store.rows()}
    assert rows["root"]["metadata"]["span_id"] == rows["chat"]["span_id"]


COUNT_PROCESSORS = """
import json
from opentelemetry import trace
from braintrust_run_output import RunOutputConfig, RunOutputSpanProcessor, install
from braintrust_run_output._sdk import processors_of

first = install()
second = install(config={config})
found = [one for one in processors_of(trace.get_tracer_provider()) if isinstance(one, RunOutputSpanProcessor)]
print(json.dumps([len(found), first is second is found[0]]))
"""


def test_installing_in_code_as_well_is_one_install(receiver):
    ended = instrument(COUNT_PROCESSORS.format(config=None) + AGENT, **receiver.variables)

    assert json.loads(ended.out.splitlines()[0]) == [1, True]
    assert ended.log == ""
    assert receiver.run_outputs == SUNNY


def test_a_second_configuration_is_refused_aloud(receiver):
    code = COUNT_PROCESSORS.format(config="RunOutputConfig(root='off')") + AGENT

    ended = instrument(code, **receiver.variables)

    assert json.loads(ended.out.splitlines()[0]) == [1, True]
    assert len(ended.warnings("install() keeps the processor")) == 1
    assert receiver.run_outputs == SUNNY


# --- no provider yet when the instrumentors run -----------------------------------------------------------------

NO_CONFIGURATOR = {"OTEL_PYTHON_CONFIGURATOR": "none of them"}
"""As in an environment without a distro: nothing sets a tracer provider before the application does."""

OWN_PROVIDER = """
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
{set_provider}
"""


@pytest.mark.parametrize(
    "set_provider",
    [
        "trace.set_tracer_provider(provider)",
        "from opentelemetry.trace import set_tracer_provider; set_tracer_provider(provider)",
    ],
)
def test_a_provider_that_the_application_sets_later_is_equipped(receiver, set_provider):
    ended = instrument(OWN_PROVIDER.format(set_provider=set_provider) + AGENT, **receiver.variables, **NO_CONFIGURATOR)

    assert (ended.code, ended.out) == (0, "done\n"), ended.log
    assert ended.warnings("braintrust_run_output") == ended.warnings("run outputs") == []
    assert receiver.run_outputs == SUNNY


def test_without_any_provider_the_application_runs_as_ever():
    ended = instrument(AGENT, **NO_CONFIGURATOR)

    assert (ended.code, ended.out) == (0, "done\n")
    assert ended.warnings("Traceback") == []


def test_after_the_first_call_set_tracer_provider_is_opentelemetrys_own(receiver):
    code = """
from opentelemetry import trace
before = trace.set_tracer_provider
{}
print(trace.set_tracer_provider is before.__wrapped__)
"""
    ended = instrument(
        code.format(OWN_PROVIDER.format(set_provider="before(provider)")), **receiver.variables, **NO_CONFIGURATOR
    )

    assert ended.out == "True\n", ended.log


def test_uninstrument_takes_everything_away():
    code = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from braintrust_run_output._sdk import processors_of
from braintrust_run_output.zero_code.instrumentor import RunOutputInstrumentor

def kinds():
    return [type(one).__name__ for one in processors_of(trace.get_tracer_provider())]

original = trace.set_tracer_provider
instrumentor = RunOutputInstrumentor()
instrumentor.instrument()
instrumentor.uninstrument()
assert trace.set_tracer_provider is original
trace.set_tracer_provider(TracerProvider())
assert kinds() == []
instrumentor.instrument()
instrumentor.instrument()
assert kinds() == ["RunOutputSpanProcessor"]
instrumentor.uninstrument()
assert kinds() == []
print("done")
"""
    ended = run(code)

    assert (ended.out, ended.log) == ("done\n", "")
