"""One call of Braintrust's REST interface: what is asked again and when, and where an answer is fetched.

A busy or broken server is asked again, with growing waits, or as long as it says itself (``Retry-After``): every call
of this package can safely be repeated. An answer that is large comes from somewhere else, by a redirect to a presigned
address, which never gets the API key; and it may be gzip without saying so.
"""

from __future__ import annotations

import gzip
import io
import json
import random
import zlib
from datetime import datetime, timedelta, timezone
from itertools import count
from time import sleep
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urljoin, urlsplit

from .shown import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    import requests

Answer: TypeAlias = "dict[str, Any]"

MAX_WAIT = 600.0
"""How long a call waits for a busy server, all in all, in seconds, unless told otherwise."""
MAX_ANSWER = 64 * 1024 * 1024
"""Greatest size of an answer, in bytes; of a query's, a larger one is asked for in smaller pages."""
TOO_LARGE = 413
BUSY = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses after which a call is repeated."""

_TRIES = 9
_TRIES_WITHOUT_ANSWER = 3
_LONGEST_BACKOFF = 60.0
_WORTH_SAYING = 5.0
_TIMEOUT = (10, 120)
_CHUNK = 256 * 1024
_SEE_OTHER = (302, 303)
_REDIRECTS = range(300, 400)
_MAX_REDIRECTS = 3
_REFUSED = (401, 403)
_OK = 200
_NOT_FOUND = 404
_EXPIRED = 503
"""What an address that gives no answer any more counts as: the call is repeated, which makes a new one."""
_LONGEST_REASON = 300
_GZIP = b"\x1f\x8b"


class ApiError(Exception):
    """Braintrust could not be asked, or refused. The message is one line and holds no payload and no key.

    Args:
        message: What happened, and what to do.
        status: The HTTP status that was answered; default none. An answer that is too large counts as 413.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Connection:
    """A session with an API key.

    Args:
        key: The API key.
        backoff: The first wait before a call is repeated, in seconds; it doubles each time, up to a minute.
        max_wait: How long a call may wait for a busy server, all in all, in seconds.
        notify: Told, in a line, of each wait of five seconds or more, with the time at which it ends.
    """

    def __init__(self, key: str, *, backoff: float, max_wait: float, notify: Callable[[str], object]) -> None:
        import requests

        self._session = requests.Session()
        self._session.auth = _Bearer(key)
        self._backoff = backoff
        self._max_wait = max_wait
        self.notify = notify
        self.received = 0
        """How many bytes of answers have been read so far."""

    def close(self) -> None:
        """Close the session."""
        self._session.close()

    def call(
        self, method: str, base: str, path: str, *, variable: str, repeated: Collection[int] = BUSY, **options: Any
    ) -> Answer:
        """Make a call, as often as it takes, and return what it answers.

        Args:
            method: The HTTP method.
            base: The server's address.
            path: The path.
            variable: The environment variable that sets the address, for messages.
            repeated: After which statuses to repeat it.
            options: As for ``requests.Session.request``.

        Raises:
            ApiError: It cannot be reached, refuses, stays busy for longer than ``max_wait``, answers too much or what
                is no JSON object.
        """
        where = f"{method} {path}"
        waited = 0.0
        for tried in count(1):
            status, wait, body = self._try(method, base, path, variable, tried, options)
            if status is not None and status not in repeated:
                return self._read(status, body, where, variable)
            if wait is None:
                wait = min(self._backoff * 2 ** (tried - 1), _LONGEST_BACKOFF) * random.uniform(0.75, 1)  # noqa: S311
            if tried >= _TRIES or waited + wait > self._max_wait:
                raise ApiError(self._gave_up(status, where, wait, is_long=waited + wait > self._max_wait), status)
            self._wait(status, wait)
            waited += wait
        raise AssertionError  # pragma: no cover

    def _try(
        self, method: str, base: str, path: str, variable: str, tried: int, options: dict[str, Any]
    ) -> tuple[int | None, float | None, bytes]:
        """Return the status, the wait that the server wants, and the answer; no status if there was no answer."""
        import requests

        try:
            with self._session.request(
                method, base + path, timeout=_TIMEOUT, allow_redirects=False, stream=True, **options
            ) as response:
                if response.status_code in _REDIRECTS:
                    return self._follow(response, variable)
                return response.status_code, _retry_after(response), self._body(response)
        except (requests.RequestException, ValueError) as error:
            if tried >= _TRIES_WITHOUT_ANSWER or isinstance(error, ValueError):  # no address
                raise ApiError(
                    f"cannot reach {_host(base)} ({type(error).__name__}): check the network and {variable}"
                ) from None
            return None, None, b""

    def _follow(self, response: requests.Response, variable: str) -> tuple[int | None, float | None, bytes]:
        """Fetch a large answer from where the server has put it, without the key."""
        import requests

        for _ in range(_MAX_REDIRECTS):
            address = urljoin(response.url, response.headers.get("Location", ""))
            if response.status_code not in _SEE_OTHER or not _may_follow(response.url, address):
                raise ApiError(f"{_host(response.url)} redirects elsewhere: check {variable}")
            response = requests.get(address, auth=_anonymous, timeout=_TIMEOUT, allow_redirects=False, stream=True)
            with response:
                if response.status_code not in _REDIRECTS:
                    return (_OK, None, self._body(response)) if response.ok else (_EXPIRED, _retry_after(response), b"")
        raise ApiError(f"{_host(response.url)} redirects without an end: check {variable}")

    def _body(self, response: requests.Response) -> bytes:
        too_large = ApiError("the answer is larger than 64 MiB", TOO_LARGE)
        body = bytearray()
        for chunk in response.iter_content(_CHUNK):
            body += chunk
            if len(body) > MAX_ANSWER:
                raise too_large
        if body[:2] == _GZIP:
            try:
                with gzip.GzipFile(fileobj=io.BytesIO(body)) as file:
                    body = bytearray(file.read(MAX_ANSWER + 1))
            except (OSError, EOFError, zlib.error):
                raise ApiError("an answer is damaged: it is no whole gzip") from None
            if len(body) > MAX_ANSWER:
                raise too_large
        self.received += len(body)
        return bytes(body)

    def _read(self, status: int, body: bytes, where: str, variable: str) -> Answer:
        if status in _REFUSED:
            raise ApiError(f"Braintrust refused the API key ({status}): check BRAINTRUST_API_KEY", status)
        answer = _parse(body)
        if status >= 400:
            raise ApiError(f"Braintrust answered {status} to {where}{_reason(status, answer, where)}", status)
        if answer is None:
            raise ApiError(f"the answer to {where} is not Braintrust's: check {variable}")
        return answer

    def _wait(self, status: int | None, seconds: float) -> None:
        if seconds >= _WORTH_SAYING:
            why = "does not answer" if status is None else f"answers {status}"
            self.notify(f"Braintrust {why}: waiting {seconds:.0f} s, until {_clock(seconds)}")
        sleep(seconds)

    def _gave_up(self, status: int | None, where: str, wait: float, *, is_long: bool) -> str:
        if status is None:
            return f"Braintrust does not answer {where}: try again later"
        if is_long and wait > self._backoff * 2:
            return (
                f"Braintrust answers {status} to {where} and wants {wait:.0f} s until the next call, more than is "
                f"left of --max-wait ({self._max_wait:.0f} s): try again at {_clock(wait)}"
            )
        return f"Braintrust answers {status} to {where}, however often: try again later"


class _Bearer:
    """Puts the key on a request, also where a ``.netrc`` has a password for the host."""

    def __init__(self, key: str) -> None:
        self._header = f"Bearer {key}"

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = self._header
        return request


def _anonymous(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Put no key on a request, and no password of a ``.netrc``."""
    return request


def _host(address: str) -> str:
    """Return where an address leads, without a password in it; the address itself if it is none."""
    try:
        return urlsplit(address).netloc.rpartition("@")[2] or address
    except ValueError:
        return address


def _parse(body: bytes) -> Answer | None:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None


def _may_follow(source: str, address: str) -> bool:
    """Whether an address is one to fetch an answer from: not a less safe one than it was asked for at."""
    scheme = urlsplit(address).scheme
    return scheme == "https" or (scheme == "http" and urlsplit(source).scheme == "http")


def _retry_after(response: requests.Response) -> float | None:
    from urllib3.exceptions import InvalidHeader
    from urllib3.util import Retry

    value = response.headers.get("Retry-After")
    try:
        return None if value is None else float(Retry().parse_retry_after(value))
    except (InvalidHeader, ValueError, OverflowError):
        return None


def _clock(seconds: float) -> str:
    try:
        moment = datetime.now(timezone.utc).astimezone() + timedelta(seconds=seconds)
    except OverflowError:
        return "the end of time"
    return moment.strftime("%Y-%m-%d %H:%M:%S" if seconds > 3600 * 12 else "%H:%M:%S")


def _reason(status: int, answer: Answer | None, where: str) -> str:
    """Return what the server says of a query; of anything else it could quote a payload."""
    if not where.endswith("/btql"):
        return ": the object may be gone" if status == _NOT_FOUND else ""
    reason = next((answer[key] for key in ("error", "Message", "message") if answer.get(key)), "") if answer else ""
    return f": {printable(' '.join(str(reason).split())[:_LONGEST_REASON])}" if reason else ""
