"""What a wrapped processor fails with is said in its own words, once for each kind."""

from __future__ import annotations

import logging

import pytest

from reliability.parts import FOR_EVER, Sink, around, one_trace, start


def warnings(caplog) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("method", ["on_start", "on_end", "force_flush", "shutdown"])
def test_its_own_message_once(method, caplog):
    class Failing(Sink):
        pass

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("Set ACME_KEY, see https://acme.example/keys")

    failing = Failing()
    setattr(failing, method, fail)
    app = around(failing, hold="always", hold_millis=FOR_EVER)
    for n in range(3):
        one_trace(app, f"root {n}")
        start(app, f"held {n}").end()
        app.processor.force_flush()
    app.processor.shutdown()
    app.processor.shutdown()

    (warning,) = warnings(caplog)
    assert "Set ACME_KEY, see https://acme.example/keys" in warning
    assert "RuntimeError" in warning
    assert method in warning


def test_different_failures_are_different_kinds(caplog):
    class Failing(Sink):
        def on_start(self, span, parent_context=None):
            raise ValueError("no start")

        def on_end(self, span):
            raise LookupError("no end")

    app = around(Failing(), hold="never")
    for n in range(3):
        one_trace(app, f"root {n}")

    assert len(warnings(caplog)) == 2
    assert any("no start" in one for one in warnings(caplog))
    assert any("no end" in one for one in warnings(caplog))


def test_braintrusts_message_about_its_key(caplog, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # no .env.braintrust here
    from braintrust.otel import BraintrustSpanProcessor

    app = around(BraintrustSpanProcessor(), hold="never")
    for n in range(3):
        one_trace(app, f"root {n}")
    app.processor.force_flush()
    app.processor.shutdown()

    about_key = [one for one in warnings(caplog) if "API key" in one]
    assert len(about_key) == 1
    assert "BRAINTRUST_API_KEY" in about_key[0]
