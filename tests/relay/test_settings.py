"""How durations, sizes, addresses, headers and destinations are written."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from braintrust_run_output.relay.settings import (
    Address,
    find_destination,
    logs_url,
    parse_address,
    parse_duration,
    parse_header,
    parse_headers,
    parse_size,
    traces_url,
)


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("10s", 10), ("1.5s", 1.5), ("15m", 900), ("1h", 3600), (" 7 ", 7)]
)
def test_durations(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "size"),
    [("1000", 1000), ("1000b", 1000), ("512KiB", 512 * 1024), ("256MiB", 2**28), ("256m", 2**28), ("1GB", 2**30)],
)
def test_sizes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "soon", "-1s", "10 s", "10d", "1e3", "10ss", "٣s"])
def test_what_is_no_duration_is_named(text):
    if text == "٣s":  # digits all the same
        assert parse_duration(text) == 3
        return
    with pytest.raises(ValueError, match="is no duration: give one like 500ms"):
        parse_duration(text)


@given(st.text(max_size=12))
def test_text_from_a_stranger_is_read_or_refused(text):
    for parse in (parse_duration, parse_size, parse_address, parse_header, traces_url):
        with suppress(ValueError):
            parse(text)
    parse_headers(text)


@given(st.integers(0, 65535), st.sampled_from(["127.0.0.1", "0.0.0.0", "localhost", "::1", "::"]))
def test_an_address_is_read_as_it_is_written(port, host):
    assert parse_address(str(Address(host, port))) == Address(host, port)


@pytest.mark.parametrize(
    "text", ["4318", "localhost", ":4318", "a:b", "::1:4318", "http://a:1", "u@a:1", "a:1/x", "a:70000"]
)
def test_what_is_no_address_is_named(text):
    with pytest.raises(ValueError, match="is no address: give HOST:PORT"):
        parse_address(text)


def test_urls_get_the_path_of_their_signal_once():
    assert traces_url("http://c:4318") == traces_url("http://c:4318/v1/traces") == "http://c:4318/v1/traces"
    assert traces_url("https://c/otel/") == "https://c/otel/v1/traces"
    assert logs_url("https://c/otel") == "https://c/otel/v1/logs"


OTEL, BRAINTRUST = "OTEL_EXPORTER_OTLP", "BRAINTRUST"


@pytest.mark.parametrize(
    ("environ", "url", "headers"),
    [
        ({}, "https://api.braintrust.dev/otel/v1/traces", {}),
        (
            {"BRAINTRUST_API_KEY": "k", "BRAINTRUST_PARENT": "project_name:p", "BRAINTRUST_API_URL": "http://b/"},
            "http://b/otel/v1/traces",
            {"authorization": "Bearer k", "x-bt-parent": "project_name:p"},
        ),
        (
            {f"{OTEL}_ENDPOINT": "http://c:4318", f"{OTEL}_HEADERS": "Authorization=Bearer%20k,x=1"},
            "http://c:4318/v1/traces",
            {"authorization": "Bearer k", "x": "1"},
        ),
        (
            {f"{OTEL}_TRACES_ENDPOINT": "http://c/t", f"{OTEL}_ENDPOINT": "http://d", "BRAINTRUST_API_KEY": "k"},
            "http://c/t",
            {},
        ),
    ],
)
def test_where_spans_go_by_default(environ, url, headers):
    found = find_destination(environ)
    assert (found.traces, dict(found.headers)) == (url, headers)
