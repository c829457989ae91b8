"""Nothing leaves this machine while clients are called: who connects to another one is refused.

It covers what Python's own sockets do, which is what the clients use. Exporters send nothing meanwhile, for their
``export`` is not theirs: see ``watch.py``.
"""

from __future__ import annotations

import ipaddress
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_is_sealed = False
_is_hooked = False


@contextmanager
def sealed() -> Iterator[None]:
    """Refuse connections to other machines, and questions for their addresses, in this block, on every thread."""
    global _is_sealed, _is_hooked
    if not _is_hooked:
        sys.addaudithook(_refuse)  # for good: there is no way to take one off
        _is_hooked = True
    _is_sealed = True
    try:
        yield
    finally:
        _is_sealed = False


def _refuse(event: str, arguments: tuple[object, ...]) -> None:
    if not _is_sealed or event not in _HOST_OF:
        return
    host = _HOST_OF[event](arguments)
    if isinstance(host, str) and not is_loopback(host):
        raise PermissionError(f"braintrust-run-output doctor lets nothing out to {host}: only --probe sends spans")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by a loopback address or by ``localhost``."""
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host.lower().rstrip(".") in ("localhost", "")


def _of_address(arguments: tuple[object, ...]) -> object:
    address = arguments[1] if len(arguments) > 1 else None
    return address[0] if isinstance(address, tuple) and address else None  # a text is a Unix socket's path


def _named(arguments: tuple[object, ...]) -> object:
    return arguments[0]


_HOST_OF: dict[str, Callable[[tuple[object, ...]], object]] = {
    "socket.connect": _of_address,
    "socket.sendto": _of_address,
    "socket.getaddrinfo": _named,
    "socket.gethostbyname": _named,
}
