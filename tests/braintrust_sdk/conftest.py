"""The real Braintrust SDK, and our REST client, against the local intake on loopback."""

from __future__ import annotations

import pytest

from braintrust_run_output import RunOutputConfig
from braintrust_run_output.braintrust.api import BraintrustApi
from braintrust_run_output.local import LocalIntake, StubProvider, echo
from braintrust_sdk.stored import KEY


@pytest.fixture
def intake():
    with LocalIntake(api_key=KEY) as running:
        yield running


@pytest.fixture
def provider():
    with StubProvider(echo) as running:
        yield running


@pytest.fixture
def environment(intake, monkeypatch, tmp_path):
    """The variables that point everything to the intake."""
    for variable in ("BRAINTRUST_APP_URL", "BRAINTRUST_API_URL"):
        monkeypatch.setenv(variable, intake.url)
    monkeypatch.setenv("BRAINTRUST_API_KEY", KEY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.chdir(tmp_path)  # no .env.braintrust, no git repository


@pytest.fixture
def sdk(environment):
    """The Braintrust SDK, as a new process would find it."""
    import braintrust
    from braintrust import logger
    from braintrust.span_customizer import set_span_customizers

    logger._internal_reset_global_state()
    yield braintrust
    braintrust.flush()
    set_span_customizers(None)
    logger._internal_reset_global_state()


@pytest.fixture
def client(sdk, provider):
    """A real OpenAI client, wrapped by Braintrust: the stub provider answers with the last user message."""
    from openai import OpenAI

    with OpenAI(base_url=provider.base_url, api_key="stub", max_retries=0) as plain:
        yield sdk.wrap_openai(plain)


@pytest.fixture
def api(intake):
    """Our REST client; a call that fails is repeated at once."""
    with BraintrustApi(api_key=KEY, app_url=intake.url, api_url=intake.url, backoff=0) as connected:
        yield connected


@pytest.fixture
def project(intake, api):
    intake.store.register("project", "shop")
    return api.project("shop")


@pytest.fixture
def config():
    return RunOutputConfig()
