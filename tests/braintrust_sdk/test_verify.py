"""verify: exports in every form, of any size, and damaged ones."""

from __future__ import annotations

import io
import json
import tracemalloc
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from braintrust_run_output.braintrust.verify import (
    BadExportError,
    Baseline,
    VerifyReport,
    open_export,
    read_export,
    verify,
)
from support import is_short


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
    # Holding the rows would take 1,250,000 and more.
    assert peak(10_000 if is_short() else 20_000) < peak(2000) + 500_000


# --- more forms ----------------------------------------------------------------------------------------------------


def test_what_bt_prints_and_queries_answer():
    rows = [row(1), row(2, None)]
    of_bt = {"dataset": {"id": "d", "name": "n", "metadata": None}, "preview_length": -1, "row_limit": None}
    of_bt |= {"rows": rows, "rows_previewed": False, "rows_truncated": False}

    assert list(read_export(as_file(of_bt))) == rows
    assert list(read_export(as_file({"data": rows, "schema": {"type": "array", "items": {}}, "cursor": "x"}))) == rows


def as_file(value):
    return io.BytesIO(json.dumps(value).encode())


@pytest.mark.parametrize(
    ("flag", "says"), [("rows_truncated", "part of the rows only: .*--all-rows"), ("rows_previewed", "--full")]
)
def test_what_bt_has_cut_itself_is_no_export(flag, says):
    for export in ({flag: True, "rows": [row(1)]}, {"rows": [row(1)], flag: True}):
        with pytest.raises(BadExportError, match=says):
            verify(read_export(as_file(export)))


def test_pages_that_were_saved_one_after_another():
    file = io.BytesIO(b"\n".join(json.dumps({"events": [row(n)], "cursor": "x"}).encode() for n in (1, 2)))

    assert [one["id"] for one in read_export(file)] == ["r1", "r2"]


def test_a_csv_of_the_interface():
    text = 'id,input,expected,metadata\r\nr1,q,"{""a"": 1}","{""run_output"": ""Paris,\\r\\n\xe9""}"\r\nr2,,,\r\n'
    for content in (text.encode(), b"\xef\xbb\xbf" + text.encode()):
        report = verify(read_export(io.BytesIO(content)), baseline=Baseline([row(1, expected={"a": 1})]))

        assert (report.rows, report.missing.ids, report.with_expected) == (2, ["r2"], 1)
        assert (report.compared, report.expected_changed.count) == (1, 0)


@pytest.mark.parametrize("expected", ["text", "1", 1, {"a": [1]}, None, "", '"quoted"'])
def test_expected_in_a_csv_is_compared_with_what_it_was_as_json(expected):
    written = "" if expected is None else expected if isinstance(expected, str) else json.dumps(expected)
    rows = read_export(
        io.BytesIO(f'id,expected,metadata\r\nr1,"{written.replace(chr(34), chr(34) * 2)}",{{}}'.encode())
    )

    report = verify(rows, baseline=Baseline([row(1, expected=expected or None)]))

    assert (report.compared, report.expected_changed.count) == (1, 0)


def test_a_text_that_became_a_number_has_changed():
    assert verify([row(1, expected=1)], baseline=Baseline([row(1, expected="1")])).expected_changed.count == 1


def test_metadata_as_text_in_json():
    assert verify(read_export(as_file([row(1, metadata='{"run_output": "x"}')]))).ok


def test_a_byte_order_mark_is_no_content():
    for text in (json.dumps([row(1)]), json.dumps(row(1))):
        assert verify(read_export(io.BytesIO(b"\xef\xbb\xbf" + text.encode()))).ok


# --- no false verdict ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "saw"),
    [
        (b'{"objects": [{"id": "secret"}]}', "the keys objects"),
        (b'{"result": {"rows": [{"id": "secret"}]}}', "the keys result"),
        (b'{"id": "d", "name": "secret", "items": [{"id": "secret"}]}', "the keys id, name, items"),
        (b'{"events": null}', "the keys events"),
        (b"{}", "no keys"),
        (b'{"\\u001b[31mred": 1}', r"the keys \\x1b\[31mred"),
        (b'{"' + b"k" * 5000 + b'": 1}', "the keys k{40};"),
        (b'{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1}', "g, h and 2 more"),
        (b'{"data": [{"count": "secret"}]}', "row 1 .* the keys count"),
        (b'[{"name": "secret"}]', "row 1 .* the keys name"),
        (b'{"id": "r", "metadata": {}}\n{"error": "secret"}', "row 2 .* the keys error"),
        (b"id,input\nsecret,secret\n", "no CSV with a column metadata"),
        (b'id,metadata\nr1,"secret"\n', "metadata of row 1 is no JSON object"),
        (b"id,metadata\nr1,[1]\n", "metadata of row 1 is no JSON object"),
        (b'id,metadata\nr1,"{}\n', "damaged after row 0"),
        (b"id,metadata\nr1,{}\nr2,\xff\n", "damaged after row"),
        (b'[{"id": 1, "metadata": "secret"}]', "metadata of row 1 is no JSON object"),
        (b'{"events": [], "cursor": null} {"secret": 1}', "an object in the file has no events"),
    ],
)
def test_an_unknown_envelope_is_refused_with_what_was_seen(content, saw):
    with pytest.raises(BadExportError, match=saw) as caught:
        list(read_export(io.BytesIO(content)))
    assert "secret" not in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "pages",
    [
        [("2", "new", None), ("1", "old", None)],
        [("1", "old", None), ("2", "new", None)],
        [("9", "old", None), ("10", "new", None)],
        [(None, "old", "2026-01-01T00:00:00Z"), (None, "new", "2026-01-01T00:00:00.001Z")],
        [(None, "new", "2026-01-01T12:00:00+00:00"), (None, "old", "2026-01-01T12:30:00+02:00")],
        [(None, "old", None), (None, "new", None)],
        [("5", "new", "2026-01-01"), (None, "old", "2026-01-02")],
    ],
)
def test_a_row_that_is_repeated_counts_once_in_its_newest_version(pages):
    rows = [row(1, metadata={}, _xact_id=x, created=c) | {"expected": what} for x, what, c in pages]
    for one in rows:
        one["metadata"] = {"run_output": "x"} if one["expected"] == "new" else {}

    report = verify(rows, baseline=Baseline([row(1, expected="new")]))

    assert report.ok
    assert (report.rows, report.repeated, report.compared) == (1, 1, 1)


def test_rows_without_an_id_and_rows_of_two_datasets_are_no_repetitions():
    rows = [{"metadata": {}}, {"metadata": {}}, row(1, dataset_id="a"), row(1, dataset_id="b")]

    assert verify(rows).rows == 4


@pytest.mark.parametrize("opening", [b"[", b'{"events":[', b'{"a":', b'[{"id":1,"input":'])
@pytest.mark.parametrize("nested", [b"[", b'{"a":'])
def test_arrays_that_nest_without_an_end_are_refused_in_constant_memory(opening, nested):
    content = io.BytesIO(opening + nested * 20_000_000)
    tracemalloc.start()
    with pytest.raises(BadExportError, match="deep"):
        list(read_export(content))
    (_, peak) = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 10_000_000  # a piece of 64 KiB that holds nothing but brackets


def test_a_line_that_nests_without_an_end_is_refused():
    content = json.dumps(row(1)).encode() + b'\n{"id": 1, "input": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"

    with pytest.raises(BadExportError, match="line 2"):
        list(read_export(io.BytesIO(content)))


@given(st.binary(max_size=200) | st.text(alphabet='[]{}",:\\ n1aid', max_size=60).map(str.encode))
def test_whatever_the_file_holds_there_is_a_report_or_one_line(content):
    said = "decided"
    try:
        report = verify(read_export(io.BytesIO(content)))
    except BadExportError as error:
        said, report = str(error), VerifyReport("run_output")

    assert said.isprintable()
    assert report.rows == report.missing.count + report.empty.count + report.cut.count


def test_how_much_is_enough():
    report = verify([row(n) for n in range(99)] + [row(99, None)])

    assert not report.ok
    assert report.is_ok(Fraction(99, 100))
    assert not report.is_ok(Fraction(995, 1000))
    assert not verify([]).is_ok(Fraction(0))
    assert not verify([row(1, expected="x")], baseline=Baseline([row(1)])).is_ok(Fraction(1, 2))
