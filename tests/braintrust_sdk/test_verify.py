"""verify: exports in every form, of any size, and damaged ones."""

from __future__ import annotations

import io
import json
import tracemalloc

import pytest

from braintrust_run_output.braintrust.verify import (
    BadExportError,
    Baseline,
    open_export,
    read_export,
    verify,
)


def row(number, run_output="Paris.", **fields):
    metadata = {} if run_output is None else {"run_output": run_output}
    return {"id": f"r{number}", "input": "q", "expected": "e", "metadata": metadata, **fields}


FORMS = {
    "array": lambda rows: json.dumps(rows),
    "indented array": lambda rows: "\n  " + json.dumps(rows, indent=2),
    "lines": lambda rows: "\n".join(json.dumps(row) for row in rows) + "\n\n",
    "events": lambda rows: json.dumps({"events": rows, "cursor": None}),
    "events last": lambda rows: json.dumps({"cursor": "x", "events": rows}),
    "indented events": lambda rows: json.dumps({"events": rows}, indent=2),
}


@pytest.fixture(params=list(FORMS))
def export(request):
    return lambda rows: io.BytesIO(FORMS[request.param](rows).encode())


def test_every_form_is_read(export):
    rows = [row(number) for number in range(3)]

    assert list(read_export(export(rows))) == rows


def test_each_problem_is_listed_with_its_row(export):
    rows = [
        row(1),
        row(2, None),
        row(3, "  "),
        row(4, "__REDACTED__"),
        row(5, metadata=None),
        row(6, metadata={"run_output": "x", "run_output_truncated": True}),
        row(7, [{"role": "assistant", "content": "x"}], expected=None),
        row(8, []),
    ]

    report = verify(read_export(export(rows)))

    assert not report.ok
    assert (report.rows, report.with_expected) == (8, 7)
    assert report.missing.ids == ["r2", "r5"]
    assert report.empty.ids == ["r3", "r4", "r8"]
    assert report.cut.ids == ["r6"]
    assert report.as_dict()["with_run_output"] == 3


def test_rows_that_all_have_it_are_ok_and_no_rows_are_not():
    assert verify([row(1), row(2)]).ok
    assert not verify([]).ok


def test_another_key():
    assert verify([row(1, metadata={"answer": "x"})], key="answer").ok


def test_expected_is_compared_with_a_baseline():
    baseline = Baseline([row(1), row(2, expected={"a": 1, "b": 2}), row(3)])

    report = verify([row(1), row(2, expected={"b": 2, "a": 1}), row(3, expected="Paris."), row(4)], baseline=baseline)

    assert (report.compared, report.expected_changed.ids) == (3, ["r3"])
    assert not report.ok


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b" \n ", "empty"),
        (b"<html>secret</html>", "no JSON"),
        (b'"secret"', "no JSON"),
        (b'["secret"]', "row 1 is no JSON object"),
        (b'[{"id": 1}, {"id": "secret', "damaged after row 1"),
        (b'[{"id": 1} {"id": "secret"}]', "damaged after row 1"),
        (b'{"id": 1}\n{"id": "secret\n', "line 2"),
        (b'{"id": 1}\n["secret"]\n', "row 2 is no JSON object"),
        (b'{"events": [{"id": 1}, "secret"]}', "row 2 is no JSON object"),
        (b'{"events": [{"id": 1}', "damaged after row 1"),
        (b'{\n"id": "secret"\n}', "line 1"),
        (b'{"secret', "line 1"),
        (b'[{"id": "\xff secret"}]', "damaged after row 0"),
    ],
)
def test_what_is_no_export_is_refused_in_one_line_that_quotes_nothing(content, says):
    with pytest.raises(BadExportError, match=says) as caught:
        list(read_export(io.BytesIO(content)))
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_empty_list_of_events_is_an_export_without_rows():
    assert list(read_export(io.BytesIO(b'{"events": []}'))) == []


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(BadExportError, match="cannot read"), open_export(tmp_path / "none.json") as rows:
        list(rows)


@pytest.mark.parametrize("form", ["array", "lines", "events"])
@pytest.mark.parametrize("complete", [True, False], ids=["complete", "all missing"])
def test_memory_does_not_grow_with_the_rows(tmp_path, form, complete):
    def peak(count):
        path = tmp_path / f"{count}"
        rows = [row(number, "x" * 400 if complete else None) for number in range(count)]
        path.write_text(FORMS[form](rows))
        del rows
        tracemalloc.start()
        with open_export(path) as stored:
            report = verify(stored)
        (_, peak) = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert report.rows == count
        return peak

    peak(2000)  # fills caches, and the list of problems
    assert peak(20_000) < peak(2000) + 500_000  # holding the rows would take 2,500,000 and more
