"""Findings, and how they are shown: as text for people, as JSON for scripts, as an exit code."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

Level: TypeAlias = Literal["ok", "note", "warning", "problem"]
"""``problem``: run outputs will be missing. ``warning``: may be. ``note``: good to know."""

_MARKS: dict[Level, str] = {"ok": "ok", "note": "", "warning": "warn", "problem": "BAD"}
_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL", re.IGNORECASE)
_SHORTEST_SECRET = 6
_TELLING = 12
"""A text of so many characters that stands in a logged line says the same as the line."""
_SETTING = re.compile(r"(?P<variable>[A-Z][A-Z_]{5,})=(?P<value>[^\s,:]+)")
_NOT_SECRET = {"authorization", "bearer"}


NOT_STARTED = frozenset({"start", "provider", "processor", "exporter", "spans", "skipped", "answer"})
"""The symptoms of an OpenTelemetry that has not started, or not to its end."""


@dataclass(frozen=True)
class Finding:
    """One thing that was found."""

    topic: str
    level: Level
    text: str
    remedy: str = ""
    """What to do about it."""
    symptoms: frozenset[str] = frozenset()
    """What it is a sign of: it is left out where a problem explains one of these."""
    explains: frozenset[str] = frozenset()
    """The symptoms that it is the reason of."""
    is_logged: bool = False
    """Whether it is a line of a log, which is left out where another finding says the same."""
    logged_as: tuple[str, ...] = ()
    """Parts of such lines."""

    def as_dict(self) -> dict[str, str]:
        """Return what is shown of it."""
        return {"topic": self.topic, "level": self.level, "text": self.text, "remedy": self.remedy}


def told_once(findings: Iterable[Finding]) -> list[Finding]:
    """Leave out what another finding explains, or says already."""
    every = list(dict.fromkeys(findings))
    explained = frozenset[str]().union(*(one.explains for one in every if one.level == "problem"))
    spoken = [one for one in every if not one.symptoms & explained]
    said = [one for one in spoken if not one.is_logged]
    return [one for one in spoken if not (one.is_logged and any(_says_the_same(other, one) for other in said))]


def _says_the_same(finding: Finding, logged: Finding) -> bool:
    """Whether a line of a log has a finding's words, or is about the same value of the same variable."""
    setting = _SETTING.match(finding.text)
    if setting and setting["variable"] in logged.text and setting["value"] in logged.text:
        return True
    own = (part for part in (finding.text, finding.remedy) if len(part) >= _TELLING)
    return any(part in logged.text for part in (*own, *finding.logged_as))


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
        return json.dumps({"ok": self.ok, **self._as_dict()}, indent=2)

    def _as_dict(self) -> dict[str, object]:
        findings = [finding.as_dict() for finding in self.findings]
        return {"findings": findings, "versions": dict(self.versions), "trial": dict(self.trial)}

    def as_text(self) -> str:
        """Return the report in plain words."""
        lines: list[str] = []
        topic = ""
        for finding in self.findings:
            if finding.topic != topic:
                topic = finding.topic
                lines += ["", topic]
            lines.append(f"  {self.mark(finding):4} {finding.text}")
            if finding.remedy:
                lines.append(f"       -> {finding.remedy}")
        return "\n".join([*lines, "", self.verdict]).lstrip("\n")

    @staticmethod
    def mark(finding: Finding) -> str:
        """Return the word before a finding, at most four letters."""
        return _MARKS[finding.level]

    @property
    def verdict(self) -> str:
        """The whole in a sentence."""
        problems = sum(finding.level == "problem" for finding in self.findings)
        if problems:
            return f"{problems} problem{'s' if problems > 1 else ''}: see BAD above."
        warnings = sum(finding.level == "warning" for finding in self.findings)
        but = f" {warnings} warning{'s' if warnings > 1 else ''}: see warn above." if warnings else ""
        return f"Run outputs will reach the root span.{but}"

    def without_secrets(self, environ: Mapping[str, str]) -> Report:
        """Return the report with everything blanked out that a variable for a key, token or header holds."""
        text = json.dumps(self._as_dict())
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
