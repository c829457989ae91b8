"""Which part of a list of messages is the output, and how it is rendered."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from braintrust_run_output.completion import (
    Completion,
    Message,
    ToolCall,
    from_messages,
    from_text,
    output_of,
    says_nothing,
)

CALL = ToolCall("get_weather", '{"city":"Paris"}', "call_1")
ASKED = Message("user", "What is the weather in Paris?")
CALLING = Message("assistant", None, (CALL,))
CALLING_WITH_TEXT = Message("assistant", "Let me look.", (CALL,))
RESULT = Message("tool", "sunny")
ANSWER = Message("assistant", "It is sunny.")


@pytest.mark.parametrize(
    ("messages", "output"),
    [
        ([ANSWER], [ANSWER]),
        ([ANSWER, Message("assistant", "Sunny.")], [ANSWER, Message("assistant", "Sunny.")]),  # two choices
        ([CALLING], [CALLING]),
        ([CALLING, RESULT, ANSWER], [ANSWER]),
        ([CALLING_WITH_TEXT, RESULT, ANSWER], [ANSWER]),
        ([ASKED, CALLING, RESULT, CALLING, RESULT, ANSWER], [ANSWER]),
        ([ASKED, ANSWER, ASKED, CALLING], [CALLING]),
        ([CALLING, ANSWER], [ANSWER]),  # both turns on one span, without the result
        ([ANSWER, CALLING], [ANSWER, CALLING]),  # text, then a call: items of one response
        ([CALLING, RESULT], [CALLING]),
        ([Message("assistant", "It is sunny.", (CALL,)), RESULT], [ANSWER]),  # one merged message
        ([Message("model", "It is sunny.")], [Message("model", "It is sunny.")]),
        ([ASKED, Message("weather_agent", "It is sunny.")], [Message("weather_agent", "It is sunny.")]),
        ([Message("User", "?"), RESULT, Message("Assistant", "Sunny.")], [Message("Assistant", "Sunny.")]),
        ([ANSWER, Message("developer", "Be brief.")], []),
        ([ASKED], []),
        ([ANSWER, ASKED], []),
        ([RESULT], []),
        ([], []),
    ],
)
def test_the_output_of_an_exchange_is_what_follows_its_last_tool_step(messages, output):
    assert list(output_of(messages)) == output


def test_one_text_is_rendered_verbatim():
    completion = from_messages([Message("assistant", "  It is\nsunny. ")], "source")

    assert completion.render() == "  It is\nsunny. "


def test_tool_calls_are_rendered_as_compact_openai_messages():
    assert from_messages([CALLING], "source").render() == (
        '[{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function",'
        '"function":{"name":"get_weather","arguments":"{\\"city\\":\\"Paris\\"}"}}]}]'
    )


def test_text_and_several_choices_keep_their_characters():
    rendered = from_messages([Message("assistant", "Zürich"), Message("model", "北京")], "source").render()

    assert rendered == '[{"role":"assistant","content":"Zürich"},{"role":"assistant","content":"北京"}]'


def test_a_choice_without_text_is_left_out():
    completion = from_messages(
        [Message("assistant", ""), Message("assistant", "Paris."), Message("assistant", None)], "s"
    )

    assert completion.render() == "Paris."


def test_verbatim_falls_back_to_the_text_where_there_was_no_single_source_value():
    assert Completion("s", text="Paris.").render("verbatim") == "Paris."
    assert Completion("s", text="Paris.", raw='[{"x":1}]').render("verbatim") == '[{"x":1}]'


NOTHING = [
    "",
    "   \n",
    "__REDACTED__",
    "[REDACTED]",
    "<redacted>",
    "REDACTED",
    "<elided>",
    "<not serializable>",
    "<generator object>",
    "<async_generator object>",
    "<NoneType response returned from OpenAI>",
    "***REDACTED***",
    "[Scrubbed due to 'password']",
    "<groq.Stream object at 0x7f0a1b2c3d4e>",
    "<async_generator object Model.generate at 0x10f0>",
    "<coroutine object f at 0x7f>",
    "<bound method A.b of <A object at 0x7f>>",
]


@pytest.mark.parametrize("text", NOTHING)
def test_placeholders_and_reprs_say_nothing(text):
    assert says_nothing(text)
    assert from_text(text, "source") is None
    assert from_messages([Message("assistant", text)], "source") is None


@pytest.mark.parametrize(
    "text",
    [
        "Paris.",
        "0",
        "null",
        "redacted",
        "Hidden",
        "**hidden**",
        "The file was [REDACTED] by the court.",
        "<b>Paris</b>",
        "{}",
    ],
)
def test_answers_that_look_odd_are_answers(text):
    assert not says_nothing(text)


@given(st.text())
def test_any_text_is_rendered_verbatim_or_not_at_all(text):
    completion = from_text(text, "source")

    assert completion is None or completion.render() == text


@given(
    st.lists(
        st.builds(
            Message,
            st.sampled_from(["assistant", "user", "tool", "system", "model", ""]),
            st.none() | st.text(max_size=5),
            st.lists(st.builds(ToolCall, st.text(max_size=3), st.text(max_size=3)), max_size=2).map(tuple),
        ),
        max_size=8,
    )
)
def test_every_rendering_is_text_or_messages_of_the_assistant(messages):
    completion = from_messages(messages, "source")
    if completion is None:
        return
    assert completion.render()
    decoded = json.loads(completion.render("messages"))
    assert {message["role"] for message in decoded} == {"assistant"}
    assert all(message["content"] or message.get("tool_calls") for message in decoded)


OTHER_CALL = ToolCall("get_time", "{}", "call_2")
SEARCH = ToolCall("web_search", "{}", "srvtoolu_1", is_hosted=True)
TURNS = {
    "a text and a call": ([ANSWER, CALLING], [Message("assistant", "It is sunny.", (CALL,))]),
    "two calls": (
        [CALLING, Message("assistant", None, (OTHER_CALL,))],
        [Message("assistant", None, (CALL, OTHER_CALL))],
    ),
    "two choices": ([ANSWER, Message("assistant", "Sunny.")], [ANSWER, Message("assistant", "Sunny.")]),
    "two choices with calls": ([CALLING_WITH_TEXT, CALLING_WITH_TEXT], [CALLING_WITH_TEXT, CALLING_WITH_TEXT]),
    "pieces and the whole": ([Message("assistant", text) for text in ("It is ", "sunny.", "It is sunny.")], [ANSWER]),
    "thinking and a text": ([Message("thinking", "hm"), ANSWER], [ANSWER]),
    "a hosted call beside a text": ([Message("assistant", "It is sunny.", (SEARCH,))], [ANSWER]),
    "a hosted call beside a call": (
        [Message("assistant", None, (SEARCH,)), CALLING],
        [CALLING],
    ),
    "a hosted call alone": ([Message("assistant", None, (SEARCH,))], [Message("assistant", None, (SEARCH,))]),
    "thinking alone": ([Message("thinking", "hm")], None),
}


@pytest.mark.parametrize(("messages", "turn"), TURNS.values(), ids=TURNS)
def test_one_turn_is_one_message(messages, turn):
    completion = from_messages(messages, "source")

    assert (completion and completion.as_messages()) == (turn and Completion("s", messages=tuple(turn)).as_messages())


@pytest.mark.parametrize(
    ("first", "second", "joined"),
    [
        (Completion("s", "a"), Completion("s", "b"), [Message("assistant", "a"), Message("assistant", "b")]),
        (Completion("s", "a"), Completion("s", messages=(CALLING,)), [Message("assistant", "a", (CALL,))]),
        (Completion("s", "hm", block="unknown"), Completion("s", "b", block="unknown"), [Message("assistant", "b")]),
        (Completion("s", "a", block="text"), Completion("s", "b", block="text"), [Message("assistant", "ab")]),
        (
            Completion("s", "a", block="unknown"),
            Completion("s", messages=(CALLING,), block="unknown"),
            [Message("assistant", "a", (CALL,))],
        ),
    ],
)
def test_what_belongs_to_one_turn_is_joined(first, second, joined):
    assert first.joined(second).as_messages() == Completion("s", messages=tuple(joined)).as_messages()
