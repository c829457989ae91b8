"""A stand-in for the endpoints that the package's stub provider does not have: Anthropic's, Gemini's, OpenAI Responses."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from braintrust_run_output.local.server import BackgroundServer

TEXT = "It is sunny in Paris."
ARGUMENTS = {"city": "Paris"}


class Provider(BackgroundServer):
    """Answers ``/v1/messages``, ``/v1/responses`` and ``/v1beta/models/...`` on loopback, plain or streamed.

    A request that offers tools and has no tool result yet gets a call of its first tool, any other one the text.

    Args:
        say: From the body of a request to the text.
    """

    def __init__(self, say: Callable[[dict[str, Any]], str] = lambda _body: TEXT) -> None:
        endpoints = {"/v1/messages": _messages, "/v1/responses": _responses, "/v1beta/models/{call}": _gemini}
        routes = [
            Route(path, functools.partial(endpoint, say=say), methods=["POST"]) for path, endpoint in endpoints.items()
        ]
        super().__init__(Starlette(routes=routes))


async def _messages(request: Request, say: Callable[[dict[str, Any]], str]) -> Response:
    body = await request.json()
    content, stop_reason = _anthropic_content(body, say)
    message = {
        "id": "msg_stub", "type": "message", "role": "assistant", "model": body["model"], "content": content,
        "stop_reason": stop_reason, "stop_sequence": None, "usage": {"input_tokens": 3, "output_tokens": 5},
    }  # fmt: skip
    return _stream(_anthropic_events(message)) if body.get("stream") else JSONResponse(message)


def _anthropic_content(body: dict[str, Any], say: Callable[[dict[str, Any]], str]) -> tuple[list[dict[str, Any]], str]:
    if _calls_tool(body, "tool_result", json.dumps(body["messages"])):
        return [
            {"type": "tool_use", "id": "toolu_stub", "name": body["tools"][0]["name"], "input": ARGUMENTS}
        ], "tool_use"
    return [{"type": "text", "text": say(body)}], "end_turn"


def _anthropic_events(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    (block,) = message["content"]
    yield {"type": "message_start", "message": {**message, "content": [], "stop_reason": None}}
    if block["type"] == "text":
        yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
        for word in block["text"].split(" "):
            delta = {"type": "text_delta", "text": word if word == "It" else f" {word}"}
            yield {"type": "content_block_delta", "index": 0, "delta": delta}
    else:
        yield {"type": "content_block_start", "index": 0, "content_block": {**block, "input": {}}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        yield {"type": "content_block_delta", "index": 0, "delta": delta}
    yield {"type": "content_block_stop", "index": 0}
    yield {
        "type": "message_delta",
        "delta": {"stop_reason": message["stop_reason"], "stop_sequence": None},
        "usage": {"output_tokens": 5},
    }
    yield {"type": "message_stop"}


async def _responses(request: Request, say: Callable[[dict[str, Any]], str]) -> Response:
    body = await request.json()
    item: dict[str, Any]
    if _calls_tool(body, "function_call_output", json.dumps(body["input"])):
        name = body["tools"][0]["name"]
        item = {
            "type": "function_call",
            "id": "fc_stub",
            "call_id": "call_stub",
            "name": name,
            "arguments": json.dumps(ARGUMENTS),
            "status": "completed",
        }
    else:
        part = {"type": "output_text", "text": say(body), "annotations": [], "logprobs": []}
        item = {"type": "message", "id": "msg_stub", "role": "assistant", "status": "completed", "content": [part]}
    response = {
        "id": "resp_stub", "object": "response", "created_at": 1_700_000_000, "model": body["model"], "status": "completed",
        "output": [item], "parallel_tool_calls": True, "tool_choice": "auto", "tools": body.get("tools", []),
        "error": None, "incomplete_details": None, "instructions": None, "metadata": {}, "temperature": 1.0, "top_p": 1.0,
        "usage": {"input_tokens": 3, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 5,
                  "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 8},
    }  # fmt: skip
    return _stream(_responses_events(response, item)) if body.get("stream") else JSONResponse(response)


def _responses_events(response: dict[str, Any], item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    started = {**response, "status": "in_progress", "output": [], "usage": None}
    events: list[dict[str, Any]] = [{"type": "response.created", "response": started}]
    if item["type"] == "message":
        (part,) = item["content"]
        where = {"item_id": item["id"], "output_index": 0, "content_index": 0}
        events += [
            {
                "type": "response.output_item.added",
                "output_index": 0,
                "item": {**item, "status": "in_progress", "content": []},
            },
            {"type": "response.content_part.added", **where, "part": {**part, "text": ""}},
            {"type": "response.output_text.delta", **where, "delta": part["text"], "logprobs": []},
            {"type": "response.output_text.done", **where, "text": part["text"], "logprobs": []},
            {"type": "response.content_part.done", **where, "part": part},
        ]
    else:
        where = {"item_id": item["id"], "output_index": 0}
        events += [
            {"type": "response.output_item.added", "output_index": 0, "item": {**item, "arguments": ""}},
            {"type": "response.function_call_arguments.delta", **where, "delta": item["arguments"]},
            {
                "type": "response.function_call_arguments.done",
                **where,
                "arguments": item["arguments"],
                "name": item["name"],
            },
        ]
    events += [
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": response},
    ]
    for number, event in enumerate(events):
        yield {**event, "sequence_number": number}


async def _gemini(request: Request, say: Callable[[dict[str, Any]], str]) -> Response:
    body = await request.json()
    (declared, *_) = [tool for offered in body.get("tools", []) for tool in offered["functionDeclarations"]] or [None]
    if declared and '"functionResponse"' not in json.dumps(body["contents"]):
        schema = next(value for name, value in declared.items() if name.startswith("parameters"))
        arguments = {name: (one.get("enum") or ["Paris"])[0] for name, one in schema["properties"].items()}
        part: dict[str, Any] = {"functionCall": {"id": "call_stub", "name": declared["name"], "args": arguments}}
    else:
        part = {"text": say(body)}
    response = {
        "candidates": [{"index": 0, "content": {"role": "model", "parts": [part]}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 5, "totalTokenCount": 8},
    }
    if request.path_params["call"].endswith(":streamGenerateContent"):
        return StreamingResponse(iter([f"data: {json.dumps(response)}\n\n"]), media_type="text/event-stream")
    return JSONResponse(response)


def _calls_tool(body: dict[str, Any], result: str, conversation: str) -> bool:
    return bool(body.get("tools")) and f'"{result}"' not in conversation


def _stream(events: Iterator[dict[str, Any]]) -> Response:
    lines = (f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    return StreamingResponse(lines, media_type="text/event-stream")
