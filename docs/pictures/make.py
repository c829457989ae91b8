"""Make the pictures of README and docs from the real demo: ``python docs/pictures/make.py``.

Needs the extras ``local`` and ``cli``, the dependency group ``browser``, and Chromium (``apt-get install chromium``).
``--python`` names another environment to run the demo in, one with the ``demo`` extra alone.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.text import Text

from braintrust_run_output.local import LocalIntake, Store

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
LARGEST = 200_000
WIDTH = 1120
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
RUNS = [
    {"BRAINTRUST_RUN_OUTPUT_ENABLED": "false"},
    {"TRACELOOP_TRACE_CONTENT": "false"},
    {"BRAINTRUST_RUN_OUTPUT_LINKAGE": "true"},
    {},
]
"""The demo's settings, one run each; the last one's report becomes the picture of a terminal."""


def run_demo(python: str, database: Path, settings: dict[str, str]) -> str:
    """Run the demo once and return its report."""
    command = [python, "-m", "braintrust_run_output.local.demo", "--database", str(database)]
    environ = {**os.environ, **settings}
    ended = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)  # noqa: S603
    sys.stdout.write(f"demo {settings}: exit code {ended.returncode}\n")
    return ended.stdout


def draw_terminal(report: str, file: Path) -> None:
    """Write the demo's report as an SVG, the way a terminal shows it."""
    text = Text("$ make demo\n\n" + report.rstrip() + "\n")
    text.highlight_regex(r"^\$ .*", "bold")
    text.highlight_regex(r"(?m)^(The|Its|See).*:$", "bold cyan")
    text.highlight_regex(r"\[(llm|tool|task)\]", "magenta")
    text.highlight_regex(r'"?run_output"?: .*?(?=  |$|\n)', "green")
    text.highlight_regex(r"<-- .*", "bold yellow")
    console = Console(width=112, record=True, file=open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    console.print(text, soft_wrap=False)
    svg = console.export_svg(title="make demo", unique_id="demo")
    # Without the fonts that it would load from elsewhere.
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    svg = svg.replace("Fira Code,", "ui-monospace, Menlo, Consolas, DejaVu Sans Mono,")
    file.write_text(svg, encoding="utf-8")


def photograph(store: Store) -> None:
    """Write pictures of the pages, light and dark."""
    latest, *_ = traces = store.traces()
    without_content = traces[-2]
    with LocalIntake(store=store) as intake, sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = playwright.chromium.launch(executable_path=chromium, headless=True, args=ARGUMENTS)
        for scheme in ("light", "dark"):
            page = browser.new_page(
                base_url=intake.url,
                color_scheme=scheme,
                viewport={"width": WIDTH, "height": 600},
                device_scale_factor=1.25,
            )

            def shoot(name: str, path: str, height: int, *, page=page, scheme=scheme) -> None:
                page.set_viewport_size({"width": WIDTH, "height": height})
                page.goto(path)
                if "dataset" not in path:
                    page.get_by_text("Live", exact=True).wait_for()
                page.screenshot(path=HERE / f"{name}-{scheme}.png")

            shoot("traces", "/", 490)
            shoot("trace", f"/ui/traces/{latest.root_span_id}", 900)
            shoot("reason", f"/ui/traces/{without_content.root_span_id}", 560)
            page.goto(f"/ui/traces/{latest.root_span_id}")
            page.get_by_role("button", name="Add to dataset").click()
            shoot("dataset", page.url, 830)
            for row in store.dataset():
                store.remove_dataset_row(row["id"])
        browser.close()


def main() -> int:
    """Run the demo and make all pictures; 1 if one is too large."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", default=sys.executable, help="the Python that runs the demo")
    # Not resolved: a virtual environment's Python is a link.
    python = os.path.abspath(parser.parse_args().python)
    with tempfile.TemporaryDirectory() as directory:
        database = Path(directory, "traces.sqlite")
        for settings in RUNS:
            report = run_demo(python, database, settings)
        # As make demo shows it, wherever this environment is.
        shown = report.replace(f"{directory}/", "").replace(str(Path(python).parent), ".venv-demo/bin")
        draw_terminal(shown, HERE / "demo.svg")
        photograph(Store(database))
    too_large = False
    for file in sorted([*HERE.glob("*.png"), *HERE.glob("*.svg")]):
        size = file.stat().st_size
        too_large |= size > LARGEST
        sys.stdout.write(f"{file.name}: {size:,} bytes{'  TOO LARGE' if size > LARGEST else ''}\n")
    return int(too_large)


if __name__ == "__main__":
    sys.exit(main())
