"""docs/recipes.md, recipe by recipe."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.parse
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

from docs_runner import read_page
from processes import AGENT, INSTRUMENT, NO_MODEL, TIMEOUT, environment, run, run_command

PAGE = read_page(Path(__file__).parents[2] / "docs" / "recipes.md")
SUNNY = {"root": "It is sunny.", "chat": "It is sunny."}
ANSWER = """
from opentelemetry import trace

tracer = trace.get_tracer("model")


def answer(question):
    with tracer.start_as_current_span("chat", attributes={"gen_ai.operation.name": "chat"}) as span:
        text = f"You asked: {question}"
        span.set_attribute("gen_ai.completion", text)
        return text
"""
"""The agent of the recipes."""


def recipe(title):
    """Return a recipe, if all that it needs is installed."""
    section = PAGE[title]
    section.skip_unless_installed()
    return section


def in_our_place(script, receiver):
    """Return a script of a recipe for the receiver instead of Braintrust, and for this Python."""
    return script.replace("https://api.braintrust.dev", receiver.url).replace("<your API key>", "key-of-the-test")


def variables(receiver, **more):
    return {
        **receiver.braintrust_variables,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        **more,
    }


def run_script(script, receiver, directory, **more):
    command = ["bash", "-euc", in_our_place(script, receiver)]
    return run_command(command, cwd=directory, **NO_MODEL, **variables(receiver, **more))


@pytest.fixture
def directory(tmp_path):
    (tmp_path / "agent.py").write_text(ANSWER)
    return tmp_path


@pytest.mark.parametrize(
    "title",
    ["Zero-code, to Braintrust", "Zero-code, to Braintrust by plain OTLP", "Zero-code, without another command"],
)
def test_zero_code(receiver, directory, title):
    (script,) = recipe(title).commands
    (directory / "app.py").write_text(AGENT)

    ended = run_script(script, receiver, directory)

    assert (ended.code, ended.out, ended.log) == (0, "done\n", "")
    assert receiver.run_outputs == SUNNY
    assert receiver.headers[0]["authorization"] == "Bearer key-of-the-test"
    assert receiver.headers[0]["x-bt-parent"] == "project_name:weather"


def run_in_code(title, receiver, directory, **more):
    (directory / "app.py").write_text(recipe(title).python + AGENT)
    ended = run_command([sys.executable, "app.py"], cwd=directory, **variables(receiver, **more))
    assert (ended.code, ended.out.splitlines()[-1:]) == (0, ["done"]), ended.log
    return ended


def test_plain_otlp_in_code(receiver, directory):
    endpoint = receiver.variables["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]

    run_in_code("Plain OTLP pipeline in code", receiver, directory, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=endpoint)

    assert receiver.run_outputs == SUNNY


def test_braintrust_span_processor(receiver, directory):
    run_in_code("BraintrustSpanProcessor", receiver, directory)

    assert receiver.run_outputs == SUNNY


def test_logfire(receiver, directory):
    run_in_code("Logfire", receiver, directory)

    assert receiver.run_outputs == SUNNY


def test_traceloop(receiver, directory):
    run_in_code("Traceloop (OpenLLMetry)", receiver, directory, TRACELOOP_TELEMETRY="false")

    assert receiver.run_outputs == SUNNY


def test_langfuse(receiver, directory):
    langfuse = {
        "LANGFUSE_PUBLIC_KEY": "pk",
        "LANGFUSE_SECRET_KEY": "sk",
        "LANGFUSE_HOST": f"{receiver.url}/langfuse",
        "LANGFUSE_BASE_URL": f"{receiver.url}/langfuse",
    }

    run_in_code("Langfuse", receiver, directory, **langfuse)

    assert receiver.run_outputs == SUNNY


def test_mlflow(receiver, directory):
    app = """
@mlflow.trace(name="root")
def handle():
    with mlflow.start_span("chat", span_type="CHAT_MODEL") as span:
        span.set_outputs({"choices": [{"message": {"role": "assistant", "content": "It is sunny."}}]})
    return {"answer": "It is sunny.", "title": "The weather"}

handle()
print("done")
"""
    (directory / "app.py").write_text(recipe("MLflow").python + app)
    mlflow = {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_TRACKING_URI": f"{receiver.url}/mlflow",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{receiver.url}/mlflow",  # or else it asks its server before each span
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
    }

    ended = run_command([sys.executable, "app.py"], cwd=directory, **variables(receiver, **mlflow))

    assert (ended.code, ended.out) == (0, "done\n"), ended.log
    assert receiver.run_outputs == SUNNY


def stop(server):
    """Tell a server to stop, and only the server: its workers are for it to stop."""
    server.terminate()
    try:
        server.communicate(timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        kill(server)
        raise


def kill(server):
    """End a server and its workers at once."""
    os.killpg(server.pid, signal.SIGKILL)
    server.communicate()


@contextmanager
def served(script, receiver, directory, listens, *, end=stop, **more):
    """Run a server; give the URL, or the name, that it says it listens at. The script's last line is its command."""
    setting_up, _, command = in_our_place(script, receiver).rstrip().rpartition("\n")
    log = directory / "server.log"
    with (
        log.open("w") as stderr,
        subprocess.Popen(
            ["bash", "-euc", f"exec 2>&1\n{setting_up}\nexec {command}"],
            cwd=directory,
            env=environment(**variables(receiver, PORT="0", **more)),
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            start_new_session=True,
        ) as server,
    ):
        try:
            lines = []
            for line in server.stdout:
                lines.append(line)
                found = re.search(listens, line)
                if found:
                    break
            else:
                pytest.fail(f"the server ended: {''.join(lines)}")
            yield found[1]
        finally:
            end(server)


def ask(url, question):
    query = urllib.parse.quote(question)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{url}/ask?question={query}", timeout=TIMEOUT) as response:
        return response.read().decode()


def test_fastapi_under_uvicorn(receiver, directory):
    section = recipe("FastAPI under uvicorn")
    (directory / "app.py").write_text(section.python)

    with served(section.commands[0], receiver, directory, r"running on (http://\S+)") as url:
        assert ask(url, "Paris?") == '"You asked: Paris?"'
        found = receiver.wait_for("GET /ask", "chat")

    assert found["GET /ask"] == found["chat"] == "You asked: Paris?"


def outputs_of_roots(receiver):
    """Return the outputs of the roots, in order; each is that of the call of a model below it."""
    rows = receiver.store.rows()
    roots = {row["root_span_id"]: row["metadata"]["run_output"] for row in rows if row["is_root"]}
    chats = {row["root_span_id"]: row["metadata"]["run_output"] for row in rows if not row["is_root"]}
    assert roots == chats
    return sorted(roots.values())


@pytest.mark.parametrize("preload", [False, True], ids=["", "preload"])
def test_gunicorn(receiver, directory, preload):
    section = recipe("gunicorn")
    script = section.commands[preload]
    assert ("--preload" in script) is preload
    (directory / "app.py").write_text(section.python)

    with served(script, receiver, directory, r"Listening at: (http://\S+)") as url:
        for number in range(6):
            assert ask(url, str(number)) == f"You asked: question={number}"
        receiver.store.wait_for_rows(12, timeout=TIMEOUT)

    assert outputs_of_roots(receiver) == [f"You asked: question={number}" for number in range(6)]


def test_forked_workers(receiver, directory):
    section = recipe("Forked workers (multiprocessing)")
    (directory / "app.py").write_text(section.python)

    ended = run_script(section.commands[0], receiver, directory)

    assert (ended.code, ended.log) == (0, "")
    found = receiver.run_outputs
    assert found["task Paris"] == "You asked: Paris"
    assert found["task Oslo"] == "You asked: Oslo"
    assert found["dispatch"] is None


CELERYCONFIG = """
broker_url = "filesystem://"
broker_transport_options = {"data_folder_in": "queue", "data_folder_out": "queue"}
result_backend = "file://results"
worker_concurrency = 2
"""
"""A broker that needs no server; its paths are relative to where worker and sender run."""
SENDER = f"""
import tasks

results = [tasks.ask.delay(question) for question in ("Oslo", "Paris")]
print([result.get(timeout={TIMEOUT}) for result in results])
"""
ANSWERS = ["You asked: Oslo", "You asked: Paris"]
READY = r"(\S+) ready\."
NEVER = "600000"
"""A delay that no test waits for: what arrives has been flushed."""


def celery(title, directory, config=""):
    """Write the files of a recipe for Celery; return the command that starts the worker."""
    section = recipe(title)
    for folder in ("queue", "results"):
        (directory / folder).mkdir()
    (directory / "celeryconfig.py").write_text(CELERYCONFIG + config)
    (directory / "tasks.py").write_text(section.python)
    return section.commands[0]


def send_tasks(directory, **sender):
    """Send tasks, and wait until they are done."""
    ended = run(SENDER, cwd=directory, **sender)
    assert (ended.code, ended.out) == (0, f"{ANSWERS}\n"), ended.log


@pytest.mark.parametrize("title", ["Celery", "Celery, set up in code"])
def test_celery(receiver, directory, title):
    script = celery(title, directory)

    with served(script, receiver, directory, READY, OTEL_BSP_SCHEDULE_DELAY=NEVER):
        send_tasks(directory)
        before_shutdown = receiver.run_outputs

    assert before_shutdown == {}
    assert set(receiver.run_outputs) == {"run/tasks.ask", "chat"}
    assert outputs_of_roots(receiver) == ANSWERS


@pytest.mark.parametrize(
    ("config", "delay"),
    [("", "100"), ("worker_max_tasks_per_child = 1\n", NEVER)],
    ids=["by the exporter's thread", "by a process that is replaced"],
)
def test_celery_spans_arrive_while_the_worker_runs(receiver, directory, config, delay):
    script = celery("Celery", directory, config)

    # Celery itself, when told to stop while it replaces a process, may wait for ever.
    with served(script, receiver, directory, READY, end=kill, OTEL_BSP_SCHEDULE_DELAY=delay):
        send_tasks(directory)
        receiver.store.wait_for_rows(4, timeout=TIMEOUT)

    assert outputs_of_roots(receiver) == ANSWERS


@pytest.mark.parametrize("links", [False, True], ids=["", "links"])
def test_celery_with_a_traced_sender(receiver, directory, links):
    script = celery("Celery, set up in code", directory)
    tasks = directory / "tasks.py"
    assert tasks.read_text().count(".instrument()") == 1
    tasks.write_text(tasks.read_text().replace(".instrument()", f".instrument(use_span_links={links})"))

    with served(script, receiver, directory, READY, end=kill):
        send_tasks(directory, command=INSTRUMENT, **variables(receiver, OTEL_TRACES_EXPORTER="braintrust"))
        receiver.store.wait_for_rows(6, timeout=TIMEOUT)

    rows = receiver.store.rows()
    done = [row for row in rows if row["span_attributes"]["name"] == "run/tasks.ask"]
    assert [row["is_root"] for row in done] == [links, links]
    assert sorted(row["metadata"]["run_output"] for row in done) == ANSWERS
    assert receiver.run_outputs["apply_async/tasks.ask"] is None


FROZEN = """
import os
import app

for question in ("Paris", "Oslo"):
    app.handler({"question": question}, None)
os._exit(0)  # frozen, and never thawed: nothing is flushed from here on
"""


def test_lambda(receiver, directory):
    (directory / "app.py").write_text(recipe("AWS Lambda, and whatever else freezes the process").python)
    (directory / "runtime.py").write_text(FROZEN)
    script = "export OTEL_TRACES_EXPORTER=braintrust\nopentelemetry-instrument python runtime.py"

    ended = run_script(script, receiver, directory, OTEL_BSP_SCHEDULE_DELAY="600000")

    assert (ended.code, ended.log) == (0, "")
    roots = [row for row in receiver.store.rows() if row["is_root"]]
    assert [root["metadata"]["run_output"] for root in roots] == ["You asked: Paris", "You asked: Oslo"]


def test_multi_turn_sessions(receiver, directory):
    section = recipe("Multi-turn sessions")
    (directory / "app.py").write_text(section.python)

    ended = run_script(section.commands[0], receiver, directory)

    assert (ended.code, ended.log) == (0, "")
    turns = [row for row in receiver.store.rows() if row["is_root"]]
    assert [turn["input"] for turn in turns] == ["And in Paris?", "And in Oslo?"]
    assert outputs_of_roots(receiver) == ["You asked: And in Oslo?", "You asked: And in Paris?"]
    assert {turn["metadata"]["session_id"] for turn in turns} == {"session-17"}


NOTEBOOK = """
cells = open("cells").read().split("# ---")
for cell in [*cells, *cells]:
    exec(compile(cell, "cell", "exec"), {})
"""
"""A kernel in which all cells are run twice."""


def test_notebooks(receiver, directory):
    section = recipe("Notebooks")
    (directory / "cells").write_text("# ---".join(section.code("python")))

    ended = run(NOTEBOOK, cwd=directory, **variables(receiver, OTEL_BSP_SCHEDULE_DELAY="600000"))

    assert (ended.code, ended.log) == (0, "")
    assert outputs_of_roots(receiver) == ["You asked: What is the weather in Paris?"] * 2
    assert receiver.headers[0]["x-bt-parent"] == "project_name:weather"


def test_declarative_configuration(receiver, directory):
    section = recipe("Declarative configuration")
    (directory / "otel.yaml").write_text(section.code("yaml")[0])
    (directory / "app.py").write_text(AGENT)

    ended = run_script(section.commands[0], receiver, directory)

    assert (ended.code, ended.out) == (0, "done\n"), ended.log
    assert receiver.run_outputs == SUNNY
    assert receiver.headers[0]["x-bt-parent"] == "project_name:weather"


def test_every_recipe_is_tested():
    source = Path(__file__).read_text(encoding="utf-8")

    assert [title for title in PAGE if f'"{title}"' not in source] == []
    assert len(PAGE) == 18
