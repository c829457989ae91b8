"""RunOutputConfig: every setting, its default, what is allowed, and its environment variable."""

from __future__ import annotations

import dataclasses
import importlib
import operator
import os
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias, get_args

from . import _faults

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.sdk.trace import ReadableSpan

ENV_PREFIX = "BRAINTRUST_RUN_OUTPUT_"
_RELAY_PREFIX = ENV_PREFIX + "RELAY_"
"""What begins with this is the relay's to read."""

Transform: TypeAlias = "Callable[[str, ReadableSpan], str | None]"
"""From a run output and the span that it was found on to the value to write, or None to write nothing."""

Spans: TypeAlias = Literal["completions", "none"]
Root: TypeAlias = Literal["last", "first", "all", "own", "off"]
Hold: TypeAlias = Literal["open", "always", "never"]
Format: TypeAlias = Literal["text", "messages", "verbatim"]


@dataclasses.dataclass(frozen=True)
class RunOutputConfig:
    """What `RunOutputSpanProcessor` does. Immutable.

    Args:
        enabled: Off: the processor does nothing.
        key: The metadata key to write, as the span attribute ``braintrust.metadata.<key>``.
        spans: Which spans get a value beside roots: those with ``completions``, or ``none``.
        root: Which completion a local root gets: the descendants' ``last`` (by end time) or ``first``, ``all`` as a
            JSON array in end order, its ``own`` (never mirrored), or nothing (``off``).
        answer_spans: Comma-separated patterns of the names of the spans that hold the answer. ``*`` stands for any
            characters, ``?`` for one; case counts. Default none.
        side_spans: Patterns of the names of spans whose completions, and those below them, are not the answer.
        format: ``text`` (plain text where there is only text, else OpenAI chat messages as JSON), ``messages``
            (always the JSON array), or ``verbatim`` (the source value as found).
        overwrite: Replace a value that the application set.
        max_length: Longest value in characters; one that was cut adds ``<key>_truncated``.
        linkage: Add ``braintrust.metadata.span_id`` and ``root_span_id`` of the span that the output came from to
            the root.
        mirror_input: Give a root without an input that Braintrust reads ``braintrust.input_json``: the input of the
            call whose output it gets.
        hold: When the wrapping form holds a local root back for late completions: while descendants run (``open``),
            whenever it has no completion (``always``), or ``never``.
        hold_millis: How long it is held at the most, in milliseconds.
        transform: Called with the value and the span that it was found on, on the thread that ended that span; returns
            the value to write or None to write nothing. For redaction. A callable, or "module:function".
        metrics: Count local roots above a model call by what they got, through OpenTelemetry's metrics API.

    Raises:
        ValueError: A field has a value that is not allowed; the message names the field, the value and what is.
    """

    enabled: bool = True
    key: str = "run_output"
    spans: Spans = "completions"
    root: Root = "last"
    answer_spans: str | None = None
    side_spans: str | None = None
    format: Format = "text"
    overwrite: bool = False
    max_length: int = 1_000_000
    linkage: bool = False
    mirror_input: bool = False
    hold: Hold = "open"
    hold_millis: int = 2_000
    transform: Transform | str | None = None
    metrics: bool = False

    def __post_init__(self) -> None:
        """Check every field and bring it to its type."""
        for name, setting in SETTINGS.items():
            value = getattr(self, name)
            try:
                object.__setattr__(self, name, setting.read(value))
            except ValueError as error:
                raise ValueError(f"{name}={value!r} is not allowed: give {error}") from error

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> RunOutputConfig:
        """Read the configuration from environment variables named ``BRAINTRUST_RUN_OUTPUT_<FIELD>``.

        A variable that is not set or empty means the default. One with a value that is not allowed is reported
        by one WARNING that names the variable, the value and what is allowed, and means the default; so is one
        with the prefix and a name that is not a setting's. A ``transform`` that cannot be loaded withholds every value.

        Args:
            environ: Where to read; default ``os.environ``.
        """
        return cls.from_options({}, environ)

    @classmethod
    def from_options(cls, options: Mapping[str, object], environ: Mapping[str, str] | None = None) -> RunOutputConfig:
        """Read the configuration from a mapping, as a configuration file gives it, over the environment's.

        Options are the fields of this class. What is not given, or None, is read as `from_env` reads it. A bad
        option is reported as a bad variable is, and means the default.

        Args:
            options: The values by field name.
            environ: Where the rest is read; default ``os.environ``.
        """
        values = _read_environment(os.environ if environ is None else environ)
        for name, value in options.items():
            if name not in SETTINGS:
                _warn_unknown("option", name, str)
            elif value is not None:
                _read_into(values, name, f"option {name}", value)
        return cls(**values)  # type: ignore[arg-type]


def variable(name: str) -> str:
    """Return the name of a setting's environment variable."""
    return ENV_PREFIX + name.upper()


def _read_environment(environ: Mapping[str, str]) -> dict[str, object]:
    values: dict[str, object] = {}
    for name in SETTINGS:
        value = environ.get(variable(name), "").strip()
        if value:
            _read_into(values, name, variable(name), value)
    for one in environ:
        if one.startswith(ENV_PREFIX) and not one.startswith(_RELAY_PREFIX):
            name = one[len(ENV_PREFIX) :].lower()
            if name not in SETTINGS:
                _warn_unknown("environment variable", name, variable)
    return values


def _read_into(values: dict[str, object], name: str, source: str, value: object) -> None:
    try:
        values[name] = SETTINGS[name].read(value)
    except ValueError as error:
        values.pop(name, None)
        instead = "the default is used"
        if name == "transform":  # it may be there to redact
            values[name], instead = _withhold, "no run output is written"
        _faults.warn_once(f"{source}={value}", "%s=%r is not allowed, %s: give %s", source, value, instead, error)


def _withhold(_value: str, _span: object) -> None:
    """Stand for a transform that could not be loaded."""


def _warn_unknown(kind: str, name: str, written: Callable[[str], str]) -> None:
    import difflib  # only when somebody mistyped

    close = difflib.get_close_matches(name, SETTINGS, n=1)
    advice = f"did you mean {written(close[0])}?" if close else "known are " + ", ".join(map(written, SETTINGS))
    _faults.warn_once(f"unknown {kind} {name}", "unknown %s %s is ignored: %s", kind, written(name), advice)


class Setting(NamedTuple):
    """How one field is read, from code or from the environment.

    Args:
        allowed: What is allowed, for people.
        parse: Returns the field's value, or raises a ValueError; its text, if any, is added to what is allowed.
    """

    allowed: str
    parse: Callable[[object], object]

    def read(self, value: object) -> object:
        """Return the field's value, or raise a ValueError that says what is allowed."""
        try:
            return self.parse(value)
        except ValueError as error:
            raise ValueError(f"{self.allowed}{error}") from error


_WORDS = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}


def _boolean(value: object) -> bool:
    found = _WORDS.get(str(value).strip().lower())
    if found is None:
        raise ValueError
    return found


def _choice(alias: object) -> Setting:
    choices = get_args(alias)

    def parse(value: object) -> str:
        word = "off" if value is False else value  # what YAML makes of a bare off
        word = word.strip().lower() if isinstance(word, str) else word
        if word not in choices:
            raise ValueError
        return str(word)

    return Setting("one of " + ", ".join(choices), parse)


def _positive_integer(value: object) -> int:
    if isinstance(value, str) and value.strip().isdecimal():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError
    return value


def _metadata_key(value: object) -> str:
    if not isinstance(value, str) or len(value.split()) != 1:
        raise ValueError
    return value.strip()


def _patterns(value: object) -> str | None:
    if isinstance(value, (list, tuple)):  # as a configuration file may have them
        value = ",".join(map(str, value))
    if value is not None and (not isinstance(value, str) or not value.replace(",", "").strip()):
        raise ValueError
    return value


def _function(value: object) -> object:
    found = value
    if isinstance(value, str):
        module, _, path = value.partition(":")
        if not (module and path):
            raise ValueError
        try:
            found = operator.attrgetter(path)(importlib.import_module(module))
        except (Exception, SystemExit) as error:  # a module may end in sys.exit()
            raise ValueError(f"; importing it failed with {type(error).__name__}") from error
    if value is not None and not callable(found):
        raise ValueError
    return found


_BOOLEAN = Setting("true or false", _boolean)
_POSITIVE_INTEGER = Setting("a whole number above 0", _positive_integer)
_PATTERNS = Setting("patterns of span names, separated by commas, such as 'answer, *writer'", _patterns)
SETTINGS: dict[str, Setting] = {
    "enabled": _BOOLEAN,
    "key": Setting("a metadata key without white space", _metadata_key),
    "spans": _choice(Spans),
    "root": _choice(Root),
    "answer_spans": _PATTERNS,
    "side_spans": _PATTERNS,
    "format": _choice(Format),
    "overwrite": _BOOLEAN,
    "max_length": _POSITIVE_INTEGER,
    "linkage": _BOOLEAN,
    "mirror_input": _BOOLEAN,
    "hold": _choice(Hold),
    "hold_millis": _POSITIVE_INTEGER,
    "transform": Setting("a function of (value, span), or where to import it from as 'module:function'", _function),
    "metrics": _BOOLEAN,
}
