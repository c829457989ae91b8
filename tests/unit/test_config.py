"""RunOutputConfig: defaults, what is allowed, and the environment."""

from __future__ import annotations

import dataclasses
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from braintrust_run_output import RunOutputConfig, RunOutputSpanProcessor

BAD = [
    ("enabled", "maybe", "true or false"),
    ("key", "", "metadata key"),
    ("key", "run output", "metadata key"),
    ("key", 3, "metadata key"),
    ("spans", "some", "completions, none"),
    ("root", "middle", "last, first, all, own, off"),
    ("root", None, "last, first, all, own, off"),
    ("format", "xml", "text, messages, verbatim"),
    ("overwrite", "maybe", "true or false"),
    ("max_length", 0, "above 0"),
    ("max_length", -1, "above 0"),
    ("max_length", "many", "above 0"),
    ("max_length", True, "above 0"),
    ("linkage", 2, "true or false"),
    ("transform", "no_colon", "module:function"),
    ("transform", "no.such.module:function", "ModuleNotFoundError"),
    ("transform", "json:no_such_function", "AttributeError"),
    ("transform", "json:__name__", "module:function"),
]


@pytest.mark.parametrize(("field", "value", "allowed"), BAD)
def test_a_bad_value_in_code_names_the_field_the_value_and_what_is_allowed(field, value, allowed):
    with pytest.raises(ValueError, match=field) as error:
        RunOutputConfig(**{field: value})

    assert repr(value) in str(error.value)
    assert allowed in str(error.value)


@pytest.mark.parametrize(("field", "value", "allowed"), [bad for bad in BAD if isinstance(bad[1], str) and bad[1]])
def test_a_bad_value_in_the_environment_is_one_warning_and_the_default(field, value, allowed, caplog):
    variable = f"BRAINTRUST_RUN_OUTPUT_{field.upper()}"
    config = RunOutputConfig.from_env({variable: value})
    RunOutputConfig.from_env({variable: value})

    if field == "transform":  # it may be there to redact
        assert config.transform("card 4929", None) is None
    else:
        assert config == RunOutputConfig()
    (warning,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert variable in warning
    assert repr(value) in warning
    assert allowed in warning


def test_every_field_can_be_set_by_the_environment():
    values = {
        "enabled": "FALSE",
        "key": "said",
        "spans": "none",
        "root": "All",
        "format": "messages",
        "overwrite": "1",
        "max_length": " 20 ",
        "linkage": "on",
        "transform": "builtins:max",
        "answer_spans": "answer, *writer",
        "side_spans": "title",
        "metrics": "yes",
    }
    config = RunOutputConfig.from_env(
        {f"BRAINTRUST_RUN_OUTPUT_{name.upper()}": value for name, value in values.items()}
    )

    assert config == RunOutputConfig(
        enabled=False,
        key="said",
        spans="none",
        root="all",
        format="messages",
        overwrite=True,
        max_length=20,
        linkage=True,
        transform=max,
        answer_spans="answer, *writer",
        side_spans="title",
        metrics=True,
    )


@given(st.dictionaries(st.sampled_from([f.name for f in dataclasses.fields(RunOutputConfig)]), st.text(max_size=20)))
def test_no_environment_raises(values):
    RunOutputConfig.from_env({f"BRAINTRUST_RUN_OUTPUT_{name.upper()}": value for name, value in values.items()})


def test_an_empty_variable_is_the_default():
    assert RunOutputConfig.from_env({"BRAINTRUST_RUN_OUTPUT_ROOT": ""}) == RunOutputConfig()


def test_the_processor_reads_the_environment(monkeypatch):
    monkeypatch.setenv("BRAINTRUST_RUN_OUTPUT_ROOT", "first")

    assert RunOutputSpanProcessor().config.root == "first"


def test_a_config_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        RunOutputConfig().root = "first"
