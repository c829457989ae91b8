"""``root="all"``: each answer costs the same, however many there are; half a character costs no value."""

from __future__ import annotations

import json

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

from attacks.counting import lines_run
from reliability.parts import answered, start
from support import RUN_OUTPUT, parts, pipeline

HALVES = {"first": "\ud83d", "second": "\ude00", "in the wrong order": "\ude00\ud83d"}


def answer(app, root, numbers: range) -> None:
    for n in numbers:
        answered(app, "llm", root, f"answer {n}").end()


@pytest.mark.parametrize("root", ["all", "last", "first"])
@pytest.mark.parametrize("max_length", [1_000, 100_000_000], ids=["full", "never full"])
def test_an_answer_costs_the_same_after_ten_thousand(root, max_length):
    app = pipeline(root=root, max_length=max_length)
    span = start(app, "root")
    answer(app, span, range(200))
    early = lines_run(lambda: answer(app, span, range(200, 400)))
    answer(app, span, range(400, 10_000))
    late = lines_run(lambda: answer(app, span, range(10_000, 10_200)))

    assert late < 1.2 * early


def test_a_root_with_ten_times_the_answers_costs_ten_times_as_much():
    def cost(number: int) -> int:
        app = pipeline(root="all", max_length=100_000_000)
        root = start(app, "root")
        answer(app, root, range(number))
        return lines_run(root.end)

    assert cost(5_000) < 12 * cost(500)


def test_all_of_them_are_there(build):
    app = build(root="all", max_length=100_000_000)
    root = start(app, "root")
    answer(app, root, range(5_000))
    root.end()

    assert json.loads(app.run_output("root")) == [f"answer {n}" for n in range(5_000)]


def test_what_fits_is_kept_in_any_number(build):
    app = build(root="all", max_length=1_000)
    root = start(app, "root")
    answer(app, root, range(5_000))
    root.end()

    value = app.run_output("root")
    assert value.startswith('["answer 0","answer 1",')
    assert 900 < len(value) <= 1_000
    assert app.attributes("root")[f"{RUN_OUTPUT}_truncated"] is True


@pytest.mark.parametrize("policy", ["all", "first", "last", "own"])
@pytest.mark.parametrize("half", ["first", "second", "in the wrong order"])
def test_half_an_emoji_costs_no_value(build, policy, half):
    """As JSON has it: the SDK itself cannot export one on an attribute."""
    app = build(root=policy)
    text = f"It is sunny {HALVES[half]}."
    with app.tracer.start_as_current_span("root") as root:
        for name in ("llm 1", "llm 2"):
            with app.tracer.start_as_current_span(name) as span:
                span.set_attribute("gen_ai.output.messages", parts(text))
        if policy == "own":
            root.set_attribute("gen_ai.output.messages", parts(text))

    encode_spans(app.exporter.get_finished_spans()).SerializeToString()
    values = json.loads(app.run_output("root")) if policy == "all" else [app.run_output("root")]
    assert len(values) == (2 if policy == "all" else 1)
    for value in values:
        assert value.startswith("It is sunny ")
        assert value.endswith(".")


def test_a_whole_emoji_stays(build):
    app = build(root="all")
    with app.tracer.start_as_current_span("root"), app.tracer.start_as_current_span("llm") as span:
        span.set_attribute("gen_ai.output.messages", parts("It is sunny \U0001f600."))

    assert json.loads(app.run_output("root")) == ["It is sunny \U0001f600."]


def test_an_emoji_that_max_length_would_halve_stays_whole_or_goes(build):
    """Python's characters are whole; what another language cut is not ours."""
    app = build(max_length=13)
    with app.tracer.start_as_current_span("llm") as span:
        span.set_attribute("gen_ai.completion", "It is sunny \U0001f600\U0001f600.")

    assert app.run_output("llm") == "It is sunny \U0001f600"
