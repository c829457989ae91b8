"""The clients that are tried, and one call of each: a real one, to the stub provider, with a key that is none."""

from __future__ import annotations

import importlib.util
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_KEY = "braintrust-run-output-doctor"
_QUESTION = "Is this a test?"
_MODEL = "gpt-4o-mini"
_SECONDS = 10.0


class Client(NamedTuple):
    """A client of a model provider, or a framework."""

    name: str
    """The distribution's."""
    module: str
    targets: frozenset[str]
    """The distributions that its instrumentations say they instrument."""
    call: Callable[[str], object]
    """Makes the call; takes the stub provider's address."""

    @property
    def is_installed(self) -> bool:
        """Whether it can be imported, as far as can be told without doing so."""
        try:
            return importlib.util.find_spec(self.module) is not None
        except (ImportError, ValueError):
            return False


def _openai(url: str) -> object:
    from openai import OpenAI

    client = OpenAI(api_key=_KEY, base_url=f"{url}/v1", max_retries=0, timeout=_SECONDS)
    return client.chat.completions.create(model=_MODEL, messages=[{"role": "user", "content": _QUESTION}])


def _anthropic(url: str) -> object:
    from anthropic import Anthropic  # type: ignore[import-not-found,unused-ignore]

    client = Anthropic(api_key=_KEY, base_url=url, max_retries=0, timeout=_SECONDS)
    messages: Any = [{"role": "user", "content": _QUESTION}]
    return client.messages.create(model="claude-sonnet-4-5", max_tokens=100, messages=messages)


def _langchain(url: str) -> object:
    """Call the chat model of a provider's package; without one, LangChain's own model that asks nobody."""
    if importlib.util.find_spec("langchain_openai"):
        from langchain_openai import ChatOpenAI  # type: ignore[import-not-found,unused-ignore]

        model: Any = ChatOpenAI(model=_MODEL, api_key=_KEY, base_url=f"{url}/v1", max_retries=0, timeout=_SECONDS)
    elif importlib.util.find_spec("langchain_anthropic"):
        from langchain_anthropic import ChatAnthropic  # type: ignore[import-not-found,unused-ignore]

        model = ChatAnthropic(model="claude-sonnet-4-5", api_key=_KEY, base_url=url, max_retries=0, timeout=_SECONDS)
    else:
        from langchain_core.language_models import FakeListChatModel  # type: ignore[import-not-found,unused-ignore]

        from .stub import ANSWER

        model = FakeListChatModel(responses=[ANSWER])
    return model.invoke(_QUESTION)


def _google(url: str) -> object:
    from google import genai  # type: ignore[attr-defined,import-untyped,unused-ignore]

    client = genai.Client(api_key=_KEY, vertexai=False, http_options={"base_url": url})
    return client.models.generate_content(model="gemini-2.5-flash", contents=_QUESTION)


def _litellm(url: str) -> object:
    import litellm  # type: ignore[import-not-found,unused-ignore]

    return litellm.completion(
        model=f"openai/{_MODEL}",
        api_base=f"{url}/v1",
        api_key=_KEY,
        num_retries=0,
        timeout=_SECONDS,
        messages=[{"role": "user", "content": _QUESTION}],
    )


CLIENTS = (
    Client("openai", "openai", frozenset({"openai"}), _openai),
    Client("anthropic", "anthropic", frozenset({"anthropic"}), _anthropic),
    Client("langchain", "langchain_core", frozenset({"langchain", "langchain-core"}), _langchain),
    Client("google-genai", "google.genai", frozenset({"google-genai", "google-generativeai"}), _google),
    Client("litellm", "litellm", frozenset({"litellm"}), _litellm),
)


@contextmanager
def quiet_environment() -> Iterator[None]:
    """Leave out, in this block, what would send a call, or word of it, past the stub provider."""
    before = dict(os.environ)
    for name in before:
        if name.lower().endswith("_proxy"):
            del os.environ[name]
    os.environ["NO_PROXY"] = "*"
    if os.environ.get("LANGSMITH_OTEL_ENABLED", "").lower() == "true":
        os.environ["LANGSMITH_OTEL_ONLY"] = "true"
    else:
        os.environ["LANGSMITH_TRACING"] = os.environ["LANGCHAIN_TRACING_V2"] = "false"
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
