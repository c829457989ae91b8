"""Where traces go, and with which parent. A key is only said to be there or not."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from .report import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .trial import Trial

_TOPIC = "Destination"
_PARENT = "x-bt-parent"


def examine(trial: Trial, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Look at each exporter that the trial had."""
    for exporter in trial["exporters"]:
        endpoint = _shown(exporter["endpoint"])
        if exporter["name"].endswith("BraintrustSpanExporter"):
            yield from _braintrust(endpoint, exporter["parent"], has_key=exporter["has_key"])
        elif endpoint:
            yield from _otlp(endpoint, _headers(environ))
        else:
            yield Finding(_TOPIC, "note", f"{exporter['name']} sends nothing to an OTLP endpoint")


def _braintrust(endpoint: str, parent: str, *, has_key: bool) -> Iterator[Finding]:
    if has_key:
        yield Finding(_TOPIC, "ok", f"Braintrust at {endpoint}, with an API key")
    else:
        yield Finding(_TOPIC, "problem", "Braintrust, but there is no API key", "set BRAINTRUST_API_KEY")
    if not parent or parent == "project_name:default-otel-project":
        yield Finding(
            _TOPIC,
            "warning",
            "no parent is set: traces go to the project default-otel-project",
            "set BRAINTRUST_PARENT=project_name:<your project>",
        )
    else:
        yield Finding(_TOPIC, "ok", f"parent {parent}")


def _otlp(endpoint: str, headers: Mapping[str, str]) -> Iterator[Finding]:
    host = urlsplit(endpoint if "//" in endpoint else f"//{endpoint}").hostname or ""
    yield Finding(_TOPIC, "note", f"OTLP at {endpoint}")
    if host.endswith("braintrust.dev"):
        if "authorization" not in headers:
            yield Finding(
                _TOPIC,
                "problem",
                "Braintrust takes OTLP with an API key only, and no Authorization header is set",
                'set OTEL_EXPORTER_OTLP_HEADERS="Authorization=Bearer%20<your API key>, '
                'x-bt-parent=project_name:<your project>", or OTEL_TRACES_EXPORTER=braintrust and BRAINTRUST_API_KEY',
            )
        if _PARENT not in headers:
            yield Finding(
                _TOPIC,
                "problem",
                "Braintrust needs to know where traces belong, and no x-bt-parent header is set",
                "add x-bt-parent=project_name:<your project> to OTEL_EXPORTER_OTLP_HEADERS",
            )
    if _PARENT in headers:
        yield Finding(_TOPIC, "ok", f"parent {headers[_PARENT]}")


def _headers(environ: Mapping[str, str]) -> dict[str, str]:
    given = environ.get("OTEL_EXPORTER_OTLP_TRACES_HEADERS") or environ.get("OTEL_EXPORTER_OTLP_HEADERS") or ""
    pairs = (pair.partition("=") for pair in given.split(","))
    return {name.strip().lower(): unquote(value).strip() for name, _, value in pairs if name.strip()}


def _shown(endpoint: str) -> str:
    """Return an endpoint without a user, password or query, which may be secret."""
    scheme, separator, rest = endpoint.rpartition("//")
    return scheme + separator + rest.partition("?")[0].rpartition("@")[2]
