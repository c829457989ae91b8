"""docs/configuration.md is what `RunOutputConfig` says."""

from __future__ import annotations

import dataclasses
import runpy
from pathlib import Path

import pytest

from braintrust_run_output import RunOutputConfig
from braintrust_run_output.config import SETTINGS

DOCS = Path(__file__).parents[2] / "docs"
generate = runpy.run_path(str(DOCS / "generate_configuration.py"))


def test_the_page_is_up_to_date():
    page = (DOCS / "configuration.md").read_text(encoding="utf-8")

    assert page == generate["page"](), "run python docs/generate_configuration.py"


def test_every_setting_is_on_it_with_its_variable():
    page = generate["page"]()

    for field in dataclasses.fields(RunOutputConfig):
        assert f"### `{field.name}`" in page
        assert f"`BRAINTRUST_RUN_OUTPUT_{field.name.upper()}`" in page
    assert set(SETTINGS) == {field.name for field in dataclasses.fields(RunOutputConfig)}


@pytest.mark.parametrize("name", SETTINGS)
def test_what_the_page_allows_is_what_an_error_allows(name):
    with pytest.raises(ValueError, match=name) as raised:
        RunOutputConfig(**{name: object()})

    assert SETTINGS[name].allowed in str(raised.value)
