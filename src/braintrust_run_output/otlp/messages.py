"""Protobuf messages with OTLP's field numbers, in which what is not looked at stays bytes.

Source: https://github.com/open-telemetry/opentelemetry-proto (trace/v1, logs/v1, common/v1).

OTLP's own generated messages would do, but for three things. Text is `bytes` here, so one span with broken UTF-8 does
not make a whole request unreadable. `Request` leaves resources, scopes, spans and log records as they came, so what is
not changed goes on byte for byte. And `Glance` leaves the values of a span's attributes as they came; they are a map in
it, which is the same on the wire, so that their names are had without an object for each. (The names are text in it: it
cannot read a span with an attribute whose name is not UTF-8, and it does not keep their order.)

Fields that these messages do not know are kept, and written again, by protobuf itself. What OTLP has once but may
come in several pieces, which protobuf merges, is repeated in `Request`, so that no piece is lost.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from google.protobuf import (  # type: ignore[import-untyped,unused-ignore]
    descriptor_pb2,
    descriptor_pool,
    message_factory,
)

Message: TypeAlias = Any
"""A protobuf message: protobuf makes its class, so a type checker knows nothing of its fields."""

_PACKAGE = "braintrust_run_output.otlp"
_Field = descriptor_pb2.FieldDescriptorProto
_TYPES = {
    "bytes": _Field.TYPE_BYTES,
    "bool": _Field.TYPE_BOOL,
    "double": _Field.TYPE_DOUBLE,
    "enum": _Field.TYPE_INT32,  # the same on the wire, and a number from a newer protocol stays
    "fixed32": _Field.TYPE_FIXED32,
    "fixed64": _Field.TYPE_FIXED64,
    "int64": _Field.TYPE_INT64,
    "uint32": _Field.TYPE_UINT32,
}

_MESSAGES: dict[str, str] = {
    # The same numbers for traces and logs: spans and log records are the "items" of a scope.
    "Request": "1 *Group groups",
    "Group": "1 *bytes resource, 2 *ScopeGroup scope_groups, 3 *bytes schema_url",
    "ScopeGroup": "1 *bytes scope, 2 *bytes items, 3 *bytes schema_url",
    "Resource": "1 *KeyValue attributes, 2 uint32 dropped_attributes_count",
    "Scope": "1 bytes name, 2 bytes version, 3 *KeyValue attributes, 4 uint32 dropped_attributes_count",
    "KeyValue": "1 bytes key, 2 AnyValue value",
    "AnyValue": (
        "1 bytes string_value, 2 bool bool_value, 3 int64 int_value, 4 double double_value, "
        "5 ArrayValue array_value, 6 KeyValueList kvlist_value, 7 bytes bytes_value"
    ),
    "ArrayValue": "1 *AnyValue values",
    "KeyValueList": "1 *KeyValue values",
    "Span": (
        "1 bytes trace_id, 2 bytes span_id, 3 bytes trace_state, 4 bytes parent_span_id, 5 bytes name, 6 enum kind, "
        "7 fixed64 start_time_unix_nano, 8 fixed64 end_time_unix_nano, 9 *KeyValue attributes, "
        "10 uint32 dropped_attributes_count, 11 *Event events, 12 uint32 dropped_events_count, 13 *Link links, "
        "14 uint32 dropped_links_count, 15 Status status, 16 fixed32 flags"
    ),
    "Event": "1 fixed64 time_unix_nano, 2 bytes name, 3 *KeyValue attributes, 4 uint32 dropped_attributes_count",
    "Link": (
        "1 bytes trace_id, 2 bytes span_id, 3 bytes trace_state, 4 *KeyValue attributes, "
        "5 uint32 dropped_attributes_count, 6 fixed32 flags"
    ),
    "Status": "2 bytes message, 3 enum code",
    "LogRecord": (
        "1 fixed64 time_unix_nano, 2 enum severity_number, 3 bytes severity_text, 5 AnyValue body, "
        "6 *KeyValue attributes, 7 uint32 dropped_attributes_count, 8 fixed32 flags, 9 bytes trace_id, "
        "10 bytes span_id, 11 fixed64 observed_time_unix_nano, 12 bytes event_name"
    ),
    "Glance": (
        "1 bytes trace_id, 2 bytes span_id, 4 bytes parent_span_id, 5 bytes name, 7 fixed64 start_time_unix_nano, "
        "8 fixed64 end_time_unix_nano, 9 map attributes, 11 *Event events, 15 Status status"
    ),
    "Name": "1 bytes key",
}
"""Each message's fields: number, type, name; a star says that it is repeated, a map is one from text to bytes."""


def _describe() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name=f"{_PACKAGE}.proto", package=_PACKAGE, syntax="proto3")
    for message_name, fields in _MESSAGES.items():
        message = file.message_type.add(name=message_name)
        for field in fields.split(", "):
            number, kind, name = field.split()
            is_repeated = kind == "map" or kind.startswith("*")
            label = _Field.LABEL_REPEATED if is_repeated else _Field.LABEL_OPTIONAL
            added = message.field.add(name=name, number=int(number), label=label)
            kind = _add_map_entry(message, name) if kind == "map" else kind.removeprefix("*")
            if kind in _TYPES:
                added.type = _TYPES[kind]
            else:
                added.type, added.type_name = _Field.TYPE_MESSAGE, f".{_PACKAGE}.{kind}"
            if message_name == "AnyValue":
                added.oneof_index = 0
        if message_name == "AnyValue":
            message.oneof_decl.add(name="value")
    return file


def _add_map_entry(message: Message, field_name: str) -> str:
    """Add the message that an entry of a map is, and return its name."""
    entry = message.nested_type.add(name=f"{field_name.capitalize()}Entry")  # the name that protobuf demands
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=_Field.TYPE_STRING, label=_Field.LABEL_OPTIONAL)
    entry.field.add(name="value", number=2, type=_Field.TYPE_BYTES, label=_Field.LABEL_OPTIONAL)
    return f"{message.name}.{entry.name}"


_POOL = descriptor_pool.DescriptorPool()  # of our own: nothing else can have these names in it
_POOL.AddSerializedFile(_describe().SerializeToString())


def _class_of(name: str) -> type[Message]:
    found: type[Message] = message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"{_PACKAGE}.{name}"))
    return found


Request, Group, ScopeGroup, Resource, Scope, Span, Event, Link, Status, LogRecord, Glance, Name = map(
    _class_of,
    (
        "Request",
        "Group",
        "ScopeGroup",
        "Resource",
        "Scope",
        "Span",
        "Event",
        "Link",
        "Status",
        "LogRecord",
        "Glance",
        "Name",
    ),
)
AnyValue, KeyValue, ArrayValue, KeyValueList = map(_class_of, ("AnyValue", "KeyValue", "ArrayValue", "KeyValueList"))
