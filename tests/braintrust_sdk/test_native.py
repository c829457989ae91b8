"""Native Braintrust spans: the real SDK, a real OpenAI client, the local intake."""

from __future__ import annotations

import copy
import logging
from concurrent.futures import ThreadPoolExecutor

import pytest

from braintrust_run_output import RunOutputConfig
from braintrust_run_output.braintrust import RunOutputSpanCustomizer, install_native

USER = "user"


def say(client, text, **options):
    messages = [{"role": USER, "content": text}]
    answer = client.chat.completions.create(model="gpt-4o-mini", messages=messages, **options)
    return list(answer) if options.get("stream") else answer.choices[0].message


def run_outputs(intake):
    """Row names to run outputs."""
    return {
        row["span_attributes"]["name"]: (row.get("metadata") or {}).get("run_output") for row in intake.store.rows()
    }


@pytest.fixture
def logger(sdk):
    return sdk.init_logger(project="shop")


def test_a_traced_function_gets_what_the_model_said_last(sdk, client, logger, intake):
    install_native()

    @sdk.traced
    def handle(question):
        say(client, "a first thought")
        say(client, question)
        return {"status": "done"}

    handle("Paris.")
    logger.flush()

    root, first, last = intake.store.rows()
    assert root["metadata"] == {"run_output": "Paris."}
    assert root["output"] == {"status": "done"}
    assert first["metadata"]["run_output"] == "a first thought"
    assert last["metadata"]["run_output"] == "Paris."


def test_a_streamed_answer(sdk, client, logger, intake):
    install_native()

    @sdk.traced
    def handle():
        say(client, "word by word", stream=True)

    handle()
    logger.flush()

    assert run_outputs(intake) == {"handle": "word by word", "Chat Completion": "word by word"}


def test_a_stream_that_outlives_its_root_is_merged_into_it(sdk, logger, intake):
    customizer = install_native()
    with logger.start_span("root") as root, root.start_span("quick", type="llm") as quick:
        stream = root.start_span("stream", type="llm")
        quick.log(output="in time")
    logger.flush()
    in_time = run_outputs(intake)
    stream.log(output="late")
    stream.end()
    logger.flush()  # sends the stream's records, from which the root's update is made
    logger.flush()  # sends that

    assert in_time == {"root": "in time", "quick": "in time", "stream": None}
    assert run_outputs(intake) == {"root": "late", "quick": "in time", "stream": "late"}
    assert len(customizer) == 0


def test_nothing_else_of_any_row_changes(sdk, client, intake):
    def run(name):
        logger = sdk.init_logger(project=name)

        @sdk.traced(name="handle")
        def handle(question):
            with sdk.start_span("lookup", type="tool", input="q", metadata={"run": "it"}) as tool:
                tool.log(output="a tool's result", scores={"found": 1}, tags=["x"])
            say(client, question)
            say(client, question, stream=True)
            logger_span = sdk.current_span()
            logger_span.log(metadata={"user": "u1"}, expected="what people expect")
            return "done"

        handle("Paris.")
        logger.flush()
        project = intake.store.objects("project", name=name)[0]
        return [_lasting(row) for row in intake.store.rows(project.id)]

    before = run("without")
    install_native()
    after = run("with")

    assert [row["metadata"].pop("run_output", None) for row in after] == ["Paris.", None, "Paris.", "Paris."]
    assert after == before


def _lasting(row):
    """A row without what differs from run to run."""
    row = copy.deepcopy(row)
    for name in ("id", "span_id", "root_span_id", "span_parents", "created", "project_id"):
        row.pop(name)
    row["metrics"] = sorted(row["metrics"])
    row["span_attributes"].pop("exec_counter")
    row.setdefault("metadata", {})
    return row


def test_tool_calls_and_several_choices_are_chat_messages(sdk, logger, intake):
    install_native()
    call = {"id": "1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    with logger.start_span("calls") as root, root.start_span("llm", type="llm") as llm:
        llm.log(output=[{"index": 0, "message": {"role": "assistant", "content": None, "tool_calls": [call]}}])
    with logger.start_span("choices") as root, root.start_span("llm", type="llm") as llm:
        llm.log(output=[{"message": {"role": "assistant", "content": text}} for text in "ab"])
    logger.flush()

    outputs = run_outputs(intake)
    assert outputs["calls"] == (
        '[{"role":"assistant","content":null,"tool_calls":'
        '[{"id":"1","type":"function","function":{"name":"look","arguments":"{}"}}]}]'
    )
    assert outputs["choices"] == '[{"role":"assistant","content":"a"},{"role":"assistant","content":"b"}]'


@pytest.mark.parametrize(
    "output",
    [
        "Paris.",
        {"role": "assistant", "content": [{"type": "text", "text": "Paris."}], "stop_reason": "end_turn"},
        [
            {"type": "reasoning", "summary": []},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Paris."}]},
        ],
        {"candidates": [{"content": {"role": "model", "parts": [{"text": "Paris."}]}}]},
        {"choices": [{"message": {"role": "assistant", "content": "Paris."}}]},
        {"generations": [[{"text": "Paris.", "message": {"content": "Paris.", "type": "ai"}}]]},
    ],
    ids=["text", "anthropic", "responses", "google", "response", "langchain"],
)
def test_what_braintrusts_integrations_log_as_output(sdk, logger, intake, output):
    install_native()
    with logger.start_span("root") as root, root.start_span("llm", type="llm") as llm:
        llm.log(output=output)
    logger.flush()

    assert run_outputs(intake) == {"root": "Paris.", "llm": "Paris."}


def test_parallel_traces_keep_apart(sdk, client, logger, intake):
    customizer = install_native()

    @sdk.traced(name="handle")
    def handle(number):
        def ask(part):
            with parent.start_span(f"branch {part}"):
                say(client, f"{number}")

        parent = sdk.current_span()
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(ask, range(3)))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(handle, range(12)))
    logger.flush()

    roots = [row for row in intake.store.rows() if row["span_attributes"]["name"] == "handle"]
    assert len(roots) == 12
    assert {str(row["input"]["number"]): row["metadata"]["run_output"] for row in roots} == {
        str(number): str(number) for number in range(12)
    }
    assert len(customizer) == 0


def test_an_eval_gets_the_tasks_output_never_the_judges(sdk, client, intake):
    install_native()

    def task(question):
        say(client, f"the answer to {question}")
        return "done"

    def judge(output):
        return 1 if say(client, "the judge says yes").content else 0

    sdk.Eval(
        "shop",
        data=[{"input": "a", "expected": "A"}, {"input": "b", "expected": "B"}],
        task=task,
        scores=[judge],
        no_send_logs=False,
    )

    rows = intake.store.rows()
    roots = [row for row in rows if not row["span_parents"]]
    assert {row["input"]: row["metadata"]["run_output"] for row in roots} == {
        "a": "the answer to a",
        "b": "the answer to b",
    }
    assert {row["expected"] for row in roots} == {"A", "B"}
    judged = [row for row in rows if row["span_attributes"].get("purpose") == "scorer"]
    assert len(judged) == 4
    assert not any("run_output" in (row.get("metadata") or {}) for row in judged)


def test_a_root_without_any_model_gets_its_own_output(sdk, logger, intake):
    install_native()
    with logger.start_span("root") as root:
        with root.start_span("tool", type="tool") as tool:
            tool.log(output="a tool's result")
        root.log(output={"response": "Sunny."})
    logger.flush()

    assert run_outputs(intake) == {"root": "Sunny.", "tool": None}


def test_a_row_logged_at_once(sdk, intake):
    install_native()
    logger = sdk.init_logger(project="shop")
    logger.log(input="q", output="a", metadata={"user": "u"})
    logger.flush()

    (row,) = intake.store.rows()
    assert row["metadata"] == {"user": "u", "run_output": "a"}


def test_what_the_application_set_stays_and_counts(sdk, logger, intake):
    install_native()
    with logger.start_span("set on the root", metadata={"run_output": "mine"}) as root:
        with root.start_span("llm", type="llm") as llm:
            llm.log(output="a model's")
    with logger.start_span("set below") as root, root.start_span("agent", metadata={"run_output": "mine"}):
        pass
    logger.flush()

    outputs = run_outputs(intake)
    assert outputs["set on the root"] == "mine"
    assert outputs["set below"] == "mine"


def test_what_failed_does_not_count(sdk, logger, intake):
    install_native()
    with logger.start_span("root") as root:
        with root.start_span("llm", type="llm") as llm:
            llm.log(output="an answer")
        broken = root.start_span("broken", type="llm")
        broken.log(output="half an ans")
        broken.log(error="RuntimeError")
        broken.end()
    logger.flush()

    assert run_outputs(intake)["root"] == "an answer"


def test_overwrite_replaces_it(sdk, logger, intake):
    install_native(config=RunOutputConfig(overwrite=True))
    with logger.start_span("root", metadata={"run_output": "mine"}) as root:
        with root.start_span("llm", type="llm") as llm:
            llm.log(output="a model's")
    logger.flush()

    assert run_outputs(intake)["root"] == "a model's"


@pytest.mark.parametrize(
    ("settings", "root", "llm"),
    [
        ({"root": "first"}, "1", "2"),
        ({"root": "all"}, '["1","2"]', "2"),
        ({"root": "own"}, "own", "2"),
        ({"root": "off"}, None, "2"),
        ({"spans": "none"}, "2", None),
        ({"enabled": False}, None, None),
        ({"format": "messages"}, '[{"role":"assistant","content":"2"}]', '[{"role":"assistant","content":"2"}]'),
    ],
)
def test_the_configuration_counts(sdk, logger, intake, settings, root, llm):
    install_native(config=RunOutputConfig(**settings))
    with logger.start_span("root") as span:
        for text in "12":
            with span.start_span("llm", type="llm") as model:
                model.log(output=text)
        span.log(output="own")
    logger.flush()

    assert run_outputs(intake) == {"root": root, "llm": llm}


def test_linkage_and_a_cut_value(sdk, logger, intake):
    install_native(config=RunOutputConfig(linkage=True, max_length=3))
    with logger.start_span("root") as span, span.start_span("llm", type="llm") as model:
        model.log(output="12345")
    logger.flush()

    root, llm = intake.store.rows()
    assert root["metadata"] == {
        "run_output": "123",
        "run_output_truncated": True,
        "span_id": llm["span_id"],
        "root_span_id": root["root_span_id"],
    }


def test_a_transform_redacts_and_one_that_fails_writes_nothing(sdk, logger, intake):
    def redact(value, span):
        if span.name == "fails":
            raise RuntimeError(value)
        return value.replace("secret", "***")

    install_native(config=RunOutputConfig(transform=redact))
    for name in ("works", "fails"):
        with logger.start_span(f"root {name}") as span, span.start_span(name, type="llm") as model:
            model.log(output="a secret")
    logger.flush()

    assert run_outputs(intake) == {"root works": "a ***", "works": "a ***", "root fails": None, "fails": None}


def test_legacy_ids(sdk, monkeypatch, intake):
    monkeypatch.setenv("BRAINTRUST_LEGACY_IDS", "true")
    sdk.logger._internal_reset_global_state()
    install_native()
    logger = sdk.init_logger(project="shop")
    with logger.start_span("root") as span, span.start_span("llm", type="llm") as model:
        model.log(output="Paris.")
    logger.flush()

    assert run_outputs(intake) == {"root": "Paris.", "llm": "Paris."}


# --- other customizers ---------------------------------------------------------------------------------------------


class Redactor:
    def on_span_export(self, data):
        if "output" in data:
            data["output"] = "[gone]" if isinstance(data["output"], str) else None
        return data


def test_it_runs_behind_customizers_that_redact(sdk, client, logger, intake):
    sdk.set_span_customizers([Redactor()])
    install_native()

    @sdk.traced
    def handle():
        return say(client, "a secret").content

    handle()
    logger.flush()

    assert all("secret" not in str(row.get("metadata")) and row["output"] != "a secret" for row in intake.store.rows())
    assert run_outputs(intake)["Chat Completion"] is None


def test_installing_twice_keeps_one_and_puts_it_last(sdk):
    from braintrust.span_customizer import _get_span_customizers

    first = install_native()
    redactor = Redactor()
    sdk.set_span_customizers([first, redactor])

    assert install_native() is first
    assert _get_span_customizers() == (redactor, first)


def test_an_sdk_without_customizers_is_reported_once(sdk, monkeypatch, caplog):
    monkeypatch.delattr(sdk, "set_span_customizers")

    assert install_native() is None
    assert install_native() is None
    assert [record.levelno for record in caplog.records] == [logging.WARNING, logging.DEBUG][: len(caplog.records)]
    assert "0.46" in caplog.text


# --- records that are none of ours ---------------------------------------------------------------------------------


def record(row="r", parents=None, **fields):
    return {"id": row, "span_id": f"s-{row}", "root_span_id": "t", "span_parents": parents, **fields}


def test_a_snapshot_of_an_opentelemetry_span_passes():
    data = {"name": "chat", "attributes": {"gen_ai.completion": "x"}, "context": {}, "id": "1"}

    assert RunOutputSpanCustomizer().on_span_export(data) is data


@pytest.mark.parametrize("ids", [{}, {"root_span_id": "t", "span_id": "s"}])
def test_an_update_of_a_row_by_its_ids_passes_and_leaves_nothing_behind(ids):
    data = {"id": "r", **ids, "output": "x", "project_id": "p", "log_id": "g", "_is_merge": True}
    customizer = RunOutputSpanCustomizer()

    assert customizer.on_span_export(data) is data
    assert len(customizer) == 0


def test_a_log_record_under_a_live_span_passes_and_ends_nothing():
    customizer = RunOutputSpanCustomizer()
    customizer.on_span_export(record())
    customizer.on_span_export(record("llm", ["s-r"], span_attributes={"type": "llm"}, output="a", metrics={"end": 1}))
    log = record("log", None, span_attributes={"type": "log"}, output="a log line", metrics={"end": 1.5})

    assert customizer.on_span_export(log) is log
    assert customizer.on_span_export(record(metrics={"end": 2}))["metadata"] == {"run_output": "a"}


def test_what_cannot_be_read_passes_and_is_reported_without_its_content(caplog):
    class Hostile(dict):
        def get(self, *_):
            raise RuntimeError("secret")

    data = record(span_attributes=Hostile(type="llm"), output="secret", metrics=Hostile(end=1))

    assert RunOutputSpanCustomizer().on_span_export(data) is data
    assert "secret" not in caplog.text
    assert len(caplog.records) == 1


def test_attachments_are_neither_copied_nor_written_out():
    class Attachment:
        reference = {"type": "braintrust_attachment", "key": "k"}

    image = Attachment()
    content = [{"type": "image", "data": image}, {"type": "text", "text": "See."}]
    customizer = RunOutputSpanCustomizer()
    customizer.on_span_export(record())
    data = record("llm", ["s-r"], span_attributes={"type": "llm"}, output={"role": "assistant", "content": content})
    exported = customizer.on_span_export(data)
    customizer.on_span_export(record("llm", ["s-r"], metrics={"end": 1}))

    assert exported["output"]["content"][0]["data"] is image
    assert exported["metadata"] == {"run_output": "See."}
    other = {**record("other", None, output={"image": image}, metrics={"end": 2}), "root_span_id": "t2"}
    generic = customizer.on_span_export(other)
    assert generic["metadata"]["run_output"] == '{"image":{"type":"braintrust_attachment","key":"k"}}'


def test_the_record_that_the_sdk_keeps_is_not_changed():
    customizer = RunOutputSpanCustomizer()
    data = record(span_attributes={"type": "llm"}, output="a", metadata={"model": "m"}, metrics={"end": 1})
    before = copy.deepcopy(data)

    assert customizer.on_span_export(data)["metadata"] == {"model": "m", "run_output": "a"}
    assert data == before


def test_a_trace_whose_root_is_in_another_process_leaves_nothing_behind():
    customizer = RunOutputSpanCustomizer()
    customizer.on_span_export(record("task", ["far away"], span_attributes={"type": "task"}))
    customizer.on_span_export(record("llm", ["s-task"], span_attributes={"type": "llm"}))
    written = customizer.on_span_export(record("llm", ["s-task"], output="a"))
    customizer.on_span_export(record("llm", ["s-task"], metrics={"end": 1}))
    customizer.on_span_export(record("task", ["far away"], metrics={"end": 2}))

    assert written["metadata"] == {"run_output": "a"}
    assert len(customizer) == 0


def test_traces_that_never_end_do_not_pile_up(monkeypatch):
    monkeypatch.setattr("braintrust_run_output.braintrust.native.MAX_TRACES", 10)
    customizer = RunOutputSpanCustomizer()
    for number in range(100):
        customizer.on_span_export({**record(), "root_span_id": str(number)})

    assert len(customizer) == 10


def test_spans_of_one_trace_that_never_end_do_not_pile_up(monkeypatch):
    monkeypatch.setattr("braintrust_run_output.braintrust.native._MAX_SPANS", 10)
    customizer = RunOutputSpanCustomizer()
    for number in range(100):
        customizer.on_span_export(record(f"task {number}", ["root"]))
    (trace,) = customizer._traces.values()

    assert list(trace.spans) == [f"task {number}" for number in range(90, 100)]


# --- compat mode -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("with_processor", [False, True], ids=["alone", "with the span processor"])
def test_in_compat_mode_an_opentelemetry_model_span_counts_for_its_native_root(
    sdk, monkeypatch, intake, with_processor
):
    from opentelemetry.sdk.trace import TracerProvider

    from braintrust_run_output import RunOutputSpanProcessor

    monkeypatch.setenv("BRAINTRUST_OTEL_COMPAT", "true")
    sdk.logger._internal_reset_global_state()
    provider = TracerProvider(shutdown_on_exit=False)
    if with_processor:
        provider.add_span_processor(RunOutputSpanProcessor(config=RunOutputConfig()))
    customizer = install_native(provider=provider)
    assert install_native(provider=provider) is customizer
    logger = sdk.init_logger(project="shop")
    tracer = provider.get_tracer("app")
    with logger.start_span("native"):
        with tracer.start_as_current_span("agent"), tracer.start_as_current_span("chat") as chat:
            chat.set_attribute("gen_ai.completion", "Paris.")
    with tracer.start_as_current_span("unrelated") as unrelated:
        unrelated.set_attribute("gen_ai.completion", "Rome.")
    logger.flush()

    assert run_outputs(intake) == {"native": "Paris."}
    assert len(customizer) == 0


def test_compat_mode_without_a_provider_is_reported(sdk, monkeypatch, caplog):
    monkeypatch.setenv("BRAINTRUST_OTEL_COMPAT", "true")
    monkeypatch.setattr("opentelemetry.trace.get_tracer_provider", lambda: object())

    assert install_native() is not None
    assert "install_native() after trace.set_tracer_provider()" in caplog.text


# --- the one decision ------------------------------------------------------------------------------------------------


def test_what_the_root_returned_tells_which_completion_was_the_answer(sdk, logger, intake):
    install_native(config=RunOutputConfig(linkage=True))
    with logger.start_span("root") as root:
        for name, text in (("chat", "It is sunny in Paris today."), ("title", "Weather in Paris")):
            with root.start_span(name, type="llm") as llm:
                llm.log(output=text)
        root.log(output={"answer": "It is sunny in Paris today."})
    logger.flush()

    rows = {row["span_attributes"]["name"]: row for row in intake.store.rows()}
    assert rows["root"]["metadata"]["run_output"] == "It is sunny in Paris today."
    assert rows["root"]["metadata"]["span_id"] == rows["chat"]["span_id"]


@pytest.mark.parametrize("kind", ["facet", "review", "classifier", "score", "question"])
def test_what_is_about_a_run_and_everything_below_it_is_never_its_answer(sdk, logger, intake, kind):
    install_native()
    with logger.start_span("root") as root:
        with root.start_span("chat", type="llm") as llm:
            llm.log(output="Paris.")
        with root.start_span("about", type=kind) as about, about.start_span("step") as step:
            with step.start_span("model", type="llm") as model:
                model.log(output="a verdict that is long enough")
    logger.flush()

    assert run_outputs(intake)["root"] == "Paris."


def test_a_tools_own_model_counts_where_nothing_else_says_anything(sdk, logger, intake):
    install_native()
    with logger.start_span("root") as root, root.start_span("tool", type="tool") as tool:
        with tool.start_span("model", type="llm") as model:
            model.log(output="from below")
    logger.flush()

    assert run_outputs(intake) == {"root": "from below", "tool": None, "model": "from below"}


@pytest.mark.parametrize("output", [{"embedding_length": 8}, [{"index": 1, "relevance_score": 0.06}], {"count": 2}])
def test_what_a_provider_calls_a_model_and_is_no_answer(sdk, logger, intake, output):
    install_native()
    with logger.start_span("root") as root:
        for name, said in (("chat", "Paris."), ("other", output)):
            with root.start_span(name, type="llm") as llm:
                llm.log(output=said)
    logger.flush()

    assert run_outputs(intake) == {"root": "Paris.", "chat": "Paris.", "other": None}


def test_spans_that_are_named_hold_the_answer_or_never_do(sdk, logger, intake):
    install_native(config=RunOutputConfig(side_spans="tit*"))
    with logger.start_span("root") as root:
        for name in ("chat", "title"):
            with root.start_span(name, type="llm") as llm:
                llm.log(output=name)
    logger.flush()

    assert run_outputs(intake)["root"] == "chat"


def test_a_root_without_input_gets_that_of_the_call_that_answered(sdk, client, logger, intake):
    install_native(config=RunOutputConfig(mirror_input=True))
    with logger.start_span("without"):
        say(client, "Paris.")
    with logger.start_span("with", input="its own"):
        say(client, "Paris.")
    logger.flush()

    inputs = {row["span_attributes"]["name"]: row.get("input") for row in intake.store.rows()}
    assert inputs["without"] == [{"role": "user", "content": "Paris."}]
    assert inputs["with"] == "its own"


def test_a_transform_is_asked_once_for_each_value(sdk, logger, intake):
    asked = []

    def transform(text, span):
        asked.append((text, span.name))
        return text.upper()

    install_native(config=RunOutputConfig(transform=transform))
    with logger.start_span("root") as root, root.start_span("chat", type="llm") as llm:
        llm.log(output="Paris.")
    logger.flush()

    assert asked == [("Paris.", "chat")]
    assert run_outputs(intake) == {"root": "PARIS.", "chat": "PARIS."}
