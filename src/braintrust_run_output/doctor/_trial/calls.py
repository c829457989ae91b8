"""One call of each client that is installed, below a root as a web framework makes it, and what the root got."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from opentelemetry import trace

from ... import _sdk
from ...config import RunOutputConfig
from ...metadata import attribute
from ...outcome import read_outcome
from ...run import Choice, decide
from .clients import CLIENTS, quiet_environment
from .sealed import sealed
from .stub import ANSWER, stub_provider

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider

    from ...outcome import Outcome, SpanId
    from ..trial import Call
    from .clients import Client
    from .watch import Watched

SCOPE = "braintrust_run_output.doctor"
_HTTP = {"http.request.method": "POST", "http.route": "/ask", "url.path": "/ask"}
_PATIENCE = 10_000
"""So many roots are started until the sampler keeps one."""


def make_calls(provider: TracerProvider, watched: Sequence[Watched]) -> list[Call]:
    """Call each client that is installed; nothing leaves this machine meanwhile.

    Args:
        provider: The tracer provider that the application gets.
        watched: Its exporters, which send nothing.
    """
    with sealed(), quiet_environment(), stub_provider() as url:
        return [_make(client, url, provider, watched) for client in CLIENTS if client.is_installed]


def find_filters(provider: TracerProvider, watched: Sequence[Watched]) -> list[str]:
    """Return the names of the exporters that a root which says nothing of a model does not reach."""
    root = start_root(provider, "GET /nothing")
    is_recorded = root.is_recording()
    root.end()
    provider.force_flush()
    return [one.name for one in watched if is_recorded and root.get_span_context().span_id not in _ids(one)]


def start_root(provider: TracerProvider, name: str) -> trace.Span:
    """Start a root that is recorded; one that is not, if the sampler keeps none of very many."""
    tracer = provider.get_tracer(SCOPE)
    for _ in range(_PATIENCE):
        root = tracer.start_span(name, trace.set_span_in_context(trace.INVALID_SPAN), trace.SpanKind.SERVER, _HTTP)
        if root.is_recording():
            break
    return root


def _make(client: Client, url: str, provider: TracerProvider, watched: Sequence[Watched]) -> Call:
    root = start_root(provider, f"POST /ask ({client.name})")
    is_recorded = root.is_recording()
    error = ""
    try:
        with trace.use_span(root, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            client.call(url)
    except Exception as raised:  # noqa: BLE001 (whatever a client raises)
        error = f"{type(raised).__name__}: {' '.join(str(raised).split())}"
    provider.force_flush()
    context = root.get_span_context()
    spans = {
        span.context.span_id: span
        for one in watched
        for span in one.spans
        if span.context is not None and span.context.trace_id == context.trace_id
    }
    exported = spans.pop(context.span_id, None)
    config = RunOutputConfig.from_env()
    attributes = (exported and exported.attributes) or {}
    value = attributes.get(attribute(config.key))
    choice = Choice() if exported is None else _decide(exported, spans.values(), config)
    source = spans.get(int(choice.key[1])) if choice.key is not None else None
    return {
        "client": client.name,
        "version": _version(client),
        "error": error,
        "is_recorded": is_recorded,
        "spans": [span.name for span in spans.values()],
        "got": "" if value is None else "answer" if ANSWER in str(value) else "other",
        "rule": choice.rule,
        "reason": choice.reason,
        "source": "" if source is None else source.name,
        "has_input": any(name.startswith("braintrust.input") for name in attributes),
        "missing": [one.name for one in watched if is_recorded and context.span_id not in _ids(one)],
    }


def _decide(root: ReadableSpan, others: Iterable[ReadableSpan], config: RunOutputConfig) -> Choice:
    """Return what the run of a root says: by which rule it has its value, from which span, or why it has none."""
    parents: dict[SpanId, SpanId | None] = {
        _key(span)[1]: span.parent.span_id for span in others if span.parent is not None
    }
    outcomes = [_read(span, config) for span in others]
    return decide(_read(root, config), outcomes, parents, config)


def _read(span: ReadableSpan, config: RunOutputConfig) -> Outcome:
    own = attribute(config.key)
    scope = span.instrumentation_scope
    return read_outcome(
        # Without what the processor has written: to the run that would be the application's word.
        {name: value for name, value in (span.attributes or {}).items() if name != own},
        span.events,
        scope.name if scope else "",
        key=_key(span),
        config=config,
        name=span.name,
        start=span.start_time or 0,
        end=span.end_time or 0,
        has_failed=_sdk.has_failed(span),
    )


def _key(span: ReadableSpan) -> tuple[int, int]:
    return (0, 0) if span.context is None else (span.context.trace_id, span.context.span_id)


def _ids(watched: Watched) -> set[int]:
    return {span.context.span_id for span in watched.spans if span.context is not None}


def _version(client: Client) -> str:
    found = (_version_of(name) for name in (client.name, *sorted(client.targets)))
    return next((one for one in found if one), "")


def _version_of(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""
