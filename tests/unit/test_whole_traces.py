"""Whole traces through the processor: what is harmful to get wrong, as applications emit it."""

from __future__ import annotations

import json

import pytest
from opentelemetry import trace
from opentelemetry.trace import Status, StatusCode

from support import parts

ANSWER = "The capital of France is Paris."
TITLE = "Paris, the capital of France"


def span(app, name: str, kind: str | None = None, **attributes: object):
    kinds = {} if kind is None else {"openinference.span.kind": kind}
    return app.tracer.start_as_current_span(name, attributes=kinds | attributes)


def llm(app, text: str, name: str = "llm") -> None:
    with span(app, name, "LLM") as one:
        one.set_attribute("gen_ai.output.messages", parts(text))


def calling(app, name: str, call_id: str, tool: str = "search") -> None:
    message = {"role": "assistant", "parts": [{"type": "tool_call", "id": call_id, "name": tool, "arguments": {}}]}
    with span(app, name, "LLM") as one:
        one.set_attribute("gen_ai.output.messages", json.dumps([message]))


def test_asgis_http_send_spans_beside_the_chain(build):
    app = build()
    with span(app, "POST /ask"):
        with span(app, "chain", "CHAIN", **{"output.value": ANSWER}):
            llm(app, ANSWER)
            llm(app, TITLE, "title")
        for _ in range(100):
            with span(app, "POST /ask http send", **{"asgi.event.type": "http.response.body"}):
                pass

    assert app.run_output("POST /ask") == ANSWER


@pytest.mark.parametrize("returned", ["ok", "200", '{"status": "ok"}', "None"])
def test_a_handler_that_returns_ok_above_a_chain_that_returned_the_answer(build, returned):
    app = build()
    with span(app, "root"), span(app, "handler", "CHAIN", **{"output.value": returned}):
        with span(app, "chain", "CHAIN", **{"output.value": ANSWER}):
            llm(app, ANSWER)
            llm(app, TITLE, "title")

    assert app.run_output("root") == ANSWER


def test_a_grader_that_says_yes_while_documents_in_the_state_contain_it(build):
    app = build()
    state = {"documents": ["yes", "Paris is a city."], "grade": "yes", "generation": ANSWER}
    with span(app, "graph", "CHAIN", **{"output.value": json.dumps(state)}):
        with span(app, "retriever", "RETRIEVER", **{"output.value": "yes"}):
            pass
        llm(app, ANSWER)
        with span(app, "grade", "EVALUATOR"):
            llm(app, "yes", "grader")

    assert app.run_output("graph") == ANSWER


def test_a_title_after_an_answer_whose_witness_adds_sources(build):
    app = build()
    with span(app, "POST /ask", "CHAIN") as root:
        llm(app, ANSWER)
        llm(app, TITLE, "title")
        root.set_attribute("output.value", f"{ANSWER}\n\nSources: atlas.pdf")

    assert app.run_output("POST /ask") == ANSWER


def test_a_long_title_that_is_part_of_the_answer(build):
    app = build()
    answer = f"{TITLE}: it lies on the Seine."
    with span(app, "POST /ask", "CHAIN", **{"output.value": f"{answer} [1]"}):
        llm(app, answer)
        llm(app, TITLE, "title")

    assert app.run_output("POST /ask") == answer


@pytest.mark.parametrize("is_late", [False, True])
def test_a_map_reduce_also_with_a_late_mapper(build, is_late):
    app = build()
    reduced = "All three parts, in one summary."
    with span(app, "graph", "CHAIN", **{"output.value": json.dumps({"summary": reduced})}) as graph:
        within = trace.set_span_in_context(graph)
        mappers = [
            app.tracer.start_span(f"map {n}", within, attributes={"gen_ai.completion": f"{n}"}) for n in range(3)
        ]
        for mapper in mappers[: 2 if is_late else 3]:
            mapper.end()
        llm(app, reduced, "reduce")
        mappers[2].end()

    assert app.run_output("graph") == reduced


@pytest.mark.parametrize("merged_by", ["a model", "code"])
def test_two_branches_in_parallel(build, merged_by):
    app = build()
    halves = ["The left half, at some length.", "The right half, at some length."]
    merged = "\n".join(halves)
    with span(app, "workflow", "CHAIN", **{"output.value": merged}) as root:
        within = trace.set_span_in_context(root)
        branches = [app.tracer.start_span(half, within, attributes={"gen_ai.completion": half}) for half in halves]
        for branch in branches:
            branch.end()
        if merged_by == "a model":
            llm(app, merged)

    assert app.run_output("workflow") == merged


def test_a_retry_after_a_failure(build):
    app = build()
    with span(app, "root"):
        with span(app, "llm 1", "LLM") as failed:
            failed.set_attribute("gen_ai.output.messages", parts("half of an answ"))
            failed.set_status(Status(StatusCode.ERROR, "timeout"))
        llm(app, ANSWER, "llm 2")

    assert app.run_output("root") == ANSWER


def test_an_eval_whose_task_calls_no_model(build):
    app = build()
    with span(app, "eval"):
        with span(app, "task", "CHAIN", **{"output.value": "4"}):
            pass
        with span(app, "score", "EVALUATOR"):
            llm(app, "The answer 4 is right.", "judge")

    assert app.run_output("eval") == "4"


def test_a_voice_session_with_many_turns_and_a_transcript_on_the_root(build):
    app = build()
    said = [f"This is what I say in turn number {n}." for n in range(150)]
    transcript = json.dumps([{"role": "assistant", "content": text} for text in said])
    with span(app, "session", "CHAIN", **{"output.value": transcript}):
        for n, text in enumerate(said):
            with span(app, f"turn {n}"):
                llm(app, text, f"llm {n}")

    assert app.run_output("session") == said[-1]


def test_a_batch_job_with_many_roots(build):
    app = build()
    for n in range(200):
        with app.tracer.start_as_current_span(f"job {n}", context=trace.set_span_in_context(trace.INVALID_SPAN)):
            llm(app, f"Answer to job {n}.")

    assert [app.run_output(f"job {n}") for n in range(200)] == [f"Answer to job {n}." for n in range(200)]
    assert app.live == 0


def test_a_batch_job_under_one_root_has_the_last_or_all(build):
    for root, value in (("last", "Answer 2."), ("all", '["Answer 0.","Answer 1.","Answer 2."]')):
        app = build(root=root)
        with span(app, "batch"):
            for n in range(3):
                llm(app, f"Answer {n}.")
        assert app.run_output("batch") == value


def test_an_earlier_turn_beside_the_last(build):
    app = build()
    history = [{"role": "assistant", "content": text} for text in ("Hello, Ann, and welcome!", ANSWER)]
    with span(app, "chat", "CHAIN", **{"output.value": json.dumps({"messages": history})}):
        llm(app, "Hello, Ann, and welcome!")
        llm(app, ANSWER)

    assert app.run_output("chat") == ANSWER


# --- settings --------------------------------------------------------------------------------------------------


def test_answer_spans_name_the_span_that_holds_the_answer(build):
    app = build(answer_spans="answer,/api/[id]")
    with span(app, "root"):
        with span(app, "answer"):
            llm(app, ANSWER)
        llm(app, TITLE, "title")

    assert app.run_output("root") == ANSWER


def test_side_spans_name_spans_that_never_hold_it(build):
    app = build(side_spans="guard*, title")
    with span(app, "root"):
        llm(app, ANSWER)
        with span(app, "guard.agent"):
            llm(app, '{"ok": true}', "guards model")
        llm(app, TITLE, "title")

    assert app.run_output("root") == ANSWER


def test_side_spans_by_the_name_at_the_end(build):
    app = build(side_spans="guard")
    with span(app, "root"):
        llm(app, ANSWER)
        with span(app, "unnamed") as guard:
            llm(app, '{"ok": true}', "guards model")
            guard.update_name("guard")

    assert app.run_output("root") == ANSWER


# --- calls of tools --------------------------------------------------------------------------------------------


def test_an_agents_answer_after_its_tools(build):
    app = build()
    with span(app, "agent", "AGENT"):
        calling(app, "llm 1", "c1")
        with span(app, "search", "TOOL", **{"tool_call.id": "c1", "output.value": "Paris"}):
            llm(app, "An agent in a tool says this.", "inner")
        llm(app, ANSWER)

    assert app.run_output("agent") == ANSWER


def test_a_call_that_waits_for_approval(build):
    app = build()
    with span(app, "agent", "AGENT"):
        llm(app, "I shall delete it, if you want.")
        calling(app, "llm 2", "c1", "delete")

    assert json.loads(app.run_output("agent"))[0]["tool_calls"][0]["function"]["name"] == "delete"


def test_a_model_span_that_ends_after_the_agent_that_it_called(build):
    app = build()
    message = {"role": "assistant", "parts": [{"type": "tool_call", "id": "t1", "name": "transfer", "arguments": {}}]}
    with span(app, "root"), span(app, "outer", "LLM") as outer:
        outer.set_attribute("gen_ai.output.messages", json.dumps([message]))
        with span(app, "sub-agent", "AGENT"):
            llm(app, ANSWER)

    assert app.run_output("root") == ANSWER


# --- agents ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [{"openinference.span.kind": "AGENT"}, {"gen_ai.operation.name": "invoke_agent"}])
def test_a_guard_that_runs_within_the_time_of_the_agent_that_it_guards(build, kind):
    """Written beside the agent, without a word of its being a guard."""
    app = build()
    with span(app, "workflow") as root:
        within = trace.set_span_in_context(root)
        main = app.tracer.start_span("main.agent", within, attributes=kind)
        guard = app.tracer.start_span("guard.agent", within, attributes=kind)
        with trace.use_span(main):
            llm(app, ANSWER, "mains model")
        with trace.use_span(guard):
            llm(app, '{"ok": true}', "guards model")
        guard.end()
        main.end()

    assert app.run_output("workflow") == ANSWER
