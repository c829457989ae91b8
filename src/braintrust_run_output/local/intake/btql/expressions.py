"""BTQL's expressions as conditions of SQLite. A value from outside is always a parameter, never SQL."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, NamedTuple, cast

from ..values import iso_time
from .errors import UnknownQueryError
from .text import parse_expression_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ..values import Json

_COMPARISONS = {"eq": "=", "ne": "<>", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_COLUMNS = {
    "id": "id", "root_span_id": "trace_id", "is_root": "is_root", "created": "created",
    "_xact_id": "position", "_pagination_key": "position",
}  # fmt: skip
_DEEPEST = 50
_MOST_CONDITIONS = 500
_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800, "month": 2592000, "year": 31536000}
_AGGREGATES = {"count": "COUNT", "sum": "SUM", "avg": "AVG", "min": "MIN", "max": "MAX"}
_LONGEST_INTERVAL = 10**9
"""In seconds: 31 years."""
_LARGEST = 2**63 - 1
_LONGEST_PATTERN = 10_000


class Sql(NamedTuple):
    """A piece of SQL and what its question marks stand for."""

    text: str
    parameters: tuple[object, ...] = ()


def condition(node: Json, depth: int = 0) -> Sql:
    """Return the condition that a filter is.

    Raises:
        UnknownQueryError: Something in it is not understood.
    """
    if depth > _DEEPEST:
        raise UnknownQueryError(f"a filter may nest {_DEEPEST} levels deep")
    if not isinstance(node, dict):
        raise UnknownQueryError("a filter must be a JSON object")
    if "btql" in node:
        return condition(_from_text(node["btql"]), depth + 1)
    op = str(node.get("op"))
    if op in ("and", "or"):
        return _joined(op, node, depth)
    if op in _COMPARISONS:
        return _comparison(op, node)
    read = _CONDITIONS.get(op)
    if read is None:
        raise UnknownQueryError(f"the operator {op!r} is not understood here")
    return read(node, depth)


def operand(node: Json) -> Sql:
    """Return the value that a path, a literal, a time or an aggregate function is.

    Raises:
        UnknownQueryError: It is something else.
    """
    if is_aggregate(node):
        return _aggregate(cast("dict[str, Json]", node))
    if isinstance(node, dict) and node.get("op") == "ident":
        return _column(path_of(node))
    moment = _moment(node)
    return Sql("?", (_scalar(_literal(node)) if moment is None else _iso(moment),))


def path_of(node: Json) -> tuple[str, ...]:
    """Return the names in an ident.

    Raises:
        UnknownQueryError: It is no ident.
    """
    if isinstance(node, dict) and isinstance(node.get("btql"), str):
        node = _from_text(node["btql"])
    if isinstance(node, dict) and node.get("op") == "ident" and node.keys() <= {"op", "name"}:
        name = node.get("name")
        if isinstance(name, list) and name and all(isinstance(part, str) for part in name):
            return tuple(cast("list[str]", name))
    raise UnknownQueryError("an ident, a list of names, must stand there")


def is_aggregate(node: Json) -> bool:
    """Whether a node is a function over many rows."""
    return isinstance(node, dict) and node.get("op") == "function" and function_name(node) in _AGGREGATES


def function_name(node: Mapping[str, Json]) -> str:
    """Return the name of the function that a node calls, in small letters."""
    return ".".join(path_of(node.get("name"))).lower()


# --- operators ---------------------------------------------------------------------------------------------------


def _joined(word: str, node: Mapping[str, Json], depth: int) -> Sql:
    children = node.get("children", [node.get("left"), node.get("right")])
    if not isinstance(children, list) or not children:
        raise UnknownQueryError(f"{word} needs children")
    if len(children) > _MOST_CONDITIONS:
        raise UnknownQueryError(f"{word} may join {_MOST_CONDITIONS} conditions here; use in, with a list")
    conditions = [condition(child, depth + 1) for child in children]
    return Sql(
        f" {word} ".join(f"({one.text})" for one in conditions),
        tuple(parameter for one in conditions for parameter in one.parameters),
    )


def _comparison(op: str, node: Mapping[str, Json]) -> Sql:
    left, right = node.get("left"), node.get("right")
    if _is_created(left) or _is_created(right):
        sides = [operand(one) if _is_created(one) else Sql("?", (_time(one),)) for one in (left, right)]
    else:
        sides = [operand(left), operand(right)]
    return Sql(f"{sides[0].text} {_COMPARISONS[op]} {sides[1].text}", sides[0].parameters + sides[1].parameters)


def _in(node: Mapping[str, Json], _: int) -> Sql:
    left, values = node.get("left"), _literal(node.get("right"))
    if not isinstance(values, list) or not values:
        raise UnknownQueryError("in needs a list with something in it")
    wanted = [_time(one) if _is_created(left) else _scalar(one) for one in values]
    found = operand(left)
    listed = "IN (SELECT value FROM json_each(?))"
    return Sql(f"{found.text} {listed}", (*found.parameters, json.dumps(wanted)))


def _null(word: str) -> Callable[[Mapping[str, Json], int], Sql]:
    def read(node: Mapping[str, Json], _: int) -> Sql:
        found = operand(node.get("expr"))
        return Sql(f"{found.text} IS {word}", found.parameters)

    return read


def _not(node: Mapping[str, Json], depth: int) -> Sql:
    inner = condition(node.get("expr"), depth + 1)
    return Sql(f"NOT ({inner.text})", inner.parameters)


def _truth(node: Mapping[str, Json], _: int) -> Sql:
    value = node.get("value")
    if not isinstance(value, bool):
        raise UnknownQueryError("a filter may be true or false, and no other literal")
    return Sql(str(int(value)))


def _flag(node: Mapping[str, Json], _: int) -> Sql:
    return operand(dict(node))


def _like(node: Mapping[str, Json], _: int) -> Sql:
    found = operand(node.get("left"))
    return Sql(f"like_pattern({found.text}, ?)", (*found.parameters, _text(node)))


def _ilike(node: Mapping[str, Json], _: int) -> Sql:
    found = operand(node.get("left"))
    return Sql(f"like_pattern(lower({found.text}), lower(?))", (*found.parameters, _text(node)))


def _match(node: Mapping[str, Json], _: int) -> Sql:
    found = operand(node.get("left"))
    return Sql(f"instr(lower({found.text}), lower(?)) > 0", (*found.parameters, _text(node)))


def _includes(node: Mapping[str, Json], _: int) -> Sql:
    # The path of json_each is a parameter, so that a text where a list was expected is one item.
    where = "$" + _json_path(path_of(node.get("left")))
    value = _scalar(_literal(node.get("right")))
    return Sql("EXISTS (SELECT 1 FROM json_each(body, ?) WHERE value = ?)", (where, value))


_CONDITIONS: dict[str, Callable[[Mapping[str, Json], int], Sql]] = {
    "in": _in, "isnull": _null("NULL"), "isnotnull": _null("NOT NULL"), "not": _not, "literal": _truth, "ident": _flag,
    "like": _like, "ilike": _ilike, "match": _match, "includes": _includes,
}  # fmt: skip


# --- values ------------------------------------------------------------------------------------------------------


def _column(path: tuple[str, ...]) -> Sql:
    if len(path) == 1 and path[0] in _COLUMNS:
        return Sql(_COLUMNS[path[0]])
    return Sql("json_extract(body, ?)", ("$" + _json_path(path),))


def _json_path(path: Sequence[str]) -> str:
    if any(char in part for part in path for char in '"\\'):
        raise UnknownQueryError("a name with a double quote or a backslash is not understood here")
    return "".join(f'."{_encodable(part)}"' for part in path)


def _aggregate(node: dict[str, Json]) -> Sql:
    name, args = _AGGREGATES[function_name(node)], node.get("args")
    if not isinstance(args, list) or len(args) > 1:
        raise UnknownQueryError(f"{name.lower()} takes one argument")
    if not args or (name == "COUNT" and args[0] in ({"op": "star"}, {"op": "literal", "value": 1})):
        if name != "COUNT":
            raise UnknownQueryError(f"{name.lower()} takes one argument")
        return Sql("COUNT(*)")
    inner = operand(args[0])
    return Sql(f"{name}({inner.text})", inner.parameters)


def _from_text(text: Json) -> dict[str, Json]:
    if not isinstance(text, str):
        raise UnknownQueryError("btql must be a text")
    return parse_expression_text(text)


def _text(node: Mapping[str, Json]) -> str:
    value = _literal(node.get("right"))
    if not isinstance(value, str) or len(value) > _LONGEST_PATTERN:
        raise UnknownQueryError(f"{node.get('op')} needs a text of {_LONGEST_PATTERN:,} characters at most")
    return _encodable(value)


def _literal(node: Json) -> Json:
    if isinstance(node, dict) and node.get("op") == "literal" and node.keys() <= {"op", "value"}:
        return node.get("value")
    raise UnknownQueryError("a literal must stand there")


def _scalar(value: Json) -> str | float | bool:
    if isinstance(value, (dict, list)) or value is None:
        raise UnknownQueryError("a path can be compared with a text, number or truth value only")
    if isinstance(value, str):
        return _encodable(value)
    return value if abs(value) <= _LARGEST else _float(value)


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        raise UnknownQueryError("a number may have 300 digits") from None


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


# --- times -------------------------------------------------------------------------------------------------------


def _is_created(node: Json) -> bool:
    return isinstance(node, dict) and node.get("op") == "ident" and node.get("name") == ["created"]


def _time(node: Json) -> str:
    """Return a time, given as text, or by a literal or by what is computed from now."""
    moment = _moment(node)
    if moment is not None:
        return _iso(moment)
    text = iso_time(node if isinstance(node, str) else _literal(node))
    if text is None:
        raise UnknownQueryError("created must be compared with a time in ISO 8601, or with NOW() - INTERVAL 1 day")
    return text


def _moment(node: Json) -> datetime | None:
    if not isinstance(node, dict):
        return None
    op = node.get("op")
    if op == "function" and function_name(node) in ("now", "current_timestamp"):
        return datetime.now(timezone.utc)
    if op in ("add", "sub"):
        base, length = _moment(node.get("left")), _length(node.get("right"))
        if base is None:
            raise UnknownQueryError("an interval can be added to NOW(), or taken from it")
        return base + length if op == "add" else base - length
    return None


def _length(node: Json) -> timedelta:
    if isinstance(node, dict) and node.get("op") == "interval":
        value, unit = node.get("value"), str(node.get("unit")).removesuffix("s")
        if isinstance(value, int) and unit in _UNITS and abs(value) * _UNITS[unit] <= _LONGEST_INTERVAL:
            return timedelta(seconds=value * _UNITS[unit])
    raise UnknownQueryError(f"an interval is a whole number and one of {', '.join(_UNITS)}, 31 years at most")


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
