"""What is wrong with a request that cannot be read."""

from __future__ import annotations


class BadPayloadError(ValueError):
    """A request body that cannot be read. The message says what is wrong and never quotes the body."""


class BodyTooLargeError(ValueError):
    """A request body that is larger than the limit, as sent or decompressed."""
