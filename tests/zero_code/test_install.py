"""``install()`` in code: on which provider, and once."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from braintrust_run_output import RunOutputConfig, RunOutputSpanProcessor, install
from braintrust_run_output._sdk import processors_of
from braintrust_run_output.installation import uninstall


@pytest.fixture
def provider():
    made = TracerProvider(shutdown_on_exit=False)
    yield made
    made.shutdown()


def messages(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_it_returns_the_one_processor_that_the_provider_has(provider):
    first = install(provider)

    assert install(provider) is first
    assert processors_of(provider) == (first,)
    assert first.config == RunOutputConfig()


def test_one_that_wraps_another_counts_as_installed(provider):
    wrapping = RunOutputSpanProcessor(RunOutputSpanProcessor())
    provider.add_span_processor(wrapping)

    assert install(provider) is wrapping
    uninstall(provider)
    assert processors_of(provider) == (wrapping,)


def test_another_configuration_later_is_refused_aloud(provider, caplog):
    first = install(provider, config=RunOutputConfig(root="first"))

    assert install(provider, config=RunOutputConfig(root="first")) is first
    assert install(provider) is first
    assert messages(caplog) == []

    assert install(provider, config=RunOutputConfig(root="all")) is first
    (message,) = messages(caplog)
    assert "give yours to the first install" in message


def test_switched_off_it_installs_nothing(provider, monkeypatch):
    assert install(provider, config=RunOutputConfig(enabled=False)) is None
    monkeypatch.setenv("BRAINTRUST_RUN_OUTPUT_ENABLED", "off")
    assert install(provider) is None
    assert processors_of(provider) == ()


def test_a_provider_that_stands_for_the_sdks_is_followed(provider):
    """As Logfire's does."""
    standing = SimpleNamespace(provider=provider)

    installed = install(standing)

    assert processors_of(provider) == (installed,)
    uninstall(standing)
    assert processors_of(provider) == ()


@pytest.mark.parametrize("other", [trace.ProxyTracerProvider(), trace.NoOpTracerProvider(), object()])
def test_without_an_sdk_provider_it_says_what_to_do(other, caplog):
    assert install(other) is None
    assert install(other) is None

    (message,) = messages(caplog)
    assert type(other).__name__ in message
    assert "trace.set_tracer_provider(TracerProvider())" in message
    uninstall(other)


def test_options_of_a_file_count_more_than_the_environment(caplog):
    environ = {"BRAINTRUST_RUN_OUTPUT_ROOT": "first", "BRAINTRUST_RUN_OUTPUT_FORMAT": "messages"}

    config = RunOutputConfig.from_options({"root": "all", "key": None, "overwrite": True}, environ)

    assert config == RunOutputConfig(root="all", format="messages", overwrite=True)
    assert messages(caplog) == []


def test_what_yaml_makes_of_a_bare_off():
    assert RunOutputConfig.from_options({"root": False}, {}).root == "off"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"root": "lst"}, "option root='lst' is not allowed, the default is used: give one of last, first"),
        ({"root": True}, "option root=True is not allowed"),
        ({"format": False}, "option format=False is not allowed"),
        ({"max_lenght": 5}, "unknown option max_lenght is ignored: did you mean max_length?"),
        ({"xyzzy": 5}, "unknown option xyzzy is ignored: known are enabled, key"),
    ],
)
def test_a_bad_option_means_the_default_whatever_the_environment_says(options, said, caplog):
    config = RunOutputConfig.from_options(options, {"BRAINTRUST_RUN_OUTPUT_ROOT": "first"})

    assert config.root == ("last" if "root" in options else "first")
    (message,) = messages(caplog)
    assert message.startswith(said)


@pytest.mark.parametrize(
    ("variable", "advice"),
    [
        ("BRAINTRUST_RUN_OUTPUT_MAXLENGTH", "did you mean BRAINTRUST_RUN_OUTPUT_MAX_LENGTH?"),
        ("BRAINTRUST_RUN_OUTPUT_XYZZY", "known are BRAINTRUST_RUN_OUTPUT_ENABLED, BRAINTRUST_RUN_OUTPUT_KEY, "),
    ],
)
def test_a_mistyped_variable_is_named(variable, advice, caplog):
    assert RunOutputConfig.from_env({variable: "5"}) == RunOutputConfig()

    (message,) = messages(caplog)
    assert message.startswith(f"unknown environment variable {variable} is ignored: {advice}")
