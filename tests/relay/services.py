"""Services in Python, as processes: see service.py."""

from __future__ import annotations

import signal
import sys
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from processes import Application, environment

SERVICE = Path(__file__).with_name("service.py")
ANSWER = "The capital of France is Paris."
TIMEOUT = 60


@contextmanager
def service(name, endpoint, **variables):
    """Run a service; yield its address. At the end it exports what it has."""
    process = Application(
        [sys.executable, str(SERVICE), "0"],
        environment(
            **{
                "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
                "OTEL_EXPORTER_OTLP_INSECURE": "true",
                "OTEL_SERVICE_NAME": name,
                "OTEL_BSP_SCHEDULE_DELAY": "200",
                **variables,
            }
        ),
    )
    try:
        yield process.out.readline().strip()
    finally:
        process.send_signal(signal.SIGTERM)
        process.end()


def post(url):
    with urllib.request.urlopen(urllib.request.Request(url, b""), timeout=TIMEOUT) as answer:
        return answer.read().decode()


def roots_of(hop):
    return [span for span in hop.spans() if span.parent_id is None]


def wait_for_the_root(hop):
    hop.wait(lambda spans: any(span.parent_id is None for span in spans))
    (root,) = roots_of(hop)
    return root
