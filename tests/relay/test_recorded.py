"""Recorded traces of real instrumentations, sent through the relay as an OTLP exporter sends them."""

from __future__ import annotations

import asyncio
import inspect
from pathlib import Path

import pytest
import replay
from harness import RUN_OUTPUT, bench
from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor

from braintrust_run_output.config import RunOutputConfig
from braintrust_run_output.otlp import messages, read_spans
from braintrust_run_output.relay.codec import pack_excerpts
from braintrust_run_output.relay.deciding import Deciding
from braintrust_run_output.relay.looking import glance_at, look

CASES = sorted((Path(__file__).parents[1] / "conformance" / "cases").glob("*.json"))


class Records:
    """Keeps log records, as an exporter."""

    def __init__(self):
        self.kept = []

    def export(self, batch):
        self.kept.extend(batch)

    def shutdown(self):
        pass

    def force_flush(self, timeout_millis=30000):
        return True


def exported(case):
    """Return a case's spans and log records as an OTLP exporter encodes them."""
    from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

    records = Records()
    spans = replay.replay(case, log_processors=[SimpleLogRecordProcessor(records)])
    return (
        [encode_spans([span]).SerializeToString() for span in spans],
        [encode_logs([record]).SerializeToString() for record in records.kept],
    )


REPLAYS_LOGS = {"event_name", "context"} <= set(inspect.signature(LogRecord.__init__).parameters)
"""On an SDK before 1.40 only the span steps can be played."""


def load(path):
    case = replay.load(path)
    if not REPLAYS_LOGS:
        case["timeline"] = [step for step in case["timeline"] if step["op"] != "log"]
    return case


def can_be_sent(path):
    """Whether a case's root has no parent (one in another process makes it no root to the relay), and can be played."""
    case = load(path)
    if case["expect"]["found_in"].endswith("log") and not REPLAYS_LOGS:
        return False
    wanted = case["expect"]["root_span_id"]
    return any(
        step.get("span_id") == wanted and not step["parent_span_id"]
        for step in case["timeline"]
        if step["op"] == "start"
    )


@pytest.mark.parametrize("path", list(filter(can_be_sent, CASES)), ids=lambda path: path.stem)
def test_the_root_has_the_answer(path, tmp_path):
    case = load(path)
    spans, records = exported(case)

    async def whole():
        async with bench(tmp_path) as relay:
            for record in records:
                await relay.relay.take_logs(record)
            for span in spans:
                await relay.relay.take_traces(span)
            await relay.wait(100)
            return relay.hop.named(case["expect"]["root_span_id"])

    arrived = asyncio.run(whole())
    assert len(arrived) == 1
    assert replay.meets(arrived[0].attributes.get(RUN_OUTPUT), case["expect"])


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_from_what_is_kept_of_a_span_the_same_is_read_again(path):
    deciding = Deciding(RunOutputConfig(mirror_input=True))
    for body in exported(load(path))[0]:
        for span in read_spans(body):
            (raw,) = messages.Request.FromString(body).groups[0].scope_groups[0].items
            found = deciding.read(look(glance_at(raw), span.scope, span.resource))
            (kept,) = read_spans(pack_excerpts([(found.scope, found.excerpt)]))
            again = deciding.read_again(kept)
            for field in ("key", "name", "start", "end", "explicit", "completion", "generic", "input", "side"):
                assert getattr(again, field) == getattr(found.outcome, field), field
            assert len(found.excerpt) < len(body)
