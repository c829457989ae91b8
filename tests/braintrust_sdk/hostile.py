"""A server that answers as Braintrust's real one does on a bad day: whatever a test scripts."""

from __future__ import annotations

import contextlib
import gzip
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

ORGANIZATION = {"id": "o-1", "name": "acme"}


@dataclass
class Asked:
    """A request."""

    method: str
    path: str
    params: dict[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self):
        """Its body."""
        return json.loads(self.body) if self.body else None


@dataclass
class Reply:
    """An answer: a value as JSON, or a body as it is."""

    value: object = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None

    @property
    def bytes(self) -> bytes:
        """Its body."""
        return json.dumps(self.value).encode() if self.body is None else self.body


def unlabelled_gzip(value) -> Reply:
    """An answer that is gzip without saying so."""
    return Reply(body=gzip.compress(json.dumps(value).encode(), 1))


class HostileServer:
    """Logs in whoever asks, knows one project and one dataset of each name, and has the rest answered by a function.

    Args:
        answer: From a request to its answer, for everything else.
    """

    def __init__(self, answer: Callable[[Asked], Reply]) -> None:
        self.asked: list[Asked] = []
        self._lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # or each body waits 40 ms for the acknowledgement of its headers

            def handle_one(self) -> None:
                parts = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                asked = Asked(self.command, parts.path, dict(parse_qsl(parts.query)), self.headers, body)
                with server._lock:
                    server.asked.append(asked)
                    reply = server.known(asked) or answer(asked)
                content = reply.bytes
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                if "Content-Length" not in reply.headers:
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                with contextlib.suppress(ConnectionError):  # whoever asked has been interrupted
                    self.wfile.write(content)

            do_GET = do_POST = handle_one  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def known(self, asked: Asked) -> Reply | None:
        """Answer what a look-up of names asks."""
        if asked.path == "/api/apikey/login":
            return Reply({"org_info": [{**ORGANIZATION, "api_url": self.url}]})
        for kind in ("project", "dataset"):
            if asked.path == f"/v1/{kind}":
                name = asked.params.get(f"{kind}_name") or asked.json["name"]
                found = {"id": f"{kind}-{name}", "name": name}
                return Reply({"objects": [found]} if asked.method == "GET" else found)
        return None

    def to(self, path: str) -> list[Asked]:
        """Return what has been asked of a path."""
        return [one for one in self.asked if one.path.endswith(path)]

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
