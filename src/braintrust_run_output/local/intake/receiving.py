"""The intake's own interface: OTLP in, traces and the dataset out as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, cast

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.routing import Route

from ... import otlp
from ...otlp.json_spans import read_json_spans
from . import bounds
from .dataset import add_to_dataset, export_dataset
from .mapping import map_spans
from .store import LOCAL_PROJECT
from .values import dump_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request

    from .rows import Row
    from .store import Store

_DEFAULT_PAGE = 100
_MAX_PAGE = 1000
_REJECTED = "spans without a valid trace id and span id were left out"
_AT_ONCE = 2


async def receive_traces(request: Request) -> Response:
    """Take an OTLP trace export. 400: unreadable; 413: too large; 415: not OTLP or not decompressible."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if content_type not in otlp.CONTENT_TYPES:
        return _refusal(otlp.JSON, 415, f"use Content-Type {otlp.PROTOBUF} or {otlp.JSON}")
    if encoding not in otlp.CONTENT_ENCODINGS:
        return _refusal(content_type, 415, "use Content-Encoding gzip, deflate or none")
    try:
        sent = await otlp.read_body(request.stream(), encoding="identity", limit=_limit(request))
        # Large requests cost memory as well: they are read two at a time, on threads that are not the server's.
        async with _reading(request):
            rejected = await run_in_threadpool(_take, request, sent, content_type, encoding)
    except otlp.BodyTooLargeError as error:
        return _refusal(content_type, 413, str(error))
    except otlp.BadPayloadError as error:
        return _refusal(content_type, 400, str(error))
    answer = otlp.success(content_type, rejected=rejected, message=_REJECTED)
    return Response(answer, media_type=content_type)


def _take(request: Request, sent: bytes, content_type: str, encoding: str) -> int:
    """Store the spans of a request; return how many were left out."""
    body = bounds.decompress(sent, encoding, _limit(request))
    bounds.check_contents(body, content_type)
    rejected = 0

    def rows() -> Iterator[Row]:
        nonlocal rejected
        for row in map_spans(read_json_spans(body) if content_type == otlp.JSON else otlp.read_spans(body)):
            if row is None:
                rejected += 1
            else:
                yield row

    _store(request).insert(rows(), _project_of(request))
    return rejected


def list_traces(request: Request) -> Response:
    """One page of traces, newest first; ``next`` is the ``before`` of the next page, null at the end."""
    try:
        limit = _whole_number(request, "limit", default=_DEFAULT_PAGE)
        before = _whole_number(request, "before", default=None)
    except ValueError as error:
        return _json_response({"error": str(error)}, 400)
    limit = min(limit or _DEFAULT_PAGE, _MAX_PAGE)
    page = _store(request).traces(limit=limit, before=before)
    following = page[-1].cursor if len(page) == limit else None
    return _json_response({"traces": [asdict(trace) for trace in page], "next": following})


def show_trace(request: Request) -> Response:
    """Show the rows of one trace. 404: no such trace."""
    root_span_id = request.path_params["root_span_id"]
    rows = _store(request).trace(root_span_id)
    if not rows:
        return _json_response({"error": f"no trace {root_span_id!r}"}, 404)
    return _json_response({"rows": rows})


def add_trace_to_dataset(request: Request) -> Response:
    """Add a trace to the dataset and show the new row. 404: no such trace, or it has no root yet."""
    try:
        row = add_to_dataset(_store(request), request.path_params["root_span_id"])
    except ValueError as error:
        return _json_response({"error": str(error)}, 404)
    return _json_response(row, 201)


def show_dataset(request: Request) -> Response:
    """Export the dataset as JSON."""
    return Response(export_dataset(_store(request).dataset()), media_type=otlp.JSON)


ROUTES = (
    Route("/otel/v1/traces", receive_traces, methods=["POST"]),
    Route("/traces", list_traces, methods=["GET"]),
    Route("/traces/{root_span_id}", show_trace, methods=["GET"]),
    Route("/traces/{root_span_id}/dataset", add_trace_to_dataset, methods=["POST"]),
    Route("/dataset", show_dataset, methods=["GET"]),
)


def _store(request: Request) -> Store:
    return cast("Store", request.app.state.store)


def _limit(request: Request) -> int:
    return cast("int", request.app.state.max_body_bytes)


def _reading(request: Request) -> anyio.CapacityLimiter:
    state = request.app.state
    if not hasattr(state, "reading"):
        state.reading = anyio.CapacityLimiter(_AT_ONCE)
    return cast("anyio.CapacityLimiter", state.reading)


def _project_of(request: Request) -> str:
    """Return the id of the project that Braintrust's header ``x-bt-parent`` names, of the local one if none."""
    kind, _, name = request.headers.get("x-bt-parent", "").partition(":")
    store = _store(request)
    if kind == "project_id" and store.find("project", name) is not None:
        return name
    return store.register("project", name).id if kind == "project_name" and name else LOCAL_PROJECT


def _whole_number(request: Request, name: str, *, default: int | None) -> int | None:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) <= 18 and int(text) > 0):
        raise ValueError(f"{name}={text!r}: use a whole number greater than 0")
    return int(text)


def _refusal(content_type: str, status: int, message: str) -> Response:
    return Response(otlp.failure(content_type, message), status, media_type=content_type)


def _json_response(value: object, status: int = 200) -> Response:
    return Response(dump_json(value), status, media_type=otlp.JSON)
