"""BraintrustSpanExporter: Braintrust's own OTLP exporter, which is quiet where it has no API key."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from braintrust.otel import OtelExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from .. import _faults

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.sdk.trace import ReadableSpan

_DEFAULT_PARENT = "project_name:default-otel-project"
"""Where Braintrust's exporter sends traces if nobody says where."""


class BraintrustSpanExporter(SpanExporter):
    """Sends spans to Braintrust, as ``braintrust.otel.OtelExporter`` does.

    Without an API key that one raises for every batch. This one reports it once, drops the spans and looks again with
    the next batch, so a key that the application itself puts into the environment (a ``.env`` file) is found.

    Args:
        url: Where to send traces; default ``otel/v1/traces`` under ``BRAINTRUST_API_URL``.
        api_key: The API key; default ``BRAINTRUST_API_KEY``, then the nearest ``.env.braintrust`` file.
        parent: Where in Braintrust the traces go, e.g. ``project_name:my project``; default ``BRAINTRUST_PARENT``,
            then Braintrust's ``project_name:default-otel-project``.
        headers: Further HTTP headers.
        timeout: How long a request may take, in seconds; default as OpenTelemetry's variables say.
        compression: ``none``, ``gzip`` or ``deflate``; default as OpenTelemetry's variables say.
        **unknown: Any other option is reported by one WARNING and ignored.
    """

    def __init__(
        self,
        *,
        url: str | None = None,
        api_key: str | None = None,
        parent: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        compression: str | None = None,
        **unknown: object,
    ) -> None:
        for name in unknown:
            _faults.warn_once(
                f"exporter option {name}",
                "unknown option %s of the braintrust exporter is ignored: known are url, api_key, parent, headers, "
                "timeout, compression",
                name,
            )
        self._options: dict[str, Any] = {
            "url": url,
            "api_key": api_key,
            "parent": parent,
            "headers": {name: str(value) for name, value in (headers or {}).items()},
            "timeout": _seconds(timeout),
            "compression": _compression(compression),
        }
        self._is_shut_down = False
        self._exporter: SpanExporter | None = self._connect()

    @property
    def has_key(self) -> bool:
        """Whether an API key has been found."""
        return self._exporter is not None

    @property
    def parent(self) -> str:
        """Where in Braintrust the traces go."""
        return self._options["parent"] or os.environ.get("BRAINTRUST_PARENT") or _DEFAULT_PARENT

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans; without an API key, report that once and drop them."""
        if self._exporter is None and not self._is_shut_down:
            self._exporter = self._connect(with_spans=True)
        if self._exporter is None:
            return SpanExportResult.FAILURE
        return self._exporter.export(spans)

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Return True: nothing is kept here."""
        return self._exporter is None or self._exporter.force_flush(timeout_millis)

    def shutdown(self) -> None:
        """Send nothing from now on."""
        self._is_shut_down = True
        if self._exporter is not None:
            self._exporter.shutdown()

    def _connect(self, *, with_spans: bool = False) -> SpanExporter | None:
        """Return an exporter by what the environment says now, or None; without an API key warn if there are spans."""
        try:
            # Given a parent it keeps quiet: it says that it has none through logging.info(), which, called first,
            # configures logging for the application.
            exporter = OtelExporter(**{**self._options, "parent": self.parent})
        except Exception as error:  # noqa: BLE001
            _faults.contain("Setting Braintrust's exporter up", error)
            return None
        try:
            exporter.initialize()
        except ValueError:  # its way to say that there is no API key
            if with_spans:
                _faults.warn_once(
                    "no API key",
                    "no trace is sent to Braintrust: set BRAINTRUST_API_KEY to your Braintrust API key, or take "
                    "braintrust out of OTEL_TRACES_EXPORTER",
                )
            return None
        connected: SpanExporter = exporter
        return connected


def _seconds(timeout: object) -> float | None:
    if timeout is None or (isinstance(timeout, (int, float)) and timeout > 0):
        return timeout
    _faults.warn_once(
        "exporter timeout",
        "timeout=%r is not allowed, the default is used: give the braintrust exporter a number of seconds above 0",
        timeout,
    )
    return None


def _compression(name: object) -> Compression | None:
    if name is None:
        return None
    try:
        return Compression(str(name).lower())
    except ValueError:
        _faults.warn_once(
            "exporter compression",
            "compression=%r is not allowed, the default is used: give the braintrust exporter one of %s",
            name,
            ", ".join(one.value for one in Compression),
        )
        return None
