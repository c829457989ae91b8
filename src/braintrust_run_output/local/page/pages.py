"""The pages for people: the list of traces, one trace, the dataset. They work without JavaScript."""

from __future__ import annotations

from collections import Counter
from importlib.resources import files
from typing import TYPE_CHECKING, cast
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ..intake.dataset import add_to_dataset, export_dataset, make_dataset_row
from ..intake.store import LOCAL_DATASET, TraceFilter, find_root
from ..intake.values import dump_json
from . import reasons, views
from .json_text import to_text
from .page_security import HEADERS
from .shape import metadata_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from ..intake.rows import DatasetRow
    from ..intake.store import Store, TraceSummary

TRACES_PER_PAGE = 50
DATASET_ROWS_PER_PAGE = 50
_TRACES_FOR_REASONS = 200
"""How many traces without a run output are looked at to count the reasons."""
_ROWS_FOR_A_REASON = 200
"""Of each trace without a run output, for the list of traces."""
_MOST_SPANS = 5_000
"""Of a trace that is shown."""

_ASKED = ("project", "service", "without")
"""What the list of traces can be asked for."""

_TEMPLATES = Environment(
    loader=PackageLoader("braintrust_run_output.local.page", "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_STATIC = {"style.css": "text/css", "live.js": "text/javascript", "icon.svg": "image/svg+xml"}


def list_traces(request: Request) -> Response:
    """Show the traces, newest first, those that are asked for. 400: ``before`` is no number."""
    store, before = _store(request), request.query_params.get("before")
    if before is not None and not _is_number(before):
        return show_error(
            request, 400, "There is no such page", "before must be a whole number, as the link “Older” has it."
        )
    asked = TraceFilter(
        project_id=request.query_params.get("project") or None,
        service=request.query_params.get("service") or None,
        lacks=_key(request) if request.query_params.get("without") else None,
    )
    page = store.traces(limit=TRACES_PER_PAGE, before=None if before is None else int(before), asked=asked)
    total = store.count_traces(asked)
    return _page(
        request,
        "traces.html",
        traces=[views.trace_line(trace, _verdict_of(request, trace)) for trace in page],
        total=total,
        older=_older(request, page) if len(page) == TRACES_PER_PAGE else None,
        newest=_address(request),
        is_first=before is None,
        asked=asked,
        projects=sorted((one.name, one.id, count) for one, count in store.projects().items()),
        services=sorted(store.services().items()),
        lacking=total if asked.lacks else store.count_traces(asked._replace(lacks=_key(request))),
        reasons=_reasons(request, asked) if asked.lacks else [],
        looked_at=min(total, _TRACES_FOR_REASONS),
        endpoint=f"{str(request.base_url).rstrip('/')}/otel/v1/traces",
    )


def show_trace(request: Request) -> Response:
    """Show a trace, with one of its spans in detail. 404: no such trace."""
    store, key, trace_id = _store(request), _key(request), request.path_params["trace_id"]
    rows = store.trace(trace_id, limit=_MOST_SPANS)
    if not rows:
        return show_error(request, 404, "No such trace", "It has not arrived here, or the server was started anew.")
    root = find_root(rows)
    verdict = reasons.examine(rows, key=key)
    by_id = {row["id"]: row for row in rows}
    asked = request.query_params.get("span", verdict.source)
    selected = by_id.get(asked or "", root or rows[0])
    pages = -(-len(rows) // views.SPANS_PER_PAGE)
    wanted = request.query_params.get("page", "")
    number = min(int(wanted), pages) if _is_number(wanted) else views.page_of(rows, selected["id"])
    row = None if root is None else make_dataset_row(root)
    return _page(
        request,
        "trace.html",
        trace_id=trace_id,
        line=views.trace_line(store.summary(trace_id), verdict),
        verdict=verdict,
        source=views.span_detail(by_id[verdict.source], key) if verdict.source in by_id else None,
        source_is_root=root is not None and verdict.source == root["id"],
        spans=views.span_lines(rows, verdict=verdict, selected=selected["id"], page=number),
        page_number=number,
        page_count=pages,
        not_shown=store.count_spans(trace_id) - len(rows),
        selected=views.span_detail(selected, key),
        metadata=None if root is None else to_text(metadata_of(root), mark=key),
        row=None if row is None else to_text(_columns(row), mark=key),
        cells=None if row is None else views.row_cells(row, value=verdict.value),
        key=key,
        already=0 if root is None else store.count_dataset(origin_id=root["id"]),
    )


def add_trace(request: Request) -> Response:
    """Add a trace to the dataset and go there. 404: no such trace, or no root."""
    try:
        row = add_to_dataset(_store(request), request.path_params["trace_id"])
    except ValueError as error:
        return show_error(request, 404, "It was not added", str(error))
    return _see_other(f"/ui/dataset?{urlencode({'dataset': LOCAL_DATASET, 'added': row['id']})}")


def show_dataset(request: Request) -> Response:
    """Show the rows of a dataset, one of them in full. Without a name: of that which got a row last."""
    store, key = _store(request), _key(request)
    datasets = store.datasets()
    asked = request.query_params.get("dataset")
    dataset = next((one for one, _ in datasets if one.id == asked), datasets[0][0] if datasets else None)
    shown = request.query_params.get("added") or request.query_params.get("row")
    row = None if shown is None or dataset is None else store.dataset_row(shown, dataset.id)
    total = 0 if dataset is None else store.count_dataset(dataset.id)
    wanted = request.query_params.get("page", "")
    pages = max(-(-total // DATASET_ROWS_PER_PAGE), 1)
    number = min(int(wanted), pages) if _is_number(wanted) else 1
    begin = (number - 1) * DATASET_ROWS_PER_PAGE
    on_page = [] if dataset is None else store.newest_of_dataset(dataset.id, limit=DATASET_ROWS_PER_PAGE, offset=begin)
    return _page(
        request,
        "dataset.html",
        datasets=datasets,
        dataset=dataset,
        rows=[views.dataset_line(one, trace_id=_trace_of(store, one), key=key) for one in on_page],
        total=total,
        page_number=number,
        page_count=pages,
        row=None if row is None else to_text(row, mark=key),
        row_id=None if row is None else row["id"],
        added=row is not None and "added" in request.query_params,
        key=key,
    )


def remove_row(request: Request) -> Response:
    """Take a row out of a dataset."""
    dataset_id = request.query_params.get("dataset", LOCAL_DATASET)
    _store(request).remove_dataset_row(request.path_params["row_id"], dataset_id)
    return _see_other(f"/ui/dataset?{urlencode({'dataset': dataset_id})}")


def export(request: Request) -> Response:
    """Send a dataset as a file."""
    dataset_id = request.query_params.get("dataset", LOCAL_DATASET)
    headers = {**HEADERS, "Content-Disposition": 'attachment; filename="dataset.json"'}
    return Response(export_dataset(_store(request).dataset(dataset_id)), media_type="application/json", headers=headers)


def live(request: Request) -> Response:
    """Tell what changes with every change of the store, for a page to know when to look again."""
    return Response(dump_json({"version": _store(request).version()}), media_type="application/json", headers=HEADERS)


def static(request: Request) -> Response:
    """Send the style sheet, the script or the icon. 404: anything else."""
    name = request.path_params["name"]
    if name not in _STATIC:
        return show_error(request, 404, "No such page", "")
    body = files("braintrust_run_output.local.page").joinpath("static").joinpath(name).read_bytes()
    return Response(body, media_type=_STATIC[name], headers=HEADERS)


ROUTES = (
    Route("/", list_traces, methods=["GET"]),
    Route("/ui/traces/{trace_id}", show_trace, methods=["GET"]),
    Route("/ui/traces/{trace_id}/dataset", add_trace, methods=["POST"]),
    Route("/ui/dataset", show_dataset, methods=["GET"]),
    Route("/ui/dataset/{row_id}/remove", remove_row, methods=["POST"]),
    Route("/ui/dataset.json", export, methods=["GET"]),
    Route("/ui/live", live, methods=["GET"]),
    Route("/ui/static/{name}", static, methods=["GET"]),
)


def _store(request: Request) -> Store:
    return cast("Store", request.app.state.store)


def _key(request: Request) -> str:
    return cast("str", request.app.state.key)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 18 and int(text) > 0


def _verdict_of(request: Request, trace: TraceSummary) -> reasons.Verdict:
    rows = [] if trace.root is None else [trace.root]
    verdict = reasons.examine(rows, key=_key(request))
    if trace.root is None or verdict.is_found:
        return verdict
    return reasons.examine(_store(request).trace(trace.root_span_id, limit=_ROWS_FOR_A_REASON), key=_key(request))


def _reasons(request: Request, asked: TraceFilter) -> list[tuple[reasons.Verdict, int]]:
    """Return why the newest traces that are asked for have no run output, the most frequent reason first."""
    found = [_verdict_of(request, trace) for trace in _store(request).traces(limit=_TRACES_FOR_REASONS, asked=asked)]
    counts = Counter(verdict.kind for verdict in found)
    examples = {verdict.kind: verdict for verdict in found}
    return [(examples[kind], count) for kind, count in counts.most_common()]


def _older(request: Request, page: Sequence[TraceSummary]) -> str:
    return _address(request, before=str(page[-1].cursor))


def _address(request: Request, **more: str) -> str:
    """Return the address of the list of traces with what is asked for now."""
    asked = {name: value for name in _ASKED if (value := request.query_params.get(name))}
    return f"/?{urlencode({**asked, **more}, errors='replace')}"


def _columns(row: DatasetRow) -> dict[str, object]:
    """Return what of a row that is not made yet is known: its id and its time are given when it is."""
    return {name: value for name, value in row.items() if name in ("input", "expected", "metadata", "tags")}


def _trace_of(store: Store, row: DatasetRow) -> str | None:
    """Return the trace that a dataset row was made of, if it is here."""
    origin = row.get("origin")
    root = store.row(str(origin.get("id"))) if isinstance(origin, dict) else None
    return None if root is None else str(root.get("root_span_id") or root["id"])


def _page(request: Request, template: str, *, status: int = 200, **shown: object) -> Response:
    store = _store(request)
    html = _TEMPLATES.get_template(template).render(
        trace_count=store.count_traces(), dataset_count=store.count_dataset(), version=store.version(), **shown
    )
    return Response(html.encode("utf-8", "replace"), status, media_type="text/html", headers=HEADERS)


def show_error(request: Request, status: int, title: str, text: str) -> Response:
    """Show a page that says what is wrong."""
    return _page(request, "error.html", status=status, title=title, text=text)


def _see_other(url: str) -> Response:
    return RedirectResponse(url, 303, headers=HEADERS)
