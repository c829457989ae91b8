"""``mirror_input``: input and run output of a row are of the same turn."""

from __future__ import annotations

import json

import pytest

from support import parts

INPUT = "braintrust.input_json"


def chat(*said: str) -> list[dict[str, str]]:
    """Messages, a user's first, then in turns."""
    return [{"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(said)]


def llm(app, asked: object, answer: str | None = None, name: str = "chat", **more: object) -> None:
    with app.tracer.start_as_current_span(name) as span:
        span.set_attributes({"gen_ai.operation.name": "chat", "gen_ai.input.messages": json.dumps(asked), **more})
        if answer is not None:
            span.set_attribute("gen_ai.output.messages", parts(answer))


def mirrored(app, name: str = "root") -> tuple[object, object]:
    """A root's input and run output."""
    asked = app.attributes(name).get(INPUT)
    return None if asked is None else json.loads(asked), app.run_output(name)


def three_turns(app) -> None:
    said = ["Hello", "Hello, Ann!", "2 + 2?", "4.", "Who am I?", "You are Ann."]
    with app.tracer.start_as_current_span("root"):
        for turn in range(0, 6, 2):
            llm(app, chat(*said[: turn + 1]), said[turn + 1])


def test_a_chat_of_three_turns_under_one_root(build):
    app = build(mirror_input=True)
    three_turns(app)

    asked, value = mirrored(app)
    assert value == "You are Ann."
    assert asked == chat("Hello", "Hello, Ann!", "2 + 2?", "4.", "Who am I?")


@pytest.mark.parametrize(
    ("root", "last_asked", "value"),
    [("first", "Hello", "Hello, Ann!"), ("all", "Hello", '["Hello, Ann!","4.","You are Ann."]')],
)
def test_first_and_all_have_the_first_calls_input(build, root, last_asked, value):
    app = build(mirror_input=True, root=root)
    three_turns(app)

    asked, written = mirrored(app)
    assert (asked[-1]["content"], written) == (last_asked, value)


def test_an_agents_loop_has_what_the_user_asked_and_not_its_tools_results(build):
    app = build(mirror_input=True)
    asked = chat("Weather in Paris?")
    worked = [
        *asked,
        {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "w"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
    ]
    with app.tracer.start_as_current_span("root"):
        with app.tracer.start_as_current_span("chat") as span:
            span.set_attribute("gen_ai.input.messages", json.dumps(asked))
            span.set_attribute("gen_ai.output.messages", parts(tool_calls=[("w", {})]))
        with app.tracer.start_as_current_span("w") as span:
            span.set_attributes({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "w"})
        llm(app, worked, "It is sunny.")

    assert mirrored(app) == (asked, "It is sunny.")


def test_a_retrieval_has_what_the_answering_call_was_asked(build):
    app = build(mirror_input=True)
    with app.tracer.start_as_current_span("root"):
        llm(app, chat("Rewrite for search: capital?"), "capital of France")
        with app.tracer.start_as_current_span("retriever") as span:
            span.set_attributes({"openinference.span.kind": "RETRIEVER", "input.value": "capital of France"})
        llm(app, chat("Context: Paris ... Capital?"), "Paris is the capital.")

    assert mirrored(app) == (chat("Context: Paris ... Capital?"), "Paris is the capital.")


def test_a_title_after_the_answer_does_not_bring_its_input(build):
    app = build(mirror_input=True)
    with app.tracer.start_as_current_span("root") as root:
        llm(app, chat("Capital of France?"), "Paris is the capital.")
        llm(app, chat("A title for: Paris is the capital."), "Paris")
        root.set_attribute("traceloop.entity.output", "Paris is the capital.")

    assert mirrored(app) == (chat("Capital of France?"), "Paris is the capital.")


def test_the_input_of_the_span_that_the_witness_is_on(build):
    app = build(mirror_input=True)
    with app.tracer.start_as_current_span("root"):
        with app.tracer.start_as_current_span("handler") as handler:
            handler.set_attribute("openinference.span.kind", "CHAIN")
            handler.set_attributes({"input.value": "Capital of France?", "output.value": "Paris is the capital."})
            llm(app, chat("You are an atlas. Capital of France? Think."), "Paris is the capital.")
            llm(app, chat("A title, please."), "Paris")

    assert mirrored(app) == ("Capital of France?", "Paris is the capital.")


def test_a_generic_output_brings_its_own_spans_input(build):
    app = build(mirror_input=True)
    with app.tracer.start_as_current_span("root"):
        with app.tracer.start_as_current_span("task") as task:
            task.set_attributes({"openinference.span.kind": "CHAIN", "input.value": "2 + 2", "output.value": "4"})

    assert mirrored(app) == ("2 + 2", "4")


def test_an_explicit_value_below_brings_its_own_spans_input(build):
    app = build(mirror_input=True)
    with app.tracer.start_as_current_span("root"):
        llm(app, chat("Capital of France?"), "paris")
        with app.tracer.start_as_current_span("post") as post:
            post.set_attributes({"braintrust.metadata.run_output": "PARIS!", "input.value": "paris"})

    assert mirrored(app) == ("paris", "PARIS!")


def test_answer_spans_bring_the_input_of_the_call_below_them(build):
    app = build(mirror_input=True, answer_spans="writer")
    with app.tracer.start_as_current_span("root"):
        with app.tracer.start_as_current_span("writer"):
            llm(app, chat("Write it."), "It is written.")
        llm(app, chat("A title?"), "Title")

    assert mirrored(app) == (chat("Write it."), "It is written.")


def test_a_root_with_an_input_keeps_it(build):
    app = build(mirror_input=True)
    with app.tracer.start_as_current_span("root", attributes={"braintrust.input": "mine"}):
        llm(app, chat("Capital?"), "Paris.")

    assert app.attributes("root")["braintrust.input"] == "mine"
    assert INPUT not in app.attributes("root")


def test_a_root_whose_input_braintrust_would_not_show_gets_one(build):
    app = build(mirror_input=True)
    with app.tracer.start_as_current_span("root", attributes={"mlflow.spanInputs": '{"question": "Capital?"}'}):
        llm(app, chat("Capital?"), "Paris.")

    assert mirrored(app) == (chat("Capital?"), "Paris.")
    assert app.attributes("root")["mlflow.spanInputs"] == '{"question": "Capital?"}'


def test_only_roots_get_one_and_only_if_asked_for(build):
    app = build(mirror_input=True)
    three_turns(app)
    assert INPUT not in app.attributes("chat")

    app = build()
    three_turns(app)
    assert INPUT not in app.attributes("root")


def test_an_input_that_a_limit_has_cut_is_none(build):
    app = build(mirror_input=True)
    with app.tracer.start_as_current_span("root"), app.tracer.start_as_current_span("chat") as span:
        span.set_attribute("gen_ai.input.messages", json.dumps(chat("Capital of France?"))[:-5])
        span.set_attribute("gen_ai.output.messages", parts("Paris."))

    assert mirrored(app) == (None, "Paris.")


def test_messages_in_events_are_an_input(build):
    app = build(mirror_input=True)
    with app.tracer.start_as_current_span("root"), app.tracer.start_as_current_span("chat") as span:
        span.add_event("gen_ai.system.message", {"content": "Be brief."})
        span.add_event("gen_ai.user.message", {"content": "Capital?"})
        span.add_event("gen_ai.choice", {"message": '{"role": "assistant", "content": "Paris."}'})

    assert mirrored(app) == ([{"role": "system", "content": "Be brief."}, *chat("Capital?")], "Paris.")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (lambda value: value.replace("Ann", "<name>"), chat("I am <name>.")),
        (lambda value: None if "user" in value else value, None),
        (lambda value: "redacted" if "user" in value else value, None),
    ],
    ids=["redacts", "withholds", "returns no JSON"],
)
def test_a_transform_is_asked_with_the_input(build, answer, expected):
    app = build(mirror_input=True, transform=lambda value, _span: answer(value))
    with app.tracer.start_as_current_span("root"):
        llm(app, chat("I am Ann."), "Hello!")

    assert mirrored(app) == (expected, "Hello!")


def test_a_transform_that_fails_withholds_the_input(build):
    def failing(value, _span):
        if "user" in value:
            raise ValueError(value)
        return value

    app = build(mirror_input=True, transform=failing)
    with app.tracer.start_as_current_span("root"):
        llm(app, chat("I am Ann."), "Hello!")

    assert mirrored(app) == (None, "Hello!")


def test_a_root_that_is_the_call_has_its_own_input_already(build):
    app = build(mirror_input=True)
    llm(app, chat("Capital?"), "Paris.", name="root")

    assert INPUT not in app.attributes("root")
    assert app.live == 0
