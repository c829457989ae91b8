"""``OTEL_TRACES_EXPORTER=braintrust``: with a key, without one, and with one that comes late."""

from __future__ import annotations

import pytest

from processes import AGENT, INSTRUMENT, run

SUNNY = {"root": "It is sunny.", "chat": "It is sunny."}

MANY_BATCHES = """
from opentelemetry import trace
tracer = trace.get_tracer("agent")
for number in range(3):
    with tracer.start_as_current_span(f"root {number}"):
        pass
    assert trace.get_tracer_provider().force_flush() in (True, None)
print("done")
"""


def instrument(code=AGENT, **variables):
    return run(code, command=INSTRUMENT, OTEL_TRACES_EXPORTER="braintrust", **variables)


def test_spans_go_to_braintrust_with_key_and_parent(receiver):
    ended = instrument(**receiver.braintrust_variables)

    assert (ended.code, ended.out, ended.log) == (0, "done\n", "")
    assert receiver.run_outputs == SUNNY
    assert {headers["authorization"] for headers in receiver.headers} == {"Bearer key-of-the-test"}
    assert {headers["x-bt-parent"] for headers in receiver.headers} == {"project_name:weather"}


def test_beside_another_exporter(receiver):
    variables = {**receiver.braintrust_variables, "OTEL_TRACES_EXPORTER": "console,braintrust"}

    ended = run(AGENT, command=INSTRUMENT, **variables)

    assert receiver.run_outputs == SUNNY
    assert ended.out.count('"braintrust.metadata.run_output"') == 2


@pytest.mark.parametrize("key", [None, "", "  "])
def test_without_a_key_one_warning_says_what_to_set(receiver, tmp_path, key):
    variables = receiver.braintrust_variables
    del variables["BRAINTRUST_API_KEY"]
    if key is not None:
        variables["BRAINTRUST_API_KEY"] = key

    ended = instrument(MANY_BATCHES, cwd=tmp_path, **variables)

    assert (ended.code, ended.out) == (0, "done\n")
    (line,) = ended.log.splitlines()
    assert "set BRAINTRUST_API_KEY" in line
    assert receiver.headers == []


def test_without_a_key_the_applications_own_exception_is_what_it_sees(tmp_path):
    code = """
from opentelemetry import trace
with trace.get_tracer("agent").start_as_current_span("root"):
    raise LookupError("the application's own")
"""
    ended = instrument(code, cwd=tmp_path)

    assert ended.code == 1
    assert "LookupError: the application's own" in ended.log
    assert len(ended.warnings("BRAINTRUST_API_KEY")) == 1


def test_a_key_that_the_application_itself_sets_is_found(receiver, tmp_path):
    variables = receiver.braintrust_variables
    late = {name: variables.pop(name) for name in ("BRAINTRUST_API_KEY", "BRAINTRUST_PARENT")}

    ended = instrument(f"import os\nos.environ.update({late!r})\n" + AGENT, cwd=tmp_path, **variables)

    assert ended.log == ""
    assert receiver.run_outputs == SUNNY
    assert {headers["x-bt-parent"] for headers in receiver.headers} == {"project_name:weather"}


def test_it_leaves_the_applications_logging_unconfigured(receiver):
    variables = receiver.braintrust_variables
    del variables["BRAINTRUST_PARENT"]

    ended = instrument(AGENT + "\nimport logging\nprint(logging.getLogger().handlers)\n", **variables)

    assert ended.out == "done\n[]\n"
    assert {headers["x-bt-parent"] for headers in receiver.headers} == {"project_name:default-otel-project"}


def test_an_intake_that_refuses_does_not_trouble_the_application(receiver):
    ended = instrument(**{**receiver.braintrust_variables, "BRAINTRUST_API_URL": f"{receiver.url}/not/there"})

    assert (ended.code, ended.out) == (0, "done\n")
    assert receiver.run_outputs == {}
    assert "key-of-the-test" not in ended.log


def test_braintrust_is_loaded_only_by_its_exporter(receiver):
    code = AGENT + "\nimport sys\nprint('braintrust' in sys.modules)\n"

    assert run(code, command=INSTRUMENT, cold=True, OTEL_TRACES_EXPORTER="none").out == "done\nFalse\n"
    # so the check can fail
    assert instrument(code, **receiver.braintrust_variables).out == "done\nTrue\n"


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("timeout=-1", "a number of seconds above 0"),
        ("timeout='soon'", "a number of seconds above 0"),
        ("compression='zip'", "none, deflate, gzip"),
        ("tiemout=1", "known are url, api_key"),
    ],
)
def test_a_bad_option_is_named_once_and_the_rest_counts(receiver, option, said):
    code = f"""
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry import trace
from braintrust_run_output import install
from braintrust_run_output.zero_code.exporter import BraintrustSpanExporter

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(BraintrustSpanExporter({option})))
trace.set_tracer_provider(provider)
install()
"""
    ended = run(code + AGENT, **receiver.braintrust_variables)

    (warning,) = ended.log.splitlines()
    assert option.partition("=")[0] in warning
    assert said in warning
    assert receiver.run_outputs == SUNNY
