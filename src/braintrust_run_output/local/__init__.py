"""A Braintrust-shaped OTLP intake on loopback, for development, demo and tests.

It is a model of Braintrust built from Braintrust's documentation, not Braintrust: what it shows is what the
documentation says Braintrust does with a span, checked against the real service nowhere. Use it to see rows,
dataset exports and ``metadata.run_output`` without an account or a network.

It also has the endpoints of Braintrust's REST interface that the Braintrust SDK (checked with 0.47) and this package
use: login, projects, datasets, experiments, ``/logs3``, inserts with ``_is_merge``, fetches, and of BTQL the JSON
queries that these send. Anything else is refused, not guessed.

Needs the ``local`` extra: ``pip install 'braintrust-run-output[local]'``.
"""

try:
    import jinja2 as _jinja2  # noqa: F401
    import lark as _lark  # noqa: F401
    import orjson as _orjson  # noqa: F401
    import starlette as _starlette  # noqa: F401
    import uvicorn as _uvicorn  # noqa: F401
except ImportError as error:
    from .._extras import refuse

    refuse(error, {"braintrust_run_output.local": "local", "braintrust_run_output.local.demo": "demo"})

from .app import create_app
from .demo.stub_provider import StubProvider, echo
from .intake.dataset import add_to_dataset, export_dataset, make_dataset_row
from .intake.faults import Faults
from .intake.mapping import map_request, map_span
from .intake.rows import DatasetRow, Origin, Row
from .intake.store import Store, TraceSummary
from .intake.values import Json
from .local_intake import LocalIntake
from .page.tree import render_tree

__all__ = [
    "DatasetRow",
    "Faults",
    "Json",
    "LocalIntake",
    "Origin",
    "Row",
    "Store",
    "StubProvider",
    "TraceSummary",
    "add_to_dataset",
    "create_app",
    "echo",
    "export_dataset",
    "make_dataset_row",
    "map_request",
    "map_span",
    "render_tree",
]
