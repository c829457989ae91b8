"""Start-up cost: ``opentelemetry-instrument python -c pass`` with this package against without it, side by side.

The environment without it is this one with the package's distribution left out: a copy of its metadata directory is
what OpenTelemetry finds entry points by, so a virtual environment of links without that directory is the same
environment, not installed. Runs are interleaved and counted in processor time, so that what else the machine does
falls on both alike.

    python benchmarks/startup.py --runs 21
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

COMMAND = "from opentelemetry.instrumentation.auto_instrumentation import run; run()"
ENVIRONMENT = {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}


def make_environment_without(directory: Path) -> Path:
    """Make a virtual environment of links to this one's packages, all but this package; return its Python."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", "--symlinks", directory], check=True)
    packages = Path(sysconfig.get_paths(vars={"base": str(directory), "platbase": str(directory)})["purelib"])
    for found in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if not found.name.startswith(("braintrust_run_output", "_braintrust_run_output", "__editable__")):
            (packages / found.name).symlink_to(found)
    return directory / "bin" / "python"


def make_environment_with(directory: Path) -> Path:
    """Make the same, and this package; links in both, so that finding a file costs the same."""
    python = make_environment_without(directory)
    packages = Path(sysconfig.get_paths(vars={"base": str(directory), "platbase": str(directory)})["purelib"])
    for found in Path(sysconfig.get_paths()["purelib"]).glob("braintrust_run_output*"):
        (packages / found.name).symlink_to(found)
    source = packages / "braintrust_run_output"
    if not source.exists():  # an editable install
        source.symlink_to(Path(__file__).resolve().parents[1] / "src" / "braintrust_run_output")
    return python


def seconds(python: Path) -> float:
    """Run an empty application under opentelemetry-instrument; return the processor time that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ended = subprocess.run(
        [python, "-c", COMMAND, str(python), "-c", "pass"],
        check=True,
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], **ENVIRONMENT},
    )
    if ended.stderr:  # what failed to start took no time
        sys.exit(ended.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=21, help="how often each is run")
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as directory:
        pythons = {
            "without": make_environment_without(Path(directory, "without")),
            "with": make_environment_with(Path(directory, "with")),
        }
        for python in pythons.values():
            seconds(python)  # compiles, fills the caches
        times: dict[str, list[float]] = {name: [] for name in pythons}
        for run in range(runs):
            for name in sorted(pythons, reverse=bool(run % 2)):
                times[name].append(seconds(pythons[name]))
    medians = {name: statistics.median(taken) for name, taken in times.items()}
    for name, median in medians.items():
        print(f"{name:8} {median * 1000:7.0f} ms (median of {runs}, least {min(times[name]) * 1000:.0f} ms)")
    print(f"ratio    {medians['with'] / medians['without']:7.3f}")


if __name__ == "__main__":
    main()
