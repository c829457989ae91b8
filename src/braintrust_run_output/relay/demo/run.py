"""Run the demo: start the local intake, the relay and the agent, ask through the front end, show the row."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ...local import LocalIntake, StubProvider, make_dataset_row, render_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ...local import Row

_HERE = Path(__file__).parent
_QUESTION = "What is the capital of France?"
_ANSWER = "The capital of France is Paris."
_TIMEOUT = 60.0


def run_demo(write: Callable[[str], object], *, node_modules: Path | None = None) -> int:
    """Run it.

    Args:
        write: Where the report goes, e.g. ``sys.stdout.write``.
        node_modules: Where OpenTelemetry's packages for Node are; without them, or without Node, the front end is in
            Python.

    Returns:
        The exit code: 0 if the root has its run output, 1 if not.
    """
    with ExitStack() as stack:
        intake = stack.enter_context(LocalIntake())
        model = stack.enter_context(StubProvider(_ANSWER))
        relay = stack.enter_context(
            _process(_relay_command(intake), _environment({"BRAINTRUST_RUN_OUTPUT_MIRROR_INPUT": "true"}))
        )
        endpoint = next(line for line in relay if "over HTTP" in line).rpartition(" at ")[2].removesuffix("/v1/traces.")
        telemetry = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}
        write(f"The relay takes traces at {endpoint}, and sends them to the local intake.\n")
        agent = _environment(
            {**telemetry, "OTEL_SERVICE_NAME": "agent", "OPENAI_BASE_URL": model.base_url, "OPENAI_API_KEY": "stub"}
        )
        (url,) = stack.enter_context(_process([*_instrumented(), str(_HERE / "agent.py")], agent, lines=1))
        front = _environment({**telemetry, "OTEL_SERVICE_NAME": "front"})
        command, language, directory = _front_command(node_modules, stack)
        write(f"The front end, in {language}, asks the agent, in Python: {_QUESTION}\n")
        asked = subprocess.run(  # noqa: S603 (our own, no shell)
            [*command, url, _QUESTION],
            cwd=directory,
            env=front,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
        if asked.returncode:
            write(f"The front end failed:\n\n{asked.stderr}\n")
            return 1
        write(f"It printed: {asked.stdout.strip()}\n")
        return _report(intake, write)


def _report(intake: LocalIntake, write: Callable[[str], object]) -> int:
    def roots() -> list[Row]:
        return [row for row in intake.store.rows() if row["is_root"]]

    try:
        intake.store.wait_for(lambda: bool(roots()), timeout=_TIMEOUT)
    except TimeoutError:
        write("\nThe root did not arrive.\n")
        return 1
    (root,) = roots()
    write(f"\nThe trace, of two services:\n\n{render_tree(intake.store.trace(root['root_span_id']))}\n")
    row = make_dataset_row(root)
    shown = {name: row.get(name) for name in ("input", "expected", "metadata")}
    write(f'\n"Add to dataset" makes this row of it:\n\n{json.dumps(shown, indent=2)}\n')
    found = (root["metadata"] or {}).get("run_output")
    write("\nThe root has the run output of the other service.\n" if found == _ANSWER else "\nIt has no run output.\n")
    return 0 if found == _ANSWER else 1


def _relay_command(intake: LocalIntake) -> list[str]:
    options = ["--listen", "127.0.0.1:0", "--to", intake.endpoint, "--hold", "3s"]
    return [sys.executable, "-m", "braintrust_run_output", "relay", *options]


def _instrumented() -> list[str]:
    # Next to this Python, whatever PATH says.
    return [str(Path(sys.executable).with_name("opentelemetry-instrument")), sys.executable]


def _front_command(node_modules: Path | None, stack: ExitStack) -> tuple[list[str], str, str | None]:
    """Return the front end's command, its language, and where it runs."""
    if node_modules is None or shutil.which("node") is None or not (node_modules / "@opentelemetry/sdk-node").is_dir():
        return [*_instrumented(), str(_HERE / "front.py")], "Python", None
    # Node looks for packages beside the file.
    directory = stack.enter_context(tempfile.TemporaryDirectory())
    shutil.copy(_HERE / "front.mjs", directory)
    Path(directory, "node_modules").symlink_to(node_modules.resolve())
    return ["node", "front.mjs"], "Node", directory


def _environment(variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """Keep what would send telemetry, or loopback requests, elsewhere out of an environment."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OTEL_", "BRAINTRUST_")) and not name.lower().endswith("_proxy")
    }
    quiet = {"OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none", "OTEL_BSP_SCHEDULE_DELAY": "300"}
    # The processor is what the relay does without: it is left out, to show that.
    without = {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "braintrust_run_output"}
    return {**kept, **quiet, **without, **(variables or {})}


@contextmanager
def _process(command: list[str], environ: Mapping[str, str], *, lines: int = 3) -> Iterator[list[str]]:
    """Run a process; yield the first lines that it prints."""
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            yield [(process.stdout.readline() if process.stdout else "").strip() for _ in range(lines)]
        finally:
            process.terminate()
