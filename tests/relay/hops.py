"""A next hop in a thread: it takes OTLP over HTTP, keeps it, and answers what it is told to."""

from __future__ import annotations

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness import RUN_OUTPUT

from braintrust_run_output.otlp import read_spans

TIMEOUT = 60


class Hop:
    """Keeps every request that it answers with 200."""

    def __init__(self, port=0):
        self._changed = threading.Condition()
        self._received = []
        self.logs = []
        self.paths = []
        self.status, self.headers = 200, {}
        hop = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # or each body waits 40 ms for the acknowledgement of its headers

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                status = hop.status
                self.send_response(status)
                for name, value in hop.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()
                if status == 200:
                    hop._keep(self.path, {name.lower(): value for name, value in self.headers.items()}, body)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.handle_error = lambda *_: None  # a relay that was killed
        self.base = f"http://127.0.0.1:{self._server.server_port}"
        self.url = f"{self.base}/v1/traces"

    def _keep(self, path, headers, body):
        with self._changed:
            self.paths.append(path)
            if path.endswith("/v1/logs"):
                self.logs.append(body)
            else:
                self._received.append((headers, list(read_spans(body))))
            self._changed.notify_all()

    def received(self):
        """Return the headers and the spans of each request."""
        with self._changed:
            return list(self._received)

    def spans(self):
        return [span for _, spans in self.received() for span in spans]

    def run_outputs(self):
        """Return the run outputs by span id."""
        return {span.span_hex: span.attributes[RUN_OUTPUT] for span in self.spans() if RUN_OUTPUT in span.attributes}

    def wait_for(self, span_id, times=1):
        """Wait until a span has arrived, or so many of the id."""
        self.wait(lambda spans: sum(span.span_hex == span_id for span in spans) >= times)

    def wait(self, is_there):
        """Wait until what has arrived is enough."""
        with self._changed:
            done = self._changed.wait_for(
                lambda: is_there([one for _, some in self._received for one in some]), TIMEOUT
            )
            assert done, f"it did not come in {TIMEOUT} s: {len(self._received)} requests did"

    def __enter__(self):
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
