"""What is read the short way, because nearly every output looks like it, is what the general way finds as well."""

from __future__ import annotations

import json
from unittest import mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from braintrust_run_output import read_completion
from braintrust_run_output.conventions import _chat, _json, _responses, gen_ai_messages, openinference
from support import examples

texts = st.sampled_from(["Paris.", "", " ", "None", "[[ ## answer ## ]]\nParis.", "REDACTED", '{"a": 1}']) | st.text()
nothing = st.sampled_from([None, "", [], {}])
CALL = {"id": "1", "function": {"name": "get_weather", "arguments": "{}"}}


def nearly(plain: st.SearchStrategy[dict], **other: st.SearchStrategy) -> st.SearchStrategy[dict]:
    """Return what is plain but for one or two of its fields."""
    fields = st.sampled_from(sorted(other)).flatmap(lambda name: st.tuples(st.just(name), other[name]))
    return st.builds(lambda one, more: {**one, **dict(more)}, plain, st.lists(fields, max_size=2))


blocks = nearly(
    st.fixed_dictionaries({"type": st.just("text"), "content": texts}) | st.just({"type": "text", "text": "Paris."}),
    type=st.sampled_from(["output_text", "reasoning", "tool_call", "image", ""]),
    content=nothing,
    text=texts,
    thought=st.booleans(),
    id=texts,
)
messages = nearly(
    st.fixed_dictionaries({"role": st.just("assistant"), "content": texts})
    | st.fixed_dictionaries({"role": st.just("assistant"), "content": st.lists(blocks, max_size=2)})
    | st.fixed_dictionaries({"role": st.just("assistant"), "parts": st.lists(blocks, max_size=2)}),
    role=st.sampled_from(["Assistant", "model", "user", "tool", ""]),
    content=texts | nothing,
    parts=st.lists(blocks, max_size=2) | nothing,
    finish_reason=st.sampled_from(["stop", "tool_calls", None]),
    tool_calls=nothing | st.just([CALL]),
    refusal=texts | nothing,
    name=texts,
)
values = messages | messages.map(lambda message: [message]) | st.lists(messages, max_size=3) | texts


@pytest.fixture(scope="module")
def the_general_way():
    """Return what takes the shortcuts away."""

    def no_answer(_: object) -> None:
        return None

    def text_is_an_answer(value: object) -> str | None:
        return value if isinstance(value, str) else None  # of a text this is the only way

    def without(work):
        with (
            mock.patch.object(_chat, "answer_in", text_is_an_answer),
            mock.patch.object(_chat, "text_alone", no_answer),
            mock.patch.object(_responses, "answer_in", no_answer),
            mock.patch.object(gen_ai_messages, "answer_in", no_answer),
            mock.patch.object(openinference, "_is_all", return_value=False),
        ):
            return work()

    return without


def rendered(completion):
    return None if completion is None else (completion.source, completion.render(), completion.render("messages"))


@examples(1_000)
@given(values)
@example([{"role": "assistant", "parts": [{"type": "text", "content": "Paris."}], "finish_reason": "stop"}])
@example({"role": "assistant", "content": "Paris.", "tool_calls": None})
def test_chat_messages(the_general_way, value):
    for attributes in (
        {"gen_ai.output.messages": json.dumps(value)},
        {"langfuse.observation.type": "generation", "langfuse.observation.output": json.dumps(value)},
        {"gen_ai.completion.0.role": "assistant", "gen_ai.completion.0.content": json.dumps(value)},
    ):
        short = rendered(read_completion(attributes))
        assert short == the_general_way(lambda attributes=attributes: rendered(read_completion(attributes)))


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "llm.output_messages.0.message.role",
                "llm.output_messages.0.message.content",
                "llm.output_messages.0.message.contents.0.message_content.text",
                "llm.output_messages.0.message.tool_calls.0.tool_call.function.name",
                "llm.output_messages.1.message.content",
                "llm.output_messages.7.message.content",
                "app.llm.output_messages.0",
                "output.value",
            ]
        ),
        st.sampled_from(["assistant", "user", "Paris.", ""]),
    )
)
def test_openinference_messages(the_general_way, attributes):
    attributes["openinference.span.kind"] = "LLM"
    assert rendered(read_completion(attributes)) == the_general_way(lambda: rendered(read_completion(attributes)))


json_texts = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
).map(json.dumps)


@given(
    st.builds(
        "{}{}{}".format, st.text(" \t\n\r\f\u00a0", max_size=2), json_texts, st.text(" \t\n\r\f\u00a0x", max_size=2)
    )
    | st.text()
)
@example("")
@example(" ")
@example("NaN")
@example("[" * 100_000)
def test_json_is_parsed_as_the_standard_library_does(text):
    try:
        expected = json.loads(text)
    except (ValueError, RecursionError):
        expected = None

    assert repr(_json.parse(text)) == repr(expected)
    encoded = text.encode(errors="surrogatepass")
    assert _json.parse(encoded) is None or repr(_json.parse(encoded)) == repr(expected)
