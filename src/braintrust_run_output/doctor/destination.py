"""Where traces go, and with which parent. A key is only said to be there or not."""

from __future__ import annotations

import json
import re
import socket
import urllib.request
from http.client import HTTPException
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

from ._trial.sealed import is_loopback
from .report import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .trial import Exporter, Trial

_TOPIC = "Destination"
_PARENT = "x-bt-parent"
_DEFAULT_PARENT = "project_name:default-otel-project"
_KINDS = ("project_name:", "project_id:", "experiment_id:")
_SLUG = re.compile(r"[\w+/=-]{40,}")
"""What a span's ``export()`` gives has no kind in front."""
_HEALTH_SECONDS = 2.0
_CHOOSING = (
    "OTEL_TRACES_EXPORTER",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_CONFIG_FILE",
)
"""What says where spans go."""
_RELAY = "braintrust-run-output relay"


def examine(trial: Trial, environ: Mapping[str, str], *, probe: bool) -> Iterator[Finding]:
    """Look at each exporter that the trial had; ask at its endpoint whether a relay is there.

    Nothing is asked of another machine, unless with ``probe``.
    """
    elsewhere: list[str] = []
    for exporter in trial["exporters"]:
        endpoint = _shown(exporter["endpoint"])
        is_here = bool(endpoint) and is_loopback(_host(endpoint))
        relay = find_relay(exporter["endpoint"]) if is_here or probe else None
        if is_here and not _is_listening(endpoint):
            yield _unheard(endpoint, environ)
        yield from _relay(relay, endpoint) if relay is not None else _exporter(exporter, endpoint, environ)
        if relay is None and not _is_braintrust(exporter, environ):
            elsewhere.append(endpoint or _short(exporter))
    if environ.get("BRAINTRUST_API_KEY", "").strip() and elsewhere and len(elsewhere) == len(trial["exporters"]):
        yield Finding(
            _TOPIC,
            "warning",
            f"BRAINTRUST_API_KEY is set, but spans go to {', '.join(elsewhere)} only",
            "set OTEL_TRACES_EXPORTER=braintrust, unless a collector there sends them on",
        )


def _exporter(exporter: Exporter, endpoint: str, environ: Mapping[str, str]) -> Iterator[Finding]:
    if exporter["name"].endswith("BraintrustSpanExporter"):
        yield from _braintrust(exporter, endpoint)
    elif endpoint:
        yield from _otlp(endpoint, environ)
    else:
        yield Finding(_TOPIC, "note", f"{_short(exporter)} sends nothing to an OTLP endpoint")


def _short(exporter: Exporter) -> str:
    return exporter["name"].rpartition(".")[2]


class Relay(NamedTuple):
    """What a relay says of itself."""

    version: str
    reaches_next_hop: bool


def find_relay(endpoint: str) -> Relay | None:
    """Ask at an endpoint whether a relay serves it.

    Args:
        endpoint: Where an exporter sends spans, by HTTP.
    """
    url = urlsplit(endpoint)
    if url.scheme not in ("http", "https"):
        return None
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        host = url.netloc.rpartition("@")[2]
        with direct.open(f"{url.scheme}://{host}/health", timeout=_HEALTH_SECONDS) as response:
            said = json.loads(response.read(65536))
    except (OSError, ValueError, HTTPException):  # nothing is there, or something else
        return None
    if not isinstance(said, dict) or said.get("name") != _RELAY:
        return None
    return Relay(str(said.get("version", "")), said.get("next_hop", "ok") == "ok")


def _relay(relay: Relay, endpoint: str) -> Iterator[Finding]:
    text = f"{_RELAY} {relay.version} at {endpoint}: it completes roots across processes, and sends them on"
    yield Finding(_TOPIC, "ok", text)
    if not relay.reaches_next_hop:
        yield Finding(
            _TOPIC, "warning", "the relay does not reach where it sends spans to", "see its log, and its destination"
        )


def _is_listening(endpoint: str) -> bool:
    url = urlsplit(endpoint if "//" in endpoint else f"//{endpoint}")
    try:
        port = url.port or (443 if url.scheme == "https" else 80)
        with socket.create_connection((url.hostname or "localhost", port), timeout=_HEALTH_SECONDS):
            return True
    except (OSError, ValueError):
        return False


def _unheard(endpoint: str, environ: Mapping[str, str]) -> Finding:
    is_chosen = any(name in environ for name in _CHOOSING)
    return Finding(
        _TOPIC,
        "warning",
        f"spans go to {endpoint}, and nothing listens there" + ("" if is_chosen else "; it is the default"),
        "start what shall take them, or correct the address"
        if is_chosen
        else "set OTEL_TRACES_EXPORTER=braintrust, BRAINTRUST_API_KEY and BRAINTRUST_PARENT",
    )


def _is_braintrust(exporter: Exporter, environ: Mapping[str, str]) -> bool:
    endpoint = _shown(exporter["endpoint"])
    own = urlsplit(environ.get("BRAINTRUST_API_URL", "")).netloc
    return (
        exporter["name"].startswith(("braintrust.", "braintrust_run_output."))
        or _host(endpoint).endswith("braintrust.dev")
        or bool(own and urlsplit(endpoint).netloc == own)
    )


def _braintrust(exporter: Exporter, endpoint: str) -> Iterator[Finding]:
    if exporter["has_key"]:
        yield Finding(_TOPIC, "ok", f"Braintrust at {endpoint}, with an API key")
    else:
        yield Finding(_TOPIC, "problem", "Braintrust, but there is no API key", "set BRAINTRUST_API_KEY")
    parent = exporter["parent"]
    if not parent or parent == _DEFAULT_PARENT:
        yield Finding(
            _TOPIC,
            "warning",
            "no parent is set: traces go to the project default-otel-project",
            "set BRAINTRUST_PARENT=project_name:<your project>",
        )
    else:
        yield _parent(parent, "BRAINTRUST_PARENT={}")


def _otlp(endpoint: str, environ: Mapping[str, str]) -> Iterator[Finding]:
    headers = _headers(environ)
    yield Finding(_TOPIC, "note", f"OTLP at {endpoint}")
    if _host(endpoint).endswith("braintrust.dev"):
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
        yield _parent(headers[_PARENT], "x-bt-parent={} in OTEL_EXPORTER_OTLP_HEADERS")


def _parent(parent: str, how: str) -> Finding:
    """Say where traces belong. Without its kind in front Braintrust cannot tell what a name is of."""
    if parent.startswith(_KINDS) or _SLUG.fullmatch(parent):
        return Finding(_TOPIC, "ok", f"parent {parent}")
    name = parent.rpartition(":")[2].strip() or "<your project>"
    return Finding(
        _TOPIC,
        "problem",
        f"the parent {parent} does not say what it is: {', '.join(_KINDS)} stand in front of a name or id",
        f"set {how.format(f'project_name:{name}')}",
    )


def _headers(environ: Mapping[str, str]) -> dict[str, str]:
    given = environ.get("OTEL_EXPORTER_OTLP_TRACES_HEADERS") or environ.get("OTEL_EXPORTER_OTLP_HEADERS") or ""
    pairs = (pair.partition("=") for pair in given.split(","))
    return {name.strip().lower(): unquote(value).strip() for name, _, value in pairs if name.strip()}


def _host(endpoint: str) -> str:
    return urlsplit(endpoint if "//" in endpoint else f"//{endpoint}").hostname or ""


def _shown(endpoint: str) -> str:
    """Return an endpoint without a user, password or query, which may be secret."""
    scheme, separator, rest = endpoint.rpartition("//")
    return scheme + separator + rest.partition("?")[0].rpartition("@")[2]
