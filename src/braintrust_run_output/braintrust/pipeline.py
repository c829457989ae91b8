"""A dataset pipeline for Braintrust's own engine, which runs at any scale next to the data.

``bt datasets pipeline run FILE`` finds the pipelines that a file defines, reads the source's traces and writes the
dataset; see ``examples/dataset_pipeline.py``. Needs braintrust 0.23 or newer. The engine replaces rows, whatever has
been corrected in them, so a trace that has its row in the dataset already makes none.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from ..config import RunOutputConfig
from . import traces

if TYPE_CHECKING:
    from collections.abc import Mapping

    from braintrust.dataset_pipeline import DatasetPipelineDefinition, DatasetPipelineTransform


_PLACE = frozenset({"project_id", "project_name", "org_name"})


def run_output_pipeline(
    name: str | None = None,
    *,
    source: Mapping[str, object],
    target: Mapping[str, object],
    config: RunOutputConfig | None = None,
) -> DatasetPipelineDefinition[Any]:
    """Define a pipeline that makes a dataset row of each trace: input, run output, and where it came from.

    Args:
        name: The pipeline's name.
        source: Where traces come from, as for ``braintrust.DatasetPipeline``: ``project_name`` or ``project_id``,
            ``filter``, which selects spans: each trace that has one such span is taken. The scope is ``trace``.
        target: Where rows go: ``dataset_name``, and ``project_name`` or ``project_id``, by default the source's.
        config: The configuration; default ``RunOutputConfig.from_env()``.

    Returns:
        The definition, registered for the runner.
    """
    from braintrust.dataset_pipeline import DatasetPipeline

    place = {name: source[name] for name in _PLACE & source.keys()} if _PLACE.isdisjoint(target) else {}
    return DatasetPipeline(
        name,
        source={**source, "scope": "trace"},  # type: ignore[typeddict-item]
        transform=make_transform(config, target={**place, **target}),
        target=dict(target),  # type: ignore[arg-type]
    )


def make_transform(
    config: RunOutputConfig | None = None, *, target: Mapping[str, object] | None = None
) -> DatasetPipelineTransform[Any]:
    """Return the transform of `run_output_pipeline`, for a pipeline of one's own.

    Args:
        config: The configuration; default ``RunOutputConfig.from_env()``.
        target: The pipeline's target. It is read once, with the runner's login, and a trace that has its row there
            makes none. Without it a repeated run replaces rows, and with them what a person has corrected.

    Returns:
        A function of ``trace`` to a row with ``input``, ``metadata``, and ``expected`` where the root has one; to None,
        which makes no row, where the trace has no root or no model output, is a probe of doctor, or has its row.
    """
    settings = RunOutputConfig.from_env() if config is None else config
    present = _Present(target)

    # The runner passes arguments by name: all that it may pass is named here.
    async def transform(
        id: str | None = None,  # noqa: A002, ARG001
        input: Any | None = None,  # noqa: A002, ARG001
        output: Any | None = None,  # noqa: ARG001
        metadata: Any | None = None,  # noqa: ARG001
        expected: Any | None = None,  # noqa: ARG001
        trace: Any | None = None,
    ) -> dict[str, object] | None:
        if trace is None or await present.has_row_of(trace):
            return None
        rows = [_row(span) for span in await trace.get_spans()]
        return _dataset_row(rows, settings)

    return transform


class _Present:
    """The ids of the rows that the target has; read once, when the first trace asks."""

    def __init__(self, target: Mapping[str, object] | None) -> None:
        self._target = target
        self._ids: asyncio.Future[frozenset[str]] | None = None

    async def has_row_of(self, trace: Any) -> bool:
        """Whether the target has a row of the id that the runner gives to one that a trace makes: the trace's."""
        state = getattr(trace, "_state", None)
        if self._target is None or state is None:  # the trace comes from no runner that could write a row
            return False
        if self._ids is None:
            self._ids = asyncio.ensure_future(asyncio.to_thread(_ids_in, self._target, state))
        return trace.get_configuration().get("root_span_id") in await self._ids


def _ids_in(target: Mapping[str, object], state: Any) -> frozenset[str]:
    """Return the ids of a dataset's rows."""
    import braintrust
    from braintrust.logger import login_to_state

    organization = _text(target.get("org_name"))
    dataset = braintrust.init_dataset(
        project=_text(target.get("project_name")),
        project_id=_text(target.get("project_id")),
        name=_text(target.get("dataset_name")),
        use_output=False,
        state=state if organization in (None, state.org_name) else login_to_state(org_name=organization),
    )
    return frozenset(str(row["id"]) for row in dataset.fetch())


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _dataset_row(rows: list[dict[str, object]], config: RunOutputConfig) -> dict[str, object] | None:
    from .datasets import make_row

    if traces.find_root(rows) is None:
        return None
    made = make_row(rows, config, dataset_id="")
    if made is None:
        return None
    # Without an id the runner takes the source trace's, which is as stable, and which `_Present` looks for.
    return {key: made[key] for key in ("input", "expected", "metadata") if key in made}


def _row(span: Any) -> dict[str, object]:
    """Return a span as the runner gives it, an object with the row's columns as attributes, as a row."""
    return dict(span) if isinstance(span, dict) else {k: v for k, v in vars(span).items() if not k.startswith("_")}
