"""A query: where rows come from, which of them, in which order, and what of them is shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from .errors import UnknownQueryError
from .expressions import Sql, condition, is_aggregate, operand, path_of
from .text import parse_query_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..values import Json

_OBJECT_KINDS = {"project_logs": "project", "experiment": "experiment", "dataset": "dataset"}
_SHAPES = ("spans", "traces", "summary")
_CLAUSES = {
    "select", "from", "filter", "limit", "offset", "cursor", "preview_length", "sort", "dimensions", "measures"
}  # fmt: skip
_MAX_LIMIT = 1000
_MAX_OFFSET = 10**9
_MAX_COLUMNS = 200
_EVERYTHING = Sql("1")


@dataclass(frozen=True)
class Column:
    """One thing that a query shows of each row, or computes."""

    name: str
    node: Json

    @property
    def path(self) -> tuple[str, ...] | None:
        """The path in the row, None for a literal or what is computed."""
        return path_of(self.node) if isinstance(self.node, dict) and self.node.get("op") == "ident" else None


@dataclass(frozen=True)
class Query:
    """A query that is understood."""

    kind: str
    """``project``, ``experiment`` or ``dataset``."""
    object_id: str
    shape: str = "spans"
    """``spans``; ``traces``: all spans of the traces that have one that is asked for; ``summary``: their roots."""
    filter: Sql = _EVERYTHING
    columns: tuple[Column, ...] | None = None
    """What is shown; None: everything."""
    groups: tuple[Column, ...] = ()
    order: str = "position DESC"
    """An SQL ordering."""
    by_arrival: bool = True
    """Whether the order is that of arrival, one way or the other."""
    limit: int = _MAX_LIMIT
    offset: int = 0
    after: int | None = None
    """The position of the last row of the page before."""
    preview_length: int = -1
    _order_parameters: tuple[object, ...] = field(default=())

    @property
    def is_aggregate(self) -> bool:
        """Whether it computes something over many rows."""
        return bool(self.groups) or any(is_aggregate(one.node) for one in self.columns or ())

    def where(self) -> tuple[str, tuple[object, ...]]:
        """Return the SQL condition over its table, and its parameters, those of `order` last."""
        text, parameters = f"object_id = ? AND ({self.filter.text})", (self.object_id, *self.filter.parameters)
        if self.shape != "spans":
            table = "examples" if self.kind == "dataset" else "spans"
            text = f"object_id = ? AND trace_id IN (SELECT trace_id FROM {table} WHERE {text})"  # noqa: S608
            parameters = (self.object_id, *parameters)
            if self.shape == "summary":
                text += " AND is_root"
        if self.after is not None:
            text += f" AND position {'<' if self.order == 'position DESC' else '>'} ?"
            parameters = (*parameters, self.after)
        return text, (*parameters, *self._order_parameters)

    def computed(self) -> tuple[str, tuple[object, ...], str]:
        """Return what is computed, its parameters, and the SQL grouping."""
        values = [operand(one.node) for one in (*self.groups, *(self.columns or ()))]
        text = ", ".join(one.text for one in values)
        numbers = ", ".join(str(number + 1) for number in range(len(self.groups)))
        return text, tuple(p for one in values for p in one.parameters), f"GROUP BY {numbers}" if numbers else ""


def parse_query(query: Json) -> Query:
    """Read a query.

    Args:
        query: The field ``query`` of a request to ``/btql``: JSON, or text.

    Raises:
        UnknownQueryError: The query holds something that is not understood here.
    """
    if isinstance(query, str):
        query = parse_query_text(query)
    if not isinstance(query, dict):
        raise UnknownQueryError("the query is neither a text nor a JSON object")
    unknown = query.keys() - _CLAUSES
    if unknown:
        raise UnknownQueryError(f"the clause {min(unknown)!r} is not understood here")
    kind, object_id, shape = _source(query.get("from"))
    columns, groups = _shown(query)
    order, parameters, by_arrival = _order(query.get("sort"))
    after = _position(query.get("cursor"))
    if after is not None and not by_arrival:
        raise UnknownQueryError("a cursor goes with the order of arrival only, as with sort by _pagination_key")
    asked = Query(
        kind=kind,
        object_id=object_id,
        shape=shape,
        filter=_EVERYTHING if query.get("filter") is None else condition(query["filter"]),
        columns=columns,
        groups=groups,
        order=order,
        by_arrival=by_arrival,
        limit=min(_whole(query, "limit", _MAX_LIMIT, lowest=1), _MAX_LIMIT),
        offset=_whole(query, "offset", 0, lowest=0),
        after=after,
        preview_length=_whole(query, "preview_length", -1, lowest=-1),
        _order_parameters=parameters,
    )
    if asked.is_aggregate:
        _refuse_mixtures(asked, query)
    return asked


def _source(source: Json) -> tuple[str, str, str]:
    if isinstance(source, dict) and source.get("op") == "function" and source.keys() <= {"op", "name", "args", "shape"}:
        names, args, shape = path_of(source.get("name")), source.get("args"), source.get("shape") or "spans"
        if shape not in _SHAPES:
            raise UnknownQueryError(f"the shape {shape!r} is not understood here, only {', '.join(_SHAPES)}")
        if isinstance(args, list) and len(args) == 1 and len(names) == 1 and names[0] in _OBJECT_KINDS:
            one = args[0]
            if isinstance(one, dict) and one.get("op") == "literal" and isinstance(one.get("value"), str):
                return _OBJECT_KINDS[names[0]], str(one["value"]), shape
    raise UnknownQueryError(f"from must be one of {', '.join(_OBJECT_KINDS)} with one id")


def _shown(query: Mapping[str, Json]) -> tuple[tuple[Column, ...] | None, tuple[Column, ...]]:
    """Return what is shown of each row, None for all of it, and what it is grouped by."""
    if "measures" in query or "dimensions" in query:
        listed = query.get("select", query.get("measures", []))
        groups = _columns(query.get("dimensions", []))
        known = {path for one in groups if (path := one.path)}
        return tuple(one for one in _columns(listed) if one.path not in known), groups
    select = query.get("select", [{"op": "star"}])
    if isinstance(select, list) and {"op": "star"} in select:
        if len(select) > 1:
            raise UnknownQueryError("select must be * alone, or a list of fields")
        return None, ()
    return _columns(select), ()


def _columns(listed: Json) -> tuple[Column, ...]:
    if not isinstance(listed, list) or len(listed) > _MAX_COLUMNS:
        raise UnknownQueryError(f"what is selected must be a list of {_MAX_COLUMNS} at most")
    return tuple(_column(one) for one in listed)


def _column(one: Json) -> Column:
    if not isinstance(one, dict):
        raise UnknownQueryError("what is selected must be objects with expr and alias")
    node = one.get("expr", one if one.get("op") == "ident" else None)
    if isinstance(node, dict) and isinstance(node.get("btql"), str):
        node = cast("Json", {"op": "ident", "name": list(path_of(node))})
    operand(node)
    named = cast("dict[str, Json]", node)["name"] if is_aggregate(node) else node
    name = path_of(named)[-1]
    alias = one.get("alias")
    return Column(alias if isinstance(alias, str) else name, node)


def _order(sort: Json) -> tuple[str, tuple[object, ...], bool]:
    if sort is None or sort == []:
        return "position DESC", (), True
    if not isinstance(sort, list) or len(sort) > _MAX_COLUMNS:
        raise UnknownQueryError("sort must be a list of objects with expr and dir")
    pieces: list[str] = []
    parameters: list[object] = []
    for term in sort:
        if not isinstance(term, dict) or term.get("dir", "asc") not in ("asc", "desc"):
            raise UnknownQueryError("sort must be a list of objects with expr and dir, which is asc or desc")
        found = operand(_sortable(term.get("expr")))
        direction = str(term.get("dir", "asc")).upper()
        pieces.append(f"{found.text} {direction}")
        parameters += found.parameters
    by_arrival = len(pieces) == 1 and pieces[0].startswith("position ")
    return ", ".join(pieces if by_arrival else [*pieces, "position DESC"]), tuple(parameters), by_arrival


def _sortable(node: Json) -> Json:
    return cast("Json", {"op": "ident", "name": list(path_of(node))})


def _position(cursor: Json) -> int | None:
    if cursor is None:
        return None
    if isinstance(cursor, str) and cursor.isascii() and cursor.isdecimal() and len(cursor) < 19:
        return int(cursor)
    raise UnknownQueryError("cursor is not one that this server gave")


def _whole(query: Mapping[str, Json], name: str, default: int, *, lowest: int) -> int:
    value = query.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= _MAX_OFFSET:
        raise UnknownQueryError(f"{name} must be a whole number from {lowest} to {_MAX_OFFSET:,}")
    return value


def _refuse_mixtures(asked: Query, query: Mapping[str, Json]) -> None:
    if any(not is_aggregate(one.node) for one in asked.columns or ()):
        raise UnknownQueryError("what is computed can stand beside fields that it is grouped by only")
    if query.get("sort") or query.get("cursor") or asked.offset:
        raise UnknownQueryError("what is computed comes in the order of its groups, without sort, cursor and offset")
