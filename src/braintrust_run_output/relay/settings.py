"""RelaySettings: what the relay does, and how its durations, sizes and addresses are written."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias
from urllib.parse import unquote, urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ENV_PREFIX = "BRAINTRUST_RUN_OUTPUT_RELAY_"
"""Of the environment variables that say what the options do."""

Durability: TypeAlias = Literal["normal", "full"]
Compression: TypeAlias = Literal["none", "gzip"]

_MIB = 1024 * 1024
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)?")
_SECONDS = {"ms": 0.001, None: 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
_SIZE = re.compile(r"(\d+)(?:([kmg])(?:i?b)?|b)?", re.IGNORECASE)
_BYTES = {"": 1, "k": 1024, "m": _MIB, "g": 1024 * _MIB}
_BRAINTRUST = "https://api.braintrust.dev"


class Address(NamedTuple):
    """Where to listen. Port 0 takes a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        """Return it as it is written, an IPv6 address in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


_HERE = Address("127.0.0.1", 4318)


class Destination(NamedTuple):
    """Where spans go, and with which headers."""

    traces: str
    """The URL that takes traces, with its path."""
    headers: Mapping[str, str]


@dataclass(frozen=True)
class RelaySettings:
    """What the relay does. Times are seconds, sizes bytes.

    Args:
        traces_to: The URL that takes traces, with its path.
        logs_to: The URL that takes log records, with its path; None, the default: they are read and not sent on.
        headers: What every request to the next hop has.
        forward_headers: Whether the ``authorization`` and ``x-bt-parent`` of each request go on, before ``headers``.
        listen: Where OTLP over HTTP is taken.
        grpc: Where OTLP over gRPC is taken; None, the default: nowhere.
        metrics: Where Prometheus finds metrics; None, the default: nowhere.
        certificate: A PEM file with the certificate for ``listen`` and ``grpc``; None, the default: no TLS.
        private_key: A PEM file with its key.
        hold: How long a trace must be quiet before its root goes on.
        max_hold: How long a root waits at the most.
        remember: How long after its last span a trace is remembered, for a root that comes late.
        max_remembered_bytes: Most that is remembered of traces; beyond it the oldest are forgotten.
        max_held_bytes: Most that roots that wait may take; beyond it the oldest go on early, beyond twice as much new
            ones are refused until they have gone.
        max_in_flight_bytes: Most that requests that are being worked on may take; beyond it they are refused.
        max_request_bytes: Greatest size of a request, decompressed.
        state_dir: Where roots and what is remembered survive a restart; None, the default: a temporary directory.
        durability: ``normal`` survives a kill of the process, ``full`` a loss of power as well.
        compression: How what goes on is compressed.
        timeout: How long the next hop may take.
    """

    traces_to: str
    logs_to: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    forward_headers: bool = False
    listen: Address = _HERE
    grpc: Address | None = None
    metrics: Address | None = None
    certificate: Path | None = None
    private_key: Path | None = None
    hold: float = 10.0
    max_hold: float = 60.0
    remember: float = 900.0
    max_remembered_bytes: int = 256 * _MIB
    max_held_bytes: int = 256 * _MIB
    max_in_flight_bytes: int = 128 * _MIB
    max_request_bytes: int = 64 * _MIB
    state_dir: Path | None = None
    durability: Durability = "normal"
    compression: Compression = "none"
    timeout: float = 10.0


def parse_duration(text: str) -> float:
    """Return a duration in seconds.

    Args:
        text: ``500ms``, ``10s``, ``15m``, ``1h``, or a plain number of seconds.

    Raises:
        ValueError: It is none of these.
    """
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no duration: give one like 500ms, 10s, 15m or 1h")
    return float(found[1]) * _SECONDS[found[2]]


def parse_size(text: str) -> int:
    """Return a size in bytes.

    Args:
        text: ``1000000``, ``512KiB``, ``256MiB``, ``1GiB``; the short ``256m`` and ``256MB`` are the same.

    Raises:
        ValueError: It is none of these.
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no size: give one like 1000000, 512KiB, 256MiB or 1GiB")
    return int(found[1]) * _BYTES[(found[2] or "").lower()]


def parse_address(text: str) -> Address:
    """Return an address to listen on.

    Args:
        text: ``127.0.0.1:4318``, ``[::1]:4318`` or ``0.0.0.0:4318``.

    Raises:
        ValueError: It is none of these.
    """
    try:
        parts = urlsplit(f"//{text.strip()}")
        host, port = parts.hostname, parts.port
        if host and port is not None and parts.netloc == text.strip() and "@" not in text:
            return Address(host, port)
    except ValueError:
        pass
    raise ValueError(f"{text!r} is no address: give HOST:PORT, like 127.0.0.1:4318 or [::1]:4318")


def parse_header(text: str) -> tuple[str, str]:
    """Return a header's name, in lower case, and its value.

    Args:
        text: ``NAME=VALUE``.

    Raises:
        ValueError: It is not; the message does not quote it, as it may hold a key.
    """
    name, equals, value = text.partition("=")
    if not (name.strip() and equals):
        raise ValueError("a header is NAME=VALUE, like x-bt-parent=project_name:shop")
    return name.strip().lower(), value.strip()


def traces_url(url: str) -> str:
    """Return the URL that takes traces: the one given, with ``/v1/traces`` after its path unless it ends so.

    Raises:
        ValueError: It is not an HTTP URL.
    """
    return _signal_url(url, "/v1/traces")


def logs_url(url: str) -> str:
    """Return the URL that takes log records: the one given, with ``/v1/logs`` after its path unless it ends so.

    Raises:
        ValueError: It is not an HTTP URL.
    """
    return _signal_url(url, "/v1/logs")


def _signal_url(url: str, path: str) -> str:
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is no address to send to: give one like http://collector:4318")
    if parts.path.endswith(path):
        return url.strip()
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") + path))


def find_destination(environ: Mapping[str, str]) -> Destination:
    """Return where spans go by OpenTelemetry's variables, else by Braintrust's.

    ``OTEL_EXPORTER_OTLP_TRACES_ENDPOINT``, ``OTEL_EXPORTER_OTLP_ENDPOINT`` and their ``_HEADERS``, where an endpoint is
    set; otherwise ``BRAINTRUST_API_URL`` (Braintrust's own by default), ``BRAINTRUST_API_KEY`` and
    ``BRAINTRUST_PARENT``.

    Args:
        environ: Where to read.

    Raises:
        ValueError: An endpoint is not an HTTP URL.
    """
    for endpoint, is_whole in (("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", True), ("OTEL_EXPORTER_OTLP_ENDPOINT", False)):
        url = environ.get(endpoint, "").strip()
        if url:
            _signal_url(url, "")
            return Destination(url if is_whole else traces_url(url), _otel_headers(environ))
    headers = {}
    key, parent = (environ.get(f"BRAINTRUST_{name}", "").strip() for name in ("API_KEY", "PARENT"))
    if key:
        headers["authorization"] = f"Bearer {key}"
    if parent:
        headers["x-bt-parent"] = parent
    api = environ.get("BRAINTRUST_API_URL", "").strip() or _BRAINTRUST
    return Destination(traces_url(api.rstrip("/") + "/otel"), headers)


def _otel_headers(environ: Mapping[str, str]) -> dict[str, str]:
    return parse_headers(
        environ.get("OTEL_EXPORTER_OTLP_TRACES_HEADERS") or environ.get("OTEL_EXPORTER_OTLP_HEADERS") or ""
    )


def parse_headers(text: str) -> dict[str, str]:
    """Return headers as OpenTelemetry's variables have them: ``NAME=VALUE`` with commas between, percent-encoded."""
    pairs = (pair.partition("=") for pair in text.split(","))
    return {unquote(name).strip().lower(): unquote(value).strip() for name, _, value in pairs if name.strip()}
