"""Recorded traces that no rule meets, and what helps."""

from __future__ import annotations

UNMET = {
    "openai-agents__openllmetry__input_guardrail_slow": "A guardrail's agent that ends after the answer: no span says "
    "that it is a guardrail. Name it in `side_spans`.",
}
"""Cases by their id."""
