"""The part of BTQL that the Braintrust SDK and this package use: JSON queries over one project, experiment or dataset.

Understood are ``select`` everything, ``from`` one object, ``filter``, ``limit``, ``cursor`` and ``preview_length`` -1;
in a filter ``and``, ``or``, ``not``, comparisons of a path with a literal, ``in``, ``isnull`` and ``isnotnull``.
Whatever else a query holds is refused, never ignored: a test that passes here does not pass by luck.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from .values import iso_time

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .values import Json

_OBJECT_KINDS = {"project_logs": "project", "experiment": "experiment", "dataset": "dataset"}
_CLAUSES = {"select", "from", "filter", "limit", "cursor", "preview_length"}
_COMPARISONS = {"eq": "=", "ne": "<>", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_COLUMNS = {"id": "id", "root_span_id": "trace_id", "is_root": "is_root", "created": "created"}
_MAX_LIMIT = 1000


class UnknownQueryError(ValueError):
    """A query, or a piece of one, that is not understood. The message says which."""


@dataclass(frozen=True)
class Query:
    """A query, as `Store.select` takes it."""

    kind: str
    object_id: str
    condition: str
    parameters: tuple[object, ...]
    limit: int
    before: int | None


def parse_query(query: Json) -> Query:
    """Read a query in BTQL's JSON form.

    Args:
        query: The field ``query`` of a request to ``/btql``.

    Raises:
        UnknownQueryError: The query holds something that is not understood here.
    """
    if not isinstance(query, dict):
        raise UnknownQueryError("the query is not a JSON object; queries as text are not understood here")
    unknown = query.keys() - _CLAUSES
    if unknown:
        raise UnknownQueryError(f"the clause {min(unknown)!r} is not understood here")
    if query.get("select") != [{"op": "star"}]:
        raise UnknownQueryError("select must be [{'op': 'star'}] here")
    if query.get("preview_length", -1) != -1:
        raise UnknownQueryError("preview_length must be -1 here")
    kind, object_id = _source(query.get("from"))
    if kind == "dataset" and query.get("filter") is not None:
        raise UnknownQueryError("a dataset can only be read whole here")
    condition, parameters = _expression(query["filter"]) if query.get("filter") is not None else ("1", ())
    limit = query.get("limit", _MAX_LIMIT)
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        raise UnknownQueryError("limit must be a whole number above 0")
    return Query(kind, object_id, condition, parameters, min(limit, _MAX_LIMIT), _position(query.get("cursor")))


def _source(source: Json) -> tuple[str, str]:
    if isinstance(source, dict) and source.get("op") == "function" and source.keys() <= {"op", "name", "args"}:
        names, args = _path(source.get("name")), source.get("args")
        if isinstance(args, list) and len(args) == 1 and len(names) == 1 and names[0] in _OBJECT_KINDS:
            return _OBJECT_KINDS[names[0]], str(_literal(args[0]))
    raise UnknownQueryError(f"from must be one of {', '.join(_OBJECT_KINDS)} with one id")


def _position(cursor: Json) -> int | None:
    if cursor is None:
        return None
    if isinstance(cursor, str) and cursor.isascii() and cursor.isdecimal() and len(cursor) < 19:
        return int(cursor)
    raise UnknownQueryError("cursor is not one that this server gave")


def _expression(node: Json) -> tuple[str, tuple[object, ...]]:
    """Return an SQL condition and its parameters."""
    if not isinstance(node, dict):
        raise UnknownQueryError("a filter must be a JSON object")
    op = node.get("op")
    if op in ("and", "or"):
        return _joined(f" {op} ", node)
    if op == "not":
        condition, parameters = _expression(node.get("expr"))
        return f"NOT ({condition})", parameters
    if op in ("isnull", "isnotnull"):
        column, parameters = _column(_path(node.get("expr")))
        return f"{column} IS {'NOT ' if op == 'isnotnull' else ''}NULL", parameters
    if op == "literal" and isinstance(node.get("value"), bool):
        return str(int(bool(node["value"]))), ()
    if op == "in" or op in _COMPARISONS:
        return _comparison(str(op), node)
    raise UnknownQueryError(f"the operator {op!r} is not understood here")


def _joined(word: str, node: Mapping[str, Json]) -> tuple[str, tuple[object, ...]]:
    children = node.get("children", [node.get("left"), node.get("right")])
    if not isinstance(children, list) or not children:
        raise UnknownQueryError(f"{word.strip()} needs children")
    conditions = [_expression(child) for child in children]
    return (
        word.join(f"({condition})" for condition, _ in conditions),
        tuple(parameter for _, parameters in conditions for parameter in parameters),
    )


def _comparison(op: str, node: Mapping[str, Json]) -> tuple[str, tuple[object, ...]]:
    path = _path(node.get("left"))
    column, parameters = _column(path)
    value = _literal(node.get("right"))
    if op == "in":
        if not isinstance(value, list) or not value:
            raise UnknownQueryError("in needs a list with something in it")
        return f"{column} IN ({', '.join('?' * len(value))})", (*parameters, *(_scalar(path, one) for one in value))
    return f"{column} {_COMPARISONS[op]} ?", (*parameters, _scalar(path, value))


def _path(node: Json) -> tuple[str, ...]:
    if isinstance(node, dict) and node.get("op") == "ident" and node.keys() <= {"op", "name"}:
        name = node.get("name")
        if isinstance(name, list) and name and all(isinstance(part, str) for part in name):
            return tuple(cast("list[str]", name))
    raise UnknownQueryError("the left side of a comparison must be an ident, a list of names")


def _literal(node: Json) -> Json:
    if isinstance(node, dict) and node.get("op") == "literal" and node.keys() <= {"op", "value"}:
        return node.get("value")
    raise UnknownQueryError("the right side of a comparison must be a literal")


def _column(path: tuple[str, ...]) -> tuple[str, tuple[object, ...]]:
    if len(path) == 1 and path[0] in _COLUMNS:
        return _COLUMNS[path[0]], ()
    if any('"' in part for part in path):
        raise UnknownQueryError("a name with a double quote is not understood here")
    return "json_extract(body, ?)", ("$" + "".join(f".{json.dumps(part, ensure_ascii=False)}" for part in path),)


def _scalar(path: tuple[str, ...], value: Json) -> object:
    if isinstance(value, (dict, list)) or value is None:
        raise UnknownQueryError("a path can be compared with a text, number or truth value only")
    if path == ("created",):
        moment = iso_time(value)
        if moment is None:
            raise UnknownQueryError("created must be compared with a time in ISO 8601")
        return moment
    return value
