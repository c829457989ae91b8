"""Where a root's run output came from, or why it has none."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from replay import load, replay

from braintrust_run_output import RunOutputSpanProcessor
from braintrust_run_output.config import SETTINGS
from braintrust_run_output.doctor import content_capture
from braintrust_run_output.local import Store, map_request
from braintrust_run_output.local.page import content_switches, reasons
from braintrust_run_output.local.page.reasons import examine

CASES = Path(__file__).parents[2] / "conformance" / "cases"
OPENLLMETRY = "opentelemetry.instrumentation.openai.v1"


def row(row_id, parent="root", *, start=1.0, end=2.0, run_output=None, type="task", scope="app", **fields):  # noqa: A002
    metadata = fields.pop("metadata", {}) | ({} if run_output is None else {"run_output": run_output})
    resource = fields.pop("resource", {"service.name": "shop"})
    return {
        "id": row_id,
        "span_id": row_id,
        "root_span_id": "trace",
        "is_root": parent is None,
        "span_parents": [] if parent is None else [parent],
        "metrics": {"start": start, "end": end},
        "span_attributes": {"name": f"name of {row_id}", "type": type},
        "context": {"scope": scope, "resource": resource, "events": []},
        "metadata": metadata,
        "error": None,
        **fields,
    }


def root(**fields):
    return row("root", None, start=0.0, end=10.0, **fields)


def llm(row_id="chat", **fields):
    return row(row_id, **{"type": "llm", "scope": OPENLLMETRY, **fields})


def lines(verdict):
    return [line for remedy in verdict.remedies for line in remedy.lines]


class TestFound:
    def test_it_came_from_the_model_call_that_ended_last(self):
        verdict = examine([root(run_output="b"), llm("one", run_output="a"), llm("two", run_output="b", end=3.0)])

        assert (verdict.kind, verdict.value, verdict.source) == ("found", "b", "two")

    def test_equal_outputs_are_told_apart_by_their_ends(self):
        verdict = examine([root(run_output="a"), llm("one", run_output="a", end=5.0), llm("two", run_output="a")])

        assert verdict.source == "one"

    def test_the_output_may_be_the_first(self):
        verdict = examine([root(run_output="a"), llm("one", run_output="a"), llm("two", run_output="b", end=3.0)])

        assert verdict.source == "one"

    def test_linkage_decides(self):
        linked = root(run_output="a", metadata={"span_id": "two"})

        assert examine([linked, llm("one", run_output="a", end=5.0), llm("two", run_output="a")]).source == "two"

    def test_linkage_to_a_span_that_is_not_here_does_not(self):
        linked = root(run_output="a", metadata={"span_id": "elsewhere"})

        assert examine([linked, llm("one", run_output="a")]).source == "one"

    def test_the_roots_own(self):
        verdict = examine([root(run_output="a", type="llm", output="a"), llm("one", run_output="b")])

        assert verdict.source == "root"
        assert "itself" in verdict.text

    def test_nobody_elses(self):
        verdict = examine([root(run_output="set by hand"), llm("one", run_output="b")])

        assert verdict.is_found
        assert verdict.source is None
        assert "the application set it" in verdict.text

    def test_a_cut_one(self):
        assert "MAX_LENGTH" in examine([root(run_output="a", metadata={"run_output_truncated": True})]).text

    def test_another_key(self):
        verdict = examine([root(metadata={"answer": "a"}), llm("one", metadata={"answer": "a"})], key="answer")

        assert (verdict.value, verdict.source) == ("a", "one")

    def test_a_value_that_is_no_text(self):
        assert examine([root(metadata={"run_output": {"a": 1}})]).value == '{"a": 1}'


class TestMissing:
    def test_no_root_yet(self):
        assert examine([llm(run_output="a")]).kind == "waiting"
        assert examine([]).kind == "waiting"

    def test_late(self):
        verdict = examine([root(), llm(run_output="a", start=5.0, end=13.0)])

        assert (verdict.kind, verdict.source) == ("late", "chat")
        assert "3.00 s after the root ended" in verdict.text
        assert "export BRAINTRUST_RUN_OUTPUT_HOLD_MILLIS=5000" in lines(verdict)
        assert not any("HOLD=always" in line for line in lines(verdict))

    def test_late_from_the_start(self):
        assert "export BRAINTRUST_RUN_OUTPUT_HOLD=always" in lines(
            examine([root(), llm(run_output="a", start=11.0, end=11.5)])
        )

    def test_too_late_to_wait_for(self):
        assert lines(examine([root(), llm(run_output="a", end=4000.0)])) == [
            "braintrust-run-output backfill --project PROJECT --since 24h"
        ]

    def test_late_whatever_its_times_say(self):
        verdict = examine([root(), llm(run_output="a", scope="langsmith")])

        assert verdict.kind == "late"
        assert "whatever their times say" in verdict.text

    @pytest.mark.parametrize("hop", ["HTTP", "queue"])
    @pytest.mark.parametrize("told_by", ["resource", "flag", "flag above"])
    @pytest.mark.parametrize("written", [True, False])
    def test_another_process(self, hop, told_by, written):
        # A server answers before its client ends; who takes from a queue begins when the root has long ended.
        times = {"start": 2.0, "end": 3.0} if hop == "HTTP" else {"start": 20.0, "end": 30.0}
        remote = {"context": {"scope": OPENLLMETRY, "parent_is_remote": True, "resource": {"service.name": "shop"}}}
        said = {"run_output": "a"} if written else {"output": "a"}
        if told_by == "resource":
            rows = [llm(resource={"service.name": "models"}, **times, **said)]
        elif told_by == "flag":
            rows = [llm(**times, **remote, **said)]
        else:
            rows = [row("consume", **times, **remote), llm(parent="consume", **times, **said)]

        verdict = examine([root(), *rows])

        assert (verdict.kind, verdict.source) == ("elsewhere", "chat")
        assert "braintrust-run-output relay" in lines(verdict)
        assert any("backfill" in line for line in lines(verdict))

    def test_a_probe_of_doctor(self):
        verdict = examine([root(metadata={"run_output_probe": True}), llm(output="a")])

        assert (verdict.kind, verdict.source) == ("probe", None)

    def test_only_an_evaluator_said_something(self):
        verdict = examine([root(), row("score", type="score"), llm(parent="score", output="a")])

        assert verdict.kind == "side-only"

    def test_not_mirrored(self):
        verdict = examine([root(), llm(run_output="a")])

        assert verdict.kind == "not-mirrored"
        assert "unset BRAINTRUST_RUN_OUTPUT_ROOT" in lines(verdict)

    def test_not_written(self):
        verdict = examine([root(), llm(output="a")])

        assert (verdict.kind, verdict.source) == ("not-written", "chat")
        assert "opentelemetry-instrument python app.py" in lines(verdict)

    def test_no_model(self):
        assert examine([root(), row("db")]).kind == "no-model"

    def test_a_tool_is_no_model(self):
        assert examine([root(), row("tool", type="tool", output="result")]).kind == "no-model"

    @pytest.mark.parametrize("spans", [[root(error="boom")], [root(), llm(error="429")]])
    def test_failed(self, spans):
        assert examine(spans).kind == "failed"

    def test_a_retry_that_worked_is_not_failed(self):
        assert examine([root(), llm("one", error="429"), llm("two")]).kind == "content-off"

    @pytest.mark.parametrize("output", ["__REDACTED__", [{"role": "assistant", "content": "[redacted]"}]])
    def test_placeholder(self, output):
        verdict = examine([root(), llm(output=output, scope="openinference.instrumentation.openai")])

        assert verdict.kind == "placeholder"
        assert "unset OPENINFERENCE_HIDE_OUTPUTS" in lines(verdict)

    def test_a_placeholder_in_an_attribute(self):
        metadata = {"gen_ai.completion.0.content": "<groq.Stream object at 0x7f00>"}

        assert examine([root(), llm(metadata=metadata)]).kind == "placeholder"

    def test_no_output(self):
        assert examine([root(), llm(input="question")]).kind == "no-output"

    @pytest.mark.parametrize(
        ("scope", "line"),
        [
            (OPENLLMETRY, "export TRACELOOP_TRACE_CONTENT=true"),
            (
                "opentelemetry.instrumentation.genai.openai",
                "export OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_ONLY",
            ),
            (
                "opentelemetry.instrumentation.openai_v2",
                "export OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental",
            ),
            (
                "opentelemetry.instrumentation.botocore.bedrock-runtime",
                "export OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true",
            ),
            (
                "azure.core.tracing.ext.opentelemetry_span",
                "export AZURE_TRACING_GEN_AI_CONTENT_RECORDING_ENABLED=true",
            ),
            ("nobody.knows", "braintrust-run-output doctor"),
        ],
    )
    def test_content_off(self, scope, line):
        verdict = examine([root(), llm(scope=scope, metadata={"gen_ai.request.model": "gpt"})])

        assert verdict.kind == "content-off"
        assert line in lines(verdict)


@pytest.mark.parametrize("garbage", [None, 7, "text", [], ["x"], {"start": "soon", "end": [], "name": 4, "events": 1}])
def test_any_field_may_hold_anything(garbage):
    names = ("metadata", "metrics", "span_attributes", "context", "output", "error")
    strange = [
        {"id": "r", "root_span_id": "t", "is_root": True, **dict.fromkeys(names, garbage)},
        {"id": "c", "root_span_id": "t", "span_parents": ["r"], **dict.fromkeys(names, garbage)},
    ]

    assert examine(strange).kind


def replayed(name, *, processors=()):
    store = Store()
    store.insert(map_request(encode_spans(replay(load(CASES / f"{name}.json"), processors))).rows)
    (trace, *_) = store.traces()
    return examine(store.trace(trace.root_span_id))


@pytest.mark.parametrize(
    ("case", "kind"),
    [
        ("traceloop-openai__chat_text_sync", "found"),
        ("traceloop-openai+contentoff__chat_text_sync", "content-off"),
        ("otel-genai-openai+contentoff__chat_text_sync", "content-off"),
        ("openinference-openai+hideoutputs__chat_text_sync", "placeholder"),
        ("openinference-openai__error_429", "failed"),
        ("fastapi__openllmetry__background_task", "late"),
        ("langsmith-openai__chat_text_sync", "late"),
        ("litellm-otel+reqspan__chat_text_sync", "late"),
        ("openllmetry-mistralai__tool_call", "no-output"),
    ],
)
def test_what_real_instrumentations_sent(case, kind):
    assert replayed(case, processors=[RunOutputSpanProcessor()]).kind == kind


def test_without_the_processor():
    assert replayed("traceloop-openai__chat_text_sync").kind == "not-written"


def test_every_kind_has_a_badge():
    kinds = set(re.findall(r'Verdict\(\s*"([a-z-]+)"', inspect.getsource(reasons)))
    parts = (Path(reasons.__file__).parent / "templates" / "parts.html").read_text()

    assert len(kinds) == 13
    assert {kind for kind in kinds if f'"{kind}":' not in parts} == set()


def test_the_variables_named_exist():
    ours = set(re.findall(r"BRAINTRUST_RUN_OUTPUT_([A-Z_]+)", inspect.getsource(reasons)))
    named = {line for _, switch in content_switches._BY_SCOPE for line in switch.settings}
    theirs = {re.split(r"[ =]", line)[1] for line in named}

    assert ours <= {name.upper() for name in SETTINGS}
    for variable in theirs:
        assert variable in inspect.getsource(content_capture), variable
