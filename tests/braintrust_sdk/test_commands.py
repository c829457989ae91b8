"""The commands verify, insert and backfill: what they print, their exit codes, and each way to fail."""

from __future__ import annotations

import json
import socket

import pytest
from click.testing import CliRunner

from braintrust_run_output.braintrust import connection
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
    assert "1 get none: 1 without a model output" in dry.stdout
    assert "1 roots were written." in wet.stdout
    assert json.loads(again.stdout) == {
        "applied": True, "roots": 1, "found": 0, "written": 0, "without_output": 1,
        "passed_over": {"without a model output": 1}, "listed": [],
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
        assert "1 rows are in dataset 'examples'" in result.stdout
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
