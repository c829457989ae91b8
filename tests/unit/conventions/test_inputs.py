"""The input of a model call, for ``mirror_input``."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from braintrust_run_output.conventions import has_input, input_excerpt, inputs, read_input, up_to_last_user
from emitted import SpanEvent

ASKED = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is the capital of France?"}]
PARTS = [{"role": one["role"], "parts": [{"type": "text", "content": one["content"]}]} for one in ASKED]

roles = st.sampled_from(["user", "assistant", "system", "tool", "human", "", "model"])
blocks = st.lists(st.fixed_dictionaries({"type": st.sampled_from(["text", "tool_result", "image"]), "text": st.text()}))
text_of_json = st.lists(
    st.fixed_dictionaries({"role": roles, "content": st.text() | st.none() | blocks}) | st.integers()
).map(json.dumps)


def indexed(role: str, content: str) -> dict[str, str]:
    return {key: value for n, one in enumerate(ASKED) for key, value in
            ((role.format(n), one["role"]), (content.format(n), one["content"]))}  # fmt: skip


@pytest.mark.parametrize(
    "attributes",
    [
        {"gen_ai.input.messages": json.dumps(PARTS)},
        {"gen_ai.input.messages": PARTS},
        {"gen_ai.prompt": json.dumps({"messages": ASKED, "model": "m"})},
        {"gen_ai.prompt_json": json.dumps(ASKED)},
        {"langfuse.observation.input": json.dumps({"tools": [], "messages": ASKED})},
        {"ai.prompt.messages": json.dumps(ASKED)},
        {"gen_ai.input": json.dumps(ASKED)},
        {"llm.input_messages": json.dumps(ASKED)},
        {"mastra.model_step.input": json.dumps({"messages": ASKED})},
        {"openclaw.content.input_messages": json.dumps(ASKED)},
        indexed("llm.prompts.{}.role", "llm.prompts.{}.content"),
        indexed("gen_ai.input.messages.{}.message.role", "gen_ai.input.messages.{}.message.content"),
        indexed("gen_ai.prompt.{}.message.role", "gen_ai.prompt.{}.message.content"),
        {"ai.prompt": json.dumps({"messages": ASKED})},
        {"request_data": json.dumps({"messages": ASKED, "model": "m"})},
        {"input.value": json.dumps({"messages": ASKED})},
        {"input.value": json.dumps({"messages": [ASKED]})},
        {
            "gcp.vertex.agent.llm_request": json.dumps(
                {
                    "model": "m",
                    "contents": [{"role": one["role"], "parts": [{"text": one["content"]}]} for one in ASKED],
                }
            )
        },
        {"langwatch.input": json.dumps({"type": "chat_messages", "value": ASKED})},
        {"mlflow.spanInputs": json.dumps({"model": "m", "messages": ASKED})},
        {
            "genkit:input": json.dumps(
                {"messages": [{"role": o["role"], "content": [{"text": o["content"]}]} for o in ASKED]}
            )
        },
        {"llm.messages": json.dumps(ASKED)},
        {"gen_ai.request.messages": json.dumps(ASKED)},
        {"lk.chat_ctx": json.dumps({"items": [{"type": "message", **o, "content": [o["content"]]} for o in ASKED]})},
        {
            "haystack.agent.input": json.dumps(
                {"messages": [{"role": o["role"], "content": [{"text": o["content"]}]} for o in ASKED]}
            )
        },
        {"ai.prompt": json.dumps({"system": ASKED[0]["content"], "prompt": ASKED[1]["content"]})},
        {"gen_ai.prompt": json.dumps({"messages": [[one["role"], one["content"]] for one in ASKED]})},
        {
            "traceloop.entity.input": json.dumps(
                {"inputs": {"messages": ASKED}, "tags": [], "metadata": {}, "kwargs": {}}
            )
        },
        {"gen_ai.input.messages": tuple(json.dumps(message) for message in PARTS)},
        {"gen_ai.input.messages": json.dumps(json.dumps(PARTS))},
        indexed("llm.input_messages.{}.message.role", "llm.input_messages.{}.message.contents.0.message_content.text"),
        indexed("gen_ai.prompt.{}.role", "gen_ai.prompt.{}.content"),
        indexed("llm.input_messages.{}.message.role", "llm.input_messages.{}.message.content"),
    ],
    ids=lambda attributes: next(iter(attributes)),
)
def test_a_chat(attributes):
    assert json.loads(read_input(attributes)) == ASKED
    assert input_excerpt(attributes)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("What is the capital?", "What is the capital?"),
        ('{"question": "?"}', {"question": "?"}),
        ("[1, 2]", [1, 2]),
        (("a", "b"), ["a", "b"]),
        (7, 7),
    ],
    ids=str,
)
def test_another_input_is_json_of_itself(value, expected):
    assert json.loads(read_input({"input.value": value})) == expected


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"gen_ai.prompt": ""},
        {"gen_ai.operation.name": "chat"},
        {"input.value": ()},
        {"input.value": "{broken"},
        {"input.value": "[]"},
        {"gen_ai.prompt.0.role": "user"},
        {"gen_ai.input.messages": json.dumps(PARTS)[:-9]},
        {"input": "a name that others use as well"},
    ],
    ids=str,
)
def test_no_input(attributes):
    assert read_input(attributes) is None


@pytest.mark.parametrize(
    "key",
    ["braintrust.input", "braintrust.input_json", "braintrust.input.0.role", "gen_ai.input.messages", "gen_ai.prompt",
     "gen_ai.prompt_json", "gen_ai.prompt.0.role"],
)  # fmt: skip
def test_what_braintrust_takes_for_the_input(key):
    assert has_input({key: "x"})


@pytest.mark.parametrize("key", ["mlflow.spanInputs", "input.value", "traceloop.entity.input", "langfuse.trace.input"])
def test_an_input_that_braintrust_leaves_in_the_metadata_is_none_of_its_row(key):
    assert input_excerpt({key: "x"})
    assert not has_input({key: "x"})
    assert not has_input({"http.route": "/chat"})


def test_what_braintrust_takes_is_what_the_local_intake_takes():
    from braintrust_run_output.local import map_request
    from local.otlp_requests import export_request, span

    for key in (
        *inputs._WHOLE,
        "gen_ai.prompt.0.content",
        "braintrust.input.0.content",
        "llm.input_messages.0.message.content",
    ):
        (row,) = map_request(export_request(span({key: json.dumps(ASKED)}))).rows
        assert (row["input"] is not None) is has_input({key: json.dumps(ASKED)}), key


def test_half_an_emoji_is_replaced():
    assert "\ufffd" in read_input({"input.value": '{"question": "\\ud83d"}'})


def test_the_calls_of_earlier_turns():
    message = "llm.input_messages.0.message."
    attributes = {
        f"{message}role": "assistant",
        f"{message}tool_calls.0.tool_call.function.name": "get_weather",
        f"{message}tool_calls.0.tool_call.function.arguments": "{}",
    }
    (read,) = json.loads(read_input(attributes))

    assert read["tool_calls"][0]["function"] == {"name": "get_weather", "arguments": "{}"}


IMAGES = [
    {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
    {"type": "image", "source": {"type": "base64", "data": "iVBOR"}},
    {"type": "blob", "mime_type": "image/png", "content": ""},
    {"inlineData": {"mimeType": "image/png", "data": "iVBOR"}},
]


@pytest.mark.parametrize("image", IMAGES, ids=str)
def test_messages_with_an_image_stay_as_they_are(image):
    asked = [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, image]}]

    assert json.loads(read_input({"gen_ai.input.messages": json.dumps(asked)})) == asked
    assert json.loads(up_to_last_user(json.dumps([*asked, {"role": "assistant", "content": "A cat."}]))) == asked


GATED = [
    ("inputs", {"span_type": "LLM"}, json.dumps({"messages": ASKED})),
    ("input", {"span.type": "agent"}, json.dumps(ASKED)),
    ("input", {"gen_ai.operation.name": "chat", "output": "Paris."}, json.dumps(ASKED)),
    (
        "events",
        {"gen_ai.request.model": "m"},
        json.dumps([*ASKED, {"index": 0, "message": {"role": "assistant", "content": "Paris."}}]),
    ),
    (
        "events",
        {"gen_ai.system": "openai"},
        json.dumps([
            *({"event.name": f"gen_ai.{one['role']}.message", **one} for one in ASKED),
            {"event.name": "gen_ai.choice", "message": {"role": "assistant", "content": "Paris."}},
        ]),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("key", "companions", "value"), GATED)
def test_a_name_that_others_use_too_is_an_input_beside_what_tells(key, companions, value):
    assert json.loads(read_input({key: value, **companions})) == ASKED
    assert read_input({key: value}) is None


EVENTS = [
    [SpanEvent(f"gen_ai.{one['role']}.message", {"content": one["content"]}) for one in ASKED],
    [SpanEvent(f"gen_ai.{one['role']}.message", {"gen_ai.event.content": json.dumps(one)}) for one in ASKED],
    [
       SpanEvent(f"gen_ai.{one['role']}.message", {"content": json.dumps([{"text": one["content"]}])})
        for one in ASKED
    ] + [SpanEvent("gen_ai.choice", {"message": "Paris."})],
    [SpanEvent("gen_ai.client.inference.operation.details", {"gen_ai.input.messages": json.dumps(PARTS)})],
    [SpanEvent("gen_ai.content.prompt", {"gen_ai.prompt": json.dumps(ASKED)})],
    [SpanEvent("data.input", {"input": tuple(json.dumps({one["role"]: one["content"]}) for one in ASKED)})],
    [SpanEvent("promptflow.function.inputs", {"payload": json.dumps({"messages": ASKED})})],
]  # fmt: skip


@pytest.mark.parametrize("events", EVENTS, ids=lambda events: events[0].name)
def test_a_chat_in_span_events(events):
    assert json.loads(read_input({}, events)) == ASKED
    assert has_input({}, events) is events[0].name.endswith(".message")
    assert not has_input({}, [SpanEvent("exception", None)])


@pytest.mark.parametrize(
    ("messages", "kept"),
    [
        ([("user", "a"), ("assistant", "b")], 1),
        ([("user", "a"), ("assistant", "b"), ("user", "c")], 3),
        ([("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d"), ("tool", "e")], 3),
        ([("system", "a"), ("assistant", "b")], 2),
        ([], 0),
    ],
)
def test_up_to_the_last_message_of_a_user(messages, kept):
    messages = [{"role": role, "content": content} for role, content in messages]

    assert json.loads(up_to_last_user(json.dumps(messages))) == messages[:kept]
    assert json.loads(up_to_last_user(json.dumps({"messages": messages, "n": 1.10}))) == {
        "messages": messages[:kept], "n": 1.10}  # fmt: skip


def test_a_tool_result_is_no_message_of_a_user():
    asked = {"role": "user", "content": "?"}
    call = {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "f", "input": {}}]}
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "4"}]}

    assert json.loads(up_to_last_user(json.dumps([asked, call, result]))) == [asked]


@pytest.mark.parametrize("text", ["", "no JSON", "{", '"a text"', "7", "[7]", "[[]]", '{"messages": 7}'])
def test_what_is_no_list_of_messages_stays(text):
    assert up_to_last_user(text) == text


def test_an_excerpt_refers_to_the_values_and_reads_the_same():
    value = json.dumps({"messages": ASKED})
    attributes = {"span_type": "LLM", "inputs": value, "http.route": "/", "gen_ai.output.messages": "[]"}
    excerpt = input_excerpt(
        attributes, [SpanEvent("exception", None), SpanEvent("gen_ai.user.message", {"content": "x"})]
    )

    assert excerpt.attributes["inputs"] is value
    assert "gen_ai.output.messages" not in excerpt.attributes
    assert [event.name for event in excerpt.events] == ["gen_ai.user.message"]
    assert read_input(*excerpt) == read_input(attributes)
    assert input_excerpt({"http.route": "/", "inputs": "x"}, [SpanEvent("exception", None)]) is None


@given(text_of_json)
def test_whatever_the_json_what_is_kept_is_a_beginning_of_it(text):
    before, after = json.loads(text), json.loads(up_to_last_user(text))

    assert after == before or after == before[: len(after)]
    assert up_to_last_user(json.dumps(after)) == json.dumps(after)


@pytest.mark.parametrize(
    "text", ['{"a": 1}\nSum it up.', "{question} is what?", "[INST] Capital? [/INST]", '"Hello" means what?']
)
def test_a_text_that_only_begins_like_json(text):
    assert json.loads(read_input({"gen_ai.prompt": text})) == text


def test_the_str_of_messages():
    assert json.loads(read_input({"gen_ai.prompt": str(ASKED)})) == ASKED


@pytest.mark.parametrize("text", [str(ASKED)[:-9], '"What is the', "[INST", '{"a": [1'])
def test_a_text_that_may_have_been_cut(text):
    assert read_input({"gen_ai.prompt": text}) is None


@pytest.mark.parametrize("prefix", ["gen_ai.input.messages", "llm.input_messages", "neatlogs.llm.input_messages"])
def test_messages_that_are_flattened_without_a_word_between(prefix):
    attributes = {f"{prefix}.0.role": "user", f"{prefix}.0.content": "What is the capital of France?"}

    assert json.loads(read_input(attributes)) == [{"role": "user", "content": "What is the capital of France?"}]


def test_events_without_content_are_no_input():
    assert (
        read_input({}, [SpanEvent("gen_ai.user.message", {}), SpanEvent("gen_ai.tool.message", {"id": "c1"})]) is None
    )
