"""BTQL as text, turned into its JSON form. The grammar is in ``grammar.lark``."""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, TypeAlias

from lark import Lark, Transformer, v_args
from lark.exceptions import LarkError, UnexpectedInput, UnexpectedToken

from .errors import UnknownQueryError

if TYPE_CHECKING:
    from ..values import Json

    Node: TypeAlias = dict[str, Json]

_LONGEST = 100_000
_SHOWN = 40
_COMPARISONS = {"=": "eq", "!=": "ne", "<>": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}


def parse_query_text(text: str) -> Node:
    """Return the JSON form of a query.

    Raises:
        UnknownQueryError: It is not a query that is understood here.
    """
    return _parse(text, "query")


def parse_expression_text(text: str) -> Node:
    """Return the JSON form of an expression, as a filter is one.

    Raises:
        UnknownQueryError: It is not an expression that is understood here.
    """
    return _parse(text, "expression")


def _parse(text: str, start: str) -> Node:
    if len(text) > _LONGEST:
        raise UnknownQueryError(f"a query may have {_LONGEST:,} characters, this one has {len(text):,}")
    try:
        parsed: Node = _parser().parse(text, start=start)  # type: ignore[assignment]
    except LarkError as error:
        where = _place_of(error, text)
        raise UnknownQueryError(f"the query is not understood here from {where} on") from None
    return parsed


def _place_of(error: LarkError, text: str) -> str:
    if isinstance(error, UnexpectedToken) and error.token.type == "$END":
        return "its end"
    position = error.pos_in_stream if isinstance(error, UnexpectedInput) else 0
    return repr(text[position or 0 :][:_SHOWN])


@lru_cache(maxsize=1)
def _parser() -> Lark:
    grammar = files(__package__).joinpath("grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", start=["query", "expression"], transformer=_ToJson())


@v_args(inline=True)
class _ToJson(Transformer[Any, Any]):
    """Called by the parser for each rule that it has read, innermost first."""

    # --- queries ---

    def query(self, *clauses: Node | None) -> Node:
        return _joined(clauses)

    def sql(self, columns: list[Json], source: Node, *rest: Node | None) -> Node:
        return _joined(({"select": columns, "from": source}, *rest))

    def where(self, condition: Node) -> Node:
        return {"filter": condition}

    def grouping(self, *expressions: Node) -> Node:
        return {"dimensions": [{"expr": one} for one in expressions]}

    def ordering(self, terms: list[Json]) -> Node:
        return {"sort": terms}

    def sql_limit(self, number: str) -> Node:
        return {"limit": int(number)}

    def sql_offset(self, number: str) -> Node:
        return {"offset": int(number)}

    def select(self, columns: list[Json]) -> Node:
        return {"select": columns}

    def dimensions(self, columns: list[Json]) -> Node:
        return {"dimensions": columns}

    def measures(self, columns: list[Json]) -> Node:
        return {"measures": columns}

    def from_(self, source: Node) -> Node:
        return {"from": source}

    def filter(self, condition: Node) -> Node:
        return {"filter": condition}

    def sort(self, terms: list[Json]) -> Node:
        return {"sort": terms}

    def limit(self, number: str) -> Node:
        return {"limit": int(number)}

    def cursor(self, value: Node) -> Node:
        return {"cursor": value.get("value")}

    def preview_length(self, number: str) -> Node:
        return {"preview_length": int(number)}

    def columns(self, *columns: Node) -> list[Node]:
        return list(columns)

    def star(self) -> Node:
        return {"op": "star"}

    def aliased(self, expression: Node, alias: str | None) -> Node:
        return {"expr": expression, **({} if alias is None else {"alias": str(alias)})}

    def source(self, name: str, *arguments: Any) -> Node:
        shape = arguments[-1]
        node: Node = {"op": "function", "name": {"op": "ident", "name": [str(name).lower()]}}
        node["args"] = [one for one in arguments[:-1] if "shape" not in one]
        shapes = [one["shape"] for one in arguments[:-1] if "shape" in one] + ([] if shape is None else [str(shape)])
        return node | ({"shape": shapes[-1].lower()} if shapes else {})

    def value(self, expression: Node) -> Node:
        return expression

    def shape(self, text: str) -> Node:
        return {"shape": _unquoted(text)}

    def terms(self, *terms: Node) -> list[Node]:
        return list(terms)

    def term(self, expression: Node, direction: str | None) -> Node:
        return {"expr": expression, "dir": "asc" if direction is None else str(direction).lower()}

    # --- expressions ---

    def or_(self, *children: Node) -> Node:
        return {"op": "or", "children": list(children)}

    def and_(self, *children: Node) -> Node:
        return {"op": "and", "children": list(children)}

    def not_(self, expression: Node) -> Node:
        return {"op": "not", "expr": expression}

    def compare(self, left: Node, operator: str, right: Node) -> Node:
        word = str(operator).lower()
        return {"op": _COMPARISONS.get(word, word), "left": left, "right": right}

    def not_compare(self, left: Node, operator: str, right: Node) -> Node:
        return {"op": "not", "expr": self.compare(left, operator, right)}

    def isnull(self, expression: Node) -> Node:
        return {"op": "isnull", "expr": expression}

    def isnotnull(self, expression: Node) -> Node:
        return {"op": "isnotnull", "expr": expression}

    def add(self, left: Node, right: Node) -> Node:
        return {"op": "add", "left": left, "right": right}

    def sub(self, left: Node, right: Node) -> Node:
        return {"op": "sub", "left": left, "right": right}

    def list_(self, *items: Node | None) -> Node:
        values = [one for one in items if one is not None]
        if any(one.get("op") != "literal" for one in values):
            raise UnknownQueryError("a list may hold literals only")
        return {"op": "literal", "value": [one.get("value") for one in values]}

    def interval(self, amount: str, unit: str | None = None) -> Node:
        number, _, name = _unquoted(amount).partition(" ") if unit is None else (amount, "", unit)
        if not number.lstrip("-").isdecimal():
            raise UnknownQueryError("an interval is a number and a unit, e.g. INTERVAL 1 day")
        return {"op": "interval", "value": int(number), "unit": str(name).strip().lower()}

    def call(self, name: str, *arguments: Node | None) -> Node:
        args: list[Json] = [one for one in arguments if one is not None]
        return {"op": "function", "name": {"op": "ident", "name": [str(name).lower()]}, "args": args}

    def null(self) -> Node:
        return {"op": "literal", "value": None}

    def truth(self, text: str) -> Node:
        return {"op": "literal", "value": str(text).lower() == "true"}

    def string(self, text: str) -> Node:
        return {"op": "literal", "value": _unquoted(text)}

    def number(self, text: str) -> Node:
        whole = text.lstrip("-").isdecimal()
        return {"op": "literal", "value": int(text) if whole else float(text)}

    def path(self, *parts: str) -> Node:
        return {"op": "ident", "name": [_name(part) for part in parts]}


def _joined(clauses: tuple[Node | None, ...]) -> Node:
    joined: Node = {}
    for clause in clauses:
        for name, value in (clause or {}).items():
            if name in joined:
                raise UnknownQueryError(f"the clause {name!r} is there twice")
            joined[name] = value
    return joined


def _name(part: str) -> str:
    return part[1:-1] if part.startswith("`") else _unquoted(part) if part[:1] in "'\"" else str(part)


def _unquoted(text: str) -> str:
    if text.startswith("'"):
        return text[1:-1].replace("''", "'")
    try:
        return str(json.loads(text, strict=False))
    except ValueError:
        raise UnknownQueryError("a text in double quotes must be one of JSON") from None
