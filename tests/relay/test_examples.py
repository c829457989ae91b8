"""The files of examples/relay have the form that they must have, and name options and metrics that exist."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from braintrust_run_output.relay.command import relay
from braintrust_run_output.relay.metrics import Metrics
from docs.pages import ROOT

EXAMPLES = ROOT / "examples" / "relay"
PAGE = (ROOT / "docs" / "relay.md").read_text(encoding="utf-8")
YAML_RULES = "{extends: default, rules: {document-start: disable, line-length: {max: 120}, comments: disable}}"


def lint(*command):
    """Run a linter of this environment's, if it is there."""
    program = Path(sys.executable).with_name(command[0])
    if not program.exists() and shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed: pip install --group lint")
    done = subprocess.run(
        [program if program.exists() else command[0], *command[1:]], cwd=EXAMPLES, capture_output=True
    )
    assert done.returncode == 0, (done.stdout + done.stderr).decode()


def test_every_yaml_file_is_clean():
    lint("yamllint", "--strict", "-d", YAML_RULES, *(one.name for one in EXAMPLES.glob("*.yaml")))


def test_the_container_file_is_clean():
    lint("hadolint", "Containerfile")


def test_the_compose_file_is_one():
    lint("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml")


def test_the_manifest_is_one():
    lint("kubernetes-validate", "--strict", "kubernetes.yaml")


def option_variables():
    return {option.envvar for option in relay.params if option.envvar}


def test_variables_of_the_container_are_options():
    variables = re.findall(r"(BRAINTRUST_RUN_OUTPUT_RELAY_\w+)=", (EXAMPLES / "Containerfile").read_text())
    assert len(variables) == 4
    assert set(variables) <= option_variables()


def test_options_of_the_manifest_are_options():
    (args,) = re.findall(r"args: (\[.*\])", (EXAMPLES / "kubernetes.yaml").read_text())
    context = relay.make_context("relay", json.loads(args))
    assert (context.params["hold"], str(context.params["state_dir"])) == (10.0, "/var/lib/relay/state")


def known_metrics():
    samples = Metrics().registry.collect()
    watched = {
        "held_roots",
        "held_bytes",
        "remembered_traces",
        "remembered_bytes",
        "next_hop_reached",
        "in_flight_bytes",
    }
    return {f"{one.name}_total" if one.type == "counter" else one.name for one in samples} | {
        f"braintrust_run_output_relay_{name}" for name in watched
    }


def test_every_metric_of_an_alarm_exists():
    named = set(re.findall(r"braintrust_run_output_relay_\w+", (EXAMPLES / "alarms.yaml").read_text()))
    assert len(named) > 6
    assert named <= known_metrics()


def test_every_metric_of_the_page_exists():
    named = {f"braintrust_run_output_relay_{name}" for name in re.findall(r"…(\w+)", PAGE)}
    assert len(named) > 6
    assert named <= known_metrics()


def test_the_page_has_every_option_and_its_default():
    rows = dict(re.findall(r"^\| (`--.*?`) \| (.*?) \|", PAGE, re.M))
    shown = {name: default for names, default in rows.items() for name in re.findall(r"`(--[\w-]+)`", names)}
    options = {one.opts[0]: one for one in relay.params if isinstance(one, click.Option)}
    assert set(shown) == set(options)
    for name, option in options.items():
        default = re.fullmatch(r"`(.*)`", shown[name])
        if default:
            assert option.default == default[1], name
        else:
            assert not isinstance(option.default, str) or not option.default, name


def test_what_is_not_run_is_said():
    assert "have **not** been run" in (EXAMPLES / "README.md").read_text()
