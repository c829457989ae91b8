"""The demo: instrument the agent without a change to it, and look at what its trace became."""

from __future__ import annotations

import importlib.util
import os
import shlex
import sqlite3
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from braintrust_run_output._extras import refuse
from braintrust_run_output.local.demo.stub_provider import StubProvider
from braintrust_run_output.local.intake.dataset import export_dataset, make_dataset_row
from braintrust_run_output.local.intake.store import Store
from braintrust_run_output.local.local_intake import LocalIntake
from braintrust_run_output.local.page.tree import render_tree
from braintrust_run_output.local.serving import stopped_by_signal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

APP = Path(__file__).with_name("app.py")
_TIMEOUT = 60.0


def run_demo(
    write: Callable[[str], object],
    *,
    environ: Mapping[str, str] | None = None,
    database: str | os.PathLike[str] | None = None,
    keep_serving: bool = False,
    wait: Callable[[], object] | None = None,
) -> int:
    """Run the agent under ``opentelemetry-instrument``, with a stub provider and a local intake.

    Args:
        write: Where the report goes, e.g. ``sys.stdout.write``.
        environ: More environment variables for the agent, laid over this process's own and the demo's.
        database: An SQLite file for the trace, to be looked at later; by default it is gone with the process.
        keep_serving: Show the trace in a page, until SIGINT or SIGTERM.
        wait: Returns when the page is to go away; by default one of these signals ends it.

    Returns:
        The exit code: 0 if the root span has a run output; 1, with a message that says why, if not.

    Raises:
        ImportError: What the agent needs is not installed; the message says how to get it.
    """
    for module in ("openai", "opentelemetry.instrumentation.openai"):  # the agent's own process needs them
        if not _is_installed(module):
            refuse(ImportError(name=module), {"braintrust_run_output.local.demo": "demo"})
    try:
        store = Store(database or ":memory:")
    except sqlite3.Error as error:
        write(f"The database {database} cannot be opened: {error}.\n")
        return 1
    with LocalIntake(store=store) as intake:
        log = _run_agent(write, intake, environ or {})
        if log is None:
            return 1
        # The agent flushed its spans before it ended, so all of them are here.
        code = _report(store, log, write)
        if not store.count():
            return code
        if keep_serving:
            with nullcontext(wait) if wait else stopped_by_signal() as until_stopped:
                write(f"\nOpen {intake.url}/\n\nStop with Ctrl-C.\n")
                until_stopped()
        else:
            write(_describe_page(database))
    return code


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # not even what it is in
        return False


def _run_agent(write: Callable[[str], object], intake: LocalIntake, environ: Mapping[str, str]) -> str | None:
    """Run the agent to its end; return its log, or None, having said why, if it failed."""
    with StubProvider() as provider:
        settings = demo_environment(provider, intake)
        command = [_instrument_command(), sys.executable, str(APP)]
        write(_describe_command(command, settings))
        try:
            agent = subprocess.run(  # noqa: S603  # our own app, no shell
                command,
                env={**_inherited(), **settings, **environ},
                capture_output=True,
                text=True,
                timeout=_TIMEOUT,
                check=False,
            )
        except FileNotFoundError:
            write(f"\n{command[0]} is missing: pip install 'braintrust-run-output[demo]'\n")
            return None
        except subprocess.TimeoutExpired:
            write(f"\nThe agent did not end within {_TIMEOUT:.0f} seconds.\n")
            return None
    write(f"\nThe agent printed:\n\n  {agent.stdout.strip()}\n")
    if agent.returncode:
        write(f"\nThe agent failed with exit code {agent.returncode}:\n\n{agent.stderr}\n")
        return None
    return agent.stderr


def demo_environment(provider: StubProvider, intake: LocalIntake) -> dict[str, str]:
    """Make the environment that a user would set: where the model is and where traces go."""
    return {
        "OPENAI_BASE_URL": provider.base_url,
        "OPENAI_API_KEY": "stub",
        "OTEL_SERVICE_NAME": "weather-agent",
        "BRAINTRUST_RUN_OUTPUT_MIRROR_INPUT": "true",
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": intake.endpoint,
    }


def _describe_page(database: str | os.PathLike[str] | None) -> str:
    # Works with the demo extra alone; with the cli extra it is "braintrust-run-output serve".
    python = _from_here(sys.executable)
    if database is None:
        again = shlex.join([python, "-m", "braintrust_run_output.local.demo", "--serve"])
        return f'\nRun it again and see it in a browser, with the spans and the "Add to dataset" button:\n\n  {again}\n'
    command = shlex.join([python, "-m", "braintrust_run_output.local", "--database", os.fspath(database)])
    return f'\nSee it in a browser, with the spans and the "Add to dataset" button:\n\n  {command}\n'


def _from_here(path: str) -> str:
    """Return a path as it is from the working directory, where that is shorter."""
    try:
        relative = os.path.relpath(path)
    except ValueError:  # another drive
        return path
    return min(path, relative, key=len)


def _inherited() -> dict[str, str]:
    """Keep what would send telemetry, or loopback requests, elsewhere out of the agent's environment."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("OTEL_") and not name.lower().endswith("_proxy")
    }


def _instrument_command() -> str:
    # Next to this Python, whatever PATH says: the agent must run in this environment.
    suffix = ".exe" if os.name == "nt" else ""
    return str(Path(sys.executable).with_name(f"opentelemetry-instrument{suffix}"))


def _describe_command(command: list[str], settings: Mapping[str, str]) -> str:
    lines = [f"{name}={shlex.quote(value)}" for name, value in settings.items()]
    return "The command:\n\n  " + " \\\n  ".join([*lines, shlex.join(map(_from_here, command))]) + "\n"


def _report(store: Store, log: str, write: Callable[[str], object]) -> int:
    latest = next(iter(store.traces(limit=1)), None)
    root = None if latest is None else latest.root
    if root is None:
        write(f"\nNo root span reached the intake ({store.count()} spans did). The agent's log:\n\n{log}\n")
        return 1
    run_output = (root.get("metadata") or {}).get("run_output")
    mark = "" if run_output is None else "      <-- metadata.run_output on the root"
    first, *others = render_tree(store.trace(root["root_span_id"])).splitlines()
    write("\nIts trace:\n\n" + "".join(f"  {line}\n" for line in (first + mark, *others)))
    write(f"\nThe dataset row it becomes, exported:\n\n{export_dataset([make_dataset_row(root)])}\n")
    if run_output is None:
        write(
            "\nThe root span has no metadata.run_output. Is braintrust-run-output installed in this "
            "environment, and does no BRAINTRUST_RUN_OUTPUT_ variable turn it off?\n"
            f"The agent's log:\n\n{log}\n"
        )
        return 1
    return 0
