from __future__ import annotations

from braintrust_run_output.local import render_tree


def row(row_id, parent=None, **fields):
    return {
        "id": row_id,
        "span_parents": [parent] if parent else [],
        "metrics": {"start": 1.0, "end": 1.25},
        "span_attributes": {"name": row_id, "type": "task"},
        **fields,
    }


def test_a_tree():
    tree = render_tree(
        [
            row("root", metadata={"run_output": "It is sunny."}),
            row("chat", "root"),
            row("http", "chat", error="timed out"),
            row("tool", "root"),
        ]
    )

    assert tree.splitlines() == [
        "root  [task]  250 ms  run_output: It is sunny.",
        "├─ chat  [task]  250 ms",
        "│  └─ http  [task]  250 ms  error: timed out",
        "└─ tool  [task]  250 ms",
    ]


def test_spans_whose_parent_did_not_arrive_are_drawn_at_the_top():
    assert render_tree([row("a", "missing"), row("b", "a")]).splitlines() == [
        "a  [task]  250 ms",
        "└─ b  [task]  250 ms",
    ]


def test_spans_that_are_their_own_ancestors_are_drawn_once():
    lines = render_tree([row("a", "b"), row("b", "a"), row("self", "self")]).splitlines()

    assert lines == ["a  [task]  250 ms", "└─ b  [task]  250 ms", "self  [task]  250 ms"]


def test_a_tree_deeper_than_the_stack():
    rows = [row("0"), *(row(str(number), str(number - 1)) for number in range(1, 3000))]

    assert len(render_tree(rows).splitlines()) == 3000


def test_long_outputs_are_cut_and_terminals_are_not_controlled():
    tree = render_tree([row("a\x1b[31m\n", metadata={"run_output": "x" * 100})], width=10)

    assert tree == "a\\x1b[31m\\n  [task]  250 ms  run_output: xxxxxxxxx…"


def test_rows_with_nothing_in_them():
    assert render_tree([{"id": "a"}]) == "None  [None]"
    assert render_tree([]) == ""
