"""What the endpoints of Braintrust's interface share: who asks, for what, and how it is answered."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response

from ... import otlp
from . import bounds
from .values import dump_json, parse_json

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.requests import Request

    from .store import Store, StoredObject
    from .values import Json

    Fields: TypeAlias = dict[str, Json]
    Answer: TypeAlias = Callable[["Asked"], Response]

_LONGEST_NAME = 1_000


class Asked:
    """A request with its body read: what an endpoint answers. It runs on a thread of its own, so it may wait."""

    def __init__(self, request: Request, fields: Fields) -> None:
        self.request = request
        self.fields = fields
        """The JSON object in the body, empty where there is none."""
        self.store = cast("Store", request.app.state.store)
        self.base = str(request.base_url).rstrip("/")

    def known(self, kind: str, object_id: object = None) -> StoredObject:
        """Return the object that the address, or an id, names. 404: there is none."""
        wanted = self.request.path_params["id"] if object_id is None else object_id
        found = self.store.find(kind, wanted) if isinstance(wanted, str) else None
        if found is None:
            raise HTTPException(404, f"no {kind} with this id")
        return found

    def text(self, *names: str) -> str:
        """Return the first of these fields that is there. 400: none is, or it is no text."""
        value = self.optional_text(*names)
        if value is None:
            raise HTTPException(400, f"{names[0]} must be a text")
        return value

    def optional_text(self, *names: str) -> str | None:
        """Return the first of these fields that is there, or None. 400: it is no text."""
        value = next((self.fields[name] for name in names if self.fields.get(name) is not None), None)
        if value is None:
            return None
        if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_NAME or not _is_encodable(value):
            raise HTTPException(400, f"{names[0]} must be a text of 1 to {_LONGEST_NAME} characters")
        return value

    def objects(self, name: str) -> list[Fields]:
        """Return a field that is a list of objects. 400: it is not."""
        values = self.fields.get(name)
        if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
            raise HTTPException(400, f"{name} must be a list of objects")
        return cast("list[Fields]", values)


def endpoint(answer: Answer, *, body: bool = True) -> Callable[[Request], Awaitable[Response]]:
    """Make an endpoint of a function: the key is looked at, the body read, the answer made on another thread.

    Args:
        answer: From what was asked to the answer.
        body: Whether there must be a body, a JSON object.
    """

    @functools.wraps(answer)
    async def endpoint(request: Request) -> Response:
        _authorize(request)
        fields = await _fields(request) if body else {}
        return await run_in_threadpool(lambda: answer(Asked(request, fields)))

    return endpoint


def respond(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON answer."""
    return Response(dump_json(value), status, headers, media_type=otlp.JSON)


def _authorize(request: Request) -> None:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    expected = request.app.state.api_key
    if scheme.lower() != "bearer" or not key.strip() or (expected is not None and key.strip() != expected):
        raise HTTPException(401, "Invalid authorization token")


async def _fields(request: Request) -> Fields:
    limit = cast("int", request.app.state.max_body_bytes)
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in otlp.CONTENT_ENCODINGS:
        raise HTTPException(415, "use Content-Encoding gzip, deflate or none")
    try:
        sent = await otlp.read_body(request.stream(), encoding="identity", limit=limit)
        body: Any = await run_in_threadpool(_parse, sent, encoding, limit)
    except otlp.BodyTooLargeError as error:
        raise HTTPException(413, str(error)) from None
    except ValueError as error:
        raise HTTPException(400, str(error)) from None
    if not isinstance(body, dict):
        raise HTTPException(400, "the body must be a JSON object")
    return body


def _parse(sent: bytes, encoding: str, limit: int) -> Json:
    body = bounds.decompress(sent, encoding, limit)
    bounds.check_contents(body, otlp.JSON)
    return parse_json(body)


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
