"""``OTEL_PYTHON_TRACER_PROVIDER=braintrust_run_output``: a plain ``python app.py`` is enough."""

from __future__ import annotations

import threading

import pytest
from opentelemetry.sdk.trace import TracerProvider

from braintrust_run_output.zero_code import tracer_provider
from processes import AGENT, INSTRUMENT, run

SUNNY = {"root": "It is sunny.", "chat": "It is sunny."}
RESOURCE = "\nprint(trace.get_tracer_provider().resource.attributes['service.name'])\n"


def plain(code=AGENT, **variables):
    return run(code, OTEL_PYTHON_TRACER_PROVIDER="braintrust_run_output", **variables)


def test_otlp_over_http(receiver):
    ended = plain(AGENT + RESOURCE, **receiver.variables, OTEL_SERVICE_NAME="weather")

    assert (ended.code, ended.out, ended.log) == (0, "done\nweather\n", "")
    assert receiver.run_outputs == SUNNY


def test_otlp_over_grpc_is_the_default(grpc_receiver):
    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": grpc_receiver.variables["OTEL_EXPORTER_OTLP_ENDPOINT"]}

    ended = plain(**endpoint)

    assert (ended.code, ended.out) == (0, "done\n"), ended.log
    assert grpc_receiver.run_outputs == SUNNY


def test_with_a_key_braintrust_is_the_default(receiver):
    ended = plain(**receiver.braintrust_variables)

    assert (ended.code, ended.log) == (0, "")
    assert receiver.run_outputs == SUNNY
    assert receiver.headers[0]["x-bt-parent"] == "project_name:weather"


def test_an_exporter_that_is_named_counts_more_than_a_key(receiver):
    ended = plain(**receiver.braintrust_variables, OTEL_TRACES_EXPORTER="console")

    assert ended.out.count('"braintrust.metadata.run_output"') == 2
    assert receiver.run_outputs == {}


def test_without_exporters_the_application_runs():
    ended = plain(OTEL_TRACES_EXPORTER="none")

    assert (ended.code, ended.out, ended.log) == (0, "done\n", "")


def test_the_processor_can_be_off(receiver):
    ended = plain(**receiver.variables, BRAINTRUST_RUN_OUTPUT_ENABLED="false")

    assert ended.log == ""
    assert receiver.run_outputs == {"root": None, "chat": None}


def test_a_disabled_sdk_stays_disabled(receiver):
    ended = plain(**receiver.variables, OTEL_SDK_DISABLED="true")

    assert (ended.code, ended.out) == (0, "done\n")
    assert ended.warnings("braintrust_run_output") == []
    assert receiver.run_outputs == {}


def test_the_sampler_of_the_environment_counts(receiver):
    ended = plain(**receiver.variables, OTEL_TRACES_SAMPLER="always_off")

    assert (ended.code, ended.log) == (0, "")
    assert receiver.run_outputs == {}


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("OTEL_TRACES_EXPORTER", "otpl", "braintrust"),
        ("OTEL_TRACES_SAMPLER", "sometimes", "parentbased_always_on"),
        ("OTEL_TRACES_SAMPLER_ARG", "lots", "a number from 0 to 1"),
        ("OTEL_TRACES_SAMPLER_ARG", "7", "a number from 0 to 1"),
        ("OTEL_PYTHON_ID_GENERATOR", "dice", "random"),
    ],
)
def test_a_bad_setting_is_named_once_and_the_rest_counts(receiver, variable, value, allowed):
    variables = {**receiver.variables, "OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_EXPORTER": "otlp_proto_http"}
    if variable == "OTEL_TRACES_EXPORTER":
        value = f"otlp_proto_http,{value}"
    variables[variable] = value

    ended = plain(**variables)

    assert (ended.code, ended.out) == (0, "done\n")
    (warning,) = ended.warnings(f"{variable}=")
    assert value.rpartition(",")[2] in warning
    assert allowed in warning
    assert receiver.run_outputs == SUNNY


def test_a_bad_protocol_is_named_once_and_means_grpc(grpc_receiver):
    ended = plain(**{**grpc_receiver.variables, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/xml"})

    (warning,) = ended.log.splitlines()
    assert "OTEL_EXPORTER_OTLP_PROTOCOL='http/xml'" in warning
    assert "grpc or http/protobuf" in warning
    assert grpc_receiver.run_outputs == SUNNY


def test_it_is_one_provider_whoever_asks(monkeypatch):
    """Another thread that asks while the provider is being made, and this one, which an exporter may do."""
    made, found = [], []

    class Slow(TracerProvider):
        def __init__(self, **options):
            super().__init__(**options, shutdown_on_exit=False)
            made.append(self)
            if len(made) == 1:
                other.start()
                other.join(0.5)  # ends at once if nothing keeps it out

    def equip(provider):
        found.append(tracer_provider.make_tracer_provider())

    other = threading.Thread(target=lambda: found.append(tracer_provider.make_tracer_provider()))
    monkeypatch.setattr(tracer_provider, "TracerProvider", Slow)
    monkeypatch.setattr(tracer_provider, "_equip", equip)
    monkeypatch.setattr(tracer_provider, "_provider", None)

    found.append(tracer_provider.make_tracer_provider())
    other.join()

    assert len(made) == 1
    assert [provider is made[0] for provider in found] == [True, True, True]


def test_under_the_command_it_is_one_install(receiver):
    ended = run(AGENT, command=INSTRUMENT, OTEL_PYTHON_TRACER_PROVIDER="braintrust_run_output", **receiver.variables)

    assert (ended.code, ended.log) == (0, "")
    assert receiver.run_outputs == SUNNY
    assert len(receiver.headers) == 1
