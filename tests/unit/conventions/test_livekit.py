"""LiveKit Agents."""

from __future__ import annotations

import json

import pytest

from braintrust_run_output import read_completion

CALL = json.dumps({"name": "get_weather", "arguments": '{"city": "Paris"}', "call_id": "c1"})


def read(**fields: object) -> str | None:
    completion = read_completion({f"lk.{name.replace('__', '.')}": value for name, value in fields.items()})
    return None if completion is None else completion.render()


@pytest.mark.parametrize(
    "fields",
    [
        {"response__text": "Paris."},
        {"pii__response__text": "Paris."},
        {"pii__response__text": "Paris.", "response__text": "Paris."},
        {"pii__response__text": "", "response__text": "Paris."},
        {"response__text": "Paris.", "response__function_calls": "[]"},
        {"response__text": "Paris.", "response__function_calls": ()},
    ],
    ids=str,
)
def test_text(fields):
    assert read(**fields) == "Paris."


@pytest.mark.parametrize("calls", [(CALL,), f"[{CALL}]"], ids=["list of JSON", "JSON"])
def test_function_calls(calls):
    (message,) = json.loads(read(response__text="", response__function_calls=calls))

    assert message["content"] is None
    assert message["tool_calls"] == [
        {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}}
    ]


def test_calls_that_are_written_twice_count_once():
    (message,) = json.loads(read(pii__response__function_calls=(CALL,), response__function_calls=(CALL,)))

    assert len(message["tool_calls"]) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"response__text": ""},
        {"response__function_calls": "broken"},
        {"input_text": "hello"},
        {"user_transcript": "hi"},
    ],
    ids=str,
)
def test_no_completion(fields):
    assert read(**fields) is None
