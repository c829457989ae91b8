"""A Braintrust-shaped OTLP intake on loopback."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .app import DEFAULT_MAX_BODY_BYTES, create_app
from .intake.faults import FaultInjection, Faults
from .intake.store import Store
from .server import BackgroundServer

if TYPE_CHECKING:
    from .intake.rows import Row


class LocalIntake(BackgroundServer):
    """Takes OTLP traces on loopback and keeps the rows that Braintrust would make of them. `url` has pages for people.

    It also answers what the Braintrust SDK and this package ask of Braintrust's REST interface: point
    ``BRAINTRUST_APP_URL`` and ``BRAINTRUST_API_URL`` to `url`. ``faults`` makes it fail on order.

    >>> with LocalIntake() as intake:
    ...     intake.endpoint  # for OTEL_EXPORTER_OTLP_TRACES_ENDPOINT
    'http://127.0.0.1:.../otel/v1/traces'

    Args:
        host: A loopback address or ``localhost``.
        port: The port; 0, the default, takes a free one.
        store: Where rows go; a new one in memory by default. It can still be read after `stop`.
        max_body_bytes: Greatest size of a request body after decompression, in bytes; 64 MiB by default.
        api_key: The key that Braintrust's REST interface wants; by default it takes any.
        key: The metadata key whose values the pages show as run outputs.

    Raises:
        ValueError: ``host`` is not loopback.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        store: Store | None = None,
        max_body_bytes: int = DEFAULT_MAX_BODY_BYTES,
        api_key: str | None = None,
        key: str = "run_output",
    ) -> None:
        self.store = Store() if store is None else store
        self.faults = Faults()
        app = create_app(self.store, max_body_bytes=max_body_bytes, api_key=api_key, key=key)
        super().__init__(FaultInjection(app, self.faults), host=host, port=port)

    @property
    def endpoint(self) -> str:
        """Where OTLP exporters send traces: `url` and ``/otel/v1/traces``."""
        return f"{self.url}/otel/v1/traces"

    def wait_for_rows(self, count: int, *, timeout: float = 10.0) -> list[Row]:
        """Block until at least ``count`` rows arrived, for ``timeout`` seconds at most: as `Store.wait_for_rows`."""
        return self.store.wait_for_rows(count, timeout=timeout)
