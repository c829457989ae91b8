"""A dataset pipeline for Braintrust's own engine, which runs at any scale next to the data.

``bt datasets pipeline run FILE`` finds the pipelines that a file defines, reads the source's traces and writes the
dataset; see ``examples/dataset_pipeline.py``. Needs braintrust 0.23 or newer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..config import RunOutputConfig
from . import traces

if TYPE_CHECKING:
    from collections.abc import Mapping

    from braintrust.dataset_pipeline import DatasetPipelineDefinition, DatasetPipelineTransform


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
            ``filter``. The scope is ``trace``.
        target: Where rows go: ``dataset_name``, and ``project_name`` or ``project_id``.
        config: The configuration; default ``RunOutputConfig.from_env()``.

    Returns:
        The definition, registered for the runner.
    """
    from braintrust.dataset_pipeline import DatasetPipeline

    return DatasetPipeline(
        name,
        source={**source, "scope": "trace"},  # type: ignore[typeddict-item]
        transform=make_transform(config),
        target=dict(target),  # type: ignore[arg-type]
    )


def make_transform(config: RunOutputConfig | None = None) -> DatasetPipelineTransform[Any]:
    """Return the transform of `run_output_pipeline`, for a pipeline of one's own.

    Args:
        config: The configuration; default ``RunOutputConfig.from_env()``.

    Returns:
        A function of ``trace`` to a row with ``input``, ``metadata``, and ``expected`` where the root has one; to None,
        which makes no row, where the trace has no root or no model output.
    """
    settings = RunOutputConfig.from_env() if config is None else config

    # The runner passes arguments by name: all that it may pass is named here.
    async def transform(
        id: str | None = None,  # noqa: A002, ARG001
        input: Any | None = None,  # noqa: A002, ARG001
        output: Any | None = None,  # noqa: ARG001
        metadata: Any | None = None,  # noqa: ARG001
        expected: Any | None = None,  # noqa: ARG001
        trace: Any | None = None,
    ) -> dict[str, object] | None:
        if trace is None:
            return None
        rows = [_row(span) for span in await trace.get_spans()]
        return _dataset_row(rows, settings)

    return transform


def _dataset_row(rows: list[dict[str, object]], config: RunOutputConfig) -> dict[str, object] | None:
    from .datasets import make_row

    if traces.find_root(rows) is None:
        return None
    made = make_row(rows, config, dataset_id="")
    if made is None:
        return None
    # Without an id the runner takes the source trace's, which is as stable.
    return {key: made[key] for key in ("input", "expected", "metadata") if key in made}


def _row(span: Any) -> dict[str, object]:
    """Return a span as the runner gives it, an object with the row's columns as attributes, as a row."""
    return dict(span) if isinstance(span, dict) else {k: v for k, v in vars(span).items() if not k.startswith("_")}
