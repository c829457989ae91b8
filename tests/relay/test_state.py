"""What is remembered, whatever comes: the count of bytes is right, roots wait as long as they should, none is lost."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from attacks.counting import lines_run
from braintrust_run_output.completion import Completion
from braintrust_run_output.outcome import Outcome
from braintrust_run_output.relay.codec import Envelope, Root, pack_links, unpack_links
from braintrust_run_output.relay.state import HeldRoot, Recorded, Spooled, State, TraceKey

HOLD, MAX_HOLD, REMEMBER = 10.0, 60.0, 900.0
traces = st.integers(1, 4).map(lambda number: TraceKey(number.to_bytes(16, "big"), b""))
span_ids = st.integers(1, 6).map(lambda number: number.to_bytes(8, "big"))


class Machine(RuleBasedStateMachine):
    """Does what the relay does, and keeps a model of it beside."""

    def __init__(self):
        super().__init__()
        self.state, self.now = State(hold=HOLD, max_hold=MAX_HOLD, remember=REMEMBER), 0.0
        self.seen, self.held, self.gone = {}, {}, []

    @rule(seconds=st.sampled_from([0.0, 1.0, 9.9, 30.0, 1000.0]))
    def time_passes(self, seconds):
        self.now += seconds

    @rule(key=traces, span_id=span_ids, size=st.integers(0, 5000), says=st.booleans())
    def a_child_comes(self, key, span_id, size, says):
        trace = self.state.touch(key, self.now)
        self.seen[key] = self.now
        self.state.add_links(trace, span_id + b"the-root")
        outcome = Outcome((1, 1), completion=Completion("x", "text") if says else None)
        self.state.add_outcome(trace, span_id, outcome, size)

    @rule(key=traces, span_id=span_ids)
    def a_root_comes(self, key, span_id):
        held = HeldRoot(key, Root(key.trace_id, span_id, b"raw", Envelope((), (), (), ())), (), self.now, Spooled(1, 1))
        is_new = self.state.hold(held)
        assert is_new == ((key, span_id) not in self.held)
        if is_new:
            self.held[key, span_id] = held
            self.seen.setdefault(key, self.now)

    @rule()
    def roots_go(self):
        for held in self.state.take_due(self.now):
            quiet_since = self.seen[held.key]
            assert self.now >= min(quiet_since + HOLD, held.arrived + MAX_HOLD)
            self.state.let_go(held)
            del self.held[held.key, held.root.span_id]
            self.gone.append(held)

    @rule()
    def what_waited_for_the_longest_time_goes(self):
        self.now += MAX_HOLD
        self.roots_go()
        assert not [held for held in self.held.values() if held.arrived + MAX_HOLD <= self.now]

    @precondition(lambda self: self.held)
    @rule(share=st.sampled_from([0.25, 1.0]))
    def the_oldest_go_early(self, share):
        oldest = self.state.take_oldest(share)
        assert oldest
        latest = max(held.arrived for held in oldest)
        for held in oldest:
            self.state.let_go(held)
            del self.held[held.key, held.root.span_id]
        assert all(held.arrived >= latest for held in self.held.values())

    @rule()
    def what_is_old_is_forgotten(self):
        for _ in self.state.forget_old(self.now):
            pass
        self.seen = {key: at for key, at in self.seen.items() if self.state.get(key) is not None}

    @rule(most=st.sampled_from([0, 3000, 10_000]))
    def there_is_no_more_room(self, most):
        for _ in self.state.forget_oldest(most):
            pass
        assert self.state.remembered_bytes <= most or all(
            self.state.get(key).roots for key in list(self.seen) if self.state.get(key) is not None
        )
        self.seen = {key: at for key, at in self.seen.items() if self.state.get(key) is not None}

    @invariant()
    def every_count_is_right(self):
        known = [trace for key in self.seen if (trace := self.state.get(key)) is not None]
        assert self.state.remembered_bytes == sum(trace.size for trace in known)
        assert self.state.held_roots == len(self.held) == sum(len(trace.roots) for trace in known)
        assert self.state.held_bytes == sum(held.size for held in self.held.values())


TestState = Machine.TestCase
TestState.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


@given(st.dictionaries(st.binary(min_size=16, max_size=16), st.lists(st.binary(min_size=16, max_size=16)), max_size=4))
def test_links_are_read_as_they_were_written(links):
    written = {trace: bytearray(b"".join(pairs)) for trace, pairs in links.items()}
    assert {trace: bytearray(found) for trace, found in unpack_links(pack_links(written))} == written


def test_a_record_costs_no_more_however_many_named_its_span_before():
    state = State(hold=1, max_hold=1, remember=1)
    trace = state.touch(TraceKey(b"t" * 16, b""), 0)

    def add(numbers):
        for at in numbers:
            said = Outcome((1, 1), start=at, end=at, completion=Completion("gen_ai.choice", f"answer {at}"))
            state.add_record(trace, b"s" * 8, Recorded(said, None), 10)

    costs = []
    for first in (1_000, 2_000):
        add(range(first - 1_000, first - 100))
        costs.append(lines_run(lambda: add(range(first - 100, first))))  # noqa: B023 (called in this round)

    assert costs[1] < 1.1 * costs[0]
    before = trace.size
    add(range(2_000))  # sent again
    assert trace.size == before
    assert len(trace.recorded(b"s" * 8)) == 1  # the choices of one call
