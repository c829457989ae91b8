"""OTLP in JSON: read into the same protobuf messages as all else.

Source: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding. Ids are hexadecimal, enums numbers (their
names, which protobuf's JSON has, are read as well), 64-bit integers strings or numbers, names in lowerCamelCase (those
of the protobuf fields are read as well), and what is not known is passed over.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import TYPE_CHECKING, Any, TypeAlias

from . import messages
from .errors import BadPayloadError
from .values import write_value

if TYPE_CHECKING:
    from collections.abc import Callable

    from .messages import Message

MAX_DEPTH = 100
"""How deeply a request may nest, in levels."""

_Converter: TypeAlias = "Callable[[object, str], Any]"
_Fields: TypeAlias = "dict[str, tuple[str, _Converter]]"

_BASE64_ID = re.compile(r"[A-Za-z0-9+/_-]{11}=?|[A-Za-z0-9+/_-]{22}(==)?")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPED_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def to_protobuf(body: bytes, signal: str = "traces", *, encodable: bool = False) -> bytes:
    r"""Turn a JSON export request into a protobuf one.

    Args:
        body: The JSON text in UTF-8.
        signal: ``traces`` or ``logs``.
        encodable: Replace lone surrogates (``"\ud83d"`` with nothing after it), which UTF-8 cannot hold, by U+FFFD, as
            whoever gets the request would refuse it. By default they survive, for `values.read_text` to read.

    Returns:
        The request.

    Raises:
        BadPayloadError: The body is not such a request; the message names the field.
    """
    document = _parse_json(body)
    if encodable and _ESCAPED_SURROGATE.search(body):
        document = _without_lone_surrogates(document)
    try:
        written: bytes = _REQUESTS[signal](document, "the body").SerializeToString()
    except RecursionError:
        raise BadPayloadError(f"the JSON nests deeper than {MAX_DEPTH} levels") from None
    return written


def _parse_json(body: bytes) -> object:
    try:
        document: object = json.loads(body)
    except RecursionError:
        raise BadPayloadError(f"the JSON nests deeper than {MAX_DEPTH} levels") from None
    except ValueError:  # among them an integer of more digits than Python reads
        raise BadPayloadError("the body is not valid JSON") from None
    if _depth_exceeds(document, MAX_DEPTH):
        raise BadPayloadError(f"the JSON nests deeper than {MAX_DEPTH} levels")
    return document


def _depth_exceeds(document: object, levels: int) -> bool:
    """Whether JSON nests too deeply: level by level, so that it takes no stack."""
    level = [document]
    for _ in range(levels):
        below: list[object] = []
        for value in level:
            if isinstance(value, dict):
                below.extend(value.values())
            elif isinstance(value, list):
                below.extend(value)
        if not below:
            return False
        level = below
    return any(isinstance(value, (dict, list)) for value in level)


def _without_lone_surrogates(value: object) -> object:
    if isinstance(value, str):
        return _LONE_SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_without_lone_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_LONE_SURROGATE.sub("\ufffd", key): _without_lone_surrogates(item) for key, item in value.items()}
    return value


# --- from JSON to a field's value; `name` is the field's, for the error


def _text(value: object, name: str) -> bytes:
    if not isinstance(value, str):
        raise BadPayloadError(f"{name} is not a string")
    return value.encode("utf-8", "surrogatepass")


def _id(value: object, name: str) -> bytes:
    try:
        return bytes.fromhex(_text(value, name).decode("ascii"))
    except (ValueError, UnicodeDecodeError):
        pass
    if isinstance(value, str) and _BASE64_ID.fullmatch(value):
        raise BadPayloadError(f"{name} is in base64, as protobuf's own JSON has it: OTLP's JSON has ids in hexadecimal")
    raise BadPayloadError(f"{name} is not hexadecimal")


def _base64(value: object, name: str) -> bytes:
    try:
        text = _text(value, name).translate(bytes.maketrans(b"-_", b"+/"))
        return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise BadPayloadError(f"{name} is not base64") from None


def _boolean(value: object, name: str) -> bool:
    if not isinstance(value, bool):
        raise BadPayloadError(f"{name} is not true or false")
    return value


def _integer(value: object, name: str) -> int:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            pass
    raise BadPayloadError(f"{name} is not a whole number")


def _unsigned(bits: int) -> _Converter:
    def convert(value: object, name: str) -> int:
        number = _integer(value, name)
        if not 0 <= number < 1 << bits:
            raise BadPayloadError(f"{name} does not fit {bits} bits")
        return number

    return convert


def _float(value: object, name: str) -> float:
    try:
        if isinstance(value, (int, float, str)) and not isinstance(value, bool):
            return float(value)
    except (ValueError, OverflowError):
        pass
    raise BadPayloadError(f"{name} is not a number")


def _enum(prefix: str, *names: str) -> _Converter:
    numbers = {f"{prefix}_{name}": number for number, name in enumerate(names)}

    def convert(value: object, name: str) -> int:
        number = numbers[value] if isinstance(value, str) and value in numbers else _integer(value, name)
        if not 0 <= number < 1 << 31:
            raise BadPayloadError(f"{name} is not a value that it may have")
        return number

    return convert


def _value(value: object, name: str) -> Message:
    for key, item in _object(value, name).items():
        convert = _VALUES.get(key)
        if convert is not None and item is not None:
            return convert(item, key)
    return messages.AnyValue()


def _object(value: object, name: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise BadPayloadError(f"{name} is not an object")
    return value


def _list_of(convert: _Converter) -> _Converter:
    def convert_all(value: object, name: str) -> list[Message]:
        if not isinstance(value, list):
            raise BadPayloadError(f"{name} is not an array")
        return [convert(item, name) for item in value]

    return convert_all


def _once(convert: _Converter) -> _Converter:
    """Wrap one value for a field that is repeated in our messages and is not in OTLP's."""
    return lambda value, name: [convert(value, name)]


def _message(message: type[Message], fields: dict[str, _Converter], **names: str) -> _Converter:
    """Make what reads a JSON object as a message.

    Args:
        message: The message's class.
        fields: What reads each field, by the name that it has in OTLP's protobuf.
        names: The names in our messages of fields that have another there.
    """
    known: _Fields = {}
    for name, convert in fields.items():
        known[name] = known[_camel(name)] = names.get(name, name), convert

    def read(value: object, name: str) -> Message:
        found = {}
        for key, item in _object(value, name).items():
            field = known.get(key)
            if field is not None and item is not None:
                found[field[0]] = field[1](item, key)
        return message(**found)

    return read


def _serialized(read: _Converter) -> _Converter:
    return lambda value, name: read(value, name).SerializeToString()


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


_VALUES: dict[str, _Converter] = {}
_ATTRIBUTES = _list_of(_message(messages.KeyValue, {"key": _text, "value": _value}))


def _one_of(field: str, convert: _Converter) -> _Converter:
    return lambda value, name: messages.AnyValue(**{field: convert(value, name)})


for _field, _convert in {
    "string_value": _one_of("string_value", _text),
    "bool_value": _one_of("bool_value", _boolean),
    "int_value": lambda value, name: write_value(_integer(value, name)),
    "double_value": _one_of("double_value", _float),
    "array_value": _one_of("array_value", _message(messages.ArrayValue, {"values": _list_of(_value)})),
    "kvlist_value": _one_of("kvlist_value", _message(messages.KeyValueList, {"values": _ATTRIBUTES})),
    "bytes_value": _one_of("bytes_value", _base64),
}.items():
    _VALUES[_field] = _VALUES[_camel(_field)] = _convert

_COUNT, _FLAGS, _TIME = _unsigned(32), _unsigned(32), _unsigned(64)
_EVENT = _message(
    messages.Event,
    {"time_unix_nano": _TIME, "name": _text, "attributes": _ATTRIBUTES, "dropped_attributes_count": _COUNT},
)
_LINK = _message(
    messages.Link,
    {
        "trace_id": _id,
        "span_id": _id,
        "trace_state": _text,
        "attributes": _ATTRIBUTES,
        "dropped_attributes_count": _COUNT,
        "flags": _FLAGS,
    },
)
_SPAN = _message(
    messages.Span,
    {
        "trace_id": _id,
        "span_id": _id,
        "trace_state": _text,
        "parent_span_id": _id,
        "name": _text,
        "kind": _enum("SPAN_KIND", "UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"),
        "start_time_unix_nano": _TIME,
        "end_time_unix_nano": _TIME,
        "attributes": _ATTRIBUTES,
        "dropped_attributes_count": _COUNT,
        "events": _list_of(_EVENT),
        "dropped_events_count": _COUNT,
        "links": _list_of(_LINK),
        "dropped_links_count": _COUNT,
        "status": _message(messages.Status, {"message": _text, "code": _enum("STATUS_CODE", "UNSET", "OK", "ERROR")}),
        "flags": _FLAGS,
    },
)
_SEVERITIES = [
    level + number for level in ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL") for number in ("", *"234")
]
_LOG_RECORD = _message(
    messages.LogRecord,
    {
        "time_unix_nano": _TIME,
        "observed_time_unix_nano": _TIME,
        "severity_number": _enum("SEVERITY_NUMBER", "UNSPECIFIED", *_SEVERITIES),
        "severity_text": _text,
        "body": _value,
        "attributes": _ATTRIBUTES,
        "dropped_attributes_count": _COUNT,
        "flags": _FLAGS,
        "trace_id": _id,
        "span_id": _id,
        "event_name": _text,
    },
)
_RESOURCE = _message(messages.Resource, {"attributes": _ATTRIBUTES, "dropped_attributes_count": _COUNT})
_SCOPE = _message(
    messages.Scope,
    {"name": _text, "version": _text, "attributes": _ATTRIBUTES, "dropped_attributes_count": _COUNT},
)


def _request(groups: str, scope_groups: str, items: str, item: _Converter) -> _Converter:
    url = _once(_text)
    scope_group = _message(
        messages.ScopeGroup,
        {"scope": _once(_serialized(_SCOPE)), items: _list_of(_serialized(item)), "schema_url": url},
        **{items: "items"},
    )
    group = _message(
        messages.Group,
        {"resource": _once(_serialized(_RESOURCE)), scope_groups: _list_of(scope_group), "schema_url": url},
        **{scope_groups: "scope_groups"},
    )
    return _message(messages.Request, {groups: _list_of(group)}, **{groups: "groups"})


_REQUESTS = {
    "traces": _request("resource_spans", "scope_spans", "spans", _SPAN),
    "logs": _request("resource_logs", "scope_logs", "log_records", _LOG_RECORD),
}
