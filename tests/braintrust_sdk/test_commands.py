"""The commands verify, insert and backfill: what they print, their exit codes, and each way to fail."""

from __future__ import annotations

import json
import socket
import subprocess
import sys

import pytest
from click.testing import CliRunner

from braintrust_run_output.braintrust import commands, connection
from braintrust_run_output.braintrust.exports import open_export
from braintrust_run_output.cli import main
from braintrust_sdk.stored import agent_trace, stored_row

BACKFILL = ("backfill", "--project", "shop")
INSERT = ("insert", "--project", "shop", "--dataset", "examples")
VERIFY = ("verify", "--project", "shop", "--dataset", "examples")


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    """Repeat failed calls without a wait."""
    monkeypatch.setattr(connection, "sleep", lambda seconds: None)


@pytest.fixture
def command(environment):
    def command(*arguments):
        return CliRunner().invoke(main, [str(argument) for argument in arguments])

    return command


@pytest.fixture
def shop(intake):
    return intake.store.register("project", "shop")


@pytest.fixture
def otlp_file(tmp_path):
    span = {
        "traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331", "name": "chat",
        "attributes": [{"key": "gen_ai.completion", "value": {"stringValue": "Paris."}}],
    }  # fmt: skip
    path = tmp_path / "otlp.json"
    path.write_text(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}))
    return path


def one_line(result):
    """The one line on standard error."""
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    return line


# --- what they do --------------------------------------------------------------------------------------------------


def test_backfill(command, intake, shop):
    intake.store.insert([*agent_trace("t", "Sunny in [bold]Paris[/bold].\x1b[31m"), stored_row("e", "root")], shop.id)

    dry = command(*BACKFILL)
    wet = command(*BACKFILL, "--apply")
    again = command(*BACKFILL, "--apply", "--json")

    assert (dry.exit_code, wet.exit_code, again.exit_code) == (0, 0, 0)
    assert "t-root" in dry.stdout
    assert "[bold]" in dry.stdout
    assert "\x1b" not in dry.stdout
    assert "nothing was written" in dry.stdout
    assert "2 roots without metadata.run_output, 1 of them" in dry.stdout
    assert "1 get none: 1 without a model call" in dry.stdout
    assert "1 roots were written." in wet.stdout
    assert json.loads(again.stdout) == {
        "applied": True, "roots": 1, "found": 0, "written": 0, "without_output": 1,
        "passed_over": {"without a model call": 1}, "listed": [],
    }  # fmt: skip


def test_insert_from_logs_and_verify(command, intake, shop):
    for number in range(3):
        intake.store.insert(agent_trace(f"t{number}"), shop.id)

    dry = command(*INSERT)
    assert intake.store.objects("dataset") == []
    wet = command(*INSERT, "--apply", "--json")
    verified = command(*VERIFY)

    assert "3 traces, 3 rows." in dry.stdout
    assert json.loads(wet.stdout)["written"] == 3
    assert (dry.exit_code, wet.exit_code, verified.exit_code) == (0, 0, 0)


def test_insert_from_a_file_and_an_intake(command, intake, shop, otlp_file):
    intake.store.insert(agent_trace("t"))

    for source in (("--otlp", otlp_file), ("--intake", intake.url)):
        result = command(*INSERT, *source, "--apply")
        assert "1 rows were written to dataset 'examples'." in result.stdout
        assert result.exit_code == 0
    (dataset,) = intake.store.objects("dataset")
    assert len(intake.store.dataset(dataset.id)) == 2


def test_verify_lists_what_is_wrong(command, tmp_path):
    export = tmp_path / "export.json"
    export.write_text(json.dumps([{"id": "good", "metadata": {"run_output": "x"}}, {"id": "bad-one", "metadata": {}}]))

    table, as_json = command("verify", export), command("verify", export, "--json")

    assert (table.exit_code, as_json.exit_code) == (1, 1)
    assert "bad-one" in table.stdout
    assert json.loads(as_json.stdout)["missing"] == {"count": 1, "ids": ["bad-one"]}


def test_verify_with_a_baseline(command, tmp_path):
    before, after = tmp_path / "before.jsonl", tmp_path / "after.jsonl"
    before.write_text('{"id": "r", "expected": "a"}\n')
    after.write_text('{"id": "r", "expected": "b", "metadata": {"run_output": "x"}}\n')

    result = command("verify", after, "--baseline", before)

    assert result.exit_code == 1
    assert "expected changed" in result.stdout


def test_verify_of_no_rows(command, tmp_path):
    export = tmp_path / "export.json"
    export.write_text("[]")

    assert command("verify", export).exit_code == 1


def test_the_configured_key_counts(command, monkeypatch, tmp_path):
    export = tmp_path / "export.json"
    export.write_text('[{"id": "r", "metadata": {"answer": "x"}}]')
    monkeypatch.setenv("BRAINTRUST_RUN_OUTPUT_KEY", "answer")

    assert command("verify", export).exit_code == 0


# --- how they fail -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [BACKFILL, INSERT, VERIFY, (*BACKFILL, "--apply"), (*INSERT, "--apply")])
class TestFailures:
    def test_a_wrong_key(self, command, monkeypatch, arguments):
        monkeypatch.setenv("BRAINTRUST_API_KEY", "wrong-key")
        result = command(*arguments)

        assert "refused the API key (401): check BRAINTRUST_API_KEY" in one_line(result)
        assert "wrong-key" not in result.output
        assert result.exit_code == 2

    def test_no_key(self, command, monkeypatch, arguments):
        monkeypatch.delenv("BRAINTRUST_API_KEY")
        result = command(*arguments)

        assert "set BRAINTRUST_API_KEY" in one_line(result)
        assert result.exit_code == 2

    def test_a_wrong_project(self, command, arguments):
        result = command(*arguments)

        assert "no project named 'shop'" in one_line(result)
        assert result.exit_code == 2

    def test_no_network(self, command, monkeypatch, arguments):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            monkeypatch.setenv("BRAINTRUST_APP_URL", f"http://127.0.0.1:{probe.getsockname()[1]}")
            result = command(*arguments)

        assert "cannot reach 127.0.0.1" in one_line(result)
        assert result.exit_code == 2

    def test_a_server_that_stays_broken(self, command, intake, arguments):
        intake.faults.add(503, times=100, retry_after="0")
        result = command(*arguments)

        assert "answers 503" in one_line(result)
        assert result.exit_code == 2


@pytest.mark.parametrize("content", ["", "private", "[1]", '{"id": "private'])
def test_a_malformed_file(command, shop, tmp_path, content):
    path = tmp_path / "file"
    path.write_text(content)
    path = path.rename(tmp_path.parent / f"malformed-{len(content)}")  # its own directory is named after the content

    for arguments in (("verify", path), ("verify", path, "--baseline", path), (*INSERT, "--otlp", path)):
        result = command(*arguments)
        assert result.exit_code == 2
        assert "private" not in one_line(result)


def test_an_unknown_dataset(command, shop):
    result = command(*VERIFY)

    assert "no dataset named 'examples' in project 'shop'" in one_line(result)
    assert result.exit_code == 2


def test_a_bad_time(command, shop):
    for arguments in ((*BACKFILL, "--since", "soon"), (*BACKFILL, "--until", "soon"), (*INSERT, "--since", "soon")):
        result = command(*arguments)
        assert "'soon' is no time" in one_line(result)
        assert result.exit_code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("verify",),
        ("verify", "--dataset", "d"),
        ("verify", "none.json"),
        ("insert", "--project", "p"),
        ("backfill",),
        (*INSERT, "--intake", "x", "--otlp", __file__),
    ],
)
def test_wrong_usage(command, arguments):
    assert command(*arguments).exit_code == 2


def test_work_that_stops_half_way_says_so(command, intake, shop):
    for number in range(300):
        intake.store.insert(agent_trace(f"t{number}"), shop.id)

    for arguments, written in ((BACKFILL, "50 roots"), (INSERT, "200 rows")):
        intake.faults.add(400, path="/insert", skip=1)
        result = command(*arguments, "--apply")
        assert f"{written} were written before: repeat the command to go on" in one_line(result)
        assert result.exit_code == 1
        assert command(*arguments, "--apply").exit_code == 0
    assert all("run_output" in row["metadata"] for row in intake.store.rows() if row["is_root"])


# --- verify: what scripts do with it -------------------------------------------------------------------------------


@pytest.fixture
def export(tmp_path):
    """A file of rows: as many good ones, then as many bad ones."""

    def export(good, bad=0, **fields):
        path = tmp_path / "export.json"
        rows = [
            {"id": f"r{n}", "input": "q", "metadata": {"run_output": "x"} if n < good else {}, **fields}
            for n in range(good + bad)
        ]
        path.write_text(json.dumps(rows))
        return path

    return export


@pytest.mark.parametrize(("share", "code"), [("99%", 0), ("99.0 %", 0), ("99.01%", 1), ("100%", 1), ("0%", 0)])
def test_a_share_of_the_rows_may_be_enough(command, export, share, code):
    result = command("verify", export(99, 1), "--at-least", share, "--json")

    assert result.exit_code == code
    assert json.loads(result.stdout)["ok"] is (code == 0)


@pytest.mark.parametrize("share", ["99", "0.99", "101%", "-1%", "most", "", "1e1%", "9" * 400 + "%"])
def test_what_is_no_share_is_refused(command, export, share):
    result = command("verify", export(1), "--at-least", share)

    assert result.exit_code == 2
    assert "give 99% or 99.5%" in result.stderr


def test_standard_input_and_pipes(environment, export):
    for script in ("cat {0} | {1} verify -", "{1} verify <(cat {0})", "{1} verify - < {0}"):
        program = f"{sys.executable} -m braintrust_run_output"
        done = subprocess.run(
            ["bash", "-c", script.format(export(2), program)], capture_output=True, text=True, timeout=60
        )
        assert (done.returncode, done.stderr) == (0, "")


def test_an_unknown_envelope_is_no_verdict(command, tmp_path):
    path = tmp_path / "objects.json"
    path.write_text('{"objects": [{"id": "private"}]}')

    result = command("verify", path)

    assert result.exit_code == 2
    assert "an object with the keys objects" in one_line(result)


def test_ids_and_values_reach_a_terminal_without_what_it_acts_on(command, tmp_path, intake, shop):
    evil = "\x1b]0;title\x07\x1b[2J\x9b31m\u202eabc"
    path = tmp_path / "export.json"
    path.write_text(json.dumps([{"id": evil, "metadata": {}}, {"id": "x", evil: 1}]))
    rows = agent_trace("t", evil)
    for row in rows:
        row["id"] = row["id"] + evil
        row["span_attributes"]["name"] = evil
    intake.store.insert(rows, shop.id)

    for arguments in (("verify", path), ("verify", path, "--json"), BACKFILL, (*BACKFILL, "--json"), INSERT):
        result = command(*arguments)
        assert not set(evil) & set(result.output) - set("0;title[2J31mabc]")


def test_rows_without_an_input_are_named_with_the_remedy(command, export):
    result = command("verify", export(2, input=None))

    assert "2 rows have no input: BRAINTRUST_RUN_OUTPUT_MIRROR_INPUT=true" in result.stdout


def test_since_after_until_is_wrong_usage(command, shop):
    for arguments in ((*BACKFILL, "--since", "1h", "--until", "2h"), (*INSERT, "--since", "1h", "--until", "7d")):
        result = command(*arguments)
        assert "is not before --until" in one_line(result)
        assert result.exit_code == 2


def test_a_wait_that_is_too_long_is_said_and_ends_the_work(command, intake, shop):
    intake.faults.add(429, path="/btql", retry_after="90")
    intake.faults.add(429, path="/btql", retry_after="4000")
    result = command(*BACKFILL, "--max-wait", "120")

    waiting, error = result.stderr.splitlines()
    assert waiting.startswith("Braintrust answers 429: waiting 90 s, until ")
    assert "--max-wait (120 s)" in error
    assert result.exit_code == 2


def test_insert_says_why_traces_make_no_row(command, intake, shop):
    intake.store.insert([*agent_trace("good"), stored_row("silent", "root"), *agent_trace("probe")], shop.id)
    probe = {"id": "probe-root", "_is_merge": True, "metadata": {"run_output_probe": True}}
    intake.store.insert([probe], shop.id)

    result = command(*INSERT, "--apply")
    as_json = json.loads(command(*INSERT, "--apply", "--json").stdout)

    text = " ".join(result.stdout.split())
    assert "3 traces, 1 rows; 2 traces make none:" in text
    assert "1 without a model call" in text
    assert "1 sent by doctor --probe" in text
    assert as_json["passed_over"] == {"without a model call": 1, "sent by doctor --probe": 1}
    assert "1 rows were written to dataset 'examples'." in text
    assert (as_json["written"], as_json["unchanged"]) == (0, 1)


def test_insert_says_that_a_persons_run_output_is_kept(command, intake, shop):
    intake.store.insert(agent_trace("t"), shop.id)
    command(*INSERT, "--apply")
    (dataset,) = intake.store.objects("dataset")
    (row,) = intake.store.dataset(dataset.id)
    corrected = {"id": row["id"], "_is_merge": True, "metadata": {"run_output": "corrected"}}
    intake.store.insert_dataset_rows([corrected], dataset.id)

    assert "1 rows keep their own metadata.run_output" in command(*INSERT, "--apply").stdout
    assert intake.store.dataset(dataset.id)[0]["metadata"]["run_output"] == "corrected"


def test_the_progress_bar_knows_how_much_of_a_file_has_been_read(tmp_path):
    path = tmp_path / "export.json"
    rows = [{"id": str(number), "metadata": {"run_output": "x" * 100}} for number in range(5000)]
    for content in (json.dumps(rows), "\n".join(map(json.dumps, rows)), json.dumps({"events": rows})):
        path.write_text(content)
        shown = []
        with open_export(path) as export:
            list(commands._counted(export, lambda *count, shown=shown, **where: shown.append((*count, where)), export))
        assert [count for count, _ in shown] == [1000, 2000, 3000, 4000, 5000]
        assert {where["size"] for _, where in shown} == {len(content)}
        positions = [where["position"] for _, where in shown]
        assert positions == sorted(positions)
        assert 0 < positions[0] < positions[-1] <= len(content)
