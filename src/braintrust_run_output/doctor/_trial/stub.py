"""A provider on loopback for one call of each client. It needs nothing but the standard library.

The local extra's `braintrust_run_output.local.StubProvider` does more, and needs a web framework.
"""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ANSWER = "This is a test of the tracing pipeline."
"""What the model says."""

_OPENAI = {
    "id": "chatcmpl-doctor",
    "object": "chat.completion",
    "created": 1_700_000_000,
    "model": "doctor",
    "choices": [
        {"index": 0, "finish_reason": "stop", "logprobs": None, "message": {"role": "assistant", "content": ANSWER}}
    ],
    "usage": {"prompt_tokens": 1, "completion_tokens": 8, "total_tokens": 9},
}
_ANTHROPIC = {
    "id": "msg_doctor",
    "type": "message",
    "role": "assistant",
    "model": "doctor",
    "content": [{"type": "text", "text": ANSWER}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 8},
}
_GOOGLE = {
    "candidates": [{"content": {"role": "model", "parts": [{"text": ANSWER}]}, "finishReason": "STOP", "index": 0}],
    "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 8, "totalTokenCount": 9},
    "modelVersion": "doctor",
}
_BY_ENDING: Mapping[str, Mapping[str, object]] = {
    "/chat/completions": _OPENAI,
    "/messages": _ANTHROPIC,
    ":generateContent": _GOOGLE,
}

_POLL = 0.05
"""Seconds after which the server sees at the latest that it is to end; half a second is ``http.server``'s own."""


@contextmanager
def stub_provider() -> Iterator[str]:
    """Serve on loopback; give the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, args=(_POLL,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("?")[0]
        body = next((answer for ending, answer in _BY_ENDING.items() if path.endswith(ending)), None)
        data = json.dumps(body or {"error": {"message": f"the stub provider has no {path}"}}).encode()
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Log nothing."""
