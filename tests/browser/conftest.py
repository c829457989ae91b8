"""A real browser on a local intake. Skipped where playwright or the system's Chromium is missing."""

from __future__ import annotations

import shutil

import pytest

from braintrust_run_output.local import LocalIntake

# The system's own browser, and nothing that it does by itself.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser():
    api = pytest.importorskip("playwright.sync_api", reason="playwright is missing: pip install --group browser")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("Chromium is missing: apt-get install chromium")
    with api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, headless=True, args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture
def intake():
    with LocalIntake() as running:
        yield running


@pytest.fixture
def open_page(browser, intake):
    """Open a page of the intake; at the end nothing may have gone wrong in it, and nothing have left this machine."""
    contexts, complaints = [], []

    def open_page(path="/", **settings):
        context = browser.new_context(base_url=intake.url, **settings)
        context.set_default_timeout(20_000)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (complaints.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on(
            "request",
            lambda request: request.url.startswith(intake.url) or complaints.append(f"request: {request.url}"),
        )
        page.goto(path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
