"""OTLP as it stands on the wire and in files: one reader for protobuf and JSON, for spans and log records.

>>> body = as_protobuf(b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"name": "chat"}]}]}]}', JSON)
>>> [span.name for span in read_spans(body)]
['chat']
"""

from .encodings import CONTENT_ENCODINGS, Body
from .errors import BadPayloadError, BodyTooLargeError
from .http import CONTENT_TYPES, JSON, PROTOBUF, as_protobuf, failure, read_body, success
from .json_text import to_protobuf
from .log_records import LogRecord, read_log_records
from .spans import Event, Scope, Span, read_spans
from .values import read_attributes, read_value, write_attributes, write_value

__all__ = [
    "CONTENT_ENCODINGS",
    "CONTENT_TYPES",
    "JSON",
    "PROTOBUF",
    "BadPayloadError",
    "Body",
    "BodyTooLargeError",
    "Event",
    "LogRecord",
    "Scope",
    "Span",
    "as_protobuf",
    "failure",
    "read_attributes",
    "read_body",
    "read_log_records",
    "read_spans",
    "read_value",
    "success",
    "to_protobuf",
    "write_attributes",
    "write_value",
]
