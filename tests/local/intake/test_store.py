from __future__ import annotations

import threading

import pytest

from braintrust_run_output.local import Store
from braintrust_run_output.local.intake.values import iso_time


def row(row_id, trace_id="t1", **fields):
    return {"id": row_id, "root_span_id": trace_id, "span_parents": [], **fields}


def test_rows_come_back_in_order_of_arrival():
    store = Store()

    assert store.insert([row("b"), row("a")]) == ["b", "a"]
    assert [one["id"] for one in store.rows()] == ["b", "a"]
    assert store.count() == 2


def test_the_rows_of_a_trace_come_by_start_time():
    store = Store()
    store.insert([row("late", created="2026-01-02"), row("early", created="2026-01-01"), row("other", "t2")])

    assert [one["id"] for one in store.trace("t1")] == ["early", "late"]
    assert store.trace("unknown") == []


def test_a_row_of_the_same_id_replaces_the_stored_one():
    store = Store()
    store.insert([row("a", input=1, metadata={"x": 1})])
    store.insert([row("a", output=2)])

    assert store.rows() == [row("a", output=2)]


def test_a_merge_is_deep_and_keeps_the_rest():
    store = Store()
    store.insert([row("a", input=[1], metadata={"x": {"y": 1}, "keep": True})])
    store.insert([{"id": "a", "_is_merge": True, "input": [2], "metadata": {"x": {"z": 2}}}])

    assert store.row("a") == row("a", input=[2], metadata={"x": {"y": 1, "z": 2}, "keep": True})
    assert store.trace("t1") == store.rows()


def test_a_merge_into_nothing_inserts():
    store = Store()
    store.insert([{**row("a"), "_is_merge": True}])

    assert store.rows() == [row("a")]


def test_a_row_without_ids_is_a_trace_of_its_own():
    store = Store()
    (row_id,) = store.insert([{"input": 1}])

    assert store.trace(row_id) == [{"id": row_id, "input": 1}]


def test_a_batch_is_inserted_whole_or_not_at_all():
    store = Store()

    with pytest.raises(TypeError):
        store.insert([row("a"), row("b", input=object())])
    assert store.rows() == []


def test_traces_are_listed_newest_first_in_pages():
    store = Store()
    store.insert(row(f"s{number}", f"t{number}") for number in range(5))
    store.insert([{**row("child", "t0"), "span_parents": ["s0"]}])

    first = store.traces(limit=2)
    second = store.traces(limit=2, before=first[-1].cursor)
    third = store.traces(limit=2, before=second[-1].cursor)

    pages = [[trace.root_span_id for trace in page] for page in (first, second, third)]
    assert pages == [["t4", "t3"], ["t2", "t1"], ["t0"]]
    assert third[0].span_count == 2
    assert third[0].root == row("s0", "t0")
    assert store.traces(before=third[0].cursor) == []


def test_a_trace_whose_root_is_missing_is_listed_without_one():
    store = Store()
    store.insert([{**row("child"), "span_parents": ["root"]}])

    assert store.traces()[0].root is None


def test_a_file_keeps_rows(tmp_path):
    path = tmp_path / "rows.sqlite"
    Store(path).insert([row("a")])

    assert Store(path).rows() == [row("a")]


def test_waiting_ends_when_rows_arrive():
    store = Store()
    writer = threading.Thread(target=lambda: [store.insert([row(str(number))]) for number in range(3)])
    writer.start()
    rows = store.wait_for_rows(3)
    writer.join()

    assert [one["id"] for one in rows] == ["0", "1", "2"]


def test_waiting_in_vain_says_how_far_it_got():
    store = Store()
    store.insert([row("a")])

    with pytest.raises(TimeoutError, match="1 rows so far"):
        store.wait_for_rows(2, timeout=0.01)


def test_concurrent_writers_lose_nothing():
    store = Store()
    store.insert([row("shared", metadata={})])

    def write(worker):
        for number in range(25):
            store.insert([row(f"{worker}-{number}", str(worker))])
            store.insert([{"id": "shared", "_is_merge": True, "metadata": {f"{worker}-{number}": 1}}])

    workers = [threading.Thread(target=write, args=(worker,)) for worker in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert store.count() == 101
    assert len(store.row("shared")["metadata"]) == 100


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000000Z"),
        ("2026-01-01T00:00:00.5Z", "2026-01-01T00:00:00.500000Z"),
        ("2026-01-01T02:00:00.123456789+02:00", "2026-01-01T00:00:00.123456Z"),
        ("2026-01-01", "2026-01-01T00:00:00.000000Z"),
        ("soon", None),
        (7, None),
    ],
)
def test_times_of_any_precision_can_be_compared(given, expected):
    assert iso_time(given) == expected
