"""Requests to a server on loopback, as they are."""

from __future__ import annotations

from http.client import HTTPConnection
from urllib.parse import urlsplit


def call(intake, method, path, body=b"", **headers):
    connection = HTTPConnection(urlsplit(intake.url).netloc, timeout=60)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return response.status, response.headers["Content-Type"], response.read()
    finally:
        connection.close()
