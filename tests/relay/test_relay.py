"""What becomes of requests and roots: children at once, roots once their trace is quiet, nothing lost."""

from __future__ import annotations

import asyncio
import shutil
import time
from contextlib import suppress

import pytest
from harness import CHAT, ROOT, RUN_OUTPUT, TOOL, TRACE, bench, chat, request, root, span

from braintrust_run_output.config import RunOutputConfig
from braintrust_run_output.otlp import BadPayloadError, messages, write_value
from braintrust_run_output.relay.forwarding import RefusedError, UnavailableError
from braintrust_run_output.relay.relay import BusyError

KEY_A, KEY_B = (("authorization", "Bearer a"),), (("authorization", "Bearer b"),)


def run(test, directory, config=None, **settings):
    async def whole():
        async with bench(directory, config, **settings) as one:
            await test(one)

    asyncio.run(whole())


@pytest.fixture
def at(tmp_path):
    """Run a coroutine function with a relay at work: ``at(test, hold=5)``."""

    def start(test, config=None, **settings):
        run(test, tmp_path, config, **settings)

    return start


def test_children_go_on_at_once_and_the_root_when_its_trace_is_quiet(at):
    async def test(relay):
        await relay.take(chat(), service="agent")
        assert relay.hop.run_output(CHAT) == "Paris."
        await relay.take(root(), service="front")
        await relay.wait(9.9)
        assert relay.hop.named(ROOT) == []
        await relay.wait(0.2)
        assert relay.hop.run_output() == "Paris."
        assert relay.hop.named(ROOT)[0].resource == {"service.name": "front"}

    at(test)


def test_a_root_that_comes_first_waits_for_what_comes(at):
    async def test(relay):
        await relay.take(root())
        await relay.wait(8)
        await relay.take(chat())
        await relay.wait(9)
        assert relay.hop.named(ROOT) == []
        await relay.wait(1.1)
        assert relay.hop.run_output() == "Paris."

    at(test)


def test_a_root_waits_no_longer_than_it_may(at):
    async def test(relay):
        await relay.take(root())
        for number in range(11):
            await relay.wait(5)
            await relay.take(chat(f"{number}", f"{number + 1:016x}", end=number + 2))
        await relay.wait(4.9)
        assert relay.hop.named(ROOT) == []
        await relay.wait(0.1)
        assert relay.hop.run_output() == "10"

    at(test)


def test_a_root_that_comes_late_goes_as_soon_as_it_may(at):
    async def test(relay):
        await relay.take(chat())
        await relay.wait(30)
        await relay.take(root())
        await relay.wait(0)
        assert relay.hop.run_output() == "Paris."

    at(test)


def test_a_trace_is_remembered_for_a_root_that_comes_very_late_and_then_forgotten(at):
    async def test(relay):
        await relay.take(chat())
        await relay.wait(899)
        await relay.relay.clean()
        assert relay.count("remembered_traces") == 1
        await relay.wait(2)
        await relay.relay.clean()
        assert (relay.count("remembered_traces"), relay.count("remembered_bytes")) == (0, 0)
        assert relay.count("traces_without_root_total") == 1
        await relay.take(root())
        await relay.wait(10.1)
        assert relay.hop.run_output() is None

    at(test)


def test_roots_of_one_trace_get_what_was_said_below_each_of_them(at):
    first, second = "00000000000000a1", "00000000000000a2"

    async def test(relay):
        await relay.take(
            span(first, start=1, end=20),
            chat("First.", "00000000000000b1", first, start=2, end=9),
            span(second, start=21, end=40),
            chat("Second.", "00000000000000b2", second, start=22, end=29),
        )
        await relay.wait(10)

        assert (relay.hop.run_output(first), relay.hop.run_output(second)) == ("First.", "Second.")

    at(test, hold=10)


def test_a_root_waits_for_its_own_answer_where_another_root_of_its_trace_has_gone(at):
    first, second = "00000000000000a1", "00000000000000a2"

    async def test(relay):
        await relay.take(span(first, start=1, end=20), chat("First.", "00000000000000b1", first, start=2, end=9))
        await relay.wait(60)
        await relay.take(span(second, start=21, end=40))
        await relay.wait(0)
        assert relay.hop.named(second) == []

        await relay.take(chat("Second.", "00000000000000b2", second, start=22, end=29))
        await relay.wait(10)

        assert (relay.hop.run_output(first), relay.hop.run_output(second)) == ("First.", "Second.")

    at(test, hold=10)


def test_what_comes_after_the_root_is_counted_as_late(at):
    async def test(relay):
        await relay.take(root())
        await relay.wait(10.1)
        assert relay.hop.run_output() is None
        await relay.take(chat())
        assert relay.count("roots_without_output_total", reason="late") == 1
        assert relay.hop.run_output(CHAT) == "Paris."

    at(test)


def test_spans_that_are_sent_again_count_once(at):
    async def test(relay):
        for _ in range(3):
            await relay.take(chat("one", "00000000000000b1"), chat("two", "00000000000000b2", start=3, end=4))
            await relay.take(root())
        before = relay.count("remembered_bytes")
        await relay.take(chat("one", "00000000000000b1"))
        assert relay.count("remembered_bytes") < before + 100
        await relay.wait(10.1)
        assert relay.hop.run_output() == '["one","two"]'

    at(test, RunOutputConfig(root="all"))


def test_a_root_that_is_sent_again_after_it_went_goes_again_as_it_was(at):
    async def test(relay):
        await relay.take(chat(), root())
        await relay.wait(10.1)
        await relay.take(root())
        await relay.wait(10.1)
        assert [one.attributes[RUN_OUTPUT] for one in relay.hop.named(ROOT)] == ["Paris.", "Paris."]
        assert relay.count("roots_total", output="mirrored") == 1

    at(test)


def test_what_a_service_s_own_processor_has_mirrored_is_the_answer(at):
    async def test(relay):
        local_root = span("00000000000000ee", ROOT, end=50, **{"braintrust__metadata__run_output": "Paris."})
        await relay.take(chat(parent="00000000000000ee"), local_root, root())
        await relay.wait(10.1)
        assert relay.hop.run_output() == "Paris."

    at(test)


def test_what_the_application_set_on_the_root_is_not_touched_and_does_not_wait(at):
    async def test(relay):
        await relay.take(chat(), root(**{"braintrust__metadata__run_output": "by hand"}))
        assert relay.hop.run_output() == "by hand"
        assert relay.count("roots_total", output="explicit") == 1

    at(test)


def test_it_is_replaced_if_that_is_wanted(at):
    async def test(relay):
        await relay.take(chat(), root(**{"braintrust__metadata__run_output": "by hand"}))
        await relay.wait(10.1)
        assert relay.hop.run_output() == "Paris."

    at(test, RunOutputConfig(overwrite=True))


def test_linkage_and_input(at):
    async def test(relay):
        await relay.take(
            chat(
                **{"gen_ai__input__messages": '[{"role": "user", "parts": [{"type": "text", "content": "Capital?"}]}]'}
            )
        )
        await relay.take(root())
        await relay.wait(10.1)
        (found,) = relay.hop.named(ROOT)
        assert found.attributes["braintrust.metadata.span_id"] == CHAT
        assert found.attributes["braintrust.metadata.root_span_id"] == TRACE
        assert "Capital?" in found.attributes["braintrust.input_json"]

    at(test, RunOutputConfig(linkage=True, mirror_input=True))


def test_answer_spans_and_side_spans(at):
    async def test(relay):
        await relay.take(
            span("00000000000000d1", ROOT, name="answer"), chat("the answer", "00000000000000d2", "00000000000000d1")
        )
        await relay.take(chat("a title", "00000000000000d3", start=8, end=9), root())
        await relay.wait(10.1)
        assert relay.hop.run_output() == "the answer"

    at(test, RunOutputConfig(answer_spans="answer"))


def test_a_span_between_may_come_last(at):
    async def test(relay):
        await relay.take(chat("a judge's", "00000000000000d2", "00000000000000d1", start=8, end=9))
        await relay.take(chat("the answer"), root())
        await relay.take(span("00000000000000d1", ROOT, name="judging", **{"openinference__span__kind": "EVALUATOR"}))
        await relay.wait(10.1)
        assert relay.hop.run_output() == "the answer"

    at(test)


# --- log records


def choice(text, *, index=0, time=1, span_id=CHAT):
    """Make a log record as the conventions have it: one choice of a model's answer."""
    body = {"index": index, "message": {"role": "assistant", "content": text}}
    record = messages.LogRecord(
        trace_id=bytes.fromhex(TRACE),
        span_id=bytes.fromhex(span_id),
        event_name=b"gen_ai.choice",
        time_unix_nano=time,
        body=write_value(body),
    )
    group = messages.ScopeGroup(items=[record.SerializeToString()])
    return messages.Request(groups=[messages.Group(scope_groups=[group])]).SerializeToString()


SILENT = {"gen_ai__completion": ""}


def test_a_record_that_comes_before_its_span_is_the_span_s_as_well(at):
    async def test(relay):
        await relay.relay.take_logs(choice("Paris."))
        await relay.take(chat(**SILENT), root())
        await relay.wait(10.1)
        assert (relay.hop.run_output(CHAT), relay.hop.run_output()) == ("Paris.", "Paris.")

    at(test)


def test_a_record_that_comes_after_its_span_is_the_root_s(at):
    async def test(relay):
        await relay.take(chat(**SILENT), root())
        await relay.relay.take_logs(choice("Paris."))
        await relay.wait(10.1)
        assert (relay.hop.run_output(CHAT), relay.hop.run_output()) == (None, "Paris.")

    at(test)


def test_records_in_any_order_are_one_answer_with_its_choices(at):
    async def test(relay):
        for _ in range(2):
            await relay.relay.take_logs(choice("two", index=1, time=6))
            await relay.relay.take_logs(choice("one", index=0, time=5))
        await relay.take(chat(**SILENT), root())
        await relay.wait(10.1)
        assert '"one"' in relay.hop.run_output()
        assert relay.hop.run_output().index('"one"') < relay.hop.run_output().index('"two"')

    at(test)


def test_records_survive_a_restart(tmp_path):
    async def before(relay):
        await relay.relay.take_logs(choice("Paris."))

    async def after(relay):
        await relay.take(root())
        await relay.wait(10.1)
        assert relay.hop.run_output() == "Paris."

    run(before, tmp_path)
    run(after, tmp_path)


def test_of_a_span_that_failed_and_of_one_that_says_it_itself_records_do_not_count(at):
    async def test(relay):
        await relay.take(
            chat("the span's", "00000000000000b1", end=5), chat("", "00000000000000b2", end=9, failed=True), root()
        )
        await relay.relay.take_logs(choice("the record's", span_id="00000000000000b1", time=20))
        await relay.relay.take_logs(choice("half", span_id="00000000000000b2", time=20))
        await relay.wait(10.1)
        assert relay.hop.run_output() == "the span's"

    at(test)


# --- what is lost: nothing


def test_while_the_next_hop_is_down_nothing_is_acknowledged(at):
    async def test(relay):
        relay.hop.fail = UnavailableError()
        with pytest.raises(UnavailableError):
            await relay.take(chat(), root())
        relay.hop.fail = None
        await relay.take(chat(), root())  # as the sender does
        await relay.wait(10.1)
        assert relay.hop.run_output() == "Paris."
        assert relay.count("roots_total", output="mirrored") == 1

    at(test)


def test_a_root_is_tried_again_and_decided_anew(at):
    async def test(relay):
        await relay.take(root())
        relay.hop.fail = lambda spans: UnavailableError(0.01) if any(one.parent_id is None for one in spans) else None
        relay.clock.now += 10.1
        relay.relay._releaser.release_due()
        await asyncio.sleep(0.05)
        await relay.take(chat())
        relay.hop.fail = None
        await relay.settle()
        assert relay.hop.run_output() == "Paris."

    at(test)


def test_a_request_that_is_refused_for_good_is_the_sender_s(at):
    async def test(relay):
        relay.hop.fail = RefusedError(401)
        with pytest.raises(RefusedError):
            await relay.take(chat(), root())
        assert relay.count("held_roots") == 0

    at(test)


def test_a_root_that_is_refused_for_good_is_set_aside_and_blocks_nobody(at):
    def fail(spans):
        return RefusedError(400) if any(one.name == "bad" for one in spans) else None

    async def test(relay):
        for number in range(1, 9):
            trace = f"{number:032x}"
            await relay.take(chat(trace=trace), span(ROOT, trace=trace, name="bad" if number == 5 else "good"))
        relay.hop.fail = fail
        await relay.wait(10.1)
        assert len(relay.hop.named(ROOT)) == 7
        assert (relay.count("roots_set_aside_total"), relay.count("held_roots")) == (1, 0)

    at(test)


def test_what_was_set_aside_is_tried_again_after_a_restart(tmp_path):
    async def refused(relay):
        await relay.take(chat(), root())
        relay.hop.fail = RefusedError(403)
        await relay.wait(10.1)

    async def again(relay):
        await relay.wait(10.1)
        assert relay.hop.run_output() == "Paris."

    run(refused, tmp_path)
    run(again, tmp_path)


def test_after_a_failure_of_ours_a_root_is_tried_again(at):
    async def test(relay):
        await relay.take(chat(), root())
        relay.hop.fail = ValueError("a fault")
        await relay.wait(10.1)
        relay.hop.fail = None
        await relay.wait(10)
        assert relay.hop.named(ROOT) == []
        await relay.wait(21)
        assert relay.hop.run_output() == "Paris."

    at(test)


def test_a_span_that_a_fault_of_ours_stops_goes_on_as_it_came(at, monkeypatch):
    async def test(relay):
        monkeypatch.setattr(relay.relay._deciding, "read", lambda *_: 1 / 0)
        await relay.take(chat(), span(TOOL, ROOT))
        assert (relay.hop.run_output(CHAT), relay.hop.run_output(TOOL)) == (None, None)
        assert relay.count("unreadable_spans_total") == 1

    at(test)


def test_too_large_a_request_is_halved(at):
    async def test(relay):
        for number in range(1, 9):
            await relay.take(span(ROOT, trace=f"{number:032x}"))
        relay.hop.fail = lambda spans: RefusedError(413) if len(spans) > 2 else None
        await relay.wait(10.1)
        assert [len(spans) for _, spans, _ in relay.hop.requests] == [2, 2, 2, 2]
        assert relay.count("roots_set_aside_total") == 0

    at(test)


def test_a_root_waits_on_after_a_restart_and_gets_what_was_said_before(tmp_path):
    async def before(relay):
        await relay.take(chat(), headers=KEY_A)
        await relay.take(root(), headers=KEY_A)
        await relay.take(root(trace="1" * 32))

    async def after(relay):
        assert relay.count("held_roots") == 2
        await relay.wait(9)
        assert relay.hop.requests == []
        await relay.wait(1.1)
        assert {headers: spans[0].attributes.get(RUN_OUTPUT) for headers, spans, _ in relay.hop.requests} == {
            KEY_A: "Paris.",
            (): None,
        }

    run(before, tmp_path)
    run(after, tmp_path)


def test_what_has_gone_does_not_come_again_after_a_restart(tmp_path):
    async def before(relay):
        await relay.take(chat(), root())
        await relay.wait(10.1)

    async def after(relay):
        assert relay.count("held_roots") == 0
        await relay.take(root())  # a late one of the same trace still finds what was said
        await relay.wait(10.1)
        assert relay.hop.run_output() == "Paris."

    run(before, tmp_path)
    run(after, tmp_path)


def test_a_trace_of_a_former_process_is_not_taken_to_be_without_a_root(tmp_path):
    async def before(relay):
        await relay.take(chat(), root())
        await relay.wait(10.1)

    async def after(relay):
        await relay.wait(1000)
        await relay.relay.clean()
        assert (relay.count("remembered_traces"), relay.count("traces_without_root_total")) == (0, 0)

    run(before, tmp_path)
    run(after, tmp_path)


def test_when_the_relay_stops_everything_goes_at_once(at):
    async def test(relay):
        await relay.take(chat(), root(), root(trace="1" * 32))
        assert await relay.relay.stop() == 0
        assert len([one for one in relay.hop.spans if one.parent_id is None]) == 2
        assert relay.hop.named(ROOT)[0].attributes.get(RUN_OUTPUT) or relay.hop.named(ROOT)[1].attributes.get(
            RUN_OUTPUT
        )

    at(test)


def test_when_the_next_hop_is_down_at_the_stop_roots_are_left_in_the_spool(tmp_path):
    async def before(relay):
        await relay.take(chat(), root())
        relay.hop.fail = UnavailableError(0.01)
        assert await relay.relay.stop(patience=0) == 1

    async def after(relay):
        await relay.wait(10.1)
        assert relay.hop.run_output() == "Paris."

    run(before, tmp_path)
    run(after, tmp_path)


# --- bounds


def test_under_pressure_the_oldest_roots_go_early_and_none_is_dropped(at):
    async def test(relay):
        for number in range(1, 41):
            await relay.take(span(ROOT, trace=f"{number:032x}", **{"http__target": "x" * 1000}))
            await relay.settle()
        assert 0 < relay.count("held_bytes") <= 16_000
        assert relay.count("roots_released_early_total") >= 20
        await relay.wait(10.1)
        assert sorted(one.trace_id for one in relay.hop.spans) == list(range(1, 41))

    at(test, max_held_bytes=16_000)


def test_with_no_room_left_requests_are_refused_for_now(at):
    async def test(relay):
        relay.hop.fail = UnavailableError(60)
        number = 1
        with suppress(BusyError):
            for number in range(1, 100):
                await relay.take(span(ROOT, trace=f"{number:032x}", **{"http__target": "x" * 1000}))
        assert 10 < number < 30
        assert relay.count("held_bytes") <= 32_000
        relay.relay._releaser.is_stopping.set()
        relay.hop.fail = None
        await relay.settle()

    at(test, max_held_bytes=16_000)


def test_what_is_remembered_is_bounded_and_the_oldest_is_forgotten(at):
    async def test(relay):
        for number in range(1, 51):
            await relay.take(chat("x" * 2000, trace=f"{number:032x}"))
            relay.clock.now += 1
        assert relay.count("remembered_bytes") <= 40_000
        assert relay.count("traces_forgotten_early_total") > 30
        await relay.take(span(ROOT, trace=f"{50:032x}"), span(ROOT, trace=f"{1:032x}"))
        await relay.wait(10.1)
        assert [bool(one.attributes.get(RUN_OUTPUT)) for one in relay.hop.named(ROOT)] == [True, False]

    at(test, max_remembered_bytes=40_000)


def test_a_broken_request_is_refused_whole(at):
    async def test(relay):
        with pytest.raises(BadPayloadError):
            await relay.relay.take_traces(request(chat()) + b"\x0a\xff")
        assert relay.hop.requests == []
        assert relay.count("remembered_traces") == 0

    at(test)


# --- who may see what


def test_senders_with_different_keys_never_see_each_other_s_answers(at):
    async def test(relay):
        await relay.take(chat("secret"), headers=KEY_A)
        await relay.take(root(), headers=KEY_B)
        await relay.wait(10.1)
        assert relay.hop.run_output() is None
        assert [headers for headers, _, _ in relay.hop.requests] == [KEY_A, KEY_B]

    at(test, forward_headers=True)


def test_only_what_is_to_go_on_goes_on(at):
    async def test(relay):
        given = {"authorization": "Bearer a", "x-bt-parent": "project_name:p", "cookie": "c", "host": "h"}
        assert relay.relay.headers_of(given) == (("authorization", "Bearer a"), ("x-bt-parent", "project_name:p"))

    async def without(relay):
        assert relay.relay.headers_of({"authorization": "Bearer a"}) == ()

    at(test, forward_headers=True)
    at(without)


# --- transform


def test_a_transform_is_asked_and_may_withhold(at):
    async def test(relay):
        await relay.take(chat("the secret word"), root())
        await relay.wait(10.1)
        assert relay.hop.run_output() == "the *** word"
        assert relay.hop.run_output(CHAT) == "the *** word"

    async def withheld(relay):
        await relay.take(chat("nothing to see"), root())
        await relay.wait(10.1)
        assert relay.hop.run_output() is None
        assert relay.count("roots_without_output_total", reason="withheld") == 1

    at(test, RunOutputConfig(transform=lambda value, span: value.replace("secret", "***") if span.name else None))
    at(withheld, RunOutputConfig(transform=lambda value, span: None))


# --- why a root has nothing


def test_roots_are_counted_by_what_they_got(at):
    async def test(relay):
        async def one(number, *spans):
            trace = f"{number:032x}"
            for each in spans:
                each.trace_id = bytes.fromhex(trace)
            await relay.take(*spans)

        await one(1, root(), chat())
        await one(2, root(), span(CHAT, ROOT, **{"gen_ai__operation__name": "chat"}))
        await one(3, root(), chat(failed=True))
        await one(4, root(), span(TOOL, ROOT, **{"http__method": "GET"}))
        await one(5, root(**{"gen_ai__completion": "mine", "gen_ai__operation__name": "chat"}))
        await relay.wait(10.1)
        assert {got: relay.count("roots_total", output=got) for got in ("own", "mirrored", "none")} == {
            "own": 1,
            "mirrored": 1,
            "none": 2,
        }
        assert relay.count("roots_without_output_total", reason="no_content") == 1
        assert relay.count("roots_without_output_total", reason="failed") == 1
        assert relay.count("roots_without_model_total") == 1

    at(test)


# --- the file


def test_the_file_is_the_owner_s_alone_and_keeps_nothing_that_has_gone(tmp_path, monkeypatch):
    directory = tmp_path / "state"

    async def test(relay):
        headers = (("authorization", "Bearer the-key-of-somebody"),)
        await relay.take(
            chat("the answer of somebody"), root(**{"http__target": "/the/path/of/somebody"}), headers=headers
        )
        files = list(directory.iterdir())
        assert {oct(one.stat().st_mode & 0o777) for one in files} == {"0o600"}
        assert oct(directory.stat().st_mode & 0o777) == "0o700"
        assert any(b"the-key-of-somebody" in one.read_bytes() for one in files)
        await relay.wait(10.1)
        await relay.relay.clean()
        left = b"".join(one.read_bytes() for one in directory.iterdir())
        assert b"the-key-of-somebody" not in left
        assert b"/the/path/of/somebody" not in left
        later = time.time() + 1000
        monkeypatch.setattr("time.time", lambda: later)
        await relay.relay.clean()
        assert b"the answer" not in b"".join(one.read_bytes() for one in directory.iterdir())

    run(test, directory, forward_headers=True)


def test_a_state_directory_that_is_removed_is_made_again_with_what_was_in_it(tmp_path):
    directory = tmp_path / "state"

    async def before(relay):
        await relay.take(chat(), root())
        for one in directory.iterdir():
            one.unlink()
        directory.rmdir()
        await relay.take(root(trace="1" * 32))

    async def after(relay):
        assert relay.count("held_roots") == 2
        await relay.wait(10.1)
        assert sorted(one.attributes.get(RUN_OUTPUT, "") for one in relay.hop.named(ROOT)) == ["", "Paris."]

    run(before, directory)
    run(after, directory)


class _Troubled:
    """A database to whose files something happens right after a commit."""

    def __init__(self, database, trouble):
        self._database, self._trouble = database, trouble

    def execute(self, statement, *given):
        done = self._database.execute(statement, *given)
        if statement == "COMMIT":
            self._trouble()
        return done

    def __getattr__(self, name):
        return getattr(self._database, name)


def test_what_is_acknowledged_is_in_a_file_that_is_there(tmp_path):
    directory, killed = tmp_path / "state", tmp_path / "killed"

    async def before(relay):
        await relay.take(chat())
        relay.spool._database = _Troubled(relay.spool._database, lambda: shutil.rmtree(directory))
        await relay.take(root())
        shutil.copytree(directory, killed)  # as it is at a kill in this very moment

    async def after(relay):
        assert relay.count("held_roots") == 1
        await relay.wait(10.1)
        assert relay.hop.run_output() == "Paris."

    run(before, directory)
    run(after, killed)


def test_where_no_file_can_be_made_nothing_is_acknowledged_and_what_is_sent_again_counts_once(tmp_path):
    directory = tmp_path / "state"

    def put_a_file_in_its_place():
        shutil.rmtree(directory)
        directory.write_text("a file")

    async def before(relay):
        database = relay.spool._database
        relay.spool._database = _Troubled(database, put_a_file_in_its_place)
        with pytest.raises(BusyError):
            await relay.take(root())
        assert relay.count("held_roots") == 0
        relay.spool._database = database
        directory.unlink()
        await relay.take(root())
        assert relay.spool._database.execute("SELECT count(*) FROM roots").fetchone() == (1,)

    async def after(relay):
        assert relay.count("held_roots") == 1

    run(before, directory)
    run(after, directory)


def test_when_the_disk_is_full_nothing_is_acknowledged(at):
    async def test(relay):
        limit = relay.spool._database.execute("PRAGMA page_count").fetchone()[0]
        relay.spool._database.execute(f"PRAGMA max_page_count={limit + 2}")
        big = {"http__target": "x" * 100_000}
        with pytest.raises(BusyError):
            await relay.take(root(**big))
        assert relay.count("spool_failures_total") == 1
        assert relay.count("held_roots") == 0
        relay.spool._database.execute("PRAGMA max_page_count=100000")
        await relay.take(root(**big))
        assert relay.count("held_roots") == 1

    at(test)


def test_a_state_directory_is_one_relay_s(tmp_path):
    from braintrust_run_output.relay.spool import Spool, SpoolError

    async def test(relay):
        with pytest.raises(SpoolError, match="another relay's: give each its own --state-dir"):
            Spool(tmp_path)

    run(test, tmp_path)


def test_a_file_that_is_none_of_ours_is_told(tmp_path):
    from braintrust_run_output.relay.spool import FILE, Spool, SpoolError

    (tmp_path / FILE).write_bytes(b"this is no database" * 100)
    with pytest.raises(SpoolError, match="cannot be used"):
        Spool(tmp_path)
