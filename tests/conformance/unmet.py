"""Recorded traces that no rule meets, and what helps: none today."""

from __future__ import annotations

UNMET: dict[str, str] = {}
"""Cases by their id."""
