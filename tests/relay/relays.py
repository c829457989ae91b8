"""The relay as a process of its own."""

from __future__ import annotations

import signal
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

from braintrust_run_output.otlp import PROTOBUF
from processes import Application, environment

TIMEOUT = 60


class Process:
    """A relay in a process of its own."""

    def __init__(self, *options, **variables):
        self._process = Application(
            [sys.executable, "-m", "braintrust_run_output", "relay", "--listen", "127.0.0.1:0", *options],
            environment(**variables),
        )
        self.said = ""
        while "What waits is in" not in self.said:
            line = self._process.out.readline()
            assert line, self._process.end()
            self.said += line

    def address(self, what):
        """Return an address that it said."""
        (line,) = [line for line in self.said.splitlines() if what in line]
        return line.rpartition(" at ")[2].removesuffix(".")

    @property
    def url(self):
        return self.address("over HTTP").removesuffix("/v1/traces")

    def send(self, body, path="/v1/traces", *, context=None, **headers):
        """Post a body; return the status, the body and the headers of the answer."""
        return send(self.url + path, body, context=context, **headers)

    def metrics(self):
        with urllib.request.urlopen(self.address("Metrics"), timeout=TIMEOUT) as answer:
            return answer.read().decode()

    def wait_for_metric(self, line):
        """Wait until a line is among its metrics."""
        deadline = time.monotonic() + TIMEOUT
        while line not in self.metrics():
            assert time.monotonic() < deadline, self.metrics()
            time.sleep(0.2)

    def stop(self, how=signal.SIGTERM):
        """End it; return its exit code, and what it said."""
        self._process.send_signal(how)
        ended = self._process.end()
        return ended.code, ended.out, ended.log

    def kill(self):
        """End it at once, if it still runs."""
        self._process.kill()


def send(url, body, *, context=None, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    asked = urllib.request.Request(url, body, {"content-type": PROTOBUF, **headers}, method="POST")
    try:
        with urllib.request.urlopen(asked, timeout=TIMEOUT, context=context) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read(), error.headers


@contextmanager
def relay(*options, **variables):
    one = Process(*options, **variables)
    try:
        yield one
    finally:
        one.kill()
