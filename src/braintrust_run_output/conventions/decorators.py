r"""What a function, an agent or a workflow returned: Laminar, AgentOps, logfire, Mirascope, Mastra, Gemini CLI.

Generic outputs: a function need not return what a model said. But where it does, it tells which of its models' outputs
was the answer::

    lmnr.span.output         "\"The capital of France is Paris.\""
    agentops.entity.output   "The capital of France is Paris."
    mirascope.trace.output   "The capital of France is Paris."
    mastra.agent_run.output  {"text": "The capital of France is Paris.", "files": []}
    gen_ai.agent.output      "The capital of France is Paris."
    output-json              "\"The capital of France is Paris.\""
    logfire.msg_template     "Calling {q}"
    return                   "The capital of France is Paris."

On spans that Laminar calls ``LLM``, DeepEval and Judgeval ``llm``, HoneyHive and CozeLoop ``model``, it is the model's
output.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._convention import Attributes, Convention, Event
from ._kinds import is_model
from ._unwrap import unwrap
from ._values import from_model_output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..completion import Completion

_LAMINAR = "lmnr.span.output"
_TRACED = (
    "confident.span.output",
    "honeyhive_outputs.result",
    "judgment.output",
    "cozeloop.output",
    "traceroot.span.output",
)
"""What others call what a traced function returned, or a model where the span says that it is one."""
_LOGFIRE = "return"
_LOGFIRE_MARKS = frozenset({"logfire.msg_template", "logfire.span_type"})
_RETURNED = (
    "mirascope.trace.output",
    _LAMINAR,
    "gen_ai.agent.output",
    "agent.output",
    *(f"mastra.{kind}.output" for kind in ("agent_run", "workflow_run", "workflow_step", "generic")),
    "mastra.output",
    "output-json",
    *_TRACED,
    "agentscope.function.output",
    "agno.agent.response_content",
    "ai.observability.call.return",
    "ai.observability.record_root.output",
    "agno.team.response_content",
    "chain.outputs",
    "crewai.crew.final_output",
    "crewai.crew.output",
    "crewai.flow.result",
    "confident.trace.output",
    "dspy.signature.result",
    "function_output",
    "gen_ai.agent.actual_output",
    "gen_ai.agent.final_result",
    "gen_ai.agent.finish.output",
    "gen_ai.agent.response",
    "gen_ai.framework.pipeline.output_data",
    "gen_ai.workflow.output",
    "langchain.outputs",
    "langgraph.graph.final_response",
    "phidata.agent.response",
    "pydantic_ai.run.result",
    "swarms.output",
    "trace_output",
    "upsonic.output",
    "workflow.final_output",
    "workflow.output",
    "xpander.session.final_result",
    *(f"agentops.{kind}.output" for kind in ("entity", "session", "workflow", "agent", "operation", "task", "chain")),
)


def read_returned(attributes: Attributes, _events: Sequence[Event], _scope: str) -> Completion | None:
    """Return what the function returned, unwrapped."""
    for key in _RETURNED:
        if key in attributes and (completion := unwrap(attributes[key], key)) is not None:
            return completion
    if _LOGFIRE in attributes and not _LOGFIRE_MARKS.isdisjoint(attributes):
        return unwrap(attributes[_LOGFIRE], _LOGFIRE)
    return None


def read_model(attributes: Attributes, _events: Sequence[Event], _scope: str) -> Completion | None:
    """Return the output of a model."""
    if not is_model(attributes):
        return None
    found = (from_model_output(attributes[key], key) for key in (_LAMINAR, *_TRACED) if key in attributes)
    return next((completion for completion in found if completion is not None), None)


RETURNED = Convention("decorated function", read_returned, keys=frozenset({*_RETURNED, _LOGFIRE}), needs=_LOGFIRE_MARKS)
MODEL = Convention("traced model", read_model, keys=frozenset({_LAMINAR, *_TRACED}))
