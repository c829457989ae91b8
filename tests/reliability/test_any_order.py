"""Spans that start and end, log records, forks, flushes and shutdowns in any order, against a simple model.

The model knows DESIGN's rules and nothing of the code: every ended span is exported exactly once, a local root gets
what its own subtree put out by the time that it was closed, a value of the application is never touched, and when
nothing lives nothing is remembered.
"""

from __future__ import annotations

import json
import os
import signal
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
from hypothesis import Phase
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from braintrust_run_output import RunOutputConfig, RunOutputLogRecordProcessor
from reliability.parts import FOR_EVER, Sink, hold_threads
from support import ARRANGEMENTS, RUN_OUTPUT, CountedIds, examples

SAMPLED = TraceFlags(TraceFlags.SAMPLED)
MAX_SPANS = 40
MAX_FORKS = 2
PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)


@dataclass(eq=False, repr=False)
class Node:
    """What the model knows of one span."""

    number: int
    span: trace.Span
    root: Node | None
    """Its local root, itself if it is one, or the one around that if it came too late for it; None once the processor has
    forgotten it."""
    outer: Node | None = None
    """For a local root with a remote parent in this process: the local root around it."""
    completion: str | None = None
    explicit: str | None = None
    record: str | None = None
    has_ended: bool = False
    is_closed: bool = False
    """For local roots: nothing counts any more."""
    outputs: list[tuple[int, str]] = field(default_factory=list)
    records: list[tuple[int, str]] = field(default_factory=list)
    """For local roots: records that name it, or an ended span below it. They count when it ends or is released, and at
    once for the roots around it."""

    @property
    def name(self) -> str:
        return f"span {self.number}"

    def _repr_pretty_(self, printer, _cycle) -> None:
        printer.text(self.name)


class AnyOrder(RuleBasedStateMachine):
    """One processor, its provider, and the model."""

    @initialize(
        arrangement=st.sampled_from(list(ARRANGEMENTS)),
        hold=st.sampled_from(["never", "open", "always"]),
        policy=st.sampled_from(["last", "first", "all"]),
        reads=st.sampled_from(["at once", "at the end"]),
        ids=st.sampled_from([None, "counted"]),
    )
    def begin(self, arrangement, hold, policy, reads, ids):
        self.sink = Sink()
        self.reads = reads
        self.ids = CountedIds() if ids == "counted" else RandomIdGenerator()
        self.provider = TracerProvider(id_generator=self.ids, shutdown_on_exit=False)
        config = RunOutputConfig(hold=hold, hold_millis=FOR_EVER, root=policy)
        self.processor = ARRANGEMENTS[arrangement](self.provider, self.sink, config)
        self.logs = RunOutputLogRecordProcessor(self.processor)
        self.tracer = self.provider.get_tracer("app")
        self.hold = hold if self.processor.wraps else "never"
        self.policy = policy
        self.nodes: list[Node] = []
        self.held: list[Node] = []
        self.expected: list[tuple[str, object]] = []
        self.time = 0
        self.forks = 0
        self.is_shut_down = False

    # --- the application -------------------------------------------------------------------------------------

    @precondition(lambda self: len(self.nodes) < MAX_SPANS)
    @rule(data=st.data(), output=st.sampled_from([None, None, "completion", "completion", "explicit"]))
    def start(self, data, output):
        parent = data.draw(st.sampled_from([None, *self.nodes]))
        self._start(parent, output, is_remote=False)

    @precondition(lambda self: self.nodes and len(self.nodes) < MAX_SPANS)
    @rule(data=st.data())
    def start_with_a_remote_parent_of_this_process(self, data):
        self._start(data.draw(st.sampled_from(self.nodes)), None, is_remote=True)

    def _start(self, parent, output, *, is_remote):
        number = len(self.nodes)
        attributes = {"braintrust.metadata.customer": "kept"}
        node = Node(number, None, None)  # type: ignore[arg-type]
        if output == "completion":
            node.completion = attributes["gen_ai.completion"] = f"answer {number}"
        elif output == "explicit":
            node.explicit = attributes[RUN_OUTPUT] = f"mine {number}"
        within = trace.set_span_in_context(trace.INVALID_SPAN)
        if parent is not None:
            above = parent.span.get_span_context()
            context = SpanContext(above.trace_id, above.span_id, is_remote, SAMPLED)
            self.ids.trace_id = above.trace_id
            within = trace.set_span_in_context(NonRecordingSpan(context) if is_remote else parent.span)
        node.span = self.tracer.start_span(node.name, within, attributes=attributes, start_time=1)
        root = None if parent is None else self._open(parent.root)
        if root is None and parent is not None and not parent.has_ended:
            root = parent.root  # a descendant of a live span is no root, even if it is late for its own
        node.root = root if root is not None and not is_remote else node
        node.outer = root if is_remote else None
        self.nodes.append(node)

    @precondition(lambda self: any(not node.has_ended for node in self.nodes))
    @rule(data=st.data(), time=st.integers(2, 10_000))
    def end(self, data, time):
        node = data.draw(st.sampled_from([node for node in self.nodes if not node.has_ended]))
        time = self._unique(time)
        node.span.end(end_time=time)
        self._model_end(node, time)

    @precondition(lambda self: any(node.has_ended for node in self.nodes))
    @rule(data=st.data())
    def end_again(self, data):
        data.draw(st.sampled_from([node for node in self.nodes if node.has_ended])).span.end()

    @precondition(lambda self: any(node.record is None and node.completion is None for node in self.nodes))
    @rule(data=st.data(), time=st.integers(2, 10_000))
    def log(self, data, time):
        without = [node for node in self.nodes if node.record is None and node.completion is None]
        node = data.draw(st.sampled_from(without))
        time = self._unique(time)
        context = node.span.get_span_context()
        body = {"index": 0, "message": {"role": "assistant", "content": f"record {node.number}"}}
        record = SimpleNamespace(
            trace_id=context.trace_id,
            span_id=context.span_id,
            event_name="gen_ai.choice",
            attributes={},
            body=body,
            timestamp=time,
            observed_timestamp=time,
        )
        self.logs.on_emit(SimpleNamespace(log_record=record))
        self._model_log(node, time)

    @rule()
    def flush(self):
        assert self.processor.force_flush() is True
        self._model_release_all()

    @precondition(lambda self: not self.is_shut_down and not self._shares_ids())
    @rule()
    def shutdown(self):
        self.processor.shutdown()
        self.is_shut_down = True
        self._model_release_all()
        for node in self.nodes:  # all is forgotten
            node.root = None
            node.record = node.record if node.has_ended else None
        self.hold = "never"

    @precondition(lambda self: hasattr(os, "fork") and self.forks < MAX_FORKS and self.nodes)
    @rule()
    def fork(self):
        self.forks += 1
        pid = os.fork()
        if pid == 0:
            signal.alarm(20)  # a child that hangs is killed
            code = 1
            try:
                code = self._in_the_child()
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0

    def _in_the_child(self) -> int:
        if self.processor._traces.remembered or self.sink.names != [name for name, _ in self.expected]:
            return 2
        for node in self.nodes:
            node.span.end()  # it is the parent's: exported without what the child cannot know
        inherited = self.sink.names[len(self.expected) :]
        with self.tracer.start_as_current_span("child's root"):
            self.tracer.start_span("child's llm", attributes={"gen_ai.completion": "of the child"}).end()
        self.processor.force_flush()
        value = '["of the child"]' if self.policy == "all" else "of the child"
        right = self.sink.run_outputs["child's root"] == value and self.processor._traces.remembered == 0
        right = right and sorted(inherited) == sorted(node.name for node in self.nodes if not node.has_ended)
        return 0 if right else 3

    # --- the model -------------------------------------------------------------------------------------------

    def _shares_ids(self) -> bool:
        """Whether spans of other traces may have the ids of those that live: a span that is forgotten may be any."""
        return isinstance(self.ids, CountedIds) and any(not node.has_ended for node in self.nodes)

    def _unique(self, time: int) -> int:
        self.time += 1
        return time * 1_000 + self.time

    def _model_end(self, node: Node, time: int) -> None:
        node.has_ended = True
        is_root = node.root is node
        if node.completion is None and node.root is not None and not is_root:
            node.completion = node.record
        own = node.explicit or node.completion
        said = node.explicit or node.completion  # what the application set on a span counts for its root
        if said is not None:
            self._tell(node.outer if is_root else node.root, time, said)
        if is_root:
            self._read_records(node, counts=own is None)
        if node.root is None:
            self._export(node, own)
        elif not is_root:
            self._export(node, own)
            self._release_complete_above(node)
        elif own is None and self._has_to_wait(node):
            self.held.append(node)
        else:
            self._close(node)

    def _model_log(self, node: Node, time: int) -> None:
        root = self._open(node.root)
        if node.root is None or (node.has_ended and root is None):
            return
        text = f"record {node.number}"
        if not node.has_ended and node.root is not node:
            node.record = text
        else:
            root.records.append((time, text))
            self._tell(root.outer, time, text)
            self._release_if_complete(root)

    def _read_records(self, root: Node, *, counts: bool = True) -> None:
        taken, root.records = root.records, []
        root.outputs += taken if counts else ()

    def _open(self, root: Node | None) -> Node | None:
        """The local root that something which comes now counts for."""
        while root is not None and root.is_closed:
            root = root.outer
        return root

    def _tell(self, root: Node | None, time: int, text: str) -> None:
        while root is not None:
            if not root.is_closed:
                root.outputs.append((time, text))
            root = root.outer

    def _roots_above(self, node: Node) -> list[Node]:
        roots, root = [], node.outer if node.root is node else node.root
        while root is not None:
            roots.append(root)
            root = root.outer
        return roots

    def _lives(self, node: Node) -> bool:
        """Whether it has not ended, or is held."""
        return not node.has_ended or node in self.held

    def _has_to_wait(self, root: Node) -> bool:
        if self.hold == "never":
            return False
        if any(self._lives(node) and root in self._roots_above(node) for node in self.nodes):
            return True
        return self.hold == "always" and not root.outputs and not root.records

    def _release_complete_above(self, node: Node) -> None:
        for root in self._roots_above(node):
            self._release_if_complete(root)

    def _release_if_complete(self, root: Node) -> None:
        if root in self.held and not self._has_to_wait(root):
            self._close(root)

    def _model_release_all(self) -> None:
        for root in list(self.held):
            if root in self.held:
                self._close(root)

    def _close(self, root: Node) -> None:
        if root in self.held:
            self.held.remove(root)
            self._read_records(root)
        root.is_closed = True
        value = root.explicit or root.completion
        outputs = [text for _, text in sorted(root.outputs)]
        if value is None and outputs:
            value = {"last": outputs[-1], "first": outputs[0], "all": json.dumps(outputs, separators=(",", ":"))}[
                self.policy
            ]
        self._export(root, value)
        self._release_complete_above(root)

    def _export(self, node: Node, value: object) -> None:
        self.expected.append((node.name, value))

    # --- what must hold --------------------------------------------------------------------------------------

    @invariant()
    def every_ended_span_is_exported_once_with_its_value(self):
        if not hasattr(self, "sink"):
            return
        if self.reads == "at the end":  # of spans that are looked at, outputs are read
            assert self.sink.names == [name for name, _ in self.expected]
            return
        exported = [(span.name, span.attributes.get(RUN_OUTPUT)) for span in self.sink.spans]
        assert exported == self.expected

    @invariant()
    def the_applications_attributes_are_there(self):
        if hasattr(self, "sink") and self.reads == "at once":
            assert all(span.attributes["braintrust.metadata.customer"] == "kept" for span in self.sink.spans)

    @invariant()
    def nothing_is_remembered_when_nothing_lives(self):
        if hasattr(self, "sink") and not self.held and all(node.has_ended for node in self.nodes):
            assert self.processor._traces.remembered == 0

    def teardown(self):
        if not hasattr(self, "sink"):
            return
        for node in self.nodes:
            if not node.has_ended:
                time = self._unique(10_001)
                node.span.end(end_time=time)
                self._model_end(node, time)
        self.flush()
        self.reads = "at once"
        self.every_ended_span_is_exported_once_with_its_value()
        self.the_applications_attributes_are_there()
        self.nothing_is_remembered_when_nothing_lives()
        assert sorted(self.sink.names) == sorted(node.name for node in self.nodes)
        self.processor.shutdown()
        assert hold_threads() == []


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder = pytest.mark.filterwarnings("ignore::DeprecationWarning")(TestAnyOrder)  # a fork beside threads
TestAnyOrder.settings = examples(120, stateful_step_count=40, report_multiple_bugs=False, phases=PHASES)
