from __future__ import annotations

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from braintrust_run_output.local import Store
from braintrust_run_output.local.intake.btql import UnknownQueryError, parse_query
from braintrust_run_output.local.intake.database import _is_like
from braintrust_run_output.local.intake.store import LOCAL_PROJECT

SOURCE = {
    "op": "function",
    "name": {"op": "ident", "name": ["project_logs"]},
    "args": [{"op": "literal", "value": LOCAL_PROJECT}],
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
        {"id": "other", "root_span_id": "u", "created": "2026-01-02", "tags": ["a", "b"], "metadata": {"run_output": None}},
    ])  # fmt: skip
    return store


@pytest.fixture
def ids(store):
    def ids(expression=None, **clauses):
        return [row.body["id"] for row in store.select(parse_query(query(filter=expression, **clauses)))]

    return ids


@pytest.fixture
def ids_of_text(store):
    return lambda text: [
        row.body["id"] for row in store.select(parse_query(text.replace("LOGS", f"project_logs('{LOCAL_PROJECT}')")))
    ]


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ({"op": "isnull", "expr": ident("error")}, ["other", "child", "root"]),
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
    ("expression", "found"),
    [
        ("created >= NOW() - INTERVAL 30 year", ["other", "child", "root"]),
        ("created < now() - interval '1 day'", ["other", "child", "root"]),
        ("created >= '2026-01-01T01:00:00+00:00' and root_span_id = 't'", ["child"]),
        ("error IS NULL AND NOT is_root", ["child"]),
        ("metadata.run_output is not null", ["child"]),
        ("metadata.`a.b` = 'x' or metadata.\"a.b\" = 'y'", ["root"]),
        ("root_span_id IN ['u', 'v']", ["other"]),
        ("root_span_id in ('u', 'v') or id not in ('child', 'other')", ["other", "root"]),
        ("span_attributes.purpose != 'score'", ["child"]),
        ("id LIKE 'r%t' or id like 'CHILD'", ["root"]),
        ("id ILIKE 'CH_LD'", ["child"]),
        ("span_attributes.type MATCH 'LL'", ["child"]),
        ("tags INCLUDES 'b'", ["other"]),
        ("(metadata.n > -1.5e0) = true", None),
        ("metadata.flag = true", ["child"]),
        ("id = 'it''s' or false", []),
    ],
)
def test_filters_as_text(ids, ids_of_text, expression, found):
    if found is None:
        with pytest.raises(UnknownQueryError):
            ids({"btql": expression})
        return
    assert ids({"op": "and", "children": [{"btql": expression}, {"op": "literal", "value": True}]}) == found
    assert ids_of_text(f"select: * | from: LOGS | filter: {expression}") == found
    assert ids_of_text(f"SELECT * FROM LOGS WHERE {expression};") == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("select: * | from: LOGS summary | filter: id = 'child' | sort: _pagination_key DESC | limit: 50", ["root"]),
        ("select: * | from: LOGS traces | filter: id = 'child'", ["child", "root"]),
        ("SELECT * FROM LOGS ORDER BY created DESC LIMIT 1 OFFSET 1", ["child"]),
        ("select: * | from: LOGS | sort: _pagination_key asc | limit: 2", ["root", "child"]),
        ("select: * | from: LOGS | sort: metadata.n desc, id", ["root", "child", "other"]),
        ("select * from LOGS where id = 'root' -- not a comment", None),
        ("select: *", None),
        ("select: * | select: * | from: LOGS", None),
        ("DROP TABLE spans", None),
    ],
)
def test_queries_as_text(ids_of_text, text, found):
    if found is None:
        with pytest.raises(UnknownQueryError):
            ids_of_text(text)
    else:
        assert ids_of_text(text) == found


def test_pages_go_on_where_the_last_one_ended(store, ids):
    first, second, third = (row.position for row in store.select(parse_query(query())))

    assert ids(cursor=str(first), limit=1) == ["child"]
    assert ids(cursor=str(third)) == []
    assert ids(cursor=str(second), sort=[{"expr": ident("_pagination_key"), "dir": "asc"}]) == ["other"]


def test_what_is_computed_comes_group_by_group(store):
    asked = parse_query(
        f"select root_span_id, count(1), max(metadata.n) as most from project_logs('{LOCAL_PROJECT}') group by root_span_id"
    )

    assert asked.is_aggregate
    assert store.aggregate(asked) == [("t", 2, 1), ("u", 1, None)]
    assert [one.name for one in (*asked.groups, *asked.columns)] == ["root_span_id", "count", "most"]


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ("select: *", "from must be"),
        (None, "neither"),
        (query(pivot=[]), "'pivot'"),
        (query(select=[{"op": "ident"}]), "ident"),
        (query(select=[{"op": "star"}, {"expr": ident("id")}]), "alone"),
        (query(preview_length=-2), "preview_length"),
        (query(limit=0), "limit"),
        (query(limit="5"), "limit"),
        (query(limit=10**400), "limit"),
        (query(offset=-1), "offset"),
        (query(cursor="x"), "cursor"),
        (query(cursor="9" * 30), "cursor"),
        (query(cursor="1", sort=[{"expr": ident("created")}]), "order of arrival"),
        (query(sort=[{"expr": ident("created"), "dir": "up"}]), "dir"),
        (query(sort=[{"expr": {"op": "literal", "value": 1}}]), "ident"),
        (query(**{"from": None}), "from"),
        (query(**{"from": {**SOURCE, "shape": "circles"}}), "shape"),
        (query(**{"from": {**SOURCE, "name": ident("prompt")}}), "from"),
        (query(**{"from": {**SOURCE, "args": []}}), "from"),
        (query(filter="x = 1"), "JSON object"),
        (query(filter={"btql": 1}), "text"),
        (query(filter={"btql": "x = "}), "its end"),
        (query(filter={"btql": "x = 1 }"}), "'}'"),
        (query(filter={"btql": "x" * 200_000}), "characters"),
        (query(filter={"btql": "not " * 100 + "true"}), "50 levels"),
        (query(filter={"btql": " and ".join(["id = '1'"] * 501)}), "500"),
        (query(filter=compare("approximately", ["id"], "x")), "'approximately'"),
        (query(filter=compare("in", ["id"], [])), "something in it"),
        (query(filter=compare("eq", ["id"], None)), "text, number"),
        (query(filter=compare("eq", ["id"], 10**400)), "300 digits"),
        (query(filter=compare("eq", ["created"], "soon")), "ISO 8601"),
        (query(filter={"btql": "created > now() - interval 999999999 year"}), "31 years"),
        (query(filter=compare("eq", ['x"'], 1)), "quote"),
        (query(filter={"op": "and", "children": []}), "children"),
        (query(filter={"op": "eq", "left": {"op": "sub"}, "right": {"op": "literal", "value": 1}}), "interval"),
        (
            query(select=[{"expr": ident("id")}, {"expr": {"op": "function", "name": ident("count"), "args": []}}]),
            "computed",
        ),
    ],
)
def test_what_is_not_understood_is_refused(asked, says):
    with pytest.raises(UnknownQueryError, match=says):
        parse_query(asked)


WORDS = st.sampled_from(
    ["select", "*", ":", "|", "from", "project_logs", "(", ")", "'x'", "where", "filter", "created", ".", "and", "or", "not", "is",
     "null", "in", "[", "]", ",", "1", "-2.5", "=", "<", "now()", "-", "interval", "day", "limit", "order by", "like", "`a`", "\"", "\ud800"]
)  # fmt: skip


@given(st.lists(WORDS, max_size=30).map(" ".join))
def test_whatever_stands_in_a_text_it_is_a_query_or_refused(text):
    for asked in (text, query(filter={"btql": text}), f"select: * | from: project_logs('x') | filter: {text}"):
        with contextlib.suppress(UnknownQueryError):
            Store().select(parse_query(asked))


def test_a_value_is_never_sql(ids):
    assert ids(compare("eq", ["id"], "' OR 1=1 --")) == []
    assert ids(compare("eq", ["metadata", "') OR 1=1 --"], "x")) == []


@given(st.text("aA.[%_*", max_size=6), st.text("aA.[%_*", max_size=5))
def test_patterns_are_sqls(text, pattern):
    expected = re.fullmatch(
        "".join({"%": ".*", "_": "."}.get(one) or re.escape(one) for one in pattern), text, re.DOTALL
    )

    assert _is_like(text, pattern) == (expected is not None)
