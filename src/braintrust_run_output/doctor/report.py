"""Findings, and how they are shown: as text for people, as JSON for scripts, as an exit code."""

from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Level: TypeAlias = Literal["ok", "note", "warning", "problem"]
"""``problem``: run outputs will be missing. ``warning``: may be. ``note``: good to know."""

_MARKS: dict[Level, str] = {"ok": "ok  ", "note": "    ", "warning": "warn", "problem": "BAD "}
_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL", re.IGNORECASE)
_SHORTEST_SECRET = 6
_NOT_SECRET = {"authorization", "bearer"}


@dataclass(frozen=True)
class Finding:
    """One thing that was found."""

    topic: str
    level: Level
    text: str
    remedy: str = ""
    """What to do about it."""


@dataclass(frozen=True)
class Report:
    """Everything that was found."""

    findings: Sequence[Finding]
    versions: Mapping[str, str] = field(default_factory=dict)
    trial: Mapping[str, object] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether there is no problem."""
        return all(finding.level != "problem" for finding in self.findings)

    def as_json(self) -> str:
        """Return the report as one JSON object: ``ok``, ``findings``, ``versions``, ``trial``."""
        return json.dumps({"ok": self.ok, **dataclasses.asdict(self)}, indent=2)

    def as_text(self) -> str:
        """Return the report in plain words."""
        lines: list[str] = []
        topic = ""
        for finding in self.findings:
            if finding.topic != topic:
                topic = finding.topic
                lines += ["", topic]
            lines.append(f"  {_MARKS[finding.level]} {finding.text}")
            if finding.remedy:
                lines.append(f"       -> {finding.remedy}")
        problems = sum(finding.level == "problem" for finding in self.findings)
        verdict = "Run outputs will reach the root span." if self.ok else f"{problems} problem(s): see BAD above."
        return "\n".join([*lines, "", verdict]).lstrip("\n")

    def without_secrets(self, environ: Mapping[str, str]) -> Report:
        """Return the report with everything blanked out that a variable for a key, token or header holds."""
        text = json.dumps(dataclasses.asdict(self))
        for secret in sorted(_secrets(environ), key=len, reverse=True):
            text = text.replace(json.dumps(secret)[1:-1], "***")
        fields = json.loads(text)
        return Report([Finding(**one) for one in fields.pop("findings")], **fields)


def _secrets(environ: Mapping[str, str]) -> Iterator[str]:
    for name, value in environ.items():
        upper = name.upper()
        parts: list[str] = []
        if "HEADERS" in upper:
            # A header as it was given, and its parts, for a message may quote any of them.
            pairs = [pair.strip() for pair in value.split(",") if "x-bt-parent" not in pair.lower()]
            parts = [*pairs, *(part for pair in pairs for part in re.split(r"[=\s]|%20", pair))]
        elif upper.endswith(("ENDPOINT", "URL")):
            parts = [value.rpartition("@")[0].rpartition("//")[2].rpartition(":")[2], value.partition("?")[2]]
        elif _SECRET_NAME.search(name):
            parts = [value]
        found = (part.strip() for part in parts)
        yield from (part for part in found if len(part) >= _SHORTEST_SECRET and part.lower() not in _NOT_SECRET)
