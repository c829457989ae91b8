"""Which attributes and events Braintrust reads into which field of a row.

The rules are those of Braintrust's attribute reference
(https://www.braintrust.dev/docs/integrations/sdk-integrations/opentelemetry/attributes). Every reader takes
the attributes of a span and returns what it found together with the attribute names it used up, because
hosted Braintrust drops those from ``metadata``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from ...conventions import is_model, is_never_a_completion
from .attributes import as_list, unflatten
from .values import deep_merge, parse_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeAlias

    from .values import Json

    Attributes: TypeAlias = Mapping[str, Json]
    Reader: TypeAlias = Callable[[Attributes], "Found[Json] | None"]

T = TypeVar("T")


class Event(NamedTuple):
    """A span event."""

    name: str
    attributes: dict[str, Json]


@dataclass(frozen=True)
class Found(Generic[T]):
    """A field's value and the names of the attributes it was read from."""

    value: T
    used: frozenset[str] = frozenset()


class Fields(NamedTuple):
    """What Braintrust reads off a span's attributes and events, and the names of the attributes it read."""

    input: Json
    output: Json
    expected: Json
    metadata: dict[str, Json]
    request: dict[str, Json]
    """The model and its settings, for ``metadata`` as well."""
    metrics: dict[str, float]
    tokens: dict[str, float]
    scores: dict[str, float]
    tags: list[str]
    span_attributes: dict[str, Json]
    context: dict[str, Json]
    caller: dict[str, Json]
    """Where in the code, for ``context`` as well."""
    origin: dict[str, Json] | None
    used: frozenset[str]


def read_all(attributes: Attributes, events: Sequence[Event]) -> Fields:
    """Read every field of a row that attributes and events hold."""
    # Most attributes are of neither kind, and most spans have none of the first: so no reader looks at all of them.
    own = {key: value for key, value in attributes.items() if key.startswith("braintrust.")}
    told = own | {key: value for key, value in attributes.items() if key.startswith("gen_ai.")}
    found: dict[str, Found[Any]] = {
        "input": read_input(told, events),
        "output": read_output(told, events),
        "expected": read_expected(own),
        "metadata": read_object(own, "metadata"),
        "request": read_request_settings(told),
        "metrics": read_numbers(own, "metrics"),
        "tokens": read_tokens(attributes),
        "scores": read_numbers(own, "scores"),
        "tags": read_tags(own),
        "span_attributes": read_object(own, "span_attributes"),
        "context": read_object(own, "context"),
        "caller": read_caller(attributes),
        "origin": read_origin(own),
    }
    used = frozenset[str]().union(*(one.used for one in found.values()))
    return Fields(**{name: one.value for name, one in found.items()}, used=used)


def read_input(attributes: Attributes, events: Sequence[Event]) -> Found[Json]:
    """Read the field ``input``: ``braintrust.input*``, message events, then ``gen_ai`` attributes."""
    return (
        _braintrust_value(attributes, "input")
        or _input_messages(events)
        or _first(attributes, _json("gen_ai.input.messages"), *_gen_ai("gen_ai.prompt"))
        or Found(None)
    )


def read_output(attributes: Attributes, events: Sequence[Event]) -> Found[Json]:
    """Read the field ``output``: ``braintrust.output*``, choice events, then ``gen_ai`` attributes."""
    return (
        _braintrust_value(attributes, "output")
        or _choices(events)
        or _first(attributes, _json("gen_ai.output.messages"), *_gen_ai("gen_ai.completion"))
        or Found(None)
    )


def read_expected(attributes: Attributes) -> Found[Json]:
    """Read the field ``expected`` from ``braintrust.expected*``."""
    return _braintrust_value(attributes, "expected") or Found(None)


def read_tags(attributes: Attributes) -> Found[list[str]]:
    """Read the field ``tags``: the strings of the list in ``braintrust.tags*``."""
    found = _first(attributes, *_each_json("braintrust.tags"), _nested("braintrust.tags"))
    if found is None or not isinstance(found.value, list):
        return Found([])
    return Found([tag for tag in found.value if isinstance(tag, str)], found.used)


def read_object(attributes: Attributes, field: str) -> Found[dict[str, Json]]:
    """Read a field that is an object: ``braintrust.FIELD`` and ``_json``, overlaid by ``braintrust.FIELD.*``.

    Args:
        attributes: The attributes of a span.
        field: ``metadata``, ``span_attributes``, ``context`` or ``origin``.

    Returns:
        The merged object, empty when there is none.
    """
    name = f"braintrust.{field}"
    merged: dict[str, Json] = {}
    used: set[str] = set()
    for read in _each_json(name):
        whole = read(attributes)
        if whole and isinstance(whole.value, dict):
            merged = deep_merge(merged, whole.value)
            used |= whole.used
    nested, placed = _unflatten_below(attributes, name)
    return Found(deep_merge(merged, nested), frozenset(used | placed))


def read_numbers(attributes: Attributes, field: str) -> Found[dict[str, float]]:
    """Read a field that holds numbers by name: ``braintrust.FIELD``, ``_json`` and ``braintrust.FIELD.*``.

    Args:
        attributes: The attributes of a span.
        field: ``metrics`` or ``scores``.

    Returns:
        The numbers; anything else in there is left out.
    """
    name = f"braintrust.{field}"
    numbers: dict[str, float] = {}
    used: set[str] = set()
    for read in _each_json(name):
        whole = read(attributes)
        if whole and isinstance(whole.value, dict):
            numbers.update(_only_numbers(whole.value))
            used |= whole.used
    below = _only_numbers({key: value for key, value in attributes.items() if key.startswith(f"{name}.")})
    numbers.update({key.removeprefix(f"{name}."): value for key, value in below.items()})
    return Found(numbers, frozenset(used | below.keys()))


_TOKENS = {
    "gen_ai.usage.prompt_tokens": "prompt_tokens",
    "gen_ai.usage.input_tokens": "prompt_tokens",
    "gen_ai.usage.completion_tokens": "completion_tokens",
    "gen_ai.usage.output_tokens": "completion_tokens",
    "gen_ai.usage.total_tokens": "tokens",
    "llm.usage.total_tokens": "tokens",
}
_REQUEST = "gen_ai.request."
_CALLER = {
    "code.function": "caller_functionname",
    "code.function.name": "caller_functionname",
    "code.filepath": "caller_filename",
    "code.file.path": "caller_filename",
    "code.lineno": "caller_lineno",
    "code.line.number": "caller_lineno",
}


def read_tokens(attributes: Attributes) -> Found[dict[str, float]]:
    """Read the token counts of ``gen_ai.usage.*`` as the metrics Braintrust shows."""
    counts = _only_numbers({key: attributes[key] for key in _TOKENS if key in attributes})
    return Found({_TOKENS[key]: count for key, count in counts.items()}, frozenset(counts))


def read_request_settings(attributes: Attributes) -> Found[dict[str, Json]]:
    """Read ``gen_ai.request.model`` and what else there is of a request as ``model``, ``temperature`` and so on."""
    settings = {key: value for key, value in attributes.items() if key.startswith(_REQUEST)}
    return Found({key.removeprefix(_REQUEST): value for key, value in settings.items()}, frozenset(settings))


def read_caller(attributes: Attributes) -> Found[dict[str, Json]]:
    """Read where in the code a span was made, from ``code.*``."""
    found = {key: attributes[key] for key in _CALLER if key in attributes}
    return Found({_CALLER[key]: value for key, value in found.items()}, frozenset(found))


def read_origin(attributes: Attributes) -> Found[dict[str, Json] | None]:
    """Read where a row came from, from ``braintrust.origin*``."""
    found = read_object(attributes, "origin")
    return Found(found.value or None, found.used)


_TYPES = {
    ("gen_ai.operation.name", "chat"): "llm",
    ("gen_ai.operation.name", "text_completion"): "llm",
    ("gen_ai.operation.name", "generate_content"): "llm",
    ("gen_ai.operation.name", "execute_tool"): "tool",
    ("llm.request.type", "chat"): "llm",
    ("llm.request.type", "completion"): "llm",
    ("openinference.span.kind", "LLM"): "llm",
    ("openinference.span.kind", "TOOL"): "tool",
    ("traceloop.span.kind", "tool"): "tool",
}


_MODELS = frozenset({"gen_ai.request.model", "gen_ai.response.model", "llm.model_name", "ai.model.id"})
"""A span that names a model, and no operation, is a call of it."""


def guess_type(attributes: Attributes) -> str:
    """Tell the span type that Braintrust's icons show: ``llm``, ``tool`` or ``task``."""
    for (key, value), span_type in _TYPES.items():
        if attributes.get(key) == value:
            return span_type
    names_model = "gen_ai.operation.name" not in attributes and not _MODELS.isdisjoint(attributes)
    return "llm" if (is_model(attributes) or names_model) and not is_never_a_completion(attributes) else "task"


_MESSAGE_EVENT = re.compile(r"gen_ai\.(?P<role>\w+)\.message")


def _input_messages(events: Sequence[Event]) -> Found[Json] | None:
    messages: list[Json] = [
        {"role": match["role"], **_event_body(event)}
        for event in events
        if (match := _MESSAGE_EVENT.fullmatch(event.name))
    ]
    return Found(messages) if messages else None


def _choices(events: Sequence[Event]) -> Found[Json] | None:
    choices: list[Json] = [_choice(event) for event in events if event.name == "gen_ai.choice"]
    return Found(choices) if choices else None


def _choice(event: Event) -> dict[str, Json]:
    body = _event_body(event)
    message = body.pop("message", None)
    if isinstance(message, dict):
        return {"role": "assistant", **message, **body}
    return {"role": "assistant", "content": message, **body}


def _event_body(event: Event) -> dict[str, Json]:
    """Read a gen_ai event: its attributes, or the JSON object in ``gen_ai.event.content``."""
    whole = _json("gen_ai.event.content")(event.attributes)
    if whole and isinstance(whole.value, dict):
        return dict(whole.value)
    return {key: _parsed_or_same(value) for key, value in event.attributes.items()}


def _braintrust_value(attributes: Attributes, field: str) -> Found[Json] | None:
    return _first(
        attributes,
        _json(f"braintrust.{field}_json"),
        _plain(f"braintrust.{field}"),
        _nested(f"braintrust.{field}"),
    )


def _each_json(name: str) -> tuple[Reader, Reader]:
    return _json(name), _json(f"{name}_json")


def _gen_ai(name: str) -> tuple[Reader, Reader, Reader]:
    return _json(f"{name}_json"), _plain(name), _nested(name)


def _first(attributes: Attributes, *readers: Reader) -> Found[Json] | None:
    return next((found for reader in readers if (found := reader(attributes))), None)


def _plain(key: str) -> Reader:
    def read(attributes: Attributes) -> Found[Json] | None:
        return Found(attributes[key], frozenset({key})) if key in attributes else None

    return read


def _json(key: str) -> Reader:
    """Read JSON text; a native list or object is taken as it is, anything else is left alone."""

    def read(attributes: Attributes) -> Found[Json] | None:
        value = attributes.get(key)
        if isinstance(value, (dict, list)):
            return Found(value, frozenset({key}))
        if not isinstance(value, str):
            return None
        try:
            return Found(parse_json(value), frozenset({key}))
        except ValueError:
            return None

    return read


def _nested(name: str) -> Reader:
    def read(attributes: Attributes) -> Found[Json] | None:
        nested, placed = _unflatten_below(attributes, name)
        return Found(as_list(nested), frozenset(placed)) if placed else None

    return read


def _unflatten_below(attributes: Attributes, name: str) -> tuple[dict[str, Json], set[str]]:
    if not attributes:
        return {}, set()
    prefix = f"{name}."
    below = {key.removeprefix(prefix): value for key, value in attributes.items() if key.startswith(prefix)}
    nested, placed = unflatten(below)
    return nested, {prefix + key for key in placed}


def _parsed_or_same(value: Json) -> Json:
    if isinstance(value, str) and value[:1] in {"{", "["}:
        try:
            return parse_json(value)
        except ValueError:
            return value
    return value


def _only_numbers(values: Attributes) -> dict[str, float]:
    return {
        key: value for key, value in values.items() if isinstance(value, (int, float)) and not isinstance(value, bool)
    }
