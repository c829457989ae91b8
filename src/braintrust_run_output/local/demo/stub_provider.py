"""A stand-in for an OpenAI-compatible model provider, on loopback."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, TypeAlias

from starlette.applications import Starlette
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

from ..intake.values import parse_json
from ..server import BackgroundServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from ..intake.values import Json

ChatRequest: TypeAlias = "dict[str, Json]"
"""The body of a request, as the client sent it: it may hold anything."""
Answer: TypeAlias = "str | Callable[[ChatRequest], str]"
"""What the model says: a text, or a function from the request body to a text."""

_DEFAULT_ANSWER = "It is sunny in Paris."
_WORDS = re.compile(r"\s*\S+|\s+")
_CREATED = 1_700_000_000


def echo(request: ChatRequest) -> str:
    """Answer with the last user message, so that many concurrent runs can be told apart."""
    for message in reversed(_messages(request)):
        if message.get("role") == "user":
            return str(message.get("content"))
    return ""


class StubProvider(BackgroundServer):
    """Answers ``POST /v1/chat/completions`` on loopback, plain or streamed, always the same way.

    A request that offers tools and has no tool result yet gets a call of its first tool; any other request
    gets the answer.

    Args:
        answer: The answer, or a function from the request body to it, e.g. `echo`.
        tool_arguments: Arguments of the tool call.
        host: A loopback address or ``localhost``.
        port: The port; 0, the default, takes a free one.

    Raises:
        ValueError: ``host`` is not loopback.
    """

    def __init__(
        self,
        answer: Answer = _DEFAULT_ANSWER,
        *,
        tool_arguments: Mapping[str, Json] | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self._answer = answer
        self._tool_arguments = json.dumps({"city": "Paris"} if tool_arguments is None else dict(tool_arguments))
        routes = [Route("/v1/chat/completions", self._complete, methods=["POST"])]
        super().__init__(Starlette(routes=routes), host=host, port=port)

    @property
    def base_url(self) -> str:
        """What an OpenAI client takes as ``base_url`` or ``OPENAI_BASE_URL``: `url` and ``/v1``."""
        return f"{self.url}/v1"

    async def _complete(self, request: Request) -> Response:
        try:
            body = parse_json(await request.body())
        except ValueError:
            body = None
        if not isinstance(body, dict):
            error = {"message": "the body must be a JSON object", "type": "invalid_request_error"}
            return JSONResponse({"error": error}, status_code=400)
        message, finish_reason = self._reply(body)
        if body.get("stream"):
            events = _server_sent(_chunks(body, message, finish_reason))
            return StreamingResponse(events, media_type="text/event-stream")
        return JSONResponse(_completion(body, message, finish_reason))

    def _reply(self, request: ChatRequest) -> tuple[dict[str, Json], str]:
        tool = _tool_to_call(request)
        if tool is None:
            text = self._answer if isinstance(self._answer, str) else self._answer(request)
            return {"role": "assistant", "content": text}, "stop"
        call: Json = {
            "id": "call_stub",
            "type": "function",
            "function": {"name": tool, "arguments": self._tool_arguments},
        }
        return {"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls"


def _tool_to_call(request: ChatRequest) -> str | None:
    if any(message.get("role") == "tool" for message in _messages(request)):
        return None
    tool = next(iter(_objects(request.get("tools"))), {})
    function = tool.get("function")
    return str(function.get("name")) if isinstance(function, dict) else None


def _messages(request: ChatRequest) -> list[dict[str, Json]]:
    return _objects(request.get("messages"))


def _objects(value: Json) -> list[dict[str, Json]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _completion(request: ChatRequest, message: dict[str, Json], finish_reason: str) -> dict[str, Json]:
    return {
        **_head(request, "chat.completion"),
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason}],
        "usage": _usage(request, message),
    }


def _chunks(request: ChatRequest, message: dict[str, Json], finish_reason: str) -> Iterator[dict[str, Json]]:
    for delta in _deltas(message):
        yield _chunk(request, delta, None)
    yield _chunk(request, {}, finish_reason)
    options = request.get("stream_options")
    if isinstance(options, dict) and options.get("include_usage"):
        yield {
            **_head(request, "chat.completion.chunk"),
            "choices": [],
            "usage": _usage(request, message),
        }


def _deltas(message: dict[str, Json]) -> Iterator[dict[str, Json]]:
    yield {"role": "assistant", "content": ""}
    for index, call in enumerate(_objects(message.get("tool_calls"))):
        yield {"tool_calls": [{"index": index, **call}]}
    content = message.get("content")
    if isinstance(content, str):
        for word in _WORDS.findall(content):
            yield {"content": word}


def _chunk(request: ChatRequest, delta: dict[str, Json], finish_reason: str | None) -> dict[str, Json]:
    choice: Json = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return {**_head(request, "chat.completion.chunk"), "choices": [choice]}


def _head(request: ChatRequest, kind: str) -> dict[str, Json]:
    return {
        "id": "chatcmpl-stub",
        "object": kind,
        "created": _CREATED,
        "model": str(request.get("model", "stub")),
    }


def _usage(request: ChatRequest, message: dict[str, Json]) -> dict[str, Json]:
    """Count words as tokens: good enough for a stub, and the same every time."""
    prompt = sum(len(str(one.get("content")).split()) for one in _messages(request))
    answer = len(str(message.get("content") or message.get("tool_calls")).split())
    return {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}


async def _server_sent(chunks: Iterable[dict[str, Json]]) -> AsyncIterator[str]:
    for chunk in chunks:
        yield f"data: {json.dumps(chunk)}\n\n"
    yield "data: [DONE]\n\n"
