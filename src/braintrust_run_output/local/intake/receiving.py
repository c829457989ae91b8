"""The intake's own interface: OTLP in, traces and the dataset out as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, cast

from starlette.responses import Response
from starlette.routing import Route

from . import otlp
from .dataset import add_to_dataset, export_dataset
from .mapping import map_request
from .store import LOCAL
from .values import dump_json

if TYPE_CHECKING:
    from starlette.requests import Request

    from .store import Store

_DEFAULT_PAGE = 100
_MAX_PAGE = 1000


async def receive_traces(request: Request) -> Response:
    """Take an OTLP trace export. 400: unreadable; 413: too large; 415: not OTLP or not decompressible."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if content_type not in otlp.CONTENT_TYPES:
        return _refusal(otlp.JSON, 415, f"use Content-Type {otlp.PROTOBUF} or {otlp.JSON}")
    if encoding not in otlp.CONTENT_ENCODINGS:
        return _refusal(content_type, 415, "use Content-Encoding gzip, deflate or none")
    limit = cast("int", request.app.state.max_body_bytes)
    try:
        body = await otlp.read_body(request.stream(), encoding=encoding, limit=limit)
        mapped = map_request(otlp.parse_request(body, content_type))
    except otlp.BodyTooLargeError as error:
        return _refusal(content_type, 413, str(error))
    except otlp.BadPayloadError as error:
        return _refusal(content_type, 400, str(error))
    _store(request).insert(mapped.rows, _project_of(request))
    return Response(otlp.success(content_type, rejected=mapped.rejected), media_type=content_type)


async def list_traces(request: Request) -> Response:
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


async def show_trace(request: Request) -> Response:
    """Show the rows of one trace. 404: no such trace."""
    root_span_id = request.path_params["root_span_id"]
    rows = _store(request).trace(root_span_id)
    if not rows:
        return _json_response({"error": f"no trace {root_span_id!r}"}, 404)
    return _json_response({"rows": rows})


async def add_trace_to_dataset(request: Request) -> Response:
    """Add a trace to the dataset and show the new row. 404: no such trace, or it has no root yet."""
    try:
        row = add_to_dataset(_store(request), request.path_params["root_span_id"])
    except ValueError as error:
        return _json_response({"error": str(error)}, 404)
    return _json_response(row, 201)


async def show_dataset(request: Request) -> Response:
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


def _project_of(request: Request) -> str:
    """Return the id of the project that Braintrust's header ``x-bt-parent`` names, of the local one if none."""
    kind, _, name = request.headers.get("x-bt-parent", "").partition(":")
    store = _store(request)
    if kind == "project_id" and store.find("project", name) is not None:
        return name
    return store.register("project", name).id if kind == "project_name" and name else LOCAL


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
