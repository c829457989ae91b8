from __future__ import annotations

import pytest

from braintrust_run_output.local import Store
from braintrust_run_output.local.intake.btql import UnknownQueryError, parse_query

SOURCE = {
    "op": "function",
    "name": {"op": "ident", "name": ["project_logs"]},
    "args": [{"op": "literal", "value": "local"}],
}


def query(**clauses):
    return {"select": [{"op": "star"}], "from": SOURCE, **clauses}


def ident(*name):
    return {"op": "ident", "name": list(name)}


def compare(op, name, value):
    return {"op": op, "left": ident(*name), "right": {"op": "literal", "value": value}}


@pytest.fixture
def store():
    store = Store()
    store.insert([
        {"id": "root", "root_span_id": "t", "created": "2026-01-01T00:00:00Z", "metadata": {"a.b": "x", "n": 1}},
        {"id": "child", "root_span_id": "t", "span_parents": ["root"], "created": "2026-01-01T02:00:00.500+01:00",
         "span_attributes": {"type": "llm", "purpose": "scorer"}, "metadata": {"run_output": "x", "flag": True}},
        {"id": "other", "root_span_id": "u", "created": "2026-01-02", "metadata": {"run_output": None}},
    ])  # fmt: skip
    return store


@pytest.fixture
def ids(store):
    def ids(expression):
        asked = parse_query(query(filter=expression))
        page = store.select("local", asked.condition, asked.parameters, limit=asked.limit, before=asked.before)
        return [row["id"] for row in page.rows]

    return ids


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        (None, ["other", "child", "root"]),
        (compare("eq", ["root_span_id"], "t"), ["child", "root"]),
        (compare("eq", ["is_root"], True), ["other", "root"]),
        (compare("in", ["root_span_id"], ["u", "v"]), ["other"]),
        (compare("eq", ["id"], "root"), ["root"]),
        (compare("ge", ["created"], "2026-01-01T01:00:00+00:00"), ["other", "child"]),
        (compare("lt", ["created"], "2026-01-01T01:00:00.600+00:00"), ["child", "root"]),
        ({"op": "isnull", "expr": ident("metadata", "run_output")}, ["other", "root"]),
        ({"op": "isnotnull", "expr": ident("metadata", "run_output")}, ["child"]),
        (compare("eq", ["metadata", "a.b"], "x"), ["root"]),
        (compare("gt", ["metadata", "n"], 0), ["root"]),
        (compare("eq", ["metadata", "flag"], True), ["child"]),
        (compare("in", ["span_attributes", "type"], ["llm"]), ["child"]),
        ({"op": "not", "expr": compare("eq", ["root_span_id"], "t")}, ["other"]),
        ({"op": "literal", "value": False}, []),
        (
            {
                "op": "and",
                "children": [
                    compare("eq", ["root_span_id"], "t"),
                    {
                        "op": "or",
                        "children": [
                            {"op": "isnull", "expr": ident("span_attributes", "purpose")},
                            compare("ne", ["span_attributes", "purpose"], "scorer"),
                        ],
                    },
                ],
            },
            ["root"],
        ),
    ],
)
def test_filters(ids, expression, found):
    assert ids(expression) == found


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ("select: *", "as text"),
        (None, "as text"),
        (query(sort=[]), "'sort'"),
        (query(select=[{"op": "ident"}]), "select"),
        (query(preview_length=100), "preview_length"),
        (query(limit=0), "limit"),
        (query(limit="5"), "limit"),
        (query(cursor="x"), "cursor"),
        (query(cursor="9" * 30), "cursor"),
        (query(**{"from": None}), "from"),
        (query(**{"from": {**SOURCE, "shape": "traces"}}), "from"),
        (query(**{"from": {**SOURCE, "name": ident("prompt")}}), "from"),
        (query(**{"from": {**SOURCE, "args": []}}), "from"),
        (query(filter="x = 1"), "JSON object"),
        (query(filter=compare("like", ["id"], "x")), "'like'"),
        (query(filter=compare("in", ["id"], [])), "something in it"),
        (query(filter=compare("eq", ["id"], None)), "text, number"),
        (query(filter=compare("eq", ["created"], "soon")), "ISO 8601"),
        (query(filter=compare("eq", ['x"'], 1)), "quote"),
        (query(filter={"op": "and", "children": []}), "children"),
        (query(filter={"op": "eq", "left": {"op": "sub"}, "right": {"op": "literal", "value": 1}}), "ident"),
        (query(filter={"op": "eq", "left": ident("id"), "right": ident("id")}), "literal"),
    ],
)
def test_what_is_not_understood_is_refused(asked, says):
    with pytest.raises(UnknownQueryError, match=says):
        parse_query(asked)


def test_a_value_is_never_sql(ids):
    assert ids(compare("eq", ["id"], "' OR 1=1 --")) == []
    assert ids(compare("eq", ["metadata", "') OR 1=1 --"], "x")) == []
