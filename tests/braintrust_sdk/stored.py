"""Stored rows of a project's logs, as Braintrust has them."""

from __future__ import annotations

from datetime import datetime, timezone

KEY = "the-key"
"""The API key that the intake takes."""
NOW = datetime.now(timezone.utc).timestamp()


def stored_row(trace, span, parent=None, *, kind="task", start=0.0, end=1.0, **fields):
    """A row of the trace ``trace``; times are seconds from now."""
    created = datetime.fromtimestamp(NOW + start, timezone.utc).isoformat().replace("+00:00", "Z")
    attributes = {"name": span, "type": kind, **fields.pop("span_attributes", {})}
    return {
        "id": f"{trace}-{span}",
        "span_id": f"{trace}-{span}",
        "root_span_id": trace,
        "span_parents": [f"{trace}-{parent}"] if parent else [],
        "is_root": parent is None,
        "created": created,
        "span_attributes": attributes,
        "metrics": {"start": NOW + start, "end": NOW + end},
        "metadata": {},
        **fields,
    }


def chat(text):
    return [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}]


def agent_trace(trace, answer="Paris."):
    """A root, a tool, and two calls of a model."""
    return [
        stored_row(trace, "root", end=9, input={"q": trace}, metadata={"user": "u"}, tags=["x"]),
        stored_row(trace, "plan", "root", kind="llm", start=1, end=2, input="asked", output=chat("a plan")),
        stored_row(trace, "tool", "root", kind="tool", start=3, end=8, output="a tool's result"),
        stored_row(trace, "chat", "root", kind="llm", start=4, end=7, output=chat(answer)),
    ]
