"""From what a root, or a span, is to get to the attributes that are written: rendered, transformed, cut, merged.

The only place where a value is made, for every front end.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from . import _faults
from .completion import Completion, encodable
from .conventions.inputs import up_to_last_user
from .metadata import METADATA, attribute, merged
from .outcome import NOT_TRANSFORMED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    from opentelemetry.sdk.trace import ReadableSpan

    from .config import RunOutputConfig
    from .outcome import Outcome, SpanKey
    from .run import Choice, Said

    Asked: TypeAlias = Callable[[str], str | None]
    """Asks ``transform`` with a value what is to be written in its place; None if nothing."""
    Written: TypeAlias = dict[str, str | bool]
    """Attributes to add to a span."""

INPUT_JSON = "braintrust.input_json"


def asking(config: RunOutputConfig, as_span: Callable[[], ReadableSpan]) -> Asked | None:
    """Return what asks ``transform`` with a value, None if there is none.

    What it fails on, or answers with no text, is withheld: it may be there to redact.

    Args:
        config: The configuration: ``transform``.
        as_span: Gives the span that the value was found on.
    """
    transform: Callable[[str, ReadableSpan], object] | None = config.transform  # type: ignore[assignment]
    if transform is None:
        return None

    def ask(value: str) -> str | None:
        try:
            answer = transform(value, as_span())
        except Exception as error:  # noqa: BLE001
            _faults.contain("transform", error)
            return None
        if answer is None or isinstance(answer, str):
            return answer
        kind = type(answer).__name__
        _faults.warn_once("transform's type", "transform returned %s, not str or None: nothing is written", kind)
        return None

    return ask


def ask_about(outcome: Outcome, config: RunOutputConfig, ask: Asked | None) -> None:
    """Ask ``transform`` about a span's completion, once, so that a root above has the same answer."""
    if ask is not None and outcome.completion is not None and outcome.transformed is NOT_TRANSFORMED:
        outcome.transformed = ask(outcome.completion.render(config.format))


class Value(NamedTuple):
    """A run output as it is written.

    Args:
        text: The value.
        is_cut: Whether it is the beginning of a longer one.
    """

    text: str
    is_cut: bool = False


def value_of(
    choice: Choice, config: RunOutputConfig, ask: Asked | None = None, limit: int | None = None
) -> Value | None:
    """Return the run output that a root gets; None if there is none, or ``transform`` withholds it.

    Args:
        choice: What the root is to get.
        config: The configuration: ``format`` and ``max_length``.
        ask: Asks ``transform``; default: there is none.
        limit: The longest value that an attribute may have, in characters; default none. A text of that length counts
            as cut: the SDK has cut it where it was set.
    """
    if not choice.is_list:
        return value_of_one(choice.said[0], config, ask, limit) if choice.said else None
    values = [text for one in choice.said if (text := _text_of(one, config, ask)) is not None]
    return _within(_array(values), config, limit) if values else None


def value_of_one(
    said: Said, config: RunOutputConfig, ask: Asked | None = None, limit: int | None = None
) -> Value | None:
    """Return the run output that one thing said is, as `value_of` does."""
    most = config.max_length if limit is None else min(limit, config.max_length)
    outcome, what = said
    whole = what.text if isinstance(what, Completion) and config.format == "text" else None
    if whole is not None and len(whole) > most and ask is None and outcome.transformed is NOT_TRANSFORMED:
        return _cut(said, whole, most)
    text = _text_of(said, config, ask)
    return _within(text, config, limit) if text else None


def _cut(said: Said, whole: str, most: int) -> Value:
    """Return a text that is too long as a value: cut before anything looks through it, and once for span and root."""
    outcome, what = said
    is_own = what is outcome.completion
    if is_own and outcome.cut is not None and outcome.cut[0] == most:
        return Value(outcome.cut[1], is_cut=True)
    text = encodable(whole[:most])
    if is_own:
        outcome.cut = most, text
    return Value(text, is_cut=True)


def _within(text: str, config: RunOutputConfig, limit: int | None) -> Value:
    most, length = config.max_length if limit is None else min(limit, config.max_length), len(text)
    return Value(text[:most] if length > most else text, length > most or length == limit)


def to_write(
    value: Value, present: Mapping[str, object], config: RunOutputConfig, found_on: SpanKey | None = None
) -> Written:
    """Return the attributes that put a run output into a span's metadata.

    Args:
        value: The run output.
        present: The span's attributes.
        config: The configuration: ``key``.
        found_on: The span that said it, for ``span_id`` and ``root_span_id`` as Braintrust names them; default none,
            nothing is added.
    """
    if not value.is_cut and found_on is None and METADATA not in present:
        return {attribute(config.key): value.text}
    added: dict[str, str | bool] = {config.key: value.text}
    if value.is_cut:
        added[f"{config.key}_truncated"] = True
    if found_on is not None:
        added |= dict(zip(("root_span_id", "span_id"), hexadecimal(found_on), strict=True))
    written: Written = {attribute(name): item for name, item in added.items()}
    encoded = present.get(METADATA)
    text = merged(encoded, added) if isinstance(encoded, str) else None
    return written if text is None else {**written, METADATA: text}


def hexadecimal(key: SpanKey) -> tuple[str, str]:
    """Return a trace id and a span id as Braintrust has them: numbers in hexadecimal, text as it is."""
    trace_id, span_id = key
    return (
        format(trace_id, "032x") if isinstance(trace_id, int) else trace_id,
        format(span_id, "016x") if isinstance(span_id, int) else span_id,
    )


def input_of(choice: Choice, ask: Asked | None = None, limit: int | None = None) -> str | None:
    """Return the input that belongs to what a root gets, as whole JSON; None if there is none.

    It ends with the last message of a user: what came after it in the call is the agent's work. With a
    ``transform``, an input counts only if that, asked with it, returns JSON.
    """
    text = None if choice.input_of is None else choice.input_of.input
    if text is not None:
        text = up_to_last_user(text)
    if text is not None and ask is not None:
        text = ask(text)
        text = text if text is not None and _is_json(text) else None
    return None if text is None or (limit is not None and len(text) > limit) else text


def _text_of(said: Said, config: RunOutputConfig, ask: Asked | None) -> str | None:
    outcome, what = said
    if isinstance(what, str):
        return encodable(what)
    if what is outcome.completion and outcome.transformed is not NOT_TRANSFORMED:
        return None if outcome.transformed is None else encodable(str(outcome.transformed))
    if ask is not None:
        asked = ask(what.render(config.format))
        return None if asked is None else encodable(asked)
    return what.render(config.format)


def _array(values: list[str]) -> str:
    text = json.dumps([_messages_or_text(value) for value in values], ensure_ascii=False, separators=(",", ":"))
    return encodable(text)


def _messages_or_text(value: str) -> object:
    """Return a value's chat messages where it is a JSON array of them, otherwise the value itself."""
    if value.startswith('[{"role":'):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):  # cut, or changed by a transform
            pass
    return value


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
