"""Looks at the global tracer provider of this process, tries it, and answers with one line."""

from __future__ import annotations

import json
import os
import random
import sys
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import SpanKind

from ... import _sdk
from ...braintrust.traces import PROBE as PROBE_MARK
from ...installation import find_sdk_provider
from ...processor import RunOutputSpanProcessor
from ..trial import ANSWER, PLAIN, PROBE
from . import instrumentors
from .calls import find_filters, make_calls, start_root
from .stub import ANSWER as OUTPUT
from .watch import name_of, watch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import TracerProvider

    from .watch import Watched

_ROOT = "braintrust-run-output doctor"
_DRAWS = 1_000


def main(arguments: list[str]) -> None:
    """Look, try, send a span if told to, and answer."""
    provider = trace.get_tracer_provider()
    sdk_provider = find_sdk_provider(provider)
    answer: dict[str, object] = {"provider": name_of(provider), "is_sdk": sdk_provider is not None}
    if sdk_provider is not None:
        answer |= _look_at(sdk_provider)
        watched = watch(sdk_provider)
        answer["instrumentations"] = instrumentors.look(switch_on=PLAIN in arguments)
        answer["kept"] = _share_kept(sdk_provider)
        if answer["kept"]:
            answer["filters"] = find_filters(sdk_provider, watched)
        answer["calls"] = make_calls(sdk_provider, watched)
        if PROBE in arguments:
            answer["run_output"] = _probe(sdk_provider, watched)
            answer["sent"] = [(one.name, one.has_sent) for one in watched if answer["exporters"]]
    sys.stdout.write(f"\n{ANSWER}{json.dumps(answer)}\n")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # nothing is left to flush, and a receiver that is not there must not hold this up


def _look_at(provider: TracerProvider) -> dict[str, object]:
    return {
        "installed": any(isinstance(one, RunOutputSpanProcessor) for one in _sdk.processors_of(provider)),
        "exporters": [
            {
                "name": name_of(exporter),
                "endpoint": _sdk.endpoint_of(exporter),
                "parent": getattr(exporter, "parent", None) or "",
                "has_key": bool(getattr(exporter, "has_key", False)),
            }
            for exporter in _sdk.exporters_of(provider)
        ],
    }


def _share_kept(provider: TracerProvider) -> float:
    """Return which share of traces the sampler keeps, by asking it often."""
    kept = 0
    for _ in range(_DRAWS):
        result = provider.sampler.should_sample(None, random.getrandbits(128), _ROOT, SpanKind.SERVER)
        kept += result.decision is not Decision.DROP
    return kept / _DRAWS


def _probe(provider: TracerProvider, watched: Sequence[Watched]) -> bool:
    """Send a root with a child that carries a completion; return whether the root had its run output.

    The root is marked: no dataset row is ever made of it.
    """
    for one in watched:
        one.sends = True
    root = start_root(provider, _ROOT)
    root.set_attribute(f"braintrust.metadata.{PROBE_MARK}", True)
    chat = {"gen_ai.operation.name": "chat", "gen_ai.completion": OUTPUT}
    with trace.use_span(root, end_on_exit=True):
        provider.get_tracer(__name__).start_span("chat doctor", attributes=chat).end()
    provider.force_flush()
    sent = [span for one in watched for span in one.spans if span.name == _ROOT]
    return any(OUTPUT in (span.attributes or {}).values() for span in sent)


if __name__ == "__main__":
    main(sys.argv[1:])
