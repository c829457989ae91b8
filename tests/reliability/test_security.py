"""docs/security.md: what is copied where, what redaction reaches, and that no log line holds a payload or a key.

That the local intake binds loopback only, refuses other hosts, bodies over its limit and zip bombs, and goes on after
bad protobuf is tested in tests/local/intake/test_intake.py.
"""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from braintrust_run_output import RunOutputConfig, RunOutputLogRecordProcessor, RunOutputSpanProcessor, install, outcome
from braintrust_run_output.zero_code.completion_hook import RunOutputCompletionHook
from reliability.parts import Sink, answered, around, one_trace, start
from support import RUN_OUTPUT, pipeline

PAYLOAD = "PAYLOAD-4711: my card is 4929"
KEY = "KEY-0815-of-somebody"
PROMPT = "PROMPT-1234"


# --- what is logged ----------------------------------------------------------------------------------------------


class Leaky(SpanProcessor):
    """Fails everywhere, with what it has been given in its exception, or with its key where that is nothing."""

    def _fail(self, span: object = None, *_: object, **__: object) -> None:
        raise RuntimeError(str(dict(span.attributes)) if isinstance(span, ReadableSpan) else f"refused: {KEY}")

    on_start = on_end = _on_ending = shutdown = force_flush = _fail


def leaking(*_: object, **__: object) -> None:
    raise ValueError(f"{PAYLOAD} {KEY} {PROMPT}")


def record(span, body: object, **parts: object) -> SimpleNamespace:
    context = span.get_span_context()
    values = {"timestamp": 1, "observed_timestamp": 1, "attributes": {}, "event_name": "gen_ai.choice", **parts}
    return SimpleNamespace(
        log_record=SimpleNamespace(trace_id=context.trace_id, span_id=context.span_id, body=body, **values)
    )


def fill(span) -> None:
    span.set_attributes({
        "gen_ai.completion": PAYLOAD,
        "gen_ai.prompt": PROMPT,
        "gen_ai.output.messages": f'[{{"role": "assistant", "parts": [{{"type": "{PAYLOAD}"',  # cut
        "llm.output_messages": f"[{PAYLOAD}",
        "output.value": PAYLOAD,
        "braintrust.metadata": f'{{"key": "{KEY}", "run_output": "{PAYLOAD}',
        "authorization": KEY,
    })  # fmt: skip
    span.add_event("gen_ai.choice", {"message": f"{{{PAYLOAD}"})


def drive(app) -> None:
    """Take a pipeline through a trace with everything in it."""
    logs = RunOutputLogRecordProcessor(app.processor)
    with app.tracer.start_as_current_span(PAYLOAD) as root:
        fill(root)
        with app.tracer.start_as_current_span("llm") as span:
            fill(span)
            logs.on_emit(record(span, {"message": {"content": PAYLOAD}}))
            logs.on_emit(record(span, f"{{{PAYLOAD}"))
            logs.on_emit(record(span, PAYLOAD, timestamp=PAYLOAD, attributes=PAYLOAD))
            RunOutputCompletionHook().on_completion(outputs=[PAYLOAD], inputs=[PROMPT], span=span)
            RunOutputCompletionHook().on_completion(outputs=f"[{PAYLOAD}", span=span)
    held = start(app, "held")
    late = answered(app, "late", held, PAYLOAD)
    held.end()
    late.end()
    app.processor.force_flush()
    app.processor.shutdown()


@pytest.fixture
def log(caplog):
    """What this package logs, whatever its level."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "braintrust_run_output")

    def lines() -> list[str]:
        format_ = logging.Formatter("%(name)s %(message)s %(args)s %(pathname)s").format
        ours = [one for one in caplog.records if one.name.startswith("braintrust_run_output")]
        assert all(one.exc_info is None for one in ours)
        return [format_(one) for one in ours]

    return lines


def is_clean(lines: list[str]) -> bool:
    return not [line for line in lines if any(secret in line for secret in (PAYLOAD, KEY, PROMPT, "4711", "0815"))]


@pytest.mark.parametrize("broken", ["transform", "read_completion", "read_generic_output", "wrapped", "note", "start"])
def test_no_fault_logs_a_payload_or_a_key(broken, log, monkeypatch):
    monkeypatch.setenv("SOME_API_KEY", KEY)
    config = {"transform": leaking} if broken == "transform" else {}
    config |= {"mirror_input": True, "linkage": True, "hold": "always", "hold_millis": 1}
    if broken in ("read_completion", "read_generic_output"):
        monkeypatch.setattr(outcome, broken, leaking)
    app = around(Leaky() if broken == "wrapped" else Sink(), **config)
    if broken == "read_generic_output":
        config["root"] = "own"
    if broken in ("note", "start"):
        monkeypatch.setattr(app.processor._traces, {"note": "end", "start": "start"}[broken], leaking)
    drive(app)
    if broken == "read_generic_output":
        with app.tracer.start_as_current_span("chain") as chain:
            chain.set_attribute("output.value", PAYLOAD)

    assert log(), "the fault did not reach the log"
    assert is_clean(log())


def test_a_failing_start_of_the_timer_logs_no_payload(log, monkeypatch):
    from braintrust_run_output import holding

    app = around(Sink(), hold="always")
    monkeypatch.setattr(holding.threading, "Thread", leaking)
    drive(app)
    monkeypatch.undo()

    assert log()
    assert is_clean(log())


def test_nothing_is_logged_where_nothing_fails(log, build):
    drive(build(mirror_input=True, linkage=True))

    assert [line for line in log() if "timestamp" not in line and "log record" not in line] == []
    assert is_clean(log())


@pytest.mark.parametrize("name", ["transform", "wrapped", "exporter"])
def test_faults_of_real_pipelines_log_no_payload(log, name, monkeypatch, tmp_path):
    """Braintrust's processor without a key, an exporter that fails, and our own exporter with a key that is refused."""
    monkeypatch.chdir(tmp_path)
    from braintrust_run_output.braintrust.exporter import BraintrustSpanExporter

    class Failing(SpanExporter):
        def export(self, spans):
            leaking()
            return SpanExportResult.FAILURE

    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    exporters = {
        "transform": Failing,
        "wrapped": BraintrustSpanExporter,
        "exporter": lambda: BraintrustSpanExporter(api_key=KEY, url="http://127.0.0.1:9/otel/v1/traces", timeout=0.1),
    }
    drive(around(SimpleSpanProcessor(exporters[name]())))

    assert is_clean(log())


def test_bad_settings_do_not_log_keys_of_other_variables(log, monkeypatch):
    monkeypatch.setenv("BRAINTRUST_API_KEY", KEY)
    monkeypatch.setenv("BRAINTRUST_RUN_OUTPUT_API_KEY", KEY)  # no such setting
    monkeypatch.setenv("BRAINTRUST_RUN_OUTPUT_ROOT", "middle")
    install(TracerProvider(shutdown_on_exit=False))

    assert any("BRAINTRUST_RUN_OUTPUT_API_KEY" in line for line in log())
    assert is_clean(log())


def test_the_processor_shows_no_payload_and_no_key(build):
    app = build(transform=leaking)
    span = answered(app, "llm", text=PAYLOAD)

    assert is_clean([repr(app.processor), str(app.processor), repr(app.processor.config)])
    span.end()


# --- what is copied ----------------------------------------------------------------------------------------------


def test_by_default_nothing_is_copied_but_the_output(build):
    app = build()
    with app.tracer.start_as_current_span("root"), app.tracer.start_as_current_span("llm") as llm:
        llm.set_attributes({"gen_ai.completion": PAYLOAD, "gen_ai.prompt": PROMPT, "authorization": KEY})

    assert dict(app.attributes("root")) == {RUN_OUTPUT: PAYLOAD}
    assert set(app.attributes("llm")) - {RUN_OUTPUT} == {"gen_ai.completion", "gen_ai.prompt", "authorization"}


def test_wrapping_keeps_the_copy_from_other_exporters():
    inside, beside = Sink(), Sink()
    one_trace(around(inside, beside), text=PAYLOAD)

    assert inside.run_outputs == {"root's llm": PAYLOAD, "root": PAYLOAD}
    assert beside.run_outputs == {"root's llm": None, "root": None}


def test_mirror_input_copies_the_prompt_as_the_transform_returns_it(build):
    app = build(mirror_input=True, transform=lambda value, _span: value.replace("4929", "[card]"))
    with app.tracer.start_as_current_span("root"), app.tracer.start_as_current_span("llm") as llm:
        llm.set_attributes({"gen_ai.completion": PAYLOAD, "gen_ai.prompt": "my card is 4929"})

    assert app.attributes("root")[RUN_OUTPUT].endswith("[card]")
    assert "4929" not in app.attributes("root")["braintrust.input_json"]


def test_linkage_reveals_two_ids_and_nothing_else(build):
    app = build(linkage=True)
    one_trace(app)

    ids = {"braintrust.metadata.span_id", "braintrust.metadata.root_span_id"}
    assert set(app.attributes("root")) == {RUN_OUTPUT, *ids}
    assert all(int(str(app.attributes("root")[name]), 16) for name in ids)


# --- redaction ---------------------------------------------------------------------------------------------------


def redact(value: str, _span: ReadableSpan) -> str | None:
    return None if "secret" in value else value.replace("4929", "[card]")


@pytest.mark.parametrize("way", ["attribute", "log record", "hook", "generic"])
def test_a_transform_sees_every_value_before_it_is_written_or_mirrored(build, way):
    app = build(transform=redact)
    with app.tracer.start_as_current_span("root"), app.tracer.start_as_current_span("llm") as llm:
        if way == "attribute":
            llm.set_attribute("gen_ai.completion", "card 4929")
        elif way == "log record":
            body = {"message": {"role": "assistant", "content": "card 4929"}}
            RunOutputLogRecordProcessor(app.processor).on_emit(record(llm, body))
        elif way == "hook":
            message = {"role": "assistant", "parts": [{"type": "text", "content": "card 4929"}]}
            RunOutputCompletionHook().on_completion(outputs=[message], span=llm)
        else:
            llm.set_attributes({"output.value": "card 4929", "openinference.span.kind": "CHAIN"})

    assert app.run_output("root") == "card [card]"
    assert "4929" not in str(app.run_outputs)


def test_what_a_transform_withholds_or_fails_on_is_written_nowhere(build):
    app = build(transform=redact)
    one_trace(app, text="a secret")
    assert app.run_outputs == {}

    failing = build(transform=leaking)
    one_trace(failing, text="a secret")
    assert failing.run_outputs == {}


def test_what_the_application_set_itself_is_not_transformed(build):
    app = build(transform=redact)
    with app.tracer.start_as_current_span("root"), app.tracer.start_as_current_span("llm") as llm:
        llm.set_attribute(RUN_OUTPUT, "card 4929")

    assert app.run_outputs == {"llm": "card 4929", "root": "card 4929"}


class Masking(SpanProcessor):
    """Masks every attribute in ``on_end``, on a copy for the processor behind it."""

    def __init__(self, behind: SpanProcessor) -> None:
        self.behind = behind

    def on_end(self, span: ReadableSpan) -> None:
        masked = {key: str(value).replace("4929", "[card]") for key, value in (span.attributes or {}).items()}
        copy = ReadableSpan(span.name, context=span.context, parent=span.parent, attributes=masked)
        copy._end_time = span.end_time
        self.behind.on_end(copy)


@pytest.mark.parametrize("order", ["ours in place, first", "ours in place, last", "ours around", "ours behind"])
def test_a_processor_that_masks_reaches_the_run_output_in_every_order(order):
    sink = Sink()
    provider = TracerProvider(shutdown_on_exit=False)
    config = RunOutputConfig(hold="never")
    ours, masking = RunOutputSpanProcessor(config=config), Masking(sink)
    for processor in {
        "ours in place, first": [ours, masking],
        "ours in place, last": [masking, ours],
        "ours around": [RunOutputSpanProcessor(masking, config=config)],
        "ours behind": [Masking(RunOutputSpanProcessor(sink, config=config))],
    }[order]:
        provider.add_span_processor(processor)
    with provider.get_tracer("app").start_as_current_span("llm") as llm:
        llm.set_attribute("gen_ai.completion", "card 4929")

    assert sink.run_outputs == {"llm": "card [card]"}


def test_a_placeholder_is_not_copied():
    app = pipeline()
    one_trace(app, text="__REDACTED__")

    assert app.run_outputs == {}


def test_a_long_value_is_cut_and_says_so(build):
    app = build(max_length=10)
    one_trace(app, text=PAYLOAD)

    assert app.run_output("root") == PAYLOAD[:10]
    assert app.attributes("root")["braintrust.metadata.run_output_truncated"] is True
